"""Traces which functions of the engine are called, in all threads, with `sys.setprofile`."""

from __future__ import annotations

import asyncio
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
        self._known: dict[CodeType, Function | None] = {}
        self._instructions: dict[CodeType, bytes] = {}
        self._idle: set[tuple[Function, ...]] = set()
        self._calls: list[Call] | None = None
        self._last = time.monotonic()
        threading.setprofile(self._see)
        sys.setprofile(self._see)

    async def learn(self, seconds: float) -> None:
        """See what the engine does when it has nothing to do."""
        self.begin()
        await asyncio.sleep(seconds)
        self._idle |= {call.path for call in self.end().calls}

    def begin(self) -> None:
        """Record from here on."""
        self._calls, self._last = [], time.monotonic()

    def end(self) -> Trace:
        """Record no more; what was recorded."""
        calls, self._calls = self._calls, None
        return Trace(calls or [])

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
        if event != "call" or calls is None or self._function(frame) is None or not self._begins(frame):
            return
        path = self._path(frame)
        if path not in self._idle:
            calls.append(Call(path, threading.get_ident()))
            self._last = time.monotonic()

    def _function(self, frame: FrameType) -> Function | None:
        code = frame.f_code
        if code not in self._known:
            ours = code.co_filename.startswith(HOUSE) and code.co_name not in PARTS_OF_EXPRESSIONS
            file = code.co_filename.removeprefix(HOUSE)
            self._known[code] = Function(file, code.co_qualname) if ours else None
        return self._known[code]

    def _begins(self, frame: FrameType) -> bool:
        """Whether the function is called; else it is a coroutine or generator that goes on."""
        code = frame.f_code
        instructions = self._instructions.get(code)
        if instructions is None:  # they are copied each time they are asked for
            instructions = self._instructions[code] = code.co_code
        return instructions[frame.f_lasti + 1] & 3 == BEGINS

    def _path(self, frame: FrameType) -> tuple[Function, ...]:
        found = []
        caller: FrameType | None = frame
        while caller is not None:
            function = self._function(caller)
            if function is not None:
                found.append(function)
            caller = caller.f_back
        return tuple(reversed(found))


def _changes(values: Sequence[object]) -> int:
    return sum(one != following for one, following in itertools.pairwise(values))
