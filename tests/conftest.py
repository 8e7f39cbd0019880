"""What every suite shares."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The engine runs on asyncio; trio is not a home of it."""
    return "asyncio"
