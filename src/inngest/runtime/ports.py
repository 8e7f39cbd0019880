"""What both halves need from where they run, in their own words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Op


class Slots(Protocol):
    """Limits how many handlers of one invocation run at a time."""

    def begin(self) -> None:
        """The function is entered."""
        ...

    def end(self) -> None:
        """Its code has returned, or unwound; maybe later than its invocation."""
        ...

    async def take(self) -> None:
        """Wait until one more handler may run."""
        ...

    def give(self) -> None:
        """A handler has returned; maybe later than its invocation."""
        ...


class Recorder(Protocol):
    """Makes steps durable."""

    @property
    def slots(self) -> Slots | None:
        """What a handler needs to run; None if it needs nothing."""
        ...

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        """Record what happened to steps, in this order.

        A handler whose begin is reported (`StepBegun`) starts after the commit. A recorder that cannot commit it before
        the handler starts must fail here, for the begin would be lost with its worker.

        The future is resolved after the commit; cancelling it does nothing. It fails only when the store does.
        """
        ...


class Timer(Protocol):
    """A timer that can be taken back."""

    def cancel(self) -> None:
        """Never call back. Idempotent."""
        ...


class Clock(Protocol):
    """The engine's time: one clock per decision.

    It follows the wall clock forward at once, and back by going slower.
    """

    def now(self) -> int:
        """Unix ms; never runs backwards within a process."""
        ...

    def call_at(self, when: int, callback: Callable[[], object]) -> Timer:
        """Call back at a time (unix ms) on the loop, never before."""
        ...

    def monotonic(self) -> int:
        """Milliseconds of a clock that nobody sets: what lasts is measured by it, what is due is not."""
        ...

    def call_after(self, ms: float, callback: Callable[[], object]) -> Timer:
        """Call back on the loop, so many milliseconds from now by the monotonic clock."""
        ...

    def ahead(self) -> int:
        """How far this time is ahead of the wall clock (ms), because that was set back."""
        ...

    def at_least(self, kept: int) -> bool:
        """Go on from a time (unix ms) that was kept, if it is ahead; False if it is too far ahead to be believed."""
        ...


class Threads(Protocol):
    """Threads for plain functions. A thread is never the event loop's."""

    def start(self, work: Callable[[], None]) -> None:
        """Run `work` in a thread of its own, in a copy of the caller's context."""
        ...

    def mailbox(self) -> Mailbox:
        """A place where a thread waits. Made here, so that a simulator knows when one does."""
        ...

    def send(self, mailbox: Mailbox, message: object) -> None:
        """Hand a message to a thread that waits for its mailbox."""
        ...


class Mailbox(Protocol):
    """Where one thread waits."""

    def put(self, item: object, /) -> None:
        """Never blocks."""
        ...

    def get(self, *, timeout: float | None = None) -> object:
        """Blocks until there is a message.

        Raises:
            queue.Empty: there was none for so many seconds.
        """
        ...
