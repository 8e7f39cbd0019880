"""What every suite shares.

A file of its own: pytest looks for it by this name.
"""

import signal

import hypothesis
import pytest

# A shell starts what it runs in the background with Ctrl-C ignored, and processes inherit that: those that tests start
# and interrupt would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, and no time limits: what fails here fails everywhere, however busy the machine is.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The engine runs on asyncio; trio is not a home of it."""
    return "asyncio"
