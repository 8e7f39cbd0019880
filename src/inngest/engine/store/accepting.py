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
from .records import EVENT_COLUMNS, NEW_RUN_COLUMNS, event_row, run_row
from .statement import Statement, Transaction, insert_new

JOB_COLUMNS = ("id", "run_id", "function_id", "due_at", "alone")

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
    given: list[tuple[Start, Owner | None]] = []
    answers: list[Accepted] = []
    for acceptance, told in zip(acceptances, news, strict=True):
        started = _started(tx, acceptance, known, wanted, alive)
        given += started
        answers.append(Accepted(started, told))
    insert_starts(tx, given, ids)
    return answers


def _started(
    tx: Transaction, acceptance: Acceptance, registry: Registry, wanted: Wanted, alive: Mapping[str, bool]
) -> list[tuple[Start, Owner | None]]:
    """The runs to create, and who owns them from the start."""
    owners = iter([owner for owner in acceptance.claim if alive[owner.session]])
    started: list[tuple[Start, Owner | None]] = []
    for start in wanted.of(tx, acceptance.plan(registry)):
        mine = start.due_at <= acceptance.now and start.run.function_id in acceptance.functions
        owner = next(owners, None) if mine else None
        started.append((start, None if owner is None else replace(owner, run_id=start.run.id)))
    return started


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


def insert_starts(tx: Transaction, starts: Sequence[tuple[Start, Owner | None]], ids: Ids) -> None:
    """Write runs with their jobs, or with their owners."""
    tx.execute_rows(INSERT_RUNS, [run_row(start.run, owner) for start, owner in starts])
    jobs = [job_row(ids, start.run.id, start.run.function_id, start.due_at) for start, owner in starts if owner is None]
    tx.execute_rows(INSERT_JOBS, jobs)
    watched = [watch for start, _ in starts for watch in start.watches]
    if watched:
        waits.look_out(tx, watched)


def job_row(ids: Ids, run_id: str, function_id: str, due_at: int, *, alone: bool = False) -> tuple[object, ...]:
    """The row of JOB_COLUMNS of something to do for a run."""
    return (ids.ulid(due_at), run_id, function_id, due_at, int(alone))


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
