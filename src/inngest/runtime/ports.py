"""The needs of both halves, in their own words."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from inngest.protocol.calls import Recorded
from inngest.protocol.http import HttpRequest, HttpResponse
from inngest.protocol.opcodes import Op
from inngest.protocol.steps import StepName

R = TypeVar("R")
A = TypeVar("A")


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
        """The need of a handler, to run; None if it needs nothing."""
        ...

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        """Record what happened to steps, in this order.

        A handler whose begin is reported (`StepBegun`) starts after the commit. A recorder that cannot commit it before
        the handler starts must fail here, for the begin would be lost with its worker.

        The answer is committed, unless it is a future: that is resolved after the commit. Cancelling it does
        nothing. It fails only when the store does.
        """
        ...


class Unrecorded(NamedTuple):
    """A transaction was rolled back: its step is not recorded.

    Attributes:
        error: why the attempt has failed; None: others were in the way, and the handler is to be called again.
    """

    error: Exception | None = None


class Within(Protocol):
    """A transaction of the user's database, in which a handler runs and its step is recorded. All other records of the
    run wait until it is over.
    """

    def call(self, handler: Callable[..., object], args: tuple[object, ...]) -> concurrent.futures.Future[object]:
        """Begin it, in a thread of its own and in a copy of the caller's context, and call the handler there with the
        connection, then with these arguments.
        """
        ...

    def record(self, op: Op) -> asyncio.Future[Recorded | Unrecorded]:
        """Record the step in it, and commit. Cancelling the answer does nothing."""
        ...

    def leave(self) -> None:
        """Roll back what is not recorded, as soon as the handler has returned. Idempotent."""
        ...


class Transactions(Protocol):
    """Begins transactions in which steps of one invocation are recorded. A protocol because connections are the
    embedded engine's matter.
    """

    async def begin(self, step_id: str) -> Within | None:
        """The next one of the run, when what is being recorded of it is committed; None if the run is lost."""
        ...


class Scope(Protocol):
    """The span that is current while a handler runs. A protocol because few have an SDK of OpenTelemetry."""

    def enter(self, now: int) -> None:
        """The handler begins, here and now (unix ms)."""
        ...

    def leave(self) -> None:
        """It has ended, where it began."""
        ...


class Spans(Protocol):
    """The spans of one invocation. A protocol because few have an SDK of OpenTelemetry."""

    def attempt(self, step: StepName, number: int) -> Scope:
        """That of an attempt (from 0), which is about to begin."""
        ...


class TracedRecorder(Recorder, Spans, Protocol):
    """A recorder that ends the spans of what it records. A protocol because few have an SDK of OpenTelemetry."""

    def close(self) -> None:
        """The invocation is over, where it began."""
        ...


class Timer(Protocol):
    """A timer that can be taken back. A protocol because the simulator has its own."""

    def cancel(self) -> None:
        """Never call back. Idempotent."""
        ...


class Clock(Protocol):
    """The engine's time: one clock per decision.

    It follows the wall clock forward at once, and back by going slower. A protocol because the simulator has its own.
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
    """Threads for plain functions, never the event loop's. A protocol because the simulator has its own."""

    def start(self, work: Callable[[], None], *, branch: bool = False) -> None:
        """Run `work` in a thread of its own, in a copy of the caller's context.

        Args:
            work: what is done there.
            branch: another thread of the same function waits for it.
        """
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


class Executor(Protocol):
    """Where blocking work runs, off the event loop. A protocol because the simulator has its own."""

    async def run(self, work: Callable[[], R]) -> R:
        """Run a read. Several may run at a time."""
        ...

    def start_writer(self, work: Callable[[], None]) -> None:
        """Run the store's writer once, now or soon. Never two at a time."""
        ...

    def start_brief(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        """Run something of the store's writer that takes as long as a sync of the disk, now or soon.

        Args:
            here: does it on the loop, for when that has been quick lately; whether it was done.
            otherwise: does it in the writer's place, as `start_writer`.
        """
        ...

    def here(self, write: Callable[[A], bool], given: A, *, lone: bool = False) -> bool:
        """Do at once, on the loop, what takes as long as a sync of the disk, if that has been quick lately and the loop
        is idle; whether it was done.

        Args:
            write: does it; whether it was done.
            given: what to.
            lone: nobody else is known to have anything to write: whether the loop is idle is not asked.
        """
        ...

    def reply(self, callback: Callable[[], None]) -> None:
        """From the writer: call back on the loop. In order."""
        ...

    def close(self, patience: float | None = None) -> bool:
        """Wait for what runs, and end the threads; whether they have ended. Can be done again.

        Args:
            patience: seconds to wait for; None: as long as it takes.
        """
        ...


class Ids(Protocol):
    """Random ids, tokens and numbers. A protocol because the simulator draws its own."""

    def ulid(self, now: int) -> str:
        """A new ULID of this moment; ids made later sort later, so never give a time that is to come."""
        ...

    def token(self) -> str:
        """A random token that never returns."""
        ...

    def random(self) -> float:
        """From 0 to 1."""
        ...


class HttpClient(Protocol):
    """Makes HTTP requests of steps."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer, whatever its status. It may be cancelled, and takes no notice of the request's timeout.

        Raises:
            HttpError: there is none.
        """
        ...

    async def close(self) -> None:
        """Close its connections. Idempotent."""
        ...


class Liveness(Protocol):
    """Shows that this worker lives, and sees whether others do.

    Attributes:
        lease: milliseconds after which a worker that is not heard is dead; None where that is seen at once.
    """

    lease: int | None

    def is_heard(self) -> bool:
        """Whether others take this worker for alive, as far as it can know: else it begins nothing."""
        ...

    def may_begin(self) -> bool:
        """Whether handlers may begin: it is heard, and was not told that it is dead, which it may still write about."""
        ...

    def is_over(self, session_id: str) -> bool:
        """Whether this worker was told that its session was declared dead."""
        ...

    def hold(self, session_id: str) -> None:
        """From now on, and until this process ends, the session lives."""
        ...

    def release(self, session_id: str) -> None:
        """It lives no more. Idempotent."""
        ...

    def alive(self, session_id: str) -> bool:
        """Whether a process holds it."""
        ...

    def show(self, session_id: str) -> bool:
        """See that it still shows that the session lives, as long as it is held; whether it was gone, and is back."""
        ...

    def is_unknown(self, session_id: str) -> bool:
        """Whether nothing is there to tell whether it lives: it was removed, or never there."""
        ...

    def forget(self, session_id: str) -> None:
        """The session is known to be gone: nothing need be kept of it."""
        ...
