"""What the engine itself says about the ends of runs: stored, and told, in the transaction in which they end (P1)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence

from sqlalchemy import bindparam, select

from inngest.engine.domain import announcements, triggers, watches
from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.model import Ended, Event, Registry, Run, RunStatus, Watching
from inngest.engine.ports import NO_NEWS, Ids, News
from inngest.protocol.calls import EventData
from inngest.runtime.careful import CarefulLogger

from . import tables
from .accepting import create, insert_events
from .events import batches, event
from .records import RUN_COLUMNS, run_of
from .statement import Statement, Transaction
from .telling import Teller
from .timers import Alarm, Timers

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

RUNS = Statement(
    lambda words: (
        select(*(tables.runs.c[name] for name in RUN_COLUMNS))
        .where(words.any_of(tables.runs.c.id, "runs"))
        .order_by(tables.runs.c.id)
    )
)

LOOKED_FOR = Statement(
    lambda _: select(tables.waits.c.run_id).where(tables.waits.c.topic == bindparam("of_topic")).limit(1)
)


class Announcer:
    """Says what happened in one transaction."""

    def __init__(self, tx: Transaction, registry: Callable[[], Registry], ids: Ids, alarm: Alarm, now: int) -> None:
        self._tx = tx
        self._registry = registry
        self._ids = ids
        self._alarm = alarm
        self._now = now

    def finished(self, makers: Sequence[Callable[[], Event]]) -> News:
        """Say that runs ended, if anyone listens."""
        if not makers or not self._is_heard(announcements.FINISHED):
            return NO_NEWS
        return self.cancelled(self._say([make() for make in makers]))

    def cancelled(self, news: News) -> News:
        """Say which runs were cancelled; the news, with those of what follows, which may cancel others."""
        told, latest = news, news
        while latest.cancelled:
            latest = self._say(self._of_cancelled(latest.cancelled))
            told = told.and_then(latest)
        return told

    def _of_cancelled(self, run_ids: Sequence[str]) -> list[Event]:
        rows = self._tx.execute(RUNS, {"runs": json.dumps(sorted(run_ids))}).fetchall()
        heard = self._is_heard(announcements.FINISHED)
        ended = Ended(RunStatus.CANCELLED, None, None)
        said: list[Event] = []
        for row in rows:
            try:
                run = run_of(row)
            except Exception as error:  # it is cancelled all the same
                LOGGER.error("run %s was cancelled, and cannot be read: nobody is told. %s", row[0], text_of(error))
                continue
            causes = self._causes(run)
            if causes and not announcements.is_silent(causes):
                said.append(announcements.of_end(run, ended, causes, self._now, self._ids.ulid))
                if heard:
                    said.append(announcements.of_finish(run, ended, causes, self._now, self._ids.ulid))
        return said

    def _causes(self, run: Run) -> list[EventData]:
        if run.batch_id is not None:
            found = batches(self._tx, [run.batch_id])[run.batch_id]
        else:
            first = event(self._tx, run.event_id)
            found = [] if first is None else [first]
        return [watches.as_data(one) for one in found]

    def _is_heard(self, name: str) -> bool:
        """Whether a function is triggered by it, or a step or a run waits for it."""
        if name in self._registry().by_event:
            return True
        return self._tx.execute(LOOKED_FOR, {"of_topic": watches.topic(Watching.STEP, name)}).fetchone() is not None

    def _say(self, events: Sequence[Event]) -> News:
        if not events:
            return NO_NEWS
        new = insert_events(self._tx, events)
        news = Teller(self._tx, Timers(self._tx, self._ids, self._alarm)).tell(events, self._now)
        starts = triggers.starts(events, self._registry(), self._now, self._ids.ulid)
        return news.and_then(create(self._tx, new, starts, self._now, self._ids, self._alarm))
