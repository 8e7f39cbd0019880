"""Dead workers are noticed, and their runs taken over (P6)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Clock, Liveness

from .failure_log import each_alone
from .ports import Store

UNKNOWN = 3_000
"""Milliseconds that a worker has to show again that it lives, if what shows it was removed: it looks each second."""

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))


class Reaper:
    """Looks after the other workers of a store."""

    def __init__(self, store: Store, clock: Clock, liveness: Liveness) -> None:
        self._store = store
        self._clock = clock
        self._liveness = liveness
        self._others: list[str] = []
        self._seen_at: dict[str, int] = {}  # when (monotonic) each of them was last seen to live
        self._began = False
        self.stale = True  # the list of others must be read again

    async def run_once(self, own_session: str) -> bool:
        """Declare dead who is dead; whether runs came back to the queue by that."""
        if self.stale:
            self.stale = False
            try:
                sessions = await self._store.sessions()
            except BaseException:
                self.stale = True
                raise
            self._others = [session.id for session in sessions if session.id != own_session]
            if self._began:  # who comes now is there; who is found at the start may have been gone for long
                for session_id in self._others:
                    self._seen_at.setdefault(session_id, self._clock.monotonic())
            self._began = True

        def look(session_id: str) -> Callable[[], Awaitable[bool]]:
            return lambda: self._look_at(session_id)

        try:
            return await each_alone([look(session_id) for session_id in self._others])
        except Exception:
            self.stale = True
            raise

    async def _look_at(self, session_id: str) -> bool:
        """Whether a worker was found dead, and its runs came back."""
        if self._lives(session_id):
            return False
        freed = await self._store.end_session(session_id, self._clock.now(), died=True)
        if freed:
            LOGGER.warning("a worker died (session %s); its runs are queued again", session_id)
        if _is_text(session_id):
            self._liveness.forget(session_id)
        self._others.remove(session_id)
        self._seen_at.pop(session_id, None)
        self.stale = self.stale or not freed  # it may have been heard again, and is to be looked at then
        return freed

    def _lives(self, session_id: str) -> bool:
        """Whether a worker lives. One whose sign was removed has a while to show it again."""
        now = self._clock.monotonic()
        if not _is_text(session_id):
            return False  # a row that no worker has written
        if self._liveness.alive(session_id):
            self._seen_at[session_id] = now
            return True
        seen_at = self._seen_at.get(session_id)
        return seen_at is not None and now - seen_at < UNKNOWN and self._liveness.is_unknown(session_id)


def _is_text(session_id: object) -> bool:
    return isinstance(session_id, str)
