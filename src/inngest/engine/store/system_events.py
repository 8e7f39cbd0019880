"""System events about the ends of runs: stored, and told, in the transaction in which they end (P1)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from inngest.engine.domain import subscriptions, system_events, triggers
from inngest.engine.domain.effects import Finish
from inngest.engine.domain.event_view import data_of
from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.model import Ended, Event, Run, RunStatus, SubscriptionKind
from inngest.protocol.calls import EventData
from inngest.protocol.events import FINISHED
from inngest.runtime.careful import CarefulLogger

from . import events
from .context import WriteContext
from .core import bindparam, select, tables
from .records import RUN_COLUMNS, run_of
from .starting import create
from .statement import Statement
from .telling import Teller

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

LOOKED_FOR = Statement(
    "An announcer asks whether any wait has this topic.",
    lambda _: select(tables.waits.c.run_id).where(tables.waits.c.topic == bindparam("of_topic")).limit(1),
)


def announce(context: WriteContext) -> None:
    """Say which runs were cancelled in a transaction, and which ended; and what follows from that."""
    said = SystemEvents(context)
    said.cancelled()
    said.finished(context.finished)


class SystemEvents:
    """Sends the events of the engine about one transaction."""

    def __init__(self, context: WriteContext) -> None:
        self._tx = context
        self._ids = context.ids
        self._now = context.now

    def finished(self, finishes: Sequence[Finish]) -> None:
        """Say that runs ended, if anyone listens."""
        if finishes and self._is_heard(FINISHED):
            self._say([one.event(self._ids.ulid) for one in finishes])
            self.cancelled()

    def cancelled(self) -> None:
        """Say which runs were cancelled. Their events may cancel other runs."""
        while rows := self._tx.cancelled:
            self._tx.cancelled = []
            self._say(self._of_cancelled(rows))

    def _of_cancelled(self, rows: Sequence[tuple[Any, ...]]) -> list[Event]:
        heard = self._is_heard(FINISHED)
        said: list[Event] = []
        for row in rows:
            try:
                said += self._of_end(run_of(row[: len(RUN_COLUMNS)]), heard=heard)
            except Exception as error:  # it is cancelled all the same
                LOGGER.error(
                    "run %s was cancelled, and it, or its event, cannot be read: nobody is told. %s",
                    row[0],
                    text_of(error),
                )
        return said

    def _of_end(self, run: Run, *, heard: bool) -> list[Event]:
        """The events about a run that was cancelled."""
        ended, causes = Ended(RunStatus.CANCELLED, None, None), self._causes(run)
        if not causes or system_events.is_silent(causes):
            return []
        said = [system_events.of_end(run, ended, causes, self._now, self._ids.ulid)]
        if heard:
            said.append(system_events.of_finish(run, ended, causes, self._now, self._ids.ulid))
        return said

    def _causes(self, run: Run) -> list[EventData]:
        if run.batch_id is not None:
            found = events.batches(self._tx, [run.batch_id])[run.batch_id]
        else:
            first = events.event(self._tx, run.event_id)
            found = [] if first is None else [first]
        return [data_of(one) for one in found]

    def _is_heard(self, name: str) -> bool:
        """Whether a function is triggered by it, or a step or a run waits for it."""
        if name in self._tx.registry.by_event:
            return True
        return (
            self._tx.execute(LOOKED_FOR, {"of_topic": subscriptions.topic(SubscriptionKind.STEP, name)}).fetchone()
            is not None
        )

    def _say(self, said: Sequence[Event]) -> None:
        """Store and tell events, and make the runs that they start."""
        if not said:
            return
        tx, now = self._tx, self._now
        new = events.insert(tx, said)
        Teller(tx).tell(said, now)
        create(tx, new, triggers.starts(said, tx.registry, now, self._ids.ulid), now)
