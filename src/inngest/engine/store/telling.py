"""Events are told to those who look for them: at once as far as a transaction goes, and the rest page by page (P8).

The rest beyond a page hangs on a marker, a timer that is written with the event. Until its last page is told, a wait
that was open when the event came is owed it: a transaction of the run looks at the markers before it writes. Events of
a name are told in the order in which they were stored, so each wait is given the first that is for it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from inngest.engine.domain import subscriptions
from inngest.engine.domain.event_view import EventView
from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.model import Event, SubscriptionKind
from inngest.engine.records import Touched
from inngest.protocol import limits
from inngest.protocol.opcodes import Arrival

from . import cancelling, events, locking, troubles, waits, woken
from .allowance import OF_ANSWER, OF_CANCELLATION, Allowance
from .context import WriteContext
from .core import Integer, bindparam, cast, literal_column, select, tables, tuple_
from .records import number_of
from .statement import Statement, Transaction, constant
from .timers import ALWAYS, TELL

_waits, _timers, _meta = tables.waits, tables.timers, tables.meta

LOOKS = 1_000
"""Waits that a transaction looks at, whether an event is for them or not."""

_SEEN = (_waits.c.run_id, _waits.c.hash, _waits.c.kind, _waits.c.expression, _waits.c.parameters)

CANDIDATES = Statement(
    "An event finds a page of the waits of its topic with the key that stands at a path.",
    lambda _: (
        select(*_SEEN, _waits.c.opened)
        .where(
            _waits.c.topic == bindparam("of_topic"),
            _waits.c.path == bindparam("at_path"),
            _waits.c.key == bindparam("of_key"),
            tuple_(_waits.c.run_id, _waits.c.hash) > tuple_(bindparam("after_run"), bindparam("after_step")),
            _waits.c.expires_at > bindparam("at"),
        )
        .order_by(_waits.c.run_id, _waits.c.hash)
        .limit(bindparam("count"))
    ),
)

OF_RUNS = Statement(
    "A transaction of a run reads the waits of the run, which may be owed an event.",
    lambda words: (
        select(*_SEEN, _waits.c.opened, _waits.c.topic, _waits.c.path, _waits.c.key, _waits.c.expires_at)
        .where(words.any_of(_waits.c.run_id, "runs"))
        .order_by(_waits.c.run_id, _waits.c.hash)
    ),
)

_MARKERS = select(_timers.c.key, _timers.c.payload, _timers.c.due_at).where(_timers.c.kind == constant(TELL))

MARKERS = Statement(
    "A transaction reads the markers of events that are still to be told.", lambda _: _MARKERS.order_by(_timers.c.id)
)

PUT_OFF = Statement(
    "An event finds the markers that were put off.", lambda _: _MARKERS.where(_timers.c.due_at > bindparam("now"))
)

NEXT_NUMBER = Statement(
    "An event takes the next number for its marker.",
    lambda words: (
        words.insert(_meta)
        .values(key=constant("broadcasts"), value=literal_column("'1'"))
        .on_conflict_do_update(
            index_elements=["key"], set_={"value": cast(_meta.c.value, Integer) + literal_column("1", Integer)}
        )
        .returning(_meta.c.value)
    ),
)


class Place(NamedTuple):
    """A wait, in the order in which they are told."""

    path: str
    run_id: str
    step: str


class Marker(NamedTuple):
    """The rest of an event that is still to be told: the payload of a timer, whose key is the event's id."""

    number: int  # markers made before have lower ones; a wait knows the last that was made before it
    topic: str
    now: int  # for expressions that ask for the time
    path: str = ""
    run_id: str = ""
    step: str = ""


class _Found:
    """The runs that are to be told, in one transaction."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.cancelled: dict[str, tuple[str, str]] = {}  # by ids of runs: what looked for the event, and that
        self.names: set[str] = set()  # of the events that cancel

    def add(self, event: Event, view: EventView, kind: str, run_id: str, step: str) -> int:
        """One who is to be told; how many rows that is."""
        if kind == SubscriptionKind.CANCEL:
            self.cancelled.setdefault(run_id, (step, event.id))
            self.names.add(event.name)
            return OF_CANCELLATION
        self.arrivals.append(Arrival(run_id, step, view.text, None, 0, event_id=event.id))
        return OF_ANSWER


class Teller:
    """Tells events, in one transaction.

    Args:
        context: the transaction.
    """

    def __init__(self, context: WriteContext) -> None:
        self._tx = context
        self._timers = context.timers
        self._allowance = Allowance.of(context)
        self._looks = LOOKS
        self._marked: set[str] | None = None  # topics of which something is still to be told, once it is known
        self._unfinished: set[str] = set()  # those of which this transaction has told only some
        self.touched: list[Touched] = []  # what the events that it told did
        self._put_off: list[Pending] | None = None  # what could not be told, once that is known

    def tell(self, told: Sequence[Event], now: int, sought: Mapping[str, Sequence[str]] | None = None) -> None:
        """Tell new events; `sought` is what is `sought` of them and others.

        Each counts for waits that were open when it was received, though the transaction, or a batch, came later.
        """
        self._tx.hold(locking.of_events, told)
        paths = waits.sought(self._tx, told) if sought is None else sought
        found = _Found()
        for event in told if paths else ():
            topic = subscriptions.topic(SubscriptionKind.STEP, event.name)
            if topic in paths:
                self._tell(event, topic, paths[topic], now, found)
        self._deliver(found, now)

    def go_on(self, key: str, marker: Marker, now: int) -> None:
        """Tell the next page of what is still to be told. Markers are handed in by their numbers."""
        event = events.event(self._tx, key)
        if event is not None:
            self._tx.hold(locking.of_events, [event])
        assert event is not None, f"event {key} is still to be told, but is not stored"
        view = EventView(event, marker.now)
        paths = waits.sought(self._tx, [event]).get(marker.topic, ())
        found = _Found()
        place: Place | None = Place(marker.path, marker.run_id, marker.step)
        due_at = self._stands_behind(marker, now)
        if marker.topic not in self._unfinished and due_at == ALWAYS:  # else an earlier one is not told to all yet
            place = self._page(event, view, marker.topic, paths, Place(*marker[3:]), marker.number, found, now)
        if place is not None:
            self._unfinished.add(marker.topic)
            self._timers.put(TELL, key, due_at, marker._replace(**place._asdict()), _id(marker.number))
        self._deliver(found, now)

    def _stands_behind(self, marker: Marker, now: int) -> int:
        """When earlier events of the name are told, which were put off, unix ms; ALWAYS if nothing keeps this one.

        It waits for them for a minute: one that cannot be told then holds up nobody.
        """
        if self._put_off is None:
            self._put_off = _read(self._tx.execute(PUT_OFF, {"now": now}).fetchall())
        times = [
            one.due_at
            for one in self._put_off
            if one.marker.topic == marker.topic
            and one.marker.number < marker.number
            and any(
                trouble.kind == f"timer:{TELL}" and now - trouble.since < limits.MINUTE
                for trouble in troubles.of_key(self._tx, one.event_id)
            )
        ]
        return max(times, default=ALWAYS)

    def _tell(self, event: Event, topic: str, paths: Sequence[str], now: int, found: _Found) -> None:
        if self._marked is None:
            self._marked = {pending.marker.topic for pending in markers(self._tx)}
        place: Place | None = Place("", "", "")
        if topic not in self._marked:
            place = self._page(event, EventView(event, now), topic, paths, Place("", "", ""), None, found, now)
        if place is not None:
            self._marked.add(topic)
            self._tx.hold(locking.of_broadcasts)
            row = self._tx.execute(NEXT_NUMBER).fetchone()
            assert row is not None
            number = int(row[0])
            self._timers.put(TELL, event.id, ALWAYS, Marker(number, topic, now, *place), _id(number))

    def _page(
        self,
        event: Event,
        view: EventView,
        topic: str,
        paths: Sequence[str],
        after: Place,
        number: int | None,
        found: _Found,
        now: int,
    ) -> Place | None:
        """Find as many as this transaction has room for; where to go on, if anywhere."""
        for path in sorted(path for path in paths if isinstance(path, str)):
            key = _key(self._tx, view, topic, path, now)
            if path < after.path or key is None:
                continue
            last = after[1:] if path == after.path else ("", "")
            asked = {"of_topic": topic, "at_path": path, "of_key": key, "at": event.received_at}
            while True:
                count = min(self._looks, self._allowance.rows)
                if not all(isinstance(one, str) for one in last):
                    break  # what is no text stands behind all that is
                if count <= 0:
                    return Place(path, *last)
                place = {"after_run": last[0], "after_step": last[1], "count": count}
                rows = self._tx.execute(CANDIDATES, {**asked, **place}).fetchall()
                for row in rows:
                    if self._allowance.rows <= 0:
                        break
                    last = (row[0], row[1])
                    self._looks -= 1
                    if _is_for(self._tx, view, number, row, now):
                        self._allowance.take(found.add(event, view, row[2], row[0], row[1]))
                else:
                    if len(rows) < count:
                        break
        return None

    def _deliver(self, found: _Found, now: int) -> None:
        arrivals, ended = _deliver(self._tx, found, now)
        self._tx.arrived(arrivals)
        self.touched += [
            Touched(one.event_id, one.run_id, cancelled=False) for one in arrivals if one.event_id is not None
        ]
        self.touched += [Touched(found.cancelled[run_id][1], run_id, cancelled=True) for run_id in ended]


def _deliver(context: WriteContext, found: _Found, now: int) -> tuple[list[Arrival], list[str]]:
    """Give the events to those who look for them; the arrivals of steps, and ids of the runs that were cancelled."""
    ended: list[str] = []
    if not found.arrivals and not found.cancelled:
        return [], ended
    arrivals = waits.deliver(context, [arrival._replace(at=now) for arrival in found.arrivals], now)
    if found.cancelled:
        names = ", ".join(sorted(found.names))
        ended = cancelling.cancel(context, list(found.cancelled), f"an event came that cancels it ({names})", now)
        woken.cancelled(context, [(run_id, *found.cancelled[run_id]) for run_id in ended])
    return arrivals, ended


class Pending(NamedTuple):
    """An event that is still to be told."""

    event_id: str
    marker: Marker
    due_at: int  # later than now if it was put off


def markers(tx: Transaction) -> list[Pending]:
    """The rests that are still to be told, in their order. One that cannot be read is put off when it falls due."""
    return _read(tx.execute(MARKERS).fetchall())


def _read(rows: Sequence[Sequence[Any]]) -> list[Pending]:
    found: list[Pending] = []
    for key, payload, due_at in rows:
        with contextlib.suppress(Exception):
            marker = Marker(*json.loads(payload))
            if isinstance(marker.number, int):
                found.append(Pending(key, marker, number_of(due_at, ALWAYS)))
    return found


def _is_for(tx: Transaction, view: EventView, number: int | None, wait: Sequence[Any], now: int) -> bool:
    """Whether an event is what a wait looks for, which was there before the event's marker, if that has a number.

    A wait that cannot be read is put aside: the event goes on to the others.
    """
    run_id, step, _, expression, parameters, opened = wait[:6]
    if not isinstance(run_id, str) or not isinstance(step, str):
        return False
    try:
        return (number is None or opened < number) and view.matches(expression, parameters)
    except Exception as error:
        troubles.note_once(tx, f"{troubles.WAIT}:{step}", run_id, text_of(error), now)
        return False


def _key(tx: Transaction, view: EventView, topic: str, path: str, now: int) -> str | None:
    """The value at a path of an event; None if nothing does, or if the path cannot be read."""
    try:
        return view.key(path)
    except Exception as error:
        troubles.note_once(tx, "path", topic, f"{path!r}: {text_of(error)}", now)
        return None


def catch_up(tx: WriteContext, run_ids: Iterable[str], now: int, *, cancel: bool = True) -> list[Arrival]:
    """Tell these runs now what they are owed: they are about to write, or to be entered. Their steps' arrivals.

    With `cancel` false, what cancels them is left to its page.
    """
    pending = markers(tx)
    if not pending:
        return []
    open_waits = tx.execute(OF_RUNS, {"runs": json.dumps(sorted(run_ids))}).fetchall()
    topics = {row[6] for row in open_waits}
    found = _Found()
    told: set[tuple[str, str]] = set()
    for event_id, marker, _ in pending:
        if marker.topic not in topics:
            continue
        event = events.event(tx, event_id)
        if event is None:
            continue  # its timer cannot be done, and is put off
        view = EventView(event, marker.now)
        for wait in open_waits:
            run_id, step, kind, _, _, _, topic, path, key, expires_at = wait
            if topic != marker.topic or (run_id, step) in told or (kind == SubscriptionKind.CANCEL and not cancel):
                continue
            in_time = not isinstance(expires_at, int) or expires_at > event.received_at
            there = in_time and _key(tx, view, topic, path, now) == key
            if there and _is_for(tx, view, marker.number, wait, now):
                told.add((run_id, step))
                found.add(event, view, kind, run_id, step)
    return _deliver(tx, found, now)[0]


def _id(number: int) -> str:
    """Of a marker's timer: the first is told first."""
    return f"{number:020}"
