"""Events: stored once, and read alone and in batches."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inngest.engine.domain.model import Event

from . import locking
from .core import ClauseElement, bindparam, select, tables
from .records import EVENT_COLUMNS, event_row
from .statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction

_events = tables.events


def _insert_events(words: SqlDialect, rows: Rows) -> ClauseElement:
    """RETURNING gives those that are new."""
    insertion: ClauseElement = (
        words.insert(_events).values(rows.values).on_conflict_do_nothing().returning(_events.c.id)
    )
    return insertion


INSERT_EVENTS = MultiRowStatement(
    "An acceptance stores events, and returns the ids of those that are new.", _events, EVENT_COLUMNS, _insert_events
)

EVENT = Statement(
    "A transaction reads one event.",
    lambda _: select(*(_events.c[name] for name in EVENT_COLUMNS)).where(_events.c.id == bindparam("event")),
)

EVENTS_OF_BATCHES = Statement(
    "A transaction reads the events of batches in the order in which they came.",
    lambda words: (
        select(tables.batches.c.batch_id, *(_events.c[name] for name in EVENT_COLUMNS))
        .join(_events, _events.c.id == tables.batches.c.event_id)
        .where(words.any_of(tables.batches.c.batch_id, "batches"))
        .order_by(tables.batches.c.batch_id, tables.batches.c.position)
    ),
)


def event(tx: Transaction, event_id: str) -> Event | None:
    """An event."""
    row = tx.execute(EVENT, {"event": event_id}).fetchone()
    return None if row is None else Event(*row)


def batches(tx: Transaction, batch_ids: Sequence[str]) -> dict[str, list[Event]]:
    """The events of batches, in the order in which they came."""
    found: dict[str, list[Event]] = {batch_id: [] for batch_id in batch_ids}
    for row in tx.execute(EVENTS_OF_BATCHES, {"batches": json.dumps(list(batch_ids))}).fetchall():
        found[row[0]].append(Event(*row[1:]))
    return found


def insert(tx: Transaction, events: Sequence[Event]) -> set[str]:
    """Write events, in the order of ids if others write, too; the ids of those that were not stored already.

    Their topics are held from before on: who looks back waits for those that were inserted and are not committed yet.
    """
    tx.hold(locking.of_events, events)
    first: dict[str, Event] = {}
    for one in events:
        first.setdefault(one.id, one)
    ids = sorted(first) if tx.is_shared else first
    return {row[0] for row in tx.execute_rows(INSERT_EVENTS, [event_row(first[one]) for one in ids])}
