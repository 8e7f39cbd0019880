"""Dead workers are noticed, and their runs taken over (P6)."""

from __future__ import annotations

import logging

from .ports import Clock, Liveness, Store

LOGGER = logging.getLogger("inngest.engine")


class Reaper:
    """Looks after the other workers of a store."""

    def __init__(self, store: Store, clock: Clock, liveness: Liveness) -> None:
        self._store = store
        self._clock = clock
        self._liveness = liveness
        self._others: list[str] = []
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
        dead = [session_id for session_id in self._others if not self._liveness.alive(session_id)]
        freed = False
        for session_id in dead:
            if await self._store.end_session(session_id, self._clock.now(), died=True):
                LOGGER.warning("a worker died (session %s); its runs are taken over", session_id)
                freed = True
            self._liveness.forget(session_id)
            self._others.remove(session_id)
        return freed
