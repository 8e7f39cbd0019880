"""Fixtures of `inngest.testing` for pytest, and the story of each run under a test that failed.

pytest loads this module at its start, in every project that has the package: nothing of that is imported here before a
test asks for a fixture.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any  # noqa: TID251 - nothing is imported before a test asks for it

import pytest

if TYPE_CHECKING:
    from inngest.testing import Engine, Ledger

_SINCE = pytest.StashKey[int]()
"""Number of the first engine that a test may have made."""

_FAILED = pytest.StashKey[bool]()

RUNNING = False
"""Whether a test of pytest is under way, which tells its stories."""

_HOW = """inngest_engine does not know your functions. Say which in conftest.py:

    @pytest.fixture
    def inngest_functions():
        return [trial, shop_client]  # functions, and clients for all functions of their apps
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line."""
    parser.getgroup("inngest").addoption(
        "--inngest-always-replay",
        action="store_true",
        help="enter functions again after each step, in tests with the fixture inngest_engine",
    )


@pytest.fixture
def inngest_functions() -> Any:
    """The functions of `inngest_engine`: a list of functions and clients. To be overridden."""
    pytest.fail(_HOW, pytrace=False)


@pytest.fixture
def inngest_engine(request: pytest.FixtureRequest, inngest_functions: Any) -> Generator[Engine]:
    """An engine for one test: its database is in memory, and its clock moves when the test says so."""
    from inngest.testing import Engine  # noqa: PLC0415 - it takes a quarter of a second, of who has no such test

    engine = Engine(inngest_functions, always_replay=bool(request.config.getoption("--inngest-always-replay")))
    try:
        yield engine
    finally:
        engine.close(check=not request.node.stash.get(_FAILED, False))


@pytest.fixture
def inngest_ledger(request: pytest.FixtureRequest) -> Generator[Ledger]:
    """A ledger for one test: what its functions do to the world outside; it is judged at the end."""
    from inngest.testing import Ledger  # noqa: PLC0415 - see above

    ledger = Ledger()
    yield ledger
    if not request.node.stash.get(_FAILED, False):
        ledger.check()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test begins."""
    global RUNNING  # noqa: PLW0603 - the one session of this process
    RUNNING = True
    lives = sys.modules.get("inngest.testing.life")
    item.stash[_SINCE] = 0 if lives is None else lives.next_number()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A phase of a test is over: if it failed, the stories of its runs are told under it."""
    report = yield
    lives = sys.modules.get("inngest.testing.life")
    if report.when == "call" and report.failed:
        item.stash[_FAILED] = True
        if lives is not None:
            report.sections.extend(lives.stories_since(item.stash.get(_SINCE, 0)))
    return report
