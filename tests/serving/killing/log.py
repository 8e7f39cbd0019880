"""The outside log: a file to which the steps of apps append what they do, and which the judge reads.

A line that was written is not lost with its writer, and all lines have one order, whoever wrote them: each is appended
by one call of the system, and is on the disk before the step goes on.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Call:
    """A call of a server, as an app got it."""

    request: str  # ULID: no other call has it, and of two the later one has the greater
    generation: int
    known: tuple[str, ...] = ()  # hashes of the steps whose results it brought


@dataclass(frozen=True)
class Line:
    """What one app wrote."""

    process: int
    what: str  # enter, begin, end, fail, got, return
    key: str  # of the event that the run is about
    run: str
    request: str
    generation: int
    step: str = ""
    name: str = ""  # of one try of a step: no other has it
    value: object = None
    known: bool = False  # of a try: whether its call had brought the step's result


CALL: contextvars.ContextVar[Call] = contextvars.ContextVar("call")
"""The call for which code runs."""


class Pen:
    """Writes into the log; from any thread."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(
        self,
        what: str,
        key: str,
        run: str,
        step: str = "",
        name: str = "",
        value: object = None,
        *,
        known: bool = False,
    ) -> None:
        """Write a line. It is on the disk when this returns."""
        call = CALL.get()
        line = Line(os.getpid(), what, key, run, call.request, call.generation, step, name, value, known)
        os.write(self._descriptor, json.dumps(asdict(line)).encode() + b"\n")
        os.fsync(self._descriptor)


class Log:
    """Reads what was written since the last look."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = path.open("rb")
        self._rest = b""

    def new(self) -> Iterator[Line]:
        """The lines that have come."""
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for text in whole:
            yield Line(**json.loads(text))

    def close(self) -> None:
        """No more is read."""
        with contextlib.suppress(OSError):
            self._file.close()
