"""Where the clients of an engine's functions send to while it runs, instead of over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from inngest.engine.service import Service
from inngest.protocol.opcodes import OpTarget, SentEvent
from inngest.sdk.client import EventOutbox

from .engine_loop import EngineLoop


class EngineSink:
    """The `EventSink` of an engine that runs in this process.

    Args:
        loop: the engine's event loop; clients send from any loop or thread.
        service: takes what they send.
        outbox: where they send on connections of theirs.
    """

    def __init__(self, loop: EngineLoop, service: Service, outbox: EventOutbox) -> None:
        self._loop = loop
        self._service = service
        self.outbox = outbox

    @property
    def of_this_process(self) -> bool:
        """Whether the engine runs in this process, and not in the one of which this is a fork."""
        return self._loop.here and not self._loop.gone

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        """Store events with the runs they start; their ids in order."""
        return await self._loop.call(lambda: self._service.intake.send(events))

    def send_events_sync(self, events: Sequence[SentEvent]) -> list[str]:
        """The same, blocking; from any thread but the loop's."""
        return self._loop.call_sync(lambda: self._service.intake.send(events))

    async def send_signal(self, signal: OpTarget) -> str | None:
        """Give a signal to the run that waits for it; that run's id, or None."""
        return await self._loop.call(lambda: self._service.control.signal(signal.name, signal.data))

    def send_signal_sync(self, signal: OpTarget) -> str | None:
        """The same, blocking; from any thread but the loop's."""
        return self._loop.call_sync(lambda: self._service.control.signal(signal.name, signal.data))
