"""Runs, events and keys that are over and old are removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from inngest.runtime.ports import Clock

from .failure_log import each_alone
from .ports import PruningStore
from .records import EventCursor

LATE = 300_000
"""Milliseconds after it was received until an event is committed at the latest, whatever trouble the store is in."""

AGAIN = 600_000
"""Milliseconds between two looks through all old events, for those that somebody has needed longer than others."""

_START = EventCursor(0, "")


class Pruner:
    """Removes what is over and old.

    Args:
        store: where from.
        clock: what decides how old it is.
        retention: milliseconds that a run is kept after its end; None keeps runs and events.
    """

    def __init__(self, store: PruningStore, clock: Clock, retention: int | None) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._place = _START  # events before it were needed: most go with the last of their runs
        self._again_at = 0  # some only waited in a batch or a debounce, and are looked for again

    async def run_once(self) -> bool:
        """Remove a little of everything; whether there is more."""
        now = self._clock.now()
        parts: list[Callable[[], Awaitable[bool]]] = [lambda: self._store.remove_keys(now)]
        if self._retention is not None:
            before = now - self._retention
            parts += [lambda: self._store.remove_runs(before), lambda: self._remove_events(min(before, now - LATE))]
        return await each_alone(parts)

    async def _remove_events(self, before: int) -> bool:
        place = await self._store.remove_events(self._place, before)
        if place is not None:
            self._place = place
        elif (now := self._clock.now()) >= self._again_at:
            self._place, self._again_at = _START, now + AGAIN
        return place is not None
