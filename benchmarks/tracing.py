"""Traces which functions of the engine are called, in all threads, with `sys.setprofile`."""

from __future__ import annotations

import asyncio
import dis
import itertools
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import inngest

HOUSE = f"{Path(inngest.__file__).parent}/"

PARTS_OF_EXPRESSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
"""Frames that the interpreter makes for parts of an expression. Newer versions make fewer of them."""

BEGINS = 0
"""The argument of the instruction RESUME where a function begins. Elsewhere a coroutine or generator goes on."""

QUIET = 0.15
"""Seconds without a call after which nothing follows any more: the engine looks around every 50 ms."""


class Function(NamedTuple):
    """A function of the engine."""

    file: str  # below `src/inngest`
    name: str


class Call(NamedTuple):
    """One call of a function of the engine."""

    path: tuple[Function, ...]  # the functions of the engine that have not returned, the called one last
    thread: int

    @property
    def function(self) -> Function:
        """The one that is called."""
        return self.path[-1]


@dataclass(frozen=True)
class Trace:
    """The calls between two moments, in order."""

    calls: Sequence[Call]

    @property
    def functions(self) -> int:
        """How many functions were called."""
        return len({call.function for call in self.calls})

    @property
    def files(self) -> int:
        """In how many files these functions are."""
        return len({call.function.file for call in self.calls})

    @property
    def file_changes(self) -> int:
        """How often a call is of another file than the one before it."""
        return _changes([call.function.file for call in self.calls])

    @property
    def thread_changes(self) -> int:
        """How often a call is in another thread than the one before it."""
        return _changes([call.thread for call in self.calls])

    def walk(self) -> str:
        """All calls, one a line, indented by their depth; with a line where the thread changes."""
        names: dict[int, str] = {}
        lines = []
        for index, call in enumerate(self.calls):
            if index == 0 or call.thread != self.calls[index - 1].thread:
                lines.append(f"-- {names.setdefault(call.thread, f'thread {len(names) + 1}')}")
            lines.append(f"{'  ' * (len(call.path) - 1)}{call.function.name}  {call.function.file}")
        return "\n".join(lines)


class Tracer:
    """Sees the calls in the thread that makes it, and in all threads that start after that.

    Calls that the engine makes by the same way when it has nothing to do are left out once `learn` has seen them.
    """

    def __init__(self) -> None:
        self._known: dict[int, Function | None] = {}  # by the id of its code, whose hash takes long
        self._codes: list[CodeType] = []  # so that ids stay theirs
        self._beginnings: dict[int, frozenset[int]] = {}  # where in its instructions a function begins
        self._idle: set[tuple[int, ...]] = set()
        self._calls: list[tuple[tuple[int, ...], int]] | None = None  # ids of functions, and the thread
        self._functions: dict[int, Function] = {}
        self._last = time.monotonic()
        threading.setprofile(self._see)
        sys.setprofile(self._see)

    async def learn(self, seconds: float) -> None:
        """See what the engine does when it has nothing to do."""
        self._calls = []
        await asyncio.sleep(seconds)
        self._idle |= {path for path, _ in self._calls}
        self._calls = None

    def begin(self) -> None:
        """Record from here on."""
        self._calls, self._last = [], time.monotonic()

    def end(self) -> Trace:
        """Record no more; what was recorded."""
        calls, self._calls = self._calls or [], None
        return Trace([Call(tuple(self._functions[one] for one in path), thread) for path, thread in calls])

    async def quiet(self) -> None:
        """Wait until nothing follows any more."""
        left = QUIET
        while left > 0:
            await asyncio.sleep(left)
            left = self._last + QUIET - time.monotonic()

    def close(self) -> None:
        """See nothing more in this thread, and in those that start from now on."""
        sys.setprofile(None)
        threading.setprofile(None)

    def _see(self, frame: FrameType, event: str, _: Any) -> None:
        calls = self._calls
        if event != "call" or calls is None:
            return
        known, code = self._known, id(frame.f_code)
        if (known[code] if code in known else self._meet(frame.f_code)) is None:
            return
        if frame.f_lasti not in self._beginnings[code]:  # a coroutine goes on
            return
        found = []
        caller: FrameType | None = frame
        while caller is not None:
            function = known.get(id(caller.f_code))
            if function is not None:
                found.append(id(function))
            caller = caller.f_back
        path = tuple(found[::-1])
        if path not in self._idle:
            calls.append((path, threading.get_ident()))
            self._last = time.monotonic()

    def _meet(self, code: CodeType) -> Function | None:
        ours = code.co_filename.startswith(HOUSE) and code.co_name not in PARTS_OF_EXPRESSIONS
        function = Function(code.co_filename.removeprefix(HOUSE), code.co_qualname) if ours else None
        self._codes.append(code)
        self._known[id(code)] = function
        if function is not None:
            self._functions[id(function)] = function
            self._beginnings[id(code)] = frozenset(
                one.offset
                for one in dis.get_instructions(code)
                if one.opname == "RESUME" and (one.arg or 0) & 3 == BEGINS
            )
        return function


def _changes(values: Sequence[object]) -> int:
    return sum(one != following for one, following in itertools.pairwise(values))
