"""Events that users have sent in transactions of their own are accepted, once these have committed (decision 0097)."""

from __future__ import annotations

from inngest.protocol import limits
from inngest.runtime.ports import Clock

from .domain.explaining import text_of
from .intake import Intake
from .server_ports import OutboxStore
from .timers import LONGEST, is_of_store

AGAIN_MS = limits.SECOND
"""Milliseconds until another look at rows that others were taking: they may have died of it."""


class Outbox:
    """Sees to the outbox of a store, whoever has written there. It asks nothing unless something was found there.

    Args:
        store: whose outbox it is.
        intake: accepts events.
        clock: the engine's time.
    """

    def __init__(self, store: OutboxStore, intake: Intake, clock: Clock) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock
        self._begins = True  # what others have put aside may be accepted by this version
        self._look_at: int | None = None

    async def run_once(self) -> bool:
        """Accept what waits, as much as a look may. Runs that it starts say so themselves: False."""
        if self._begins and self._store.outbox_aside is not None:
            if self._store.outbox_aside:
                for row in await self._store.outbox_rows(aside=True):
                    await self._take(row)
            self._begins = False  # a store in trouble has them tried again
        now = self._clock.monotonic()
        if self._look_at is not None and now >= self._look_at:
            self._look_at = None
            await self._store.look_at_timers()
        while self._store.outbox_waits and self._clock.monotonic() < now + LONGEST:
            try:
                accepted = await self._intake.take()
            except Exception as error:
                if is_of_store(error):
                    raise
                await self._one_by_one()  # one of them is at fault: which one is found out
                break
            if not accepted.events:
                self._look_at = self._clock.monotonic() + AGAIN_MS
        return False

    async def _one_by_one(self) -> None:
        for row in await self._store.outbox_rows(aside=False):
            await self._take(row)

    async def _take(self, row: str) -> None:
        """Accept what is in one row, or put it aside."""
        try:
            await self._intake.take(row)
        except Exception as error:
            if is_of_store(error):
                raise
            await self._store.put_aside(row, text_of(error))
