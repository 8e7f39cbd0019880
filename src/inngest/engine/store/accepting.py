"""Accepting events: the events, and every run they start, in one transaction (P1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import bindparam, select

from inngest.engine.domain.model import Event, Registry, Start
from inngest.engine.ports import NO_NEWS, Acceptance, Accepted, Ids, News, Owner
from inngest.protocol import limits

from . import cancelling, tables, waits
from .lanes import Queue, Room, waiting
from .records import EVENT_COLUMNS, NEW_RUN_COLUMNS, event_row, run_row
from .statement import Statement, Transaction, insert_new

JOB_COLUMNS = ("id", "run_id", "function_id", "due_at", "alone", "lane", "start", "score")

LIVE_SESSION = Statement(
    lambda words: words.locking(
        select(tables.sessions.c.id).where(tables.sessions.c.id == bindparam("session")), skip=False
    )
)

KNOWN_EVENTS = Statement(lambda words: select(tables.events.c.id).where(words.any_of(tables.events.c.id, "events")))


INSERT_EVENTS = insert_new(tables.events, EVENT_COLUMNS)
INSERT_RUNS = insert_new(tables.runs, NEW_RUN_COLUMNS)
INSERT_JOBS = insert_new(tables.jobs, JOB_COLUMNS)

TAKE_KEY = Statement(
    lambda words: (
        (insertion := words.insert(tables.idempotency))
        .on_conflict_do_update(
            index_elements=["function_id", "key"],
            set_={"run_id": insertion.excluded.run_id, "expires_at": insertion.excluded.expires_at},
            where=(tables.idempotency.c.expires_at <= bindparam("now"))
            | (tables.idempotency.c.run_id == insertion.excluded.run_id),
        )
        .returning(tables.idempotency.c.run_id)
    )
)


def accept(
    tx: Transaction, acceptances: Sequence[Acceptance], registry: Callable[[], Registry], ids: Ids
) -> list[Accepted]:
    """Write events and the runs they start; what became of each acceptance."""
    known = registry()
    now = acceptances[-1].now
    alive = {session: lives(tx, session) for session in {one.claim[0].session for one in acceptances if one.claim}}
    events = [event for acceptance in acceptances for event in acceptance.events]
    new = insert_events(tx, events)
    news = [tell(tx, [event for event in acceptance.events if event.id in new], now) for acceptance in acceptances]
    wanted = Wanted(new)
    planned = [(acceptance, wanted.of(tx, acceptance.plan(known))) for acceptance in acceptances]
    entry = LaneEntry(tx, [start for _, starts in planned for start in starts])
    started = [_started(acceptance, starts, entry, alive) for acceptance, starts in planned]
    insert_starts(tx, [one for part in started for one in part], ids, entry)
    return [Accepted(part, told) for part, told in zip(started, news, strict=True)]


def _started(
    acceptance: Acceptance, starts: Sequence[Start], entry: LaneEntry, alive: Mapping[str, bool]
) -> list[tuple[Start, Owner | None]]:
    """The runs to create, and who owns them from the start."""
    owners = [owner for owner in acceptance.claim if alive[owner.session]]
    owners.reverse()
    started: list[tuple[Start, Owner | None]] = []
    for start in starts:
        mine = start.due_at <= acceptance.now and start.run.function_id in acceptance.functions
        begins = mine and bool(owners) and (start.place is None or entry.admits(start))
        started.append((start, replace(owners.pop(), run_id=start.run.id) if begins else None))
        if start.place is not None and not begins:
            entry.queue(start)
    return started


class LaneEntry:
    """How the starts of a transaction come into their lanes. Costs nothing if they have none."""

    def __init__(self, tx: Transaction, starts: Sequence[Start]) -> None:
        self._tx = tx
        lanes = [start.place.lane for start in starts if start.place is not None]
        self._room = Room(tx, lanes)
        self._waiting = waiting(tx, lanes) if lanes else set()
        self._queue = Queue()

    def admits(self, start: Start) -> bool:
        """Whether the run begins at once, past an empty lane with room; then it has its slot."""
        place, now = start.place, start.run.created_at
        assert place is not None
        lane, rules = place.lane, place.rules
        if lane.id in self._waiting or self._room.full(lane, rules) or not self._room.starts(lane, rules, now):
            return False
        self._room.take(lane, rules, 1, 1, now)
        return True

    def queue(self, start: Start) -> None:
        """The run waits in its lane."""
        place, now = start.place, start.run.created_at
        assert place is not None
        lane, rules = place.lane, place.rules
        self._waiting.add(lane.id)
        full = self._room.full(lane, rules) if start.due_at <= now else None
        opens_at = self._room.opens_at(lane, rules, now)
        if full is not None and opens_at <= now:
            self._queue.add(lane, start.due_at, full)
        else:
            self._queue.add(lane, max(start.due_at, opens_at))

    def write(self, now: int, ids: Ids) -> None:
        """Write slots and lanes."""
        self._room.write()
        self._queue.write(self._tx, now, ids)


class Wanted:
    """Which starts of a batch are wanted: those of new events, each once, whose idempotency keys are free.

    Args:
        new: ids of the events that were not stored before this batch. The same event may be in it several times.
    """

    def __init__(self, new: set[str]) -> None:
        self._new = new
        self._seen: set[tuple[str, str]] = set()

    def of(self, tx: Transaction, starts: Sequence[Start]) -> list[Start]:
        """The wanted ones of these."""
        return [start for start in starts if self._is_first(start) and (not start.key or _take_key(tx, start))]

    def _is_first(self, start: Start) -> bool:
        event_id = start.run.event_id
        if event_id not in self._new or (event_id, start.run.function_id) in self._seen:
            return False
        self._seen.add((event_id, start.run.function_id))
        return True


def insert_events(tx: Transaction, events: Sequence[Event]) -> set[str]:
    """Write events; the ids of those that were not stored already."""
    known = {row[0] for row in tx.execute(KNOWN_EVENTS, {"events": json.dumps([one.id for one in events])}).fetchall()}
    new: dict[str, Event] = {}
    for event in events:
        if event.id not in known:
            new.setdefault(event.id, event)
    tx.execute_rows(INSERT_EVENTS, [event_row(event) for event in new.values()])
    return set(new)


def tell(tx: Transaction, events: Sequence[Event], now: int) -> News:
    """Give events to the steps that wait for them, and cancel the runs that they cancel."""
    found = waits.search(tx, events, now)
    if not found.arrivals and not found.cancelled:
        return NO_NEWS
    arrivals = waits.deliver(tx, found.arrivals, now)
    news = News(arrivals, queued=bool(arrivals))
    if found.cancelled:
        names = ", ".join(sorted({event.name for event in events}))
        news = news.and_then(cancelling.cancel(tx, found.cancelled, f"an event came that cancels it ({names})", now))
    return news


def insert_starts(
    tx: Transaction, starts: Sequence[tuple[Start, Owner | None]], ids: Ids, entry: LaneEntry | None = None
) -> None:
    """Write runs with their jobs, or with their owners. Without an entry, all that have a lane queue in it."""
    if entry is None:
        entry = LaneEntry(tx, [start for start, _ in starts])
        for start, _ in starts:
            if start.place is not None:
                entry.queue(start)
    tx.execute_rows(INSERT_RUNS, [run_row(start.run, owner) for start, owner in starts])
    tx.execute_rows(INSERT_JOBS, [_start_row(ids, start) for start, owner in starts if owner is None])
    if starts:
        entry.write(starts[0][0].run.created_at, ids)
    watched = [watch for start, _ in starts for watch in start.watches]
    if watched:
        waits.look_out(tx, watched)


def job_row(
    ids: Ids, run_id: str, function_id: str, due_at: int, *, alone: bool = False, lane: str | None = None
) -> tuple[object, ...]:
    """The row of JOB_COLUMNS of something to do for a run that has begun."""
    return (ids.ulid(due_at), run_id, function_id, due_at, int(alone), lane or "", 0, due_at)


def _start_row(ids: Ids, start: Start) -> tuple[object, ...]:
    """The row of JOB_COLUMNS of a run that is to begin."""
    run, due_at, place = start.run, start.due_at, start.place
    if place is None:
        return job_row(ids, run.id, run.function_id, due_at)
    return (ids.ulid(due_at), run.id, run.function_id, due_at, 0, place.lane.id, 1, due_at - place.shift)


def lives(tx: Transaction, session: str) -> bool:
    """Whether a worker has not been declared dead; it cannot be while this transaction lasts (P4)."""
    return tx.execute(LIVE_SESSION, {"session": session}).fetchone() is not None


def _take_key(tx: Transaction, start: Start) -> bool:
    run = start.run
    parameters = {
        "function_id": run.function_id,
        "key": start.key,
        "run_id": run.id,
        "expires_at": run.created_at + limits.IDEMPOTENCY_PERIOD,
        "now": run.created_at,
    }
    return tx.execute(TAKE_KEY, parameters).fetchone() is not None
