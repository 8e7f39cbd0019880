"""What keeps an invocation from going on, and whether a branch of it was given up."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from inngest.protocol.calls import Sign
from inngest.protocol.opcodes import Entry


class Stall(NamedTuple):
    """The code does not come to what was recorded of it."""

    sign: Sign
    missing: Entry  # what it does not come to
    call: str  # id of the call that stands in its place; "" if the body returns


class Callers:
    """Tasks that have called a step, while the code had not come to all that was recorded.

    A branch that was given up does not come to what it had recorded: that is no sign of change.
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], None] = {}
        self._body: asyncio.Task[object] | None = None
        self._gave_up = False

    def add(self, task: asyncio.Task[object] | None) -> None:
        """A task has called a step."""
        if task is not None:
            self._tasks[task] = None

    def body(self, task: asyncio.Task[object] | None) -> None:
        """The task of the body: no branch."""
        self._body = task

    def lost(self) -> None:
        """A branch has lost a race."""
        self._gave_up = True

    def gave_up(self) -> bool:
        """Whether a branch was given up: it lost a race, or was cancelled."""
        return self._gave_up or any(task.cancelled() or task.cancelling() for task in self._tasks)

    def are_left(self) -> bool:
        """Whether a branch that has called a step goes on."""
        return any(not task.done() for task in self._tasks if task is not self._body)

    def clear(self) -> None:
        """The invocation is over."""
        self._tasks.clear()
        self._body = None
