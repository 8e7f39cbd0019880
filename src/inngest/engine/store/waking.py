"""The verbs of the Store by which workers tell each other what was written (`engine.wake_ports`)."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC
from collections.abc import Sequence

from inngest.engine.records import Session
from inngest.engine.wake_ports import EVERYTHING, NOTHING, Ear, News
from inngest.runtime.ports import Executor

from .database import Database
from .tidings import Tidings
from .timers import NextTimer
from .writer import Writer

PATIENCE = 1.0
"""Seconds for which a store that is closed waits until others are told what it has written last."""


class WakeVerbs(ABC):
    """A part of `sql.SqlStore`, on a database that has `wakes`, or on one where who asks finds out."""

    _database: Database
    _executor: Executor
    _writer: Writer
    _alarm: NextTimer
    _closed: bool

    def hear(self, ear: Ear) -> None:
        """See `WakeStore`."""
        wakes = self._database.wakes
        if wakes is not None:
            loop = asyncio.get_running_loop()

            def heard() -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody needs it any more
                    loop.call_soon_threadsafe(ear.heard)

            wakes.hear(ear, heard)

    def news(self) -> News:
        """See `WakeStore`."""
        wakes = self._database.wakes
        if wakes is None:
            return EVERYTHING if self._writer.changed_by_others() else NOTHING
        found = NOTHING if self._closed else wakes.take()
        if found.timer is not None:
            self._alarm.hear(found.timer)
        return found

    def tell(self, news: News) -> None:
        """See `WakeStore`."""
        wakes = self._database.wakes
        if wakes is not None:
            tidings = Tidings()
            tidings.everything, tidings.requests = news.everything, news.requests
            tidings.apart.update(news.due)
            wakes.tell(tidings)

    def expect_ends(self) -> bool:
        """See `WakeStore`."""
        wakes = self._database.wakes
        if wakes is None:
            return False
        wakes.expect_ends(wanted=True)
        return not wakes.is_alone

    def expect_no_ends(self) -> None:
        """See `WakeStore`."""
        if self._database.wakes is not None:
            self._database.wakes.expect_ends(wanted=False)

    def _listen(self) -> None:
        """Blocking. Raises StoreError."""
        if self._database.wakes is not None:
            self._database.wakes.begin()

    async def _leave(self) -> None:
        """All is written: tell it, and listen no more."""
        wakes = self._database.wakes
        if wakes is not None:
            await self._executor.run(lambda: wakes.leave(PATIENCE))

    def _listen_no_more(self) -> None:
        if self._database.wakes is not None:
            self._database.wakes.leave()

    def _heard(self) -> int:
        """How often something came from others, before sessions are read."""
        return 0 if self._database.wakes is None else self._database.wakes.heard

    def _saw(self, heard: int, sessions: Sequence[Session]) -> Sequence[Session]:
        """Sessions were read after that."""
        if self._database.wakes is not None:
            self._database.wakes.seen([one.id for one in sessions], heard)
        return sessions
