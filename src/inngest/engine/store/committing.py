"""What owners decided: memos, open steps, and how runs ended or were let go (P2, P3, P4).

All commits of a batch are written together: one statement for all their memos, one for all runs that ended, …
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Integer, exists, literal_column, null, select, update
from sqlalchemy.sql import ClauseElement

from inngest.engine.domain.lanes import Lane
from inngest.engine.domain.model import Ended, Registry, Released
from inngest.engine.ports import Commit, Ids, Written

from . import lanes, tables
from .accepting import INSERT_JOBS, Wanted, insert_events, insert_new, insert_starts, job_row
from .records import FAILED_COLUMNS, NEW_STEP_COLUMNS, failed_row, memo_row, open_row
from .statement import Bulk, Rows, Transaction, Words

_runs, _steps = tables.runs, tables.steps
_NONE = literal_column("0", Integer)

STEP_UPDATES = ("kind", "seq", "attempt", "started_at", "due_at", "ended_at", "data", "error", "cancelled")


def _lost(_: Words, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    owned = exists().where(
        _runs.c.id == given.c.id, _runs.c.token == given.c.token, _runs.c.session_id == given.c.session_id
    )
    return select(given.c.id, given.c.token).where(~owned)


def _write_memos(words: Words, rows: Rows) -> ClauseElement:
    insertion = words.insert(_steps).values(rows.values)
    writing: ClauseElement = insertion.on_conflict_do_update(
        index_elements=["run_id", "hash"],
        set_={name: insertion.excluded[name] for name in STEP_UPDATES},
        where=_steps.c.seq.is_(None),
    )
    return writing


def _write_open(words: Words, rows: Rows) -> ClauseElement:
    insertion = words.insert(_steps).values(rows.values)
    writing: ClauseElement = insertion.on_conflict_do_update(
        index_elements=["run_id", "hash"],
        set_={name: insertion.excluded[name] for name in ("attempt", "due_at")},
        where=_steps.c.seq.is_(None) & (_steps.c.attempt < insertion.excluded.attempt),
    )
    return writing


def _end_runs(_: Words, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    changed = {name: given.c[name] for name in ("status", "output", "error", "attempt", "ended_at")}
    return update(_runs).where(_runs.c.id == given.c.id).values(**changed, session_id=null(), token=null(), slots=_NONE)


def _release_runs(_: Words, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    changes = update(_runs).where(_runs.c.id == given.c.id)
    return changes.values(attempt=given.c.attempt, session_id=null(), token=null(), slots=_NONE)


def _set_attempts(_: Words, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    return update(_runs).where(_runs.c.id == given.c.id).values(attempt=given.c.attempt)


LOST = Bulk(_runs, ("id", "token", "session_id"), _lost)
WRITE_MEMOS = Bulk(_steps, NEW_STEP_COLUMNS, _write_memos)
WRITE_OPEN = Bulk(_steps, NEW_STEP_COLUMNS, _write_open)
WRITE_FAILED = insert_new(tables.attempts, FAILED_COLUMNS)
END_RUNS = Bulk(_runs, ("id", "status", "output", "error", "attempt", "ended_at"), _end_runs)
RELEASE_RUNS = Bulk(_runs, ("id", "attempt"), _release_runs)
SET_ATTEMPTS = Bulk(_runs, ("id", "attempt"), _set_attempts)


def commit(tx: Transaction, commits: Sequence[Commit], registry: Callable[[], Registry], ids: Ids) -> list[Written]:
    """Write what owners decided, each only if the run is still its own; what became of each."""
    claims = {(one.owner.run_id, one.owner.token): one.owner.session for one in commits}
    lost = set(tx.execute_rows(LOST, [(*key, session) for key, session in claims.items()]))
    kept = [one for one in commits if (one.owner.run_id, one.owner.token) not in lost]
    _write_steps(tx, kept)
    _write_events(tx, kept, registry, ids)
    _give_slots_back(tx, [one for one in kept if one.lane is not None and one.changes.transition is not None])
    _write_transitions(tx, kept, ids)
    return [Written.LOST if (one.owner.run_id, one.owner.token) in lost else Written.DONE for one in commits]


def _write_steps(tx: Transaction, commits: Sequence[Commit]) -> None:
    """Open steps come first: a memo of the same batch finishes them."""
    changes = [(one.owner.run_id, one.changes) for one in commits]
    tx.execute_rows(WRITE_OPEN, [open_row(run_id, step) for run_id, change in changes for step in change.open])
    tx.execute_rows(WRITE_MEMOS, [memo_row(run_id, memo) for run_id, change in changes for memo in change.memos])
    tx.execute_rows(WRITE_FAILED, [failed_row(run_id, one) for run_id, change in changes for one in change.failed])


def _write_events(tx: Transaction, commits: Sequence[Commit], registry: Callable[[], Registry], ids: Ids) -> None:
    sending = [one for one in commits if one.events]
    if not sending:
        return
    known = registry()
    wanted = Wanted(insert_events(tx, [event for one in sending for event in one.events]))
    starts = [start for one in sending for start in wanted.of(tx, one.plan(known))]
    insert_starts(tx, [(start, None) for start in starts], ids)


def _give_slots_back(tx: Transaction, commits: Sequence[Commit]) -> None:
    """Runs that end, or wait, execute no more."""
    if commits:
        held = lanes.held(tx, [one.owner.run_id for one in commits])
        lanes.give_back(tx, held, max(one.now for one in commits))


def _write_transitions(tx: Transaction, commits: Sequence[Commit], ids: Ids) -> None:
    ended: list[tuple[object, ...]] = []
    released: list[tuple[object, ...]] = []
    kept: dict[str, tuple[object, ...]] = {}  # by run: a batch may have several commits of one
    jobs: list[tuple[object, ...]] = []
    queue = lanes.Queue()
    for one in commits:
        run_id, changes, transition = one.owner.run_id, one.changes, one.changes.transition
        if isinstance(transition, Ended):
            error = None if transition.error is None else transition.error.to_json()
            ended.append((run_id, transition.status.value, transition.output, error, changes.attempt, one.now))
        elif isinstance(transition, Released):
            released.append((run_id, changes.attempt))
            if transition.due_at is not None:
                jobs.append(job_row(ids, run_id, one.function_id, transition.due_at, lane=one.lane))
                if one.lane is not None:
                    queue.add(Lane.of(one.lane), transition.due_at)
        elif changes.attempt_changed:
            kept[run_id] = (run_id, changes.attempt)
    tx.execute_rows(SET_ATTEMPTS, list(kept.values()))
    tx.execute_rows(END_RUNS, ended)
    tx.execute_rows(RELEASE_RUNS, released)
    tx.execute_rows(INSERT_JOBS, jobs)
    if jobs:
        queue.write(tx, commits[0].now, ids)
