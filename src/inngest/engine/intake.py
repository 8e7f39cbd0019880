"""Events come in: they are stored with every run they start, and runs that there is room for begin at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from inngest.protocol.opcodes import SentEvent
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Clock

from . import run_log
from .domain import announcements, triggers
from .domain.following import Plan, is_large
from .domain.model import Event, Registry, Run, Start
from .domain.watches import as_data
from .errors import StoreError
from .observers import Observers
from .places import NOTHING, Reserved
from .ports import Acceptance, Accepted, Claimed, Ids, News, Owner, Store

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))


class Starter(Protocol):
    """What begins runs as they are accepted."""

    functions: frozenset[str]

    @property
    def plain(self) -> frozenset[str]:
        """Those of its functions that need a thread."""
        ...

    def reserve(self, count: int) -> Reserved:
        """Room for up to so many runs."""
        ...

    def give_back(self, reserved: Reserved) -> None:
        """Room that was reserved is used now, or was not needed."""
        ...

    def begin(self, claimed: Claimed) -> None:
        """Begin a run that belongs to this worker."""
        ...

    def job_due(self, due_at: int) -> None:
        """A job was queued."""
        ...

    def heard(self, news: News) -> None:
        """What a transaction did to other runs."""
        ...


class Intake:
    """The one way in."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, executor: Starter | None, observers: Observers | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._executor = executor
        self._observers = observers

    async def send(self, sent: Sequence[SentEvent]) -> list[str]:
        """Accept events; their ids in order, after the commit (P1, P10).

        Many of them are stored together first, and are accepted one after the other before this returns.
        """
        now = self._clock.now()
        events = [triggers.stored(event, now, self._ids.ulid) for event in sent]
        if is_large(events):
            await self._send_parcel(await self._store.put_parcel(events, now), events)
        else:
            await self._accept(events, lambda registry: triggers.starts(events, registry, now, self._ids.ulid), now)
        return [event.id for event in events]

    async def _send_parcel(self, parcel: str, events: Sequence[Event]) -> None:
        """Accept the events of a parcel. It is stored: if this fails, others accept what is left."""
        by_id = {event.id: event for event in events}
        more = True
        while more:
            try:
                accepted = await self._accept((), _nothing, self._clock.now(), parcel=parcel, count=len(by_id))
            except StoreError as error:
                LOGGER.warning("%d events are stored, and accepted when the store works again: %s", len(by_id), error)
                return
            more = accepted.more
            for event in accepted.events:
                by_id.pop(event.id, None)

    async def start(self, function_id: str, data: str) -> Run:
        """Start one function, whatever its triggers; the run, which may have been skipped.

        Raises:
            KeyError: no such function is known.
        """
        now = self._clock.now()
        event = announcements.of_invocation(function_id, data, now, self._ids.ulid)

        def plan(registry: Registry) -> list[Start]:
            if function_id not in registry.functions:
                return []
            return triggers.invoked(function_id, event, registry, now, self._ids.ulid)

        accepted = await self._accept([event], plan, now)
        for start, _ in accepted.started:
            if start.run.function_id == function_id and start.run.event_id == event.id:
                return start.run
        raise KeyError(function_id)

    async def _accept(
        self, events: Sequence[Event], plan: Plan, now: int, *, parcel: str = "", count: int | None = None
    ) -> Accepted:
        """Accept events, or the next of a parcel that are about `count`."""
        executor = self._executor
        room = NOTHING if executor is None else executor.reserve(len(events) if count is None else count)
        functions, plain = (frozenset(), frozenset()) if executor is None else (executor.functions, executor.plain)

        def begin(accepted: Accepted) -> Accepted:
            """Runs that were claimed begin, also when the sender has been cancelled meanwhile."""
            came = accepted.events if parcel else events
            if self._observers and came:
                self._observers.accepted(came, [start.run for start, _ in accepted.started])
            if executor is not None:
                executor.give_back(room)
                _begin(executor, accepted, {event.id: event for event in came})
                executor.heard(accepted.news)
            run_log.skipped([start for start, _ in accepted.started])
            return accepted

        acceptance = Acceptance(events, plan, room.owners, functions, now, plain, room.plain, parcel)
        answer = self._store.accept(acceptance, begin)
        try:
            return await answer
        finally:  # while there is no answer, the loop is gone, and its room with it
            if executor is not None and answer.done() and answer.exception() is not None:
                executor.give_back(room)


def _nothing(_: Registry) -> Sequence[Start]:
    """What an acceptance of a parcel plans: the store reads its events, and knows what they start."""
    return ()


def _begin(executor: Starter, accepted: Accepted, events: Mapping[str, Event]) -> None:
    for start, owner in accepted.started:
        if owner is None:
            executor.job_due(start.due_at)
        else:
            executor.begin(_claimed(start, owner, events[start.run.event_id]))


def _claimed(start: Start, owner: Owner, event: Event) -> Claimed:
    return Claimed(owner, start.run, [as_data(event)], (), (), at=start.run.created_at)
