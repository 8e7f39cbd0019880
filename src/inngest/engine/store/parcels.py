"""Parcels: events that were sent together are stored together, and accepted one after the other (P1).

A parcel is a few rows with the texts of all its events, and a marker, which is written with the last of them. From then
on its events count as sent. Each page of it is accepted in a transaction that moves the marker on, or removes it, and
so a crash between two pages loses nothing. An event counts as received when its page is accepted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from inngest.engine.domain import effects, triggers
from inngest.engine.domain.model import Event, Registry
from inngest.engine.errors import StoreError
from inngest.protocol import limits

from .allowance import Allowance
from .context import WriteContext
from .core import bindparam, delete, select, tables
from .records import event_row
from .statement import Statement, Transaction, insert_new
from .timers import ACCEPT, ALWAYS, STAGED, Timers

_parcels = tables.parcels

PART = limits.MB
"""Bytes of one row; one event may be more."""

PATIENCE = 1_000
"""Milliseconds that whoever stored a parcel has for its next page before others go on."""

ABANDONED = 600_000
"""Milliseconds after which a parcel that is still not whole is removed."""

OF_EVENT, OF_RUN = 1, 3
"""Rows that an event is, and a run that it starts, about."""

_GONE = "gone"

INSERT_PARTS = insert_new("A transaction stores parts of a parcel.", _parcels, ("id", "part", "events"))

PART_OF = Statement(
    "An acceptance reads a part of a parcel.",
    lambda _: select(_parcels.c.events).where(
        _parcels.c.id == bindparam("parcel"), _parcels.c.part == bindparam("of_part")
    ),
)

HAS_PART = Statement(
    "An acceptance asks whether a parcel has parts from a number on.",
    lambda _: (
        select(_parcels.c.part)
        .where(_parcels.c.id == bindparam("parcel"), _parcels.c.part >= bindparam("since_part"))
        .limit(1)
    ),
)

DELETE_PART = Statement(
    "An acceptance removes a part whose events are all accepted.",
    lambda _: delete(_parcels).where(_parcels.c.id == bindparam("parcel"), _parcels.c.part == bindparam("of_part")),
)

DELETE_PARTS = Statement(
    "A timer removes some parts of a parcel that was abandoned.",
    lambda words: delete(_parcels).where(
        _parcels.c.id == bindparam("parcel"),
        _parcels.c.part.in_(
            select(_parcels.c.part).where(_parcels.c.id == bindparam("parcel")).limit(bindparam("count"))
        ),
    ),
)


class Parts(NamedTuple):
    """Some of the rows of a parcel."""

    parcel: str
    first: int
    texts: Sequence[str]
    last: bool  # the parcel is whole with them

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(len(text) for text in self.texts)


class Marker(NamedTuple):
    """The events that are still to be accepted: the payload of a timer, whose key is the parcel's id."""

    part: int = 0
    place: int = 0  # of the next event in it


class Page(NamedTuple):
    """Events that are accepted together."""

    events: Sequence[Event]
    more: bool  # others are left


def parts_of(parcel: str, events: Sequence[Event]) -> list[Parts]:
    """The rows of a parcel, as they are stored: in one transaction each."""
    texts: list[str] = []
    rows: list[tuple[object, ...]] = []
    size = 0
    for event in events:
        if rows and (size + len(event.data) > PART or len(rows) == effects.AT_ONCE):
            texts.append(json.dumps(rows, ensure_ascii=False))
            rows, size = [], 0
        rows.append(event_row(event))
        size += len(event.data)
    texts.append(json.dumps(rows, ensure_ascii=False))
    found: list[Parts] = []
    first = 0
    for index in range(1, len(texts) + 1):
        size = sum(len(text) for text in texts[first:index])
        if index == len(texts) or size + len(texts[index]) > effects.BYTES_AT_ONCE:
            found.append(Parts(parcel, first, texts[first:index], index == len(texts)))
            first = index
    return found


def put(tx: Transaction, parts: Parts, now: int, due_at: int, timers: Timers) -> None:
    """Store rows of a parcel; with the last of them its marker, which falls due then.

    Raises:
        StoreError: it was abandoned, since nothing of it came for ten minutes.
    """
    if parts.first and ((staged := timers.get(STAGED, parts.parcel)) is None or staged.payload == _GONE):
        raise StoreError("events that were sent together took too long to be stored; none of them is accepted")
    tx.execute_rows(INSERT_PARTS, [(parts.parcel, parts.first + at, text) for at, text in enumerate(parts.texts)])
    if parts.last:
        timers.put(ACCEPT, parts.parcel, due_at, Marker())
        timers.remove(STAGED, parts.parcel)
    else:
        timers.put(STAGED, parts.parcel, now + ABANDONED, None)


def put_sent(context: WriteContext, parts: Parts, now: int) -> None:
    """Store rows of a parcel that was sent, or is staged for a commit."""
    context.keep_time(now)
    put(context, parts, now, now + PATIENCE, context.timers)


def seal(parcel: str, timers: Timers) -> bool:
    """All rows of a parcel are stored: its marker follows; False if it was abandoned."""
    staged = timers.get(STAGED, parcel)
    if staged is None or staged.payload == _GONE:
        return False
    timers.put(ACCEPT, parcel, ALWAYS, Marker())
    timers.remove(STAGED, parcel)
    return True


def abandon(tx: Transaction, parcel: str, timers: Timers, count: int) -> None:
    """Remove what there is of a parcel that never became whole, so many rows at a time."""
    tx.execute(DELETE_PARTS, {"parcel": parcel, "count": count})
    if _has(tx, parcel, 0):
        timers.put(STAGED, parcel, ALWAYS, _GONE)


def page(
    tx: Transaction, parcel: str, marker: Marker, registry: Registry, now: int, due_at: int, timers: Timers
) -> Page:
    """Take the next events of a parcel, as many as this transaction has room for; and move its marker on.

    Args:
        tx: the transaction.
        parcel: its id.
        marker: where it stands; it is written anew if more is left.
        registry: the functions, which say how many runs an event may start.
        now: when the events are received.
        due_at: when the marker falls due.
        timers: for the marker.
    """
    row = tx.execute(PART_OF, {"parcel": parcel, "of_part": marker.part}).fetchone()
    assert row is not None, f"part {marker.part} of parcel {parcel} is still to be accepted, but is not stored"
    left = [Event(*values) for values in json.loads(row[0])[marker.place :]]
    room = Allowance.of(tx).rows
    taken: list[Event] = []
    for event in left:
        if taken and room <= 0:
            break
        room -= OF_EVENT + OF_RUN * len(triggers.hearing(event, registry))
        taken.append(event._replace(received_at=now))
    following_part = marker.part + 1
    if len(taken) < len(left):
        marker = marker._replace(place=marker.place + len(taken))
    else:
        tx.execute(DELETE_PART, {"parcel": parcel, "of_part": marker.part})
        marker = Marker(following_part)
    more = marker.part < following_part or _has(tx, parcel, following_part)
    if more:
        timers.put(ACCEPT, parcel, due_at, marker)
    return Page(taken, more)


def _has(tx: Transaction, parcel: str, since: int) -> bool:
    return tx.execute(HAS_PART, {"parcel": parcel, "since_part": since}).fetchone() is not None
