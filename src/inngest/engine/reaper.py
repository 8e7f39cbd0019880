"""Dead workers are noticed, and their runs taken over (P6). Old rows of runs that are over are removed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Clock, Liveness

from .ports import Store
from .records import EventPlace

LATE = 300_000
"""Milliseconds after it was received until an event is committed at the latest, whatever trouble the store is in."""

UNKNOWN = 3_000
"""Milliseconds that a worker has to show again that it lives, if what shows it was removed: it looks each second."""

AGAIN = 600_000
"""Milliseconds between two looks through all old events, for those that somebody has needed longer than others."""

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
            LOGGER.warning("a worker died (session %s); its runs are taken over", session_id)
        if _is_text(session_id):
            self._liveness.forget(session_id)
        self._others.remove(session_id)
        self._seen_at.pop(session_id, None)
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


_START = EventPlace(0, "")


class Remover:
    """Removes what is over and old.

    Args:
        store: where from.
        clock: what decides how old it is.
        retention: milliseconds that a run is kept after its end; None keeps runs and events.
    """

    def __init__(self, store: Store, clock: Clock, retention: int | None) -> None:
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


async def each_alone(parts: Sequence[Callable[[], Awaitable[bool]]]) -> bool:
    """Do all parts of a look, whichever of them fail; whether one of them gave True.

    Raises:
        Exception: what the first that failed raised, once all are done.
    """
    told, trouble = False, None
    for part in parts:
        try:
            told = await part() or told
        except Exception as error:
            trouble = trouble or error
    if trouble is not None:
        raise trouble
    return told
