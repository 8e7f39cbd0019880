"""Events come in: they are stored with every run they start, and runs that there is room for begin at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from inngest.protocol.opcodes import SentEvent
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Clock, Ids

from .domain import system_events, triggers
from .domain.effects import is_large
from .domain.model import Event, Run
from .errors import StoreError
from .executor import RunExecutor
from .ports import EventStore
from .records import Acceptance, Accepted

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

OF_OUTBOX = 50
"""Runs for which there is to be room when the outbox is looked at: how many its events start is not known before."""


class NotStartedError(KeyError):
    """No run of a function was started by itself: it is not known, or the id of its event has started one before.

    Attributes:
        event_id: the event, which is stored.
    """

    def __init__(self, function_id: str, event_id: str) -> None:
        super().__init__(function_id)
        self.event_id = event_id


class Intake:
    """The one way in. The listener of the store begins the runs that were accepted."""

    def __init__(self, store: EventStore, clock: Clock, ids: Ids, executor: RunExecutor) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._executor = executor

    async def send(self, sent: Sequence[SentEvent]) -> list[str]:
        """Accept events; their ids in order, after the commit (P1, P10).

        Many of them are stored together first, and are accepted one after the other before this returns.
        """
        now = self._clock.now()
        events = [triggers.stored(event, now, self._ids.ulid) for event in self._executor.worker.observers.sent(sent)]
        if is_large(events):
            await self._send_parcel(await self._store.put_parcel(events, now), events)
        else:
            await self._accept(events, now)
        return [event.id for event in events]

    async def _send_parcel(self, parcel: str, events: Sequence[Event]) -> None:
        """Accept the events of a parcel. It is stored: if this fails, others accept what is left."""
        by_id = {event.id: event for event in events}
        more = True
        while more:
            try:
                accepted = await self._accept((), self._clock.now(), parcel=parcel, count=len(by_id))
            except StoreError as error:
                LOGGER.warning("%d events are stored, and accepted when the store works again: %s", len(by_id), error)
                return
            more = accepted.more
            for event in accepted.events:
                by_id.pop(event.id, None)

    async def take(self, row: str = "") -> Accepted:
        """Accept what waits in the outbox, as much as one transaction does: of one row by its id, or of the first."""
        return await self._accept((), self._clock.now(), outbox=row, count=OF_OUTBOX)

    async def start(self, function_id: str, data: str, key: str = "") -> Run:
        """Start one function, whatever its triggers; the run, which may have been skipped.

        Args:
            function_id: `app-function`.
            data: JSON text of the data of its event.
            key: the id of that event: for 24 h, a second one with it starts no run of the function. "" for none.

        Raises:
            NotStartedError: no such function is known, or another event with that id has started it.
        """
        now = self._clock.now()
        event = system_events.of_invocation(function_id, data, now, self._ids.ulid, key=key)
        (sent,) = self._executor.worker.observers.sent([SentEvent(event.name, event.data, event.key, event.ts)])
        event = event._replace(extra=sent.extra)
        accepted = await self._accept([event], now, invoke=function_id)
        for start, _ in accepted.started:
            if start.run.function_id == function_id and start.run.event_id == event.id:
                return start.run
        raise NotStartedError(function_id, event.id)

    async def _accept(
        self,
        events: Sequence[Event],
        now: int,
        *,
        invoke: str = "",
        parcel: str = "",
        outbox: str | None = None,
        count: int | None = None,
    ) -> Accepted:
        """Accept events, or the next of a parcel or of the outbox, which are about `count`."""
        executor = self._executor
        room = executor.reserve(len(events) if count is None else count)
        answer = self._store.accept(
            Acceptance(
                *(events, room.owners, executor.functions, now, executor.plain, room.plain),
                invoke=invoke,
                parcel=parcel,
                outbox=outbox,
            )
        )
        try:
            return await answer
        finally:  # without an answer the loop is gone, and its room with it; once given up, the listener has it
            if answer.done() and not answer.cancelled() and answer.exception() is not None:
                executor.give_back(room)
