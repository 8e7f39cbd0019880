"""Timers fall due: what was collected starts its run, and runs that are late are cancelled."""

from __future__ import annotations

from inngest.runtime.ports import Clock

from . import run_log
from .domain.explaining import text_of
from .errors import StoreError
from .ports import TimerStore

LONGEST = 250
"""Milliseconds for which one look does what is due, about; the next goes on, and others are looked after in between."""


class Timers:
    """Sees to the timers of a store, whoever has set them.

    Args:
        store: where they are.
        clock: the engine's time.
    """

    def __init__(self, store: TimerStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.stale = True  # other processes may have set some

    async def run_once(self) -> None:
        """Do what is due, as much as a look may. A timer that cannot be done is put off, and in nobody's way."""
        if self.stale:
            self.stale = False  # others may set one while this looks
            try:
                await self._store.look_at_timers()
            except BaseException:
                self.stale = True
                raise
        until = self._clock.monotonic() + LONGEST
        while self._is_due():
            try:
                await self._fire(None)
            except Exception as error:
                if is_of_store(error):
                    raise
                await self._one_by_one(until)  # one of them is at fault: which one is found out
            if self._clock.monotonic() >= until:
                return

    async def _one_by_one(self, until: int) -> None:
        """Do what is due in its order, up to the first that cannot be done: what is left of one is before the next."""
        while due := await self._store.due_timers(self._clock.now()):
            try:
                await self._fire(due[0])
            except Exception as error:
                if is_of_store(error):
                    raise
                await self._store.put_timer_off(due[0], text_of(error), self._clock.now())
                return
            if self._clock.monotonic() >= until:
                return

    async def _fire(self, only: str | None) -> None:
        fired = await self._store.fire(self._clock.now(), only)
        run_log.skipped(fired.started)

    def _is_due(self) -> bool:
        due_at = self._store.timer_due
        return due_at is not None and due_at <= self._clock.now()


def is_of_store(error: Exception) -> bool:
    """Whether the store fails, whichever timer it is."""
    return isinstance(error, StoreError) and not error.of_command
