"""Removing what is over: ended runs with all that is recorded of them, events that nobody needs, expired keys.

In small transactions, each of which finds what it removes by an index: those who record steps wait for none of it.
"""

from __future__ import annotations

import json

from inngest.engine.records import EventCursor
from inngest.protocol import limits, ulids

from . import troubles, woken
from .core import ClauseElement, ColumnElement, ScalarSelect, bindparam, delete, exists, func, select, tables, tuple_
from .records import number_of
from .statement import SqlDialect, Statement, Transaction, constant
from .timers import STARTS, TELL

MAX_ROWS = 1_000
MAX_BYTES = 4 * limits.MB
"""What one transaction removes. Of a run with more rows its steps go first, page by page, and the run with the last."""

SINCE = "retention_since"
"""The member of the table of facts that says since when a database knows of a retention that nobody chose, unix ms."""

MAX_KEYS = 500
"""Keys that one transaction removes, and as many starts that a rate limit counted."""

_runs, _steps, _attempts, _events, _keys = (
    tables.runs,
    tables.steps,
    tables.attempts,
    tables.events,
    tables.idempotency,
)
_batches, _rates, _singletons = tables.batches, tables.rates, tables.singletons
_cancellations = tables.cancellations
_inbox, _timers, _metadata, _meta = tables.inbox, tables.timers, tables.run_metadata, tables.meta
_NEEDED = (
    exists().where(_runs.c.event_id == _events.c.id)
    | exists().where(_batches.c.event_id == _events.c.id)
    | exists().where(_inbox.c.event_id == _events.c.id)
    | exists().where(_timers.c.kind.in_([constant(TELL), constant(STARTS)]), _timers.c.key == _events.c.id)
)

_EVENT_OF_RUN = select(_events.c.data).where(_events.c.id == _runs.c.event_id).scalar_subquery()


def _size(text: ColumnElement[str | None]) -> ColumnElement[int]:
    return func.coalesce(func.length(text), 0)


ENDED_BEFORE = Statement(
    "The pruner finds runs that ended before a time, and not before another, with their sizes.",
    lambda _: (
        select(_runs.c.id, _runs.c.event_id, _size(_runs.c.output) + _size(_EVENT_OF_RUN))
        .where(_runs.c.ended_at < bindparam("before"), _runs.c.ended_at >= bindparam("since"))
        .order_by(_runs.c.ended_at)
        .limit(bindparam("count"))
    ),
)


def _count(*where: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).where(*where).scalar_subquery()


WEIGHT = Statement(
    "The pruner counts the rows and bytes of a run.",
    lambda _: select(
        func.count(),
        func.coalesce(func.sum(_size(_steps.c.data)), 0),
        _count(_attempts.c.run_id == bindparam("run")),
        _count(_metadata.c.run_id == bindparam("run")),
        _count(_batches.c.batch_id == select(_runs.c.batch_id).where(_runs.c.id == bindparam("run")).scalar_subquery()),
    ).where(_steps.c.run_id == bindparam("run")),
)

DELETE_SOME_STEPS = Statement(
    "The pruner removes a page of the steps of a large run.",
    lambda _: delete(_steps).where(
        _steps.c.run_id == bindparam("run"),
        _steps.c.hash.in_(select(_steps.c.hash).where(_steps.c.run_id == bindparam("run")).limit(bindparam("count"))),
    ),
)

DELETE_SOME_ATTEMPTS = Statement(
    "The pruner removes a page of the attempts of a large run.",
    lambda _: delete(_attempts).where(
        _attempts.c.run_id == bindparam("run"),
        tuple_(_attempts.c.hash, _attempts.c.attempt, _attempts.c.ended_at).in_(
            select(_attempts.c.hash, _attempts.c.attempt, _attempts.c.ended_at)
            .where(_attempts.c.run_id == bindparam("run"))
            .limit(bindparam("count"))
        ),
    ),
)

DELETE_SOME_METADATA = Statement(
    "The pruner removes a page of the metadata of a large run.",
    lambda _: delete(_metadata).where(
        _metadata.c.run_id == bindparam("run"),
        _metadata.c.id.in_(
            select(_metadata.c.id).where(_metadata.c.run_id == bindparam("run")).limit(bindparam("count"))
        ),
    ),
)

DELETE_STEPS = Statement(
    "The pruner removes the steps of runs.", lambda words: delete(_steps).where(words.any_of(_steps.c.run_id, "runs"))
)
DELETE_ATTEMPTS = Statement(
    "The pruner removes the failed attempts of runs.",
    lambda words: delete(_attempts).where(words.any_of(_attempts.c.run_id, "runs")),
)
DELETE_METADATA = Statement(
    "The pruner removes the metadata of runs.",
    lambda words: delete(_metadata).where(words.any_of(_metadata.c.run_id, "runs")),
)
DELETE_RUNS = Statement("The pruner removes runs.", lambda words: delete(_runs).where(words.any_of(_runs.c.id, "runs")))

COLLECTED_EVENTS = Statement(
    "The pruner finds the events of the batches of runs.",
    lambda words: (
        select(_batches.c.event_id)
        .join(_runs, _runs.c.batch_id == _batches.c.batch_id)
        .where(words.any_of(_runs.c.id, "runs"))
    ),
)
DELETE_BATCHES = Statement(
    "The pruner removes the batches of runs.",
    lambda words: delete(_batches).where(
        _batches.c.batch_id.in_(
            select(_runs.c.batch_id).where(words.any_of(_runs.c.id, "runs"), _runs.c.batch_id.is_not(None))
        )
    ),
)
DELETE_SINGLETONS = Statement(
    "The pruner removes what singletons know of runs.",
    lambda words: delete(_singletons).where(words.any_of(_singletons.c.run_id, "runs")),
)

DELETE_EVENTS = Statement(
    "The pruner removes old events that nothing needs.",
    lambda words: delete(_events).where(
        words.any_of(_events.c.id, "events"), _events.c.received_at < bindparam("before"), ~_NEEDED
    ),
)

EVENTS_BEFORE = Statement(
    "The pruner reads the next events after a place that were received before a time.",
    lambda _: (
        select(_events.c.received_at, _events.c.id, _size(_events.c.data))
        .where(
            tuple_(_events.c.received_at, _events.c.id) > tuple_(bindparam("after"), bindparam("after_id")),
            _events.c.received_at < bindparam("before"),
        )
        .order_by(_events.c.received_at, _events.c.id)
        .limit(bindparam("count"))
    ),
)

EXPIRED_KEYS = Statement(
    "The pruner finds idempotency keys that have expired.",
    lambda _: (
        select(_keys.c.function_id, _keys.c.key)
        .where(_keys.c.expires_at <= bindparam("now"))
        .order_by(_keys.c.expires_at)
        .limit(bindparam("count"))
    ),
)

DELETE_KEY = Statement(
    "The pruner removes an idempotency key that has expired.",
    lambda _: delete(_keys).where(
        _keys.c.function_id == bindparam("function"),
        _keys.c.key == bindparam("key"),
        _keys.c.expires_at <= bindparam("now"),
    ),
)


EXPIRED_STARTS = Statement(
    "The pruner finds starts that no rate limit counts any more.",
    lambda _: (
        select(_rates.c.function_id, _rates.c.key, _rates.c.started_at)
        .where(_rates.c.started_at <= bindparam("until"))
        .order_by(_rates.c.started_at)
        .limit(bindparam("count"))
    ),
)

DELETE_CANCELLATIONS = Statement(
    "The pruner removes cancellations of many runs that are older than what they ended.",
    lambda _: delete(_cancellations).where(
        _cancellations.c.id.in_(
            select(_cancellations.c.id)
            .where(_cancellations.c.id < bindparam("before"))
            .order_by(_cancellations.c.id)
            .limit(bindparam("count"))
        )
    ),
)

DELETE_STARTS = Statement(
    "The pruner removes starts that no rate limit counts any more.",
    lambda _: delete(_rates).where(
        _rates.c.function_id == bindparam("function"),
        _rates.c.key == bindparam("of_key"),
        _rates.c.started_at == bindparam("at"),
    ),
)


OF_RUNS = (
    DELETE_STEPS,
    DELETE_ATTEMPTS,
    DELETE_METADATA,
    woken.OF_RUNS,
    DELETE_BATCHES,
    DELETE_SINGLETONS,
    DELETE_RUNS,
)
"""What goes with runs, and they at last: the others are found by them."""


def _note_since(words: SqlDialect) -> ClauseElement:
    insertion = words.insert(_meta).values(key=constant(SINCE), value=bindparam("now"))
    clause: ClauseElement = insertion.on_conflict_do_nothing(index_elements=["key"]).returning(_meta.c.key)
    return clause


RETENTION_SINCE = Statement(
    "The pruner reads since when a database knows of a retention that nobody chose.",
    lambda _: select(_meta.c.value).where(_meta.c.key == constant(SINCE)),
)
NOTE_SINCE = Statement("The pruner notes that a database knows of a retention that nobody chose.", _note_since)


def retention_since(tx: Transaction, now: int) -> tuple[int, bool]:
    """Since when a database knows of a retention that nobody chose; whether that is new to it."""
    row = tx.execute(RETENTION_SINCE).fetchone()
    if row is None:
        return now, tx.execute(NOTE_SINCE, {"now": str(now)}).fetchone() is not None
    return number_of(row[0]), False


def remove_runs(tx: Transaction, before: int, since: int) -> bool:
    """Remove runs that ended before a time, and their events if nothing else needs them; whether some may be left."""
    found = tx.execute(ENDED_BEFORE, {"before": before, "since": since, "count": MAX_ROWS})
    runs: list[str] = []
    events: list[str] = []
    rows = size = 0
    while (row := found.fetchone()) is not None:
        weight = tx.execute(WEIGHT, {"run": row[0]}).fetchone()
        assert weight is not None
        steps, data, attempts, metadata, collected = weight
        if not runs and steps + attempts + metadata > MAX_ROWS:
            some = {"run": row[0], "count": MAX_ROWS}
            pages = ((metadata, DELETE_SOME_METADATA), (attempts, DELETE_SOME_ATTEMPTS), (steps, DELETE_SOME_STEPS))
            tx.execute(next(page for found, page in pages if found), some)
            return True
        rows, size = rows + 3 + steps + attempts + metadata + 2 * collected, size + row[2] + data
        if runs and (rows > MAX_ROWS or size > MAX_BYTES):
            break
        runs.append(row[0])
        events.append(row[1])
    left = row is not None
    if not left:  # at last
        oldest = ulids.make(before, bytes(10))
        tx.execute(DELETE_CANCELLATIONS, {"before": oldest, "count": MAX_ROWS})
    if not runs:
        return False
    gone = {"runs": json.dumps(runs)}
    events += [row[0] for row in tx.execute(COLLECTED_EVENTS, gone).fetchall()]
    for statement in OF_RUNS:
        tx.execute(statement, gone)
    tx.execute(DELETE_EVENTS, {"events": json.dumps(events), "before": before})
    return left


def remove_events(tx: Transaction, after: EventCursor, before: int) -> EventCursor | None:
    """Of the next events that were received before a time, remove those without runs; where to go on, if anywhere."""
    place = {"after": after.received_at, "after_id": after.id, "before": before, "count": MAX_ROWS}
    found = tx.execute(EVENTS_BEFORE, place)
    events: list[str] = []
    size = 0
    while size <= MAX_BYTES and (row := found.fetchone()) is not None:
        after = EventCursor(row[0], row[1])
        events.append(row[1])
        size += row[2]
    if not events:
        return None
    tx.execute(DELETE_EVENTS, {"events": json.dumps(events), "before": before})
    return after


def remove_keys(tx: Transaction, now: int) -> bool:
    """Remove idempotency keys, and starts that rate limits counted, that have expired; whether some may be left."""
    found = tx.execute(EXPIRED_KEYS, {"now": now, "count": MAX_KEYS}).fetchall()
    for function_id, key in found:
        tx.execute(DELETE_KEY, {"function": function_id, "key": key, "now": now})
    # No limit has a longer period; and a minute for clocks that are behind.
    until = now - limits.DAY - limits.MINUTE
    starts = tx.execute(EXPIRED_STARTS, {"until": until, "count": MAX_KEYS}).fetchall()
    for function_id, key, at in starts:
        tx.execute(DELETE_STARTS, {"function": function_id, "of_key": key, "at": at})
    return troubles.sweep(tx, now, MAX_KEYS) or MAX_KEYS in (len(found), len(starts))
