"""What the embedded suite prints when it is over.

A file of its own: pytest looks for it by this name.
"""

from __future__ import annotations

import pytest

from tests import kill_figures
from tests.embedded.kills.story import HEADS, Row

_TABLE = pytest.StashKey[list[Row]]()


@pytest.fixture(scope="session")
def kill_table(pytestconfig: pytest.Config) -> list[Row]:
    """Takes the figures of each phase of the kill test."""
    return pytestconfig.stash.setdefault(_TABLE, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show them, whether the phases passed or not."""
    rows: list[Row] = config.stash.get(_TABLE, [])
    kill_figures.show(terminalreporter, "kill -9", HEADS, rows)
