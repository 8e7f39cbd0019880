"""What steps did, seen from outside: a line for each beginning and each end, which no crash takes back."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


class Ledger:
    """Written by steps; each line is one write, so that several processes may share the file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, what: str, run: int, step: int) -> None:
        """Note that a run was accepted, or that a step of it began or ended."""
        os.write(self._file, f"{time.time():.6f} {what} {run} {step}\n".encode())


@dataclass(frozen=True)
class Line:
    """One line of a ledger."""

    at: float  # unix seconds
    what: str  # "accepted" (a run), "began" or "ended"
    run: int
    step: int


def read(path: Path) -> list[Line]:
    """The lines so far; one that is being written is left out."""
    text = path.read_text(encoding="ascii") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return [
        Line(float(at), what, int(run), int(step))
        for at, what, run, step in (line.split() for line in whole.splitlines())
    ]
