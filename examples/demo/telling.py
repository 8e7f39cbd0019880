"""What the demos print, for people.

A file of its own: both demos print with it.
"""

from __future__ import annotations

from collections.abc import Sequence


def chapter(number: int, title: str) -> None:
    """A heading."""
    print(f"\n{number}. {title}\n", flush=True)


def say(text: str) -> None:
    """A paragraph, or what a command printed."""
    print("\n".join(f"   {line}" for line in text.rstrip().splitlines()), flush=True)


def show_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows, the first of which names the columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
