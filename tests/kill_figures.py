"""The figures of kill tests, shown when their suite is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def show(
    reporter: pytest.TerminalReporter, title: str, heads: Sequence[str], rows: Sequence[DataclassInstance]
) -> None:
    """Show a row for each phase, and their sum; nothing if no phase has run.

    Args:
        reporter: of pytest.
        title: of the section.
        heads: of the columns; the first one is that of the phase.
        rows: each the name of a phase, and its figures.
    """
    if not rows:
        return
    numbers = [astuple(row)[1:] for row in rows]
    total = ("together", *map(sum, zip(*numbers, strict=True)))
    cells = [[str(cell) for cell in line] for line in (heads, *map(astuple, rows), total)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    reporter.section(title)
    for phase, *figures in cells:
        texts = (figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True))
        reporter.write_line("  ".join((phase.ljust(widths[0]), *texts)))
