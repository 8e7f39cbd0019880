"""Timers fall due: what was collected starts its run, and runs that are late are cancelled."""

from __future__ import annotations

from collections.abc import Callable

from .ports import Clock, News, Store


class Timers:
    """Sees to the timers of a store, whoever has set them.

    Args:
        store: where they are.
        clock: the engine's time.
        heard: told what they did to runs.
    """

    def __init__(self, store: Store, clock: Clock, heard: Callable[[News], None]) -> None:
        self._store = store
        self._clock = clock
        self._heard = heard
        self.stale = True  # other processes may have set some

    async def run_once(self) -> None:
        """Do what is due, all of it."""
        if self.stale:
            await self._store.look_at_timers()
            self.stale = False
        while self._is_due():
            fired = await self._store.fire(self._clock.now())
            self._heard(fired.news.and_then(News(queued=bool(fired.started))))

    def _is_due(self) -> bool:
        due_at = self._store.timer_due
        return due_at is not None and due_at <= self._clock.now()
