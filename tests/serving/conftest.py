"""What all tests of serving share: no test asks a real server.

A file of its own: pytest looks for it by this name.
"""

from __future__ import annotations

from dataclasses import astuple

import pytest

from inngest.sdk.serving import handler

from .asking import FakeApi
from .killing.story import HEADS, Row

_TABLE = pytest.StashKey[list[Row]]()


@pytest.fixture(autouse=True)
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """The API of the server of every endpoint that is given none."""
    fake = FakeApi()
    monkeypatch.setattr(handler, "KeptHttp", lambda: fake)
    return fake


@pytest.fixture(scope="session")
def wire_table(pytestconfig: pytest.Config) -> list[Row]:
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
    terminalreporter.section("kill -9 over the wire")
    for phase, *figures in cells:
        texts = (figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True))
        terminalreporter.write_line("  ".join((phase.ljust(widths[0]), *texts)))
