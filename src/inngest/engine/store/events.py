"""Reading events, alone and in batches."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import bindparam, select

from inngest.engine.domain.model import Event

from . import tables
from .records import EVENT_COLUMNS
from .statement import Statement, Transaction

_events = tables.events

EVENT = Statement(
    lambda _: select(
        _events.c.id, _events.c.name, _events.c.data, _events.c.ts, _events.c.key, _events.c.received_at
    ).where(_events.c.id == bindparam("event"))
)

EVENTS_OF_BATCHES = Statement(
    lambda words: (
        select(tables.batches.c.batch_id, *(_events.c[name] for name in EVENT_COLUMNS))
        .join(_events, _events.c.id == tables.batches.c.event_id)
        .where(words.any_of(tables.batches.c.batch_id, "batches"))
        .order_by(tables.batches.c.batch_id, tables.batches.c.position)
    )
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
