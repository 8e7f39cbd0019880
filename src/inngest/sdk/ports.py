"""What an invocation needs from where it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Op, SentEvent

from .events import Event
from .serializers import Serializer


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
    """The engine's time."""

    def now(self) -> int:
        """Unix ms."""
        ...

    def call_at(self, when: int, callback: Callable[[], object]) -> Timer:
        """Call back on the loop's thread at a time (unix ms), not before."""
        ...

    def monotonic(self) -> int:
        """Milliseconds of a clock that nobody sets. From any thread."""
        ...

    def call_after(self, ms: float, callback: Callable[[], object]) -> Timer:
        """Call back on the loop's thread, so many milliseconds from now by the monotonic clock."""
        ...


class EventSink(Protocol):
    """Where `send` goes while an engine runs in this process."""

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        """Store events, with the runs they start, and return their ids (ULIDs) in order."""
        ...

    @property
    def of_this_process(self) -> bool:
        """Whether the engine runs in this process, and not in the one of which this is a fork."""
        ...

    async def send_signal(self, signal: str, data: str) -> str | None:
        """Give a signal, with JSON text, to the run that waits for it; that run's id, or None."""
        ...

    def send_signal_sync(self, signal: str, data: str) -> str | None:
        """The same, blocking; from any thread but the engine's loop."""
        ...

    def send_events_sync(self, events: Sequence[SentEvent]) -> list[str]:
        """The same, blocking; from any thread but the engine's loop."""
        ...


class Client(Protocol):
    """What functions and middleware know of their client."""

    @property
    def app_id(self) -> str:
        """Name of the app; prefix of every function id."""
        ...

    @property
    def app_version(self) -> str | None:
        """Version of the app."""
        ...

    @property
    def is_production(self) -> bool:
        """Whether it talks to a production server."""
        ...

    @property
    def env(self) -> str | None:
        """Name of the branch environment."""
        ...

    @property
    def api_origin(self) -> str:
        """Origin of the API."""
        ...

    @property
    def event_api_origin(self) -> str:
        """Origin to which events are sent."""
        ...

    @property
    def event_key(self) -> str | None:
        """Key for sending events."""
        ...

    @property
    def signing_key(self) -> str | None:
        """Authenticates a server and this app to each other."""
        ...

    @property
    def logger(self) -> logging.Logger:
        """Where functions log."""
        ...

    @property
    def middleware(self) -> Sequence[Callable[..., object]]:
        """Classes or factories `(client, raw_request) -> instance`."""
        ...

    @property
    def serializer(self) -> Serializer | None:
        """Keeps types that JSON does not have."""
        ...

    async def send(self, events: Event | Sequence[Event], *, skip_middleware: bool = False) -> list[str]:
        """Send events and return their ids."""
        ...

    def send_sync(self, events: Event | Sequence[Event], *, skip_middleware: bool = False) -> list[str]:
        """The same, blocking."""
        ...
