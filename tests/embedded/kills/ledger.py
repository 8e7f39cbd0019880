"""The outside log: a pipe into which all processes write, one line at a time, and which the judge reads.

A line that was written is not lost with its writer, and all lines have one order, whoever wrote them: short writes to a
pipe are never mixed or split.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import queue
import threading
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.processes import PATIENCE

SHORT = 4096  # PIPE_BUF on Linux: what is longer could be split


@dataclass(frozen=True)
class Line:
    """What one process wrote."""

    process: int  # its place among those that were started; 0: the judge
    what: str  # starting, started; sending, acked; enter, begin, held, end, fail, got, return; mark; more of fleets
    key: str = ""  # of the event that it is about
    run: str = ""
    step: str = ""
    attempt: int = 0
    value: object = None


class Pen:
    """Writes into a ledger; from any thread.

    Args:
        path: the ledger.
        process: who writes. Not the number that the system gives: it gives some again.
    """

    def __init__(self, path: Path, process: int) -> None:
        self.process = process
        self._descriptor = os.open(path, os.O_WRONLY)

    def bound(self) -> Pen:
        """One that goes on to write as this one does now, whoever this one becomes."""
        return copy.copy(self)

    def write(
        self, what: str, key: str = "", run: str = "", step: str = "", attempt: int = 0, value: object = None
    ) -> None:
        """Write a line. It is outside when this returns."""
        line = json.dumps(asdict(Line(self.process, what, key, run, step, attempt, value))) + "\n"
        assert len(line) < SHORT, line
        os.write(self._descriptor, line.encode())


class Ledger:
    """Reads it, as it comes, so that no writer ever waits."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR)  # a writer too, or the pipe would end with each process
        self._pen = Pen(path, 0)
        self._lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def next(self) -> Line:
        """The next line.

        Raises:
            TimeoutError: nobody writes anything any more.
        """
        try:
            return self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise TimeoutError(f"nothing was written for {PATIENCE} s") from None

    def mark(self) -> None:
        """Write a line `mark`: what was written before it is read before it."""
        self._pen.write("mark")

    def close(self) -> None:
        """No more is read."""
        self._pen.write("close")
        self._thread.join()
        os.close(self._descriptor)

    def _read(self) -> None:
        with os.fdopen(os.dup(self._descriptor), encoding="utf-8") as lines:
            for text in lines:
                line = Line(**json.loads(text))
                if line.what == "close":
                    return
                self._lines.put(line)


@contextlib.contextmanager
def ledger(path: Path) -> Generator[Ledger]:
    """A ledger, for a `with` block."""
    opened = Ledger(path)
    try:
        yield opened
    finally:
        opened.close()
