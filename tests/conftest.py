"""What every suite shares.

A file of its own: pytest looks for it by this name.
"""

import hashlib
import signal
from pathlib import Path

import hypothesis
import pytest

STORE = Path(__file__).parents[1] / "src" / "inngest" / "engine" / "store"

# A shell starts what it runs in the background with Ctrl-C ignored, and processes inherit that: those that tests start
# and interrupt would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, and no time limits: what fails here fails everywhere, however busy the machine is.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


def pytest_sessionstart(session: pytest.Session) -> None:
    """No suite runs on statements of yesterday: the store takes them from a file that `make sql` writes."""
    sources = sorted(file for kind in ("*.py", "*.json") for file in STORE.rglob(kind))
    state = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()
    cache = getattr(session.config, "cache", None)
    if cache is None or cache.get("statements/shipped", None) == state:
        return
    from tests.house import sql

    for name, words in sql.DIALECTS.items():
        shipped = words.texts.file
        if shipped is not None and shipped.read_text(encoding="utf-8") != sql.file(words):
            raise pytest.UsageError(f"the statements for {name} are not as the code says: make sql writes them again")
    cache.set("statements/shipped", state)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The engine runs on asyncio; trio is not a home of it."""
    return "asyncio"
