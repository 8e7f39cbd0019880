"""Timers: what is to be done at a time. One per kind and key; who sets it again moves it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from inngest.runtime.ports import Ids

from . import locking, troubles
from .core import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    bindparam,
    delete,
    exists,
    literal_column,
    or_,
    select,
    tables,
    update,
)
from .records import LARGEST, number_of
from .statement import Statement, Transaction, constant

_timers, _outbox = tables.timers, tables.outbox

START_TIMEOUT, FINISH_TIMEOUT = "start", "finish"
"""Kinds of timers that limit the time of a run, whose id is their key."""

DEBOUNCE, BATCH = "debounce", "batch"
TELL = "tell"
"""The kind of a marker: its event, whose id is its key, is still to be told to some who wait for it."""

STARTS = "starts"
"""The kind of a marker: runs that its event, whose id is its key, starts are still to be made."""

ACCEPT, STAGED = "accept", "staged"
"""Kinds of markers of a parcel, whose id is their key: its events are still to be accepted; it is not whole yet."""

LANES = "lanes"
"""The kind of a marker: lanes of a function, whose id is its key, are still to be looked at again."""

SLOTS = "slots"
"""The kind of the marker that the slots of all budgets are to be counted anew."""

RETRY = "retry"
"""The kind of a marker: steps of a run, whose id is its key, were made due while the run had an owner."""

CANCELLATION = "cancellation"
"""The kind of a marker: a cancellation of many runs, whose id is its key, has runs left to end, after one of them."""

ALWAYS = 0
"""When a marker falls due."""

UNSAID = -1
"""When a timer fell due that did not say when it does."""

NEVER = 253_402_300_799_000
"""When a timer falls due that waits for something else: the end of the year 9999."""

SET_TIMER = Statement(
    "A transaction sets or moves a timer.",
    lambda words: (insertion := words.insert(_timers)).on_conflict_do_update(
        index_elements=["kind", "key"],
        set_={"due_at": insertion.excluded.due_at, "payload": insertion.excluded.payload},
    ),
)

ARM_TIMER = Statement(
    "A registration sets a timer that is not set.",
    lambda words: words.insert(_timers).on_conflict_do_nothing().returning(_timers.c.id),
)

TIMER = Statement(
    "A transaction reads a timer.",
    lambda _: select(_timers.c.due_at, _timers.c.payload).where(
        _timers.c.kind == bindparam("of_kind"), _timers.c.key == bindparam("of_key")
    ),
)

REMOVE_TIMER = Statement(
    "A transaction removes a timer.",
    lambda _: delete(_timers).where(_timers.c.kind == bindparam("of_kind"), _timers.c.key == bindparam("of_key")),
)

_IS_DUE = _timers.c.due_at <= bindparam("now")

_SAYS_NO_TIME = _timers.c.due_at > literal_column(str(LARGEST), BigInteger)
"""Nobody can say when such a timer is due, so it is: texts come after all numbers."""


def _ids(which: ColumnElement[bool]) -> Select[str]:
    return select(_timers.c.id).where(which).order_by(_timers.c.due_at, _timers.c.id).limit(bindparam("count"))


DUE_IDS = Statement(
    "The timers of an engine find those that are due.", lambda words: words.locking(_ids(_IS_DUE), skip=True)
)
STRANGE_IDS = Statement(
    "The timers of an engine find those that do not say when they are due.",
    lambda words: words.locking(_ids(_SAYS_NO_TIME), skip=True),
)

LOOK_AT_DUE_IDS = Statement("A reader learns which timers are due.", lambda _: _ids(_IS_DUE))
LOOK_AT_STRANGE_IDS = Statement(
    "A reader learns which timers do not say when they are due.", lambda _: _ids(_SAYS_NO_TIME)
)

DUE_NAMES = Statement(
    "The timers of an engine find what is collected and due.",
    lambda _: (
        select(_timers.c.kind, _timers.c.key)
        .where(_IS_DUE, _timers.c.kind.in_([constant(DEBOUNCE), constant(BATCH)]))
        .order_by(_timers.c.due_at, _timers.c.id)
        .limit(bindparam("count"))
    ),
)

TAKE_DUE = Statement(
    "A transaction takes a timer that is due.",
    lambda _: (
        delete(_timers)
        .where(_timers.c.id == bindparam("timer"), or_(_IS_DUE, _SAYS_NO_TIME))
        .returning(_timers.c.kind, _timers.c.key, _timers.c.due_at, _timers.c.payload)
    ),
)

NAME = Statement(
    "A transaction reads what a timer is for.",
    lambda _: select(_timers.c.kind, _timers.c.key).where(_timers.c.id == bindparam("timer")),
)

PUT_OFF = Statement(
    "A transaction makes a timer that cannot be done due later.",
    lambda _: update(_timers).where(_timers.c.id == bindparam("timer")).values(due_at=bindparam("until")),
)

_LIMITING = [constant(kind) for kind in (START_TIMEOUT, FINISH_TIMEOUT)]

TIMES_ARE_LIMITED = Statement(
    "A transaction asks whether any timer limits the time of a run.",
    lambda _: select(*(exists().where(_timers.c.kind == kind) for kind in _LIMITING)),
)

FORGET_TIMES = Statement(
    "A transaction removes the timers that limit the time of runs.",
    lambda words: delete(_timers).where(_timers.c.kind.in_(_LIMITING), words.any_of(_timers.c.key, "runs")),
)

_TIMES = select(_timers.c.due_at).limit(literal_column("1", Integer))

FIRST_AND_LAST = Statement(
    "An engine asks when the next timer falls due, whether the last one says when it does, and what the outbox has.",
    lambda _: select(
        _TIMES.order_by(_timers.c.due_at).scalar_subquery(),
        _TIMES.order_by(_timers.c.due_at.desc()).scalar_subquery(),
        exists().where(_outbox.c.trouble.is_(None)),
        exists().where(_outbox.c.trouble.is_not(None)),
    ),
)
"""The outbox is asked with the timers: an idle engine asks nothing for its sake."""


class Timer(NamedTuple):
    """A timer that fell due."""

    kind: str
    key: str
    due_at: int
    payload: Any  # JSON value
    id: str = ""


class Ahead(NamedTuple):
    """The things that are to be done, whoever has set them."""

    due: int | None  # when the first timer falls due
    outbox: bool  # rows of the outbox wait to be accepted
    aside: bool  # others have been put aside


class NextTimer:
    """When the first timer falls due, and whether the outbox has anything, as far as a store knows. Changes that a
    transaction makes to it follow its COMMIT.
    """

    def __init__(self) -> None:
        self.due: int | None = None
        self.outbox = False
        self.aside: bool | None = None  # None: nobody has looked
        self._heard: int | None = None  # of others, since the last look began

    def note(self, due_at: int) -> None:
        """A timer was set."""
        if self.due is None or due_at < self.due:
            self.due = due_at

    def hear(self, due_at: int) -> None:
        """Others have set a timer: a look that is under way may not have seen it."""
        heard = self._heard
        self._heard = due_at if heard is None else min(heard, due_at)
        self.note(due_at)

    def learn(self, found: Ahead) -> None:
        """This was found, beside what is known."""
        if found.due is not None:
            self.hear(found.due)
        self.outbox, self.aside = found.outbox, found.aside

    def note_outbox(self, *, waits: bool) -> None:
        """Rows of the outbox were taken; whether others wait."""
        self.outbox = waits

    def look(self, tx: Transaction) -> int | None:
        """See what there is, whoever set it; when the first falls due."""
        self._heard = None  # what was heard before is there
        found = ahead(tx)
        tx.on_commit(lambda: self._set(found))
        return found.due

    def _set(self, found: Ahead) -> None:
        self.due, self.outbox, self.aside = found
        if self._heard is not None:
            self.note(self._heard)


class Timers:
    """The timers, in one transaction."""

    def __init__(self, tx: Transaction, ids: Ids, alarm: NextTimer) -> None:
        self._tx = tx
        self._ids = ids
        self._alarm = alarm

    def put(self, kind: str, key: str, due_at: int, payload: object, timer_id: str | None = None) -> None:
        """Set a timer, or move it. Those that are due at the same time are done in the order of their ids."""
        self._note(due_at)
        self._tx.execute(SET_TIMER, self._row(kind, key, due_at, payload, timer_id))

    def arm(self, kind: str, key: str, due_at: int, payload: object) -> bool:
        """Set a timer, unless it is set; whether it was not."""
        armed = self._tx.execute(ARM_TIMER, self._row(kind, key, due_at, payload)).fetchone() is not None
        if armed:
            self._note(due_at)
        return armed

    def _note(self, due_at: int) -> None:
        """A timer was set. Others need it if it is earlier than all that are known: they see to the same ones."""
        if self._alarm.due is None or due_at < self._alarm.due:
            self._tx.tidings.wake(due_at)
        self._tx.on_commit(lambda: self._alarm.note(due_at))

    def _row(self, kind: str, key: str, due_at: int, payload: object, timer_id: str | None = None) -> dict[str, object]:
        number = timer_id or self._ids.token()
        return {"id": number, "kind": kind, "key": key, "due_at": due_at, "payload": json.dumps(payload)}

    def get(self, kind: str, key: str) -> Timer | None:
        """A timer."""
        row = self._tx.execute(TIMER, {"of_kind": kind, "of_key": key}).fetchone()
        return None if row is None else Timer(kind, key, number_of(row[0]), json.loads(row[1]))

    def has(self, kind: str, key: str) -> bool:
        """Whether a timer is set, also one that cannot be read."""
        return self._tx.execute(TIMER, {"of_kind": kind, "of_key": key}).fetchone() is not None

    def remove(self, kind: str, key: str) -> None:
        """It is not to fall due any more."""
        self._tx.execute(REMOVE_TIMER, {"of_kind": kind, "of_key": key})

    def take_due(self, now: int, count: int, only: str | None = None) -> Iterator[Timer]:
        """Those that are due, at most so many; each is removed as it is taken. `only`: the one of this id.

        Firing one may move the next, or fire it: each is taken as it is at its turn, if it still is due.
        """
        if self._tx.is_shared:
            found = self._tx.execute(DUE_NAMES, {"now": now, "count": count}).fetchall()
            self._tx.hold(locking.of_timers, [(kind, key) for kind, key in found])
        for timer_id in due_ids(self._tx, now, count) if only is None else [only]:
            row = self._tx.execute(TAKE_DUE, {"timer": timer_id, "now": now}).fetchone()
            if row is not None:
                kind, key, due_at, payload = row
                yield Timer(kind, key, number_of(due_at, UNSAID), json.loads(payload), timer_id)


def due_ids(tx: Transaction, now: int, count: int, *, takes: bool = True) -> list[str]:
    """Ids of those that are due, at most so many; held, if it `takes` them: a transaction that only reads may not."""
    due, strange = (DUE_IDS, STRANGE_IDS) if takes else (LOOK_AT_DUE_IDS, LOOK_AT_STRANGE_IDS)
    found = tx.execute(due, {"now": now, "count": count}).fetchall()
    found = [*found, *tx.execute(strange, {"count": count}).fetchall()]
    return [row[0] for row in found[:count]]


def put_off(tx: Transaction, timer_id: str, error: str, now: int, alarm: NextTimer) -> None:
    """A timer cannot be done: it falls due again later."""
    row = tx.execute(NAME, {"timer": timer_id}).fetchone()
    if row is not None:
        until = troubles.note(tx, f"timer:{row[0]}", row[1], error, now)
        tx.execute(PUT_OFF, {"timer": timer_id, "until": until})
    alarm.look(tx)


def ahead(tx: Transaction) -> Ahead:
    """The things that are to be done."""
    row = tx.execute(FIRST_AND_LAST).fetchone()
    assert row is not None
    first, last, outbox, aside = row
    due = None if first is None or first == NEVER else number_of(first, ALWAYS)
    if isinstance(last, str | bytes):  # nobody can say when it is: it is
        due = ALWAYS
    return Ahead(due, bool(outbox), bool(aside))


def forget_times(tx: Transaction, run_ids: Sequence[str]) -> None:
    """These runs are over, and their time is limited no more."""
    if any(tx.execute(TIMES_ARE_LIMITED).fetchone() or ()):  # else nothing is asked about any of them
        tx.execute(FORGET_TIMES, {"runs": json.dumps(list(run_ids))})
