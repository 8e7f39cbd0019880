"""System events about the ends of runs: stored, and told, in the transaction in which they end (P1)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from sqlalchemy import bindparam, select

from inngest.engine.domain import system_events, triggers, watches
from inngest.engine.domain.effects import Finish
from inngest.engine.domain.event_view import data_of
from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.model import Ended, Event, Run, RunStatus, Watching
from inngest.protocol.calls import EventData
from inngest.protocol.events import FINISHED
from inngest.runtime.careful import CarefulLogger

from . import cancelling, tables
from .accepting import create, insert_events
from .context import WriteContext
from .events import batches, event
from .records import RUN_COLUMNS, run_of
from .statement import Statement
from .telling import Teller

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


def announce(context: WriteContext) -> None:
    """Say which runs were cancelled in a transaction, and which ended; and what follows from that."""
    events = SystemEvents(context)
    events.cancelled(context.notifications.cancelled)
    events.finished(context.finished)


class SystemEvents:
    """Sends the events of the engine about one transaction."""

    def __init__(self, context: WriteContext) -> None:
        self._tx = context
        self._ids = context.ids
        self._now = context.now

    def finished(self, finishes: Sequence[Finish]) -> None:
        """Say that runs ended, if anyone listens."""
        if finishes and self._is_heard(FINISHED):
            self.cancelled(self._say([one.event(self._ids.ulid) for one in finishes]))

    def cancelled(self, run_ids: Sequence[str]) -> None:
        """Say which runs were cancelled. Their events may cancel other runs."""
        while run_ids:
            run_ids = self._say(self._of_cancelled(run_ids))

    def _of_cancelled(self, run_ids: Sequence[str]) -> list[Event]:
        rows = self._tx.execute(RUNS, {"runs": json.dumps(sorted(run_ids))}).fetchall()
        heard = self._is_heard(FINISHED)
        ended = Ended(RunStatus.CANCELLED, None, None)
        said: list[Event] = []
        for row in rows:
            try:
                run = run_of(row)
            except Exception as error:  # it is cancelled all the same
                LOGGER.error("run %s was cancelled, and cannot be read: nobody is told. %s", row[0], text_of(error))
                continue
            causes = self._causes(run)
            if causes and not system_events.is_silent(causes):
                said.append(system_events.of_end(run, ended, causes, self._now, self._ids.ulid))
                if heard:
                    said.append(system_events.of_finish(run, ended, causes, self._now, self._ids.ulid))
        return said

    def _causes(self, run: Run) -> list[EventData]:
        if run.batch_id is not None:
            found = batches(self._tx, [run.batch_id])[run.batch_id]
        else:
            first = event(self._tx, run.event_id)
            found = [] if first is None else [first]
        return [data_of(one) for one in found]

    def _is_heard(self, name: str) -> bool:
        """Whether a function is triggered by it, or a step or a run waits for it."""
        if name in self._tx.registry.by_event:
            return True
        return self._tx.execute(LOOKED_FOR, {"of_topic": watches.topic(Watching.STEP, name)}).fetchone() is not None

    def _say(self, events: Sequence[Event]) -> Sequence[str]:
        """Store and tell events, and make the runs that they start; ids of the runs that they cancel."""
        if not events:
            return ()
        tx, now = self._tx, self._now
        new = insert_events(tx, events)
        told = Teller(tx, tx.timers).tell(events, now)
        starts = triggers.starts(events, tx.registry, now, self._ids.ulid)
        told = told.and_then(create(tx, new, starts, now, self._ids, tx.alarm))
        tx.notify(told)
        return told.cancelled


def cancel(context: WriteContext, run_ids: Sequence[str], reason: str, now: int) -> Sequence[str]:
    """End those of these runs that have not ended; their ids."""
    context.at(now)
    cancelled = cancelling.cancel(context, run_ids, reason, now)
    context.notify(cancelled)
    return cancelled.cancelled
