"""What an invocation needs from where it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from inngest.protocol.opcodes import OpTarget, SentEvent

from .events import Event
from .serializers import Serializer


class EventSink(Protocol):
    """Where `send` goes while an engine runs in this process."""

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        """Store events, with the runs they start, and return their ids (ULIDs) in order."""
        ...

    @property
    def of_this_process(self) -> bool:
        """Whether the engine runs in this process, and not in the one of which this is a fork."""
        ...

    async def send_signal(self, signal: OpTarget) -> str | None:
        """Give a signal to the run that waits for it; that run's id, or None."""
        ...

    def send_signal_sync(self, signal: OpTarget) -> str | None:
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
