"""What the embedded suite prints when it is over."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from tests.embedded.kills.story import HEADS, Row

_TABLE = pytest.StashKey[list[Row]]()


@pytest.fixture(scope="session")
def kill_table(pytestconfig: pytest.Config) -> list[Row]:
    """Takes the figures of each phase of the kill test."""
    return pytestconfig.stash.setdefault(_TABLE, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show them, whether the phases passed or not."""
    rows = config.stash.get(_TABLE, [])
    if not rows:
        return
    numbers = [astuple(row)[1:] for row in rows]
    total = ("together", *map(sum, zip(*numbers, strict=True)))
    cells = [[str(cell) for cell in line] for line in (HEADS, *map(astuple, rows), total)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    terminalreporter.section("kill -9")
    for phase, *figures in cells:
        texts = (figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True))
        terminalreporter.write_line("  ".join((phase.ljust(widths[0]), *texts)))
