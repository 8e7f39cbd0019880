"""Accepting events: the events, and every run they start, in one transaction (P1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Table, bindparam, select
from sqlalchemy.sql import ClauseElement

from inngest.engine.domain.model import Event, Registry, RunStatus, Start
from inngest.engine.ports import Acceptance, Accepted, Ids, News, Owner

from . import tables
from .gates import Gatekeeper
from .records import EVENT_COLUMNS, NEW_RUN_COLUMNS, event_row, run_row
from .statement import Bulk, Rows, Statement, Transaction, Words
from .timers import Alarm

JOB_COLUMNS = ("id", "run_id", "function_id", "due_at", "alone")

LIVE_SESSION = Statement(
    lambda words: words.locking(
        select(tables.sessions.c.id).where(tables.sessions.c.id == bindparam("session")), skip=False
    )
)

KNOWN_EVENTS = Statement(lambda words: select(tables.events.c.id).where(words.any_of(tables.events.c.id, "events")))


def insert_new(table: Table, columns: Sequence[str]) -> Bulk:
    """Inserts rows; those that are there already stay as they are."""

    def build(words: Words, rows: Rows) -> ClauseElement:
        insertion: ClauseElement = words.insert(table).values(rows.values).on_conflict_do_nothing()
        return insertion

    return Bulk(table, columns, build)


INSERT_EVENTS = insert_new(tables.events, EVENT_COLUMNS)
INSERT_RUNS = insert_new(tables.runs, NEW_RUN_COLUMNS)
INSERT_JOBS = insert_new(tables.jobs, JOB_COLUMNS)


def accept(
    tx: Transaction, acceptances: Sequence[Acceptance], registry: Callable[[], Registry], ids: Ids, alarm: Alarm
) -> list[Accepted]:
    """Write events and the runs they start; what became of each acceptance."""
    known = registry()
    alive = {session: lives(tx, session) for session in {one.claim[0].session for one in acceptances if one.claim}}
    keeper = gatekeeper(tx, ids, alarm)
    wanted = Wanted(insert_events(tx, [event for acceptance in acceptances for event in acceptance.events]), keeper)
    given: list[tuple[Start, Owner | None]] = []
    answers: list[Accepted] = []
    for acceptance in acceptances:
        started = _started(acceptance, known, wanted, alive)
        given += started
        answers.append(Accepted(started, News(tuple(keeper.cancelled))))
        keeper.cancelled.clear()
    insert_starts(tx, given, ids)
    return answers


def _started(
    acceptance: Acceptance, registry: Registry, wanted: Wanted, alive: Mapping[str, bool]
) -> list[tuple[Start, Owner | None]]:
    """The runs to create, and who owns them from the start."""
    owners = iter([owner for owner in acceptance.claim if alive[owner.session]])
    started: list[tuple[Start, Owner | None]] = []
    for start in wanted.of(acceptance.plan(registry)):
        mine = _may_begin(start) and start.due_at <= acceptance.now and start.run.function_id in acceptance.functions
        owner = next(owners, None) if mine else None
        started.append((start, None if owner is None else replace(owner, run_id=start.run.id)))
    return started


def _may_begin(start: Start) -> bool:
    """Whether a run may have an owner at once. One that has passed gates may be cancelled by the next in line."""
    return start.gates is None and not start.held and start.run.status is RunStatus.QUEUED


class Wanted:
    """Which starts of a batch are wanted: those of new events, each once, that pass their gates.

    Args:
        new: ids of the events that were not stored before this batch. The same event may be in it several times.
        keeper: asks what must be asked.
    """

    def __init__(self, new: set[str], keeper: Gatekeeper) -> None:
        self._new = new
        self._keeper = keeper
        self._seen: set[tuple[str, str]] = set()

    def of(self, starts: Sequence[Start]) -> list[Start]:
        """The wanted ones of these, and batches that are over with them."""
        wanted: list[Start] = []
        for start in starts:
            if not self._is_first(start):
                continue
            if start.gates is None and not start.key:
                wanted.append(start)
            else:
                wanted += self._keeper.judge(start)
        return wanted

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


def insert_starts(tx: Transaction, starts: Sequence[tuple[Start, Owner | None]], ids: Ids) -> None:
    """Write runs with their jobs, or with their owners."""
    tx.execute_rows(INSERT_RUNS, [run_row(start.run, owner) for start, owner in starts if not start.written])
    jobs = [
        job_row(ids, start.run.id, start.run.function_id, start.due_at, held=start.held)
        for start, owner in starts
        if owner is None and not start.written and start.run.status is RunStatus.QUEUED
    ]
    tx.execute_rows(INSERT_JOBS, jobs)


def gatekeeper(tx: Transaction, ids: Ids, alarm: Alarm) -> Gatekeeper:
    """Who judges the starts of a transaction."""
    return Gatekeeper(tx, ids, alarm, lambda start: insert_starts(tx, [(start, None)], ids))


HELD = 2
"""Added to a job's `alone` while its function is paused: no claim looks there."""


def job_row(
    ids: Ids, run_id: str, function_id: str, due_at: int, *, alone: bool = False, held: bool = False
) -> tuple[object, ...]:
    """The row of JOB_COLUMNS of something to do for a run."""
    return (ids.ulid(due_at), run_id, function_id, due_at, int(alone) + HELD * held)


def lives(tx: Transaction, session: str) -> bool:
    """Whether a worker has not been declared dead; it cannot be while this transaction lasts (P4)."""
    return tx.execute(LIVE_SESSION, {"session": session}).fetchone() is not None
