"""The outbox: events that users have sent in transactions of their own, on connections of theirs (decision 0097).

A row is written by the user's transaction, and is there if and only if that commits. A worker accepts its events in the
transaction that removes it, so that they start what they start once, whoever takes them. A row that cannot be read
stays where it is, with the reason, and is in nobody's way.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from inngest.engine.domain import effects, triggers
from inngest.engine.domain.model import Event
from inngest.protocol import codec, limits, texts, ulids
from inngest.protocol import events as rules
from inngest.protocol.opcodes import SentEvent
from inngest.runtime.careful import CarefulLogger

from .allowance import Allowance
from .context import WriteContext
from .core import ClauseElement, bindparam, delete, func, or_, select, tables, update
from .database import Database
from .parcels import OF_EVENT, OF_RUN
from .statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction
from .within import Executed

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

_outbox, _sessions = tables.outbox, tables.sessions

PART = limits.MB
"""Bytes of one row; one event may be more."""

AT_ONCE = 50
"""Rows that a transaction takes, at most."""

MOST_ASIDE = 1_000
"""Rows that were put aside, of which a worker that starts tries so many."""

_MEMBERS = {"id", "name", "data", "ts", "key", "extra"}
"""Members of an event in a row. One with others is of a newer version, and means something else."""


def _store(words: SqlDialect, rows: Rows) -> ClauseElement:
    insertion: ClauseElement = words.insert(_outbox).values(rows.values)
    return insertion


STORE = MultiRowStatement(
    "A transaction of a user's stores events in the outbox.", _outbox, ("id", "events", "at"), _store
)

LIVES = Statement(
    "A transaction of a user's sees that it is on the database of the engine.",
    lambda _: select(_sessions.c.id).where(_sessions.c.id == bindparam("session")),
    ("session",),
)

LOCK = Statement(
    "An acceptance finds rows of the outbox that nobody else takes.",
    lambda words: words.locking(
        select(_outbox.c.id, func.length(_outbox.c.events))
        .where(_outbox.c.trouble.is_(None))
        .order_by(_outbox.c.id)
        .limit(bindparam("count")),
        skip=True,
    ),
)

LOCK_ONE = Statement(
    "An acceptance finds one row of the outbox, if nobody else takes it.",
    lambda words: words.locking(
        select(_outbox.c.id, func.length(_outbox.c.events)).where(_outbox.c.id == bindparam("row")), skip=True
    ),
)

READ = Statement(
    "An acceptance reads rows of the outbox.",
    lambda words: (
        select(_outbox.c.id, _outbox.c.events, _outbox.c.at)
        .where(words.any_of(_outbox.c.id, "rows"))
        .order_by(_outbox.c.id)
    ),
)

REMOVE = Statement(
    "An acceptance removes rows of the outbox whose events it accepts.",
    lambda words: delete(_outbox).where(words.any_of(_outbox.c.id, "rows")),
)

PUT_ASIDE = Statement(
    "An acceptance puts aside a row of the outbox that cannot be accepted.",
    lambda _: update(_outbox).where(_outbox.c.id == bindparam("row")).values(trouble=bindparam("why")),
)

WAITING = Statement(
    "A worker lists rows of the outbox, to take them one by one.",
    lambda _: select(_outbox.c.id).where(_outbox.c.trouble.is_(None)).order_by(_outbox.c.id).limit(bindparam("count")),
)

ASIDE = Statement(
    "A worker that starts lists rows of the outbox that others have put aside.",
    lambda _: (
        select(_outbox.c.id, _outbox.c.trouble)
        .where(_outbox.c.trouble.is_not(None))
        .order_by(_outbox.c.id)
        .limit(bindparam("count"))
    ),
)

OF_EVENT_ID = Statement(
    "An explanation looks for an event in the outbox.",
    lambda _: (
        select(_outbox.c.trouble)
        .where(or_(_outbox.c.id == bindparam("event"), _outbox.c.events.like(bindparam("members"))))
        .limit(1)
    ),
)

COUNTS = Statement(
    "A reader counts the rows of the outbox, and those that were put aside.",
    lambda _: select(func.count(), func.count(_outbox.c.trouble), func.min(_outbox.c.at)).select_from(_outbox),
)


class UnreadableError(ValueError):
    """A row that this version cannot read, or an event in it that nobody may send."""


class Taken(NamedTuple):
    """Events that are accepted together."""

    events: Sequence[Event]
    more: bool  # others are left, as far as is known


class Depth(NamedTuple):
    """The amount of what is in the outbox."""

    rows: int  # of which each has the events of one send, or some of them
    aside: int  # of these: cannot be accepted
    oldest: int | None  # when the first was sent, unix ms
    trouble: str | None  # why the first of those cannot be


# -- for the user's transaction


def identified(events: Sequence[SentEvent], now: int, new_id: Callable[[int], str]) -> list[SentEvent]:
    """The events with their ids, new ones where they have none."""
    return [event if event.id else event._replace(id=new_id(now)) for event in events]


def rows_of(events: Sequence[SentEvent], now: int) -> list[tuple[str, str, int]]:
    """The rows of events that have ids: id, text and time. An event without a time has that of its acceptance."""
    rows: list[tuple[str, str, int]] = []
    part: list[SentEvent] = []
    size = 0
    for event in events:
        if part and (size + len(event.data) > PART or len(part) == effects.AT_ONCE):
            rows.append(_row(part, now))
            part, size = [], 0
        part.append(event)
        size += len(event.data)
    return [*rows, _row(part, now)] if part else rows


def _row(part: Sequence[SentEvent], now: int) -> tuple[str, str, int]:
    return part[0].id, f"[{','.join(map(_text, part))}]", now


def _text(event: SentEvent) -> str:
    members: dict[str, object] = {"id": event.id, "name": event.name, "data": event.data, "ts": event.ts}
    members.update({name: value for name, value in (("key", event.key), ("extra", event.extra)) if value})
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def stores(database: Database, rows: Sequence[tuple[str, str, int]]) -> Executed:
    """Stores rows, all or none."""
    return STORE.text(database, len(rows)), [value for row in rows for value in row]


def lives(database: Database, session: str) -> Executed:
    """Gives a row if the connection is of the database in which this worker lives."""
    return LIVES.text(database).sql, [session]


# -- for a worker


def read(text: str, at: int, now: int) -> list[Event]:
    """The events of a row, received now.

    Args:
        text: of the row.
        at: when they were sent (unix ms), by a clock that may be ahead.
        now: unix ms.

    Raises:
        UnreadableError: one of them cannot be accepted; why.
    """
    try:
        found = codec.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise UnreadableError("it is no JSON") from None
    if not isinstance(found, list):
        raise UnreadableError(f"expected a JSON list of events, got {type(found).__name__}")
    return [_event(place, one, min(at, now), now) for place, one in enumerate(found)]


def _event(place: int, found: Any, sent_at: int, now: int) -> Event:
    where = f"events[{place}]"
    if not isinstance(found, dict):
        raise UnreadableError(f"{where}: expected an object, got {type(found).__name__}")
    if unknown := sorted(found.keys() - _MEMBERS):
        raise UnreadableError(f"{where} has a member {unknown[0]!r:.80}: was it sent by a newer version?")
    data, extra = _object(where, found, "data"), found.get("extra")
    if extra is not None:
        extra = _object(where, found, "extra")
    ts = found.get("ts", 0)
    if not isinstance(ts, int) or isinstance(ts, bool):
        raise UnreadableError(f"{where}.ts: expected unix milliseconds, got {ts!r:.80}")
    sent = SentEvent(_named(where, found, "name"), data, _named(where, found, "key", ""), ts, _id(where, found), extra)
    if reason := rules.problem(sent):
        raise UnreadableError(f"{where}: {reason}")
    return Event(sent.id, sent.name, sent.data, sent.ts or sent_at, sent.key, now, sent.extra)


def _named(where: str, found: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = found.get(name, default)
    if not isinstance(value, str):
        raise UnreadableError(f"{where}.{name}: expected a text, got {type(value).__name__}")
    return value


def _id(where: str, found: Mapping[str, Any]) -> str:
    value = _named(where, found, "id")
    try:
        ulids.read(value)
    except ValueError as error:
        raise UnreadableError(f"{where}.id: {error}") from None
    return value


def _object(where: str, found: Mapping[str, Any], name: str) -> str:
    text = _named(where, found, name)
    with contextlib.suppress(ValueError, RecursionError):
        text.encode()
        if isinstance(codec.loads(text), dict):
            return text
    raise UnreadableError(f"{where}.{name}: expected the JSON text of an object")


def take(context: WriteContext, only: str, now: int) -> Taken:
    """Take rows, as many as this transaction has room for; those that cannot be read are put aside.

    Args:
        context: the transaction.
        only: the id of one row, also of one that was put aside; "": the first of those that were not.
        now: when their events are received, unix ms.
    """
    found = (context.execute(LOCK_ONE, {"row": only}) if only else context.execute(LOCK, {"count": AT_ONCE})).fetchall()
    fitting = _fitting(found)
    events, taken = _accepted(context, fitting, now) if fitting else ([], 0)
    more = taken < len(found) or len(found) == AT_ONCE
    if not only:
        context.on_commit(lambda: context.alarm.note_outbox(waits=more))
    return Taken(events, more)


def _fitting(found: Sequence[Sequence[Any]]) -> list[str]:
    """The rows that may be read at once; one at least."""
    fitting: list[str] = []
    size = 0
    for row_id, length in found:
        size += int(length)
        if fitting and size > effects.BYTES_AT_ONCE:
            break
        fitting.append(row_id)
    return fitting


def _accepted(context: WriteContext, rows: Sequence[str], now: int) -> tuple[list[Event], int]:
    """The events of the first of these rows, which are removed, and how many are done with."""
    room, registry = Allowance.of(context).rows, context.registry
    events: list[Event] = []
    done: list[str] = []
    aside = 0
    for row_id, text, at in context.execute(READ, {"rows": json.dumps(rows)}).fetchall():
        if done and room <= 0:
            break
        try:
            found = read(text, at if isinstance(at, int) else now, now)
        except UnreadableError as error:
            put_aside(context, row_id, texts.escaped(str(error)))
            aside += 1
            continue
        room -= sum(OF_EVENT + OF_RUN * len(triggers.hearing(event, registry)) for event in found)
        events += found
        done.append(row_id)
    if done:
        context.execute(REMOVE, {"rows": json.dumps(done)})
    return events, len(done) + aside


def put_aside(context: WriteContext, row_id: str, why: str) -> None:
    """A row cannot be accepted: it stays, and is in nobody's way."""
    context.execute(PUT_ASIDE, {"row": row_id, "why": why})
    context.on_commit(
        lambda: LOGGER.error(
            "what was sent in a transaction (row %s of the outbox) cannot be accepted, and is put aside until a worker "
            "starts that can: %s",
            row_id,
            why,
        )
    )


def waiting(tx: Transaction, *, aside: bool) -> list[str]:
    """Ids of the first rows that wait, or were put aside."""
    found = tx.execute(ASIDE, {"count": MOST_ASIDE}) if aside else tx.execute(WAITING, {"count": AT_ONCE})
    return [row[0] for row in found.fetchall()]


def state_of(tx: Transaction, event_id: str) -> str | None:
    """The state of an event in the outbox, as a sentence; None if it is not there."""
    row = tx.execute(OF_EVENT_ID, {"event": event_id, "members": f'%"id":"{event_id}"%'}).fetchone()
    if row is None:
        return None
    if row[0] is None:
        return "it was sent in a transaction, and no worker has accepted it yet"
    return f"it was sent in a transaction, and no worker that has tried can accept it: {row[0]}"


def depth(tx: Transaction) -> Depth:
    """The amount of what there is, at the moment of the transaction."""
    row = tx.execute(COUNTS).fetchone()
    assert row is not None
    first = tx.execute(ASIDE, {"count": 1}).fetchone() if row[1] else None
    oldest = row[2] if isinstance(row[2], int) else None
    return Depth(int(row[0]), int(row[1]), oldest, None if first is None else str(first[1]))
