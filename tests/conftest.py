"""What every suite shares."""

import hypothesis
import pytest

# The same examples each time, and no time limits: what fails here fails everywhere, however busy the machine is.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The engine runs on asyncio; trio is not a home of it."""
    return "asyncio"
