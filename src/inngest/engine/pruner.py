"""Runs, events and keys that are over and old are removed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from inngest.protocol import limits
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Clock

from .failure_log import each_alone
from .ports import PruningStore
from .records import EventCursor

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

LATE = 300_000
"""Milliseconds after it was received until an event is committed at the latest, whatever trouble the store is in."""

AGAIN = 600_000
"""Milliseconds between two looks through all old events, for those that somebody has needed longer than others."""


class Retention(NamedTuple):
    """How long a run is kept after its end."""

    period: int  # ms
    chosen: bool  # by a user: else only what ends after the database has heard of it is removed


class Pruner:
    """Removes what is over and old.

    Args:
        store: where from.
        clock: what decides how old it is.
        retention: how long a run is kept after its end; None keeps runs and events.
    """

    def __init__(self, store: PruningStore, clock: Clock, retention: Retention | None) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._since: int | None = None  # unix ms: what was over before stays; None: it is not known yet
        self._place = EventCursor(0, "")  # events before it were needed: most go with the last of their runs
        self._again_at = 0  # some only waited in a batch or a debounce, and are looked for again

    async def run_once(self) -> bool:
        """Remove a little of everything; whether there is more."""
        now = self._clock.now()
        parts: list[Callable[[], Awaitable[bool]]] = [lambda: self._store.remove_keys(now)]
        if (retention := self._retention) is not None:
            before = now - retention.period
            parts += [
                lambda: self._remove_runs(retention, before),
                lambda: self._remove_events(min(before, now - LATE)),
            ]
        return await each_alone(parts)

    async def _remove_runs(self, retention: Retention, before: int) -> bool:
        if self._since is None:
            self._since = 0 if retention.chosen else await self._first_heard(retention)
            self._place = EventCursor(self._since, "")
        return self._since < before and await self._store.remove_runs(before, self._since)

    async def _first_heard(self, retention: Retention) -> int:
        """When this database has first heard of a retention that nobody chose; whoever it is new to is told."""
        since, is_new = await self._store.retention_since(self._clock.now())
        if is_new:
            LOGGER.warning(
                "runs that end from now on are removed %d days after their end, with their steps and events; "
                "those that have ended stay. Engine(retention=None), or --retention off, keeps all",
                retention.period // limits.DAY,
            )
        return since

    async def _remove_events(self, before: int) -> bool:
        if self._since is None or self._since >= before:
            return False
        place = await self._store.remove_events(self._place, before)
        if place is not None:
            self._place = place
        elif (now := self._clock.now()) >= self._again_at:
            self._place, self._again_at = EventCursor(self._since, ""), now + AGAIN
        return place is not None
