"""Owning runs: claim, commit, and what becomes of the runs of a worker that is gone (P0, P2, P3, P4, P6)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import bindparam, delete, func, null, select, update

from inngest.engine.domain.model import Ended, Policy, Registry, Released, RunStatus
from inngest.engine.domain.transitions import sources
from inngest.engine.ports import Claimed, Claims, Commit, Ids, Owner, Written
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import Memo, OpenStep

from . import tables
from .accepting import insert_events, insert_job, insert_start
from .records import RUN_COLUMNS, STEP_COLUMNS, entry_of, failed_row, memo_row, open_row, run_of
from .statement import Statement, Transaction, constant

_runs, _steps, _jobs, _events, _sessions = tables.runs, tables.steps, tables.jobs, tables.events, tables.sessions
_UNFINISHED = [constant(status.value) for status in sources(RunStatus.FAILED)]

LIVE_SESSION = Statement(
    lambda words: words.locking(select(_sessions.c.id).where(_sessions.c.id == bindparam("session")), skip=False)
)

DUE_JOBS = Statement(
    lambda words: words.locking(
        select(_jobs.c.id, _jobs.c.run_id, _jobs.c.due_at)
        .where(_jobs.c.alone == bindparam("alone"), words.any_of(_jobs.c.function_id, "functions"))
        .order_by(_jobs.c.due_at, _jobs.c.id)
        .limit(bindparam("count")),
        skip=True,
    )
)

DELETE_JOB = Statement(lambda _: delete(_jobs).where(_jobs.c.id == bindparam("job")))

TAKE_RUN = Statement(
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("run"), _runs.c.session_id.is_(None), _runs.c.status.in_(_UNFINISHED))
        .values(
            session_id=bindparam("session"),
            token=bindparam("owner_token"),
            status=constant(RunStatus.RUNNING.value),
            started_at=func.coalesce(_runs.c.started_at, bindparam("now")),
        )
        .returning(*(_runs.c[name] for name in RUN_COLUMNS))
    )
)

RUN_EVENT = Statement(
    lambda _: select(_events.c.id, _events.c.name, _events.c.data, _events.c.ts, _events.c.key).where(
        _events.c.id == bindparam("event")
    )
)

RUN_STEPS = Statement(
    lambda _: (
        select(*(_steps.c[name] for name in STEP_COLUMNS))
        .where(_steps.c.run_id == bindparam("run"))
        .order_by(_steps.c.seq)
    )
)

OWNED = Statement(
    lambda words: words.locking(
        select(_runs.c.function_id).where(
            _runs.c.id == bindparam("run"),
            _runs.c.token == bindparam("owner_token"),
            _runs.c.session_id == bindparam("session"),
        ),
        skip=False,
    )
)

WRITE_MEMO = Statement(
    lambda words: (insertion := words.insert(_steps)).on_conflict_do_update(
        index_elements=["run_id", "hash"],
        set_={
            name: insertion.excluded[name]
            for name in ("kind", "seq", "attempt", "started_at", "due_at", "ended_at", "data", "error", "cancelled")
        },
        where=_steps.c.seq.is_(None),
    )
)

WRITE_OPEN = Statement(
    lambda words: (insertion := words.insert(_steps)).on_conflict_do_update(
        index_elements=["run_id", "hash"],
        set_={"attempt": insertion.excluded.attempt, "due_at": insertion.excluded.due_at},
        where=_steps.c.seq.is_(None) & (_steps.c.attempt < insertion.excluded.attempt),
    )
)

WRITE_FAILED = Statement(lambda words: words.insert(tables.attempts).on_conflict_do_nothing())

END_RUN = Statement(
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("run"))
        .values(
            status=bindparam("new_status"),
            output=bindparam("new_output"),
            error=bindparam("new_error"),
            ended_at=bindparam("now"),
            attempt=bindparam("new_attempt"),
            session_id=null(),
            token=null(),
        )
    )
)

RELEASE_RUN = Statement(
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("run"))
        .values(attempt=bindparam("new_attempt"), session_id=null(), token=null())
    )
)

END_SESSION = Statement(
    lambda _: delete(_sessions).where(_sessions.c.id == bindparam("session")).returning(_sessions.c.id)
)

RUNS_OF_SESSION = Statement(
    lambda words: words.locking(
        select(
            _runs.c.id,
            _runs.c.function_id,
            _runs.c.takeovers,
            _runs.c.takeover_steps,
            select(func.count())
            .select_from(_steps)
            .where(_steps.c.run_id == _runs.c.id, _steps.c.seq.is_not(None))
            .scalar_subquery(),
        )
        .where(_runs.c.session_id == bindparam("session"))
        .order_by(_runs.c.id),
        skip=False,
    )
)

ORPHAN_RUN = Statement(
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("run"))
        .values(
            session_id=null(),
            token=null(),
            takeovers=bindparam("new_takeovers"),
            takeover_steps=bindparam("new_takeover_steps"),
        )
    )
)


def claim(tx: Transaction, owners: Sequence[Owner], functions: Sequence[str], now: int, *, alone: bool) -> Claims:
    """Take runs whose jobs are due; one that must be alone comes first, if it may be taken at all."""
    if not owners or tx.execute(LIVE_SESSION, {"session": owners[0].session}).fetchone() is None:
        return Claims((), None)
    suspects = [job for job in _due(tx, functions, 1, alone=True) if job[2] <= now]
    if suspects:
        taken = _claim_job(tx, suspects[0], owners[0], now) if alone else None
        return Claims([taken] if taken else (), now, alone_due=taken is None)
    claimed: list[Claimed] = []
    next_due: int | None = None
    for job in _due(tx, functions, len(owners), alone=False):
        if job[2] > now or len(claimed) == len(owners):
            next_due = job[2]
            break
        taken = _claim_job(tx, job, owners[len(claimed)], now)
        if taken is not None:
            claimed.append(taken)
    return Claims(claimed, next_due)


def _claim_job(tx: Transaction, job: tuple[str, str, int], owner: Owner, now: int) -> Claimed | None:
    tx.execute(DELETE_JOB, {"job": job[0]})
    return _take(tx, replace(owner, run_id=job[1]), now)


def _due(tx: Transaction, functions: Sequence[str], count: int, *, alone: bool) -> list[tuple[str, str, int]]:
    """The first jobs by due time, one more than `count`, due or not."""
    parameters = {"alone": int(alone), "functions": json.dumps(list(functions)), "count": count + 1}
    return [(row[0], row[1], row[2]) for row in tx.execute(DUE_JOBS, parameters).fetchall()]


def _take(tx: Transaction, owner: Owner, now: int) -> Claimed | None:
    parameters = {"run": owner.run_id, "session": owner.session, "owner_token": owner.token, "now": now}
    row = tx.execute(TAKE_RUN, parameters).fetchone()
    if row is None:
        return None
    run = run_of(row)
    event = tx.execute(RUN_EVENT, {"event": run.event_id}).fetchone()
    assert event is not None, f"run {run.id} has lost its event {run.event_id}"
    event_id, name, data, ts, key = event
    entries = [entry_of(step) for step in tx.execute(RUN_STEPS, {"run": run.id}).fetchall()]
    return Claimed(
        owner,
        run,
        [EventData(key or event_id, name, data, ts)],
        [entry for entry in entries if isinstance(entry, Memo)],
        [entry for entry in entries if isinstance(entry, OpenStep)],
    )


def commit(tx: Transaction, command: Commit, registry: Callable[[], Registry], ids: Ids) -> Written:
    """Write what an owner decided, if the run is still its own."""
    owner, changes = command.owner, command.changes
    row = tx.execute(OWNED, {"run": owner.run_id, "owner_token": owner.token, "session": owner.session}).fetchone()
    if row is None:
        return Written.LOST
    for memo in changes.memos:
        tx.execute(WRITE_MEMO, memo_row(owner.run_id, memo))
    for open_step in changes.open:
        tx.execute(WRITE_OPEN, open_row(owner.run_id, open_step))
    for failed in changes.failed:
        tx.execute(WRITE_FAILED, failed_row(owner.run_id, failed))
    if command.events:
        new = insert_events(tx, command.events)
        for start in command.plan(registry()):
            if start.run.event_id in new:
                insert_start(tx, start, ids, None)
    if changes.transition is not None:
        _transition(tx, command, row[0], ids)
    return Written.DONE


def _transition(tx: Transaction, command: Commit, function_id: str, ids: Ids) -> None:
    owner, changes = command.owner, command.changes
    transition = changes.transition
    if isinstance(transition, Ended):
        tx.execute(
            END_RUN,
            {
                "run": owner.run_id,
                "new_status": transition.status.value,
                "new_output": transition.output,
                "new_error": None if transition.error is None else transition.error.to_json(),
                "new_attempt": changes.attempt,
                "now": command.now,
            },
        )
    elif isinstance(transition, Released):
        tx.execute(RELEASE_RUN, {"run": owner.run_id, "new_attempt": changes.attempt})
        if transition.due_at is not None:
            insert_job(tx, ids, owner.run_id, function_id, transition.due_at)


def end_session(tx: Transaction, session_id: str, now: int, ids: Ids, policy: Policy, *, died: bool) -> bool:
    """A worker is gone: its runs go back to the queue. A recorded step since the last takeover resets their count."""
    if tx.execute(END_SESSION, {"session": session_id}).fetchone() is None:
        return False
    rows = tx.execute(RUNS_OF_SESSION, {"session": session_id}).fetchall()
    for run_id, function_id, takeovers, steps_then, steps_now in rows:
        count = takeovers
        if died:
            count = 1 if steps_now > steps_then else takeovers + 1
        parameters = {
            "run": run_id,
            "new_takeovers": count,
            "new_takeover_steps": steps_now if died else steps_then,
        }
        tx.execute(ORPHAN_RUN, parameters)
        insert_job(tx, ids, run_id, function_id, now, alone=count >= policy.alone_after)
    return True
