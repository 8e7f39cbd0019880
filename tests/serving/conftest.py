"""What all tests of serving share: no test asks a real server.

A file of its own: pytest looks for it by this name.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from inngest.sdk.serving import handler
from tests import kill_figures

from .asking import FakeApi
from .killing.story import HEADS, Row
from .town import Town

_TABLE = pytest.StashKey[list[Row]]()


@pytest.fixture(autouse=True)
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """The API of the server of every endpoint that is given none."""
    fake = FakeApi()
    monkeypatch.setattr(handler, "KeptHttp", lambda: fake)
    return fake


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Workers on one file, whose apps answer by a script."""
    return Town(tmp_path, None)


@pytest.fixture(scope="session")
def wire_table(pytestconfig: pytest.Config) -> list[Row]:
    """Takes the figures of each phase of the kill test."""
    return pytestconfig.stash.setdefault(_TABLE, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show them, whether the phases passed or not."""
    rows: list[Row] = config.stash.get(_TABLE, [])
    kill_figures.show(terminalreporter, "kill -9 over the wire", HEADS, rows)
