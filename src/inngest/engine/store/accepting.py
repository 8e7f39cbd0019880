"""Accepting events: the events, and every run they start, in one transaction (P1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, select

from inngest.engine.domain import effects, triggers
from inngest.engine.domain.model import Event, Registry, RunStatus
from inngest.engine.domain.starts import Start
from inngest.engine.records import NO_NOTIFICATIONS, Acceptance, Accepted, Notifications, Owner, Touched
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Arrival
from inngest.runtime.ports import Ids

from . import lanes, parcels, tables, waits
from .allowance import Allowance
from .context import WriteContext
from .gates import Gatekeeper
from .lanes import Queue, waiting
from .records import EVENT_COLUMNS, NEW_RUN_COLUMNS, event_row, run_row
from .statement import Statement, Transaction, constant, insert_new
from .telling import Teller
from .timers import ACCEPT, ALWAYS, STARTS, Alarm

JOB_COLUMNS = ("id", "run_id", "function_id", "due_at", "alone", "lane", "start", "score")

DELAYED = 2
"""Of a job: its run begins with it, and its time has not come."""

LIVE_SESSION = Statement(
    lambda words: words.locking(
        select(tables.sessions.c.id).where(
            tables.sessions.c.id == bindparam("session"), tables.sessions.c.ended.is_(None)
        ),
        skip=False,
    )
)

KNOWN_EVENTS = Statement(lambda words: select(tables.events.c.id).where(words.any_of(tables.events.c.id, "events")))


IS_LEFT = Statement(
    lambda _: (
        select(tables.timers.c.id)
        .where(
            tables.timers.c.kind.in_([constant(STARTS), constant(ACCEPT)]),
            tables.timers.c.due_at <= bindparam("until"),  # one that was put off holds up nobody
        )
        .limit(1)
    )
)

INSERT_EVENTS = insert_new(tables.events, EVENT_COLUMNS)
INSERT_RUNS = insert_new(tables.runs, NEW_RUN_COLUMNS)
INSERT_JOBS = insert_new(tables.jobs, JOB_COLUMNS)
INSERT_STARTING = insert_new(tables.jobs, (*JOB_COLUMNS, "shift"))


def accept(context: WriteContext, acceptances: Sequence[Acceptance]) -> list[Accepted]:
    """Write events and the runs they start; what became of each acceptance."""
    now, ids, registry = acceptances[-1].now, context.ids, context.registry
    context.keep_time(now)
    keeper = gatekeeper(context, ids, context.alarm)
    pages = [_page(context, one) for one in acceptances]
    acceptances = [one for one, _ in pages]
    alive = {session: lives(context, session) for session in {one.claim[0].session for one in acceptances if one.claim}}
    events = [event for acceptance in acceptances for event in acceptance.events]
    new = insert_events(context, events)
    sought = waits.sought(context, [event for event in events if event.id in new])
    teller = Teller(context, keeper.timers)
    told, touched = NO_NOTIFICATIONS, list[tuple[Touched, ...]]()
    for acceptance in acceptances:
        told = told.and_then(teller.tell([one for one in acceptance.events if one.id in new], now, sought))
        touched.append(tuple(teller.touched))
        teller.touched.clear()
    wanted = Wanted(context, new, keeper)
    planned: list[tuple[Acceptance, list[Start]]] = []
    for one in acceptances:
        starts = effects.starts_of_accepted(one.events, one.invoke, registry, one.now, ids.ulid)
        planned.append((one, wanted.of(starts)))
    wanted.mark(now, ids)
    told = told.and_then(keeper.take_notifications())
    entry = LaneEntry(context, [start for _, starts in planned for start in starts])
    answers = [
        Accepted(_started(acceptance, starts, entry, alive), touched=did)
        for (acceptance, starts), did in zip(planned, touched, strict=True)
    ]
    insert_starts(context, [one for answer in answers for one in answer.started], ids, entry)
    context.notify(told)
    return [
        answer._replace(events=one.events, more=more) if one.parcel else answer
        for answer, (one, more) in zip(answers, pages, strict=True)
    ]


def rows_of(events: Sequence[Event], registry: Registry | None) -> int:
    """How many rows events are with the runs that they start, about; the functions are those that were known last."""
    if registry is None:
        return 3 * len(events)
    return sum(1 + 2 * max(1, len(triggers.hearing(event, registry))) for event in events)


def _page(context: WriteContext, acceptance: Acceptance) -> tuple[Acceptance, bool]:
    """An acceptance, with the next events of its parcel if it is of one; and whether others are left."""
    if not acceptance.parcel:
        return acceptance, False
    parcel, now, timers = acceptance.parcel, acceptance.now, context.timers
    marker = timers.get(ACCEPT, parcel)
    if marker is None:  # others have gone on with it
        return acceptance, False
    timers.remove(ACCEPT, parcel)
    place = parcels.Marker(*marker.payload)
    found = parcels.page(context, parcel, place, context.registry, now, now + parcels.PATIENCE, timers)
    return acceptance._replace(events=found.events), found.more


def _started(
    acceptance: Acceptance, starts: Sequence[Start], entry: LaneEntry, alive: Mapping[str, bool]
) -> list[tuple[Start, Owner | None]]:
    """The runs to create, and who owns them from the start."""
    owners = [owner for owner in acceptance.claim if alive[owner.session]]
    owners.reverse()
    threads = acceptance.threads
    started: list[tuple[Start, Owner | None]] = []
    for start in starts:
        function_id = start.run.function_id
        mine = _may_begin(start) and start.due_at <= acceptance.now and function_id in acceptance.functions
        plain = function_id in acceptance.plain
        room = bool(owners) and (not plain or threads > 0)
        begins = mine and room and (start.position is None or entry.admits(start))
        threads -= begins and plain
        started.append((start, _owner_of(start, owners.pop()) if begins else None))
        if not begins:
            entry.queue(start)
    return started


def _owner_of(start: Start, place: Owner) -> Owner:
    return Owner(place.session, place.token, start.run.id)


def _may_begin(start: Start) -> bool:
    """Whether a run may have an owner at once. One that has passed gates may be cancelled by the next in line."""
    return start.gates is None and not start.held and start.run.status is RunStatus.QUEUED


def _is_to_queue(start: Start) -> bool:
    """Whether a run that nobody owns needs a job now."""
    return not start.written and start.run.status is RunStatus.QUEUED


class LaneEntry:
    """How the starts of a transaction come into their lanes. Costs nothing if they have none."""

    def __init__(self, tx: Transaction, starts: Sequence[Start]) -> None:
        self._tx = tx
        queued = [start.position.lane for start in starts if start.position is not None and _is_to_queue(start)]
        self._capacity = lanes.capacity(tx, queued)
        self._waiting = waiting(tx, queued) if queued else set()
        self._queue = Queue()

    def admits(self, start: Start) -> bool:
        """Whether the run begins at once, past an empty lane with room; then it has its slot."""
        place, now = start.position, start.run.created_at
        assert place is not None
        lane, rules = place.lane, place.rules
        if lane.id in self._waiting or self._capacity.full(lane, rules) or not self._capacity.starts(lane, rules, now):
            return False
        self._capacity.take(lane, rules, 1, 1, now)
        return True

    def queue(self, start: Start) -> None:
        """The run waits in its lane, if it has one."""
        place, now = start.position, start.run.created_at
        if place is None or not _is_to_queue(start):
            return
        lane, rules = place.lane, place.rules
        self._waiting.add(lane.id)
        full = self._capacity.full(lane, rules) if start.due_at <= now else None
        opens_at = self._capacity.opens_at(lane, rules, now)
        if full is not None and opens_at <= now:
            self._queue.add(lane, start.due_at, full)
        else:
            self._queue.add(lane, max(start.due_at, opens_at))

    def write(self, now: int, ids: Ids) -> None:
        """Write slots and lanes."""
        lanes.write(self._tx, self._capacity)
        self._queue.write(self._tx, now, ids)


class Wanted:
    """Which starts of a transaction are wanted: those of new events, each once, that pass their gates.

    The rest, beyond what a transaction writes, is left from one function on, and hangs on a marker of its event. While
    others are left, what has gates is left too: they judge in the order in which events came.

    Args:
        tx: the transaction.
        new: ids of the events that were not stored before this batch. The same event may be in it several times.
        keeper: asks what must be asked.
        first: what is wanted was left by others, and is the first of it.
    """

    def __init__(self, tx: Transaction, new: set[str], keeper: Gatekeeper, *, first: bool = False) -> None:
        self._tx = tx
        self._new = new
        self._keeper = keeper
        self._allowance = Allowance.of(tx)
        self._seen: set[tuple[str, str]] = set()
        self._last: dict[str, str] = {}  # function whose run was wanted last, by event
        self._left: dict[str, str] = {}  # events of which some are left, with the function after which they begin
        self._behind = False if first else None  # whether others are left, once it is known

    def of(self, starts: Iterable[Start]) -> list[Start]:
        """The wanted ones of these, and batches that are over with them."""
        wanted: list[Start] = []
        for start in starts:
            if not self._is_first(start) or self._is_left(start):
                continue
            self._allowance.take(rows_of_start(start))
            if start.gates is None and not start.key:
                wanted.append(start)
            else:
                wanted += self._keeper.judge(start)
        return wanted

    def mark(self, now: int, ids: Ids, marker: str | None = None) -> None:
        """Write the markers of what is left. A rest that was left before keeps its `marker`, and with that its turn."""
        for event_id, function_id in self._left.items():
            self._keeper.timers.put(STARTS, event_id, ALWAYS, function_id, marker or ids.ulid(now))

    def _is_first(self, start: Start) -> bool:
        event_id = start.run.event_id
        if event_id not in self._new or (event_id, start.run.function_id) in self._seen:
            return False
        self._seen.add((event_id, start.run.function_id))
        return True

    def _is_left(self, start: Start) -> bool:
        """Whether it is left to another transaction. Only what its event tells can be."""
        if not start.listens:
            return False
        event_id = start.run.event_id
        if event_id not in self._left and (self._allowance.rows <= 0 or self._must_wait(start)):
            self._left[event_id] = self._last.get(event_id, "")
        self._last[event_id] = start.run.function_id
        return event_id in self._left

    def _must_wait(self, start: Start) -> bool:
        if start.gates is None and not start.key:
            return False
        if self._behind is None:
            until = start.run.created_at + parcels.PATIENCE
            self._behind = self._tx.execute(IS_LEFT, {"until": until}).fetchone() is not None
        return self._behind or bool(self._left)


def rows_of_start(start: Start) -> int:
    """How many rows it is, about."""
    return 2 + 2 * (start.position is not None) + len(start.watches) + 4 * (start.gates is not None) + bool(start.key)


def insert_events(tx: Transaction, events: Sequence[Event]) -> set[str]:
    """Write events; the ids of those that were not stored already."""
    known = {row[0] for row in tx.execute(KNOWN_EVENTS, {"events": json.dumps([one.id for one in events])}).fetchall()}
    new: dict[str, Event] = {}
    for event in events:
        if event.id not in known:
            new.setdefault(event.id, event)
    tx.execute_rows(INSERT_EVENTS, [event_row(event) for event in new.values()])
    return set(new)


def insert_starts(
    tx: Transaction, starts: Sequence[tuple[Start, Owner | None]], ids: Ids, entry: LaneEntry | None = None
) -> None:
    """Write runs with their jobs, or with their owners. Without an entry, all that have a lane queue in it."""
    if entry is None:
        entry = LaneEntry(tx, [start for start, _ in starts])
        for start, _ in starts:
            entry.queue(start)
    tx.execute_rows(INSERT_RUNS, [run_row(start.run, owner) for start, owner in starts if not start.written])
    jobs = [_start_row(ids, start) for start, owner in starts if owner is None and _is_to_queue(start)]
    tx.execute_rows(INSERT_STARTING, jobs)
    if starts:
        entry.write(starts[0][0].run.created_at, ids)
    watched = [watch for start, _ in starts if not start.written for watch in start.watches]
    if watched:
        waits.look_out(tx, watched)


def create(tx: Transaction, new: set[str], starts: Iterable[Start], now: int, ids: Ids, alarm: Alarm) -> Notifications:
    """Create those of the runs that are wanted, for nobody in particular; `new` are the events that were not stored."""
    keeper = gatekeeper(tx, ids, alarm)
    listed = Wanted(tx, new, keeper)
    wanted = listed.of(starts)
    listed.mark(now, ids)
    insert_starts(tx, [(start, None) for start in wanted], ids)
    queued = Notifications(queued=True) if wanted else NO_NOTIFICATIONS
    return queued.and_then(keeper.take_notifications()).and_then(tell_parents(tx, wanted, now))


def tell_parents(tx: Transaction, starts: Sequence[Start], now: int) -> Notifications:
    """Give the steps that invoked runs which are skipped the reason."""
    told = [
        Arrival(start.run.parent_id, start.run.parent_hash, None, _of_skipped(start), now)
        for start in starts
        if start.run.status is RunStatus.SKIPPED and start.run.parent_id and start.run.parent_hash
    ]
    arrivals = waits.deliver(tx, told, now) if told else []
    return Notifications(arrivals, queued=True) if arrivals else NO_NOTIFICATIONS


def _of_skipped(start: Start) -> ErrorInfo:
    why = ErrorInfo.from_json(start.run.error or "{}").message
    return ErrorInfo("InvokedRunSkippedError", f"run {start.run.id} of {start.run.function_id} was skipped: {why}")


def gatekeeper(tx: Transaction, ids: Ids, alarm: Alarm) -> Gatekeeper:
    """The judge of the starts of a transaction."""
    return Gatekeeper(tx, ids, alarm, lambda start: insert_starts(tx, [(start, None)], ids))


def job_row(
    ids: Ids,
    run_id: str,
    function_id: str,
    now: int,
    due_at: int,
    *,
    alone: bool = False,
    lane: str | None = None,
    starts: bool = False,
) -> tuple[object, ...]:
    """The row of JOB_COLUMNS of something to do for a run that has begun; or that `starts` with it, if it has a lane.

    Its id is made of `now`: after one of a later time, all others of this process would be of that time too.
    """
    return (ids.ulid(now), run_id, function_id, due_at, int(alone), lane or "", int(starts and bool(lane)), due_at)


def _start_row(ids: Ids, start: Start) -> tuple[object, ...]:
    """The row of INSERT_STARTING of a run that is to begin.

    One with a priority whose time has not come is not among those that are due: they are in another order.
    """
    run, due_at, place = start.run, start.due_at, start.position
    lane, starting, score, shift = "", 0, due_at, 0
    if place is not None:
        lane, shift = place.lane.id, place.shift
        delayed = place.rules.priority is not None and due_at > run.created_at
        starting, score = (DELAYED, due_at) if delayed else (1, due_at - shift)
    return (ids.ulid(run.created_at), run.id, run.function_id, due_at, 0, lane, starting, score, shift)


def lives(tx: Transaction, session: str) -> bool:
    """Whether a worker has not been declared dead; it cannot be while this transaction lasts (P4)."""
    return tx.execute(LIVE_SESSION, {"session": session}).fetchone() is not None
