"""Who owns which run: claiming, and what becomes of the runs of a worker that is gone (P0, P4, P6)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, delete, func, null, select, update

from inngest.engine.domain.model import Policy, Run, RunStatus
from inngest.engine.domain.transitions import sources
from inngest.engine.ports import Claimed, Claims, Ids, Owner
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import WAITS, Arrival, Entry, Memo, OpenStep

from . import requests, tables, waits
from .accepting import INSERT_JOBS, job_row, lives
from .events import batches
from .records import RUN_COLUMNS, STEP_COLUMNS, entry_of, run_of
from .statement import Bulk, Statement, Transaction, constant

_runs, _steps, _jobs, _events, _sessions = tables.runs, tables.steps, tables.jobs, tables.events, tables.sessions
_UNFINISHED = [constant(status.value) for status in sources(RunStatus.FAILED)]
_EVENT_COLUMNS = (_events.c.id, _events.c.name, _events.c.data, _events.c.ts, _events.c.key)

DUE_JOBS = Statement(
    lambda words: words.locking(
        select(_jobs.c.id, _jobs.c.run_id, _jobs.c.due_at)
        .where(
            _jobs.c.alone == bindparam("alone"),
            words.any_of(_jobs.c.function_id, "functions"),
            # Most jobs of a paused function are held, and are not even looked at; some were let go since.
            _jobs.c.function_id.not_in(select(tables.pauses.c.function_id)),
        )
        .order_by(_jobs.c.due_at, _jobs.c.id)
        .limit(bindparam("count")),
        skip=True,
    )
)

DELETE_JOBS = Statement(lambda words: delete(_jobs).where(words.any_of(_jobs.c.id, "jobs")))

TAKE_RUNS = Statement(
    lambda words: (
        update(_runs)
        .where(words.any_of(_runs.c.id, "runs"), _runs.c.session_id.is_(None), _runs.c.status.in_(_UNFINISHED))
        .values(
            session_id=bindparam("session"),
            token=bindparam("owner_token"),
            status=constant(RunStatus.RUNNING.value),
            started_at=func.coalesce(_runs.c.started_at, bindparam("now")),
        )
    )
)

TAKEN_RUNS = Statement(
    lambda words: (
        select(*(_runs.c[name] for name in RUN_COLUMNS), *_EVENT_COLUMNS)
        .join(_events, _events.c.id == _runs.c.event_id)
        .where(words.any_of(_runs.c.id, "runs"), _runs.c.token == bindparam("owner_token"))
    )
)

RUN_STEPS = Statement(
    lambda words: (
        select(_steps.c.run_id, *(_steps.c[name] for name in STEP_COLUMNS))
        .where(words.any_of(_steps.c.run_id, "runs"))
        .order_by(_steps.c.run_id, _steps.c.seq, _steps.c.hash)
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

ORPHAN_RUNS = Bulk(
    _runs,
    ("id", "takeovers", "takeover_steps"),
    lambda _, rows: (
        update(_runs)
        .where(_runs.c.id == (given := rows.as_table()).c.id)
        .values(session_id=null(), token=null(), takeovers=given.c.takeovers, takeover_steps=given.c.takeover_steps)
    ),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker asks for."""

    session: str
    token: str  # of the invocations that follow; a run is taken once per claim, so that one token serves for all
    count: int
    functions: Sequence[str]
    now: int
    alone: bool  # a run that must be alone may be taken


def claim(tx: Transaction, asked: Claim) -> Claims:
    """Take runs whose jobs are due; one that must be alone comes first, if it may be taken at all."""
    if not lives(tx, asked.session):
        return Claims((), None, fenced=True)
    suspects = _due(tx, asked, 0, alone=True)
    if suspects and suspects[0][2] <= asked.now:
        taken = _take(tx, asked, suspects) if asked.alone else []
        return Claims(taken, asked.now, alone_due=not taken)
    jobs = _due(tx, asked, asked.count, alone=False)
    due = [job for job in jobs[: asked.count] if job[2] <= asked.now]
    next_due = min((job[2] for job in (*jobs[len(due) :], *suspects)), default=None)
    return Claims(_take(tx, asked, due) if due else (), next_due)


def _due(tx: Transaction, asked: Claim, count: int, *, alone: bool) -> list[tuple[str, str, int]]:
    """The first jobs by due time, one more than `count`, due or not."""
    parameters = {"alone": int(alone), "functions": json.dumps(list(asked.functions)), "count": count + 1}
    return [(row[0], row[1], row[2]) for row in tx.execute(DUE_JOBS, parameters).fetchall()]


def _take(tx: Transaction, asked: Claim, jobs: Sequence[tuple[str, str, int]]) -> list[Claimed]:
    tx.execute(DELETE_JOBS, {"jobs": json.dumps([job[0] for job in jobs])})
    runs = json.dumps([job[1] for job in jobs])
    taking = {"runs": runs, "session": asked.session, "owner_token": asked.token, "now": asked.now}
    tx.execute(TAKE_RUNS, taking)
    taken: dict[str, tuple[Run, EventData]] = {}
    for row in tx.execute(TAKEN_RUNS, {"runs": runs, "owner_token": asked.token}).fetchall():
        run = run_of(row[: len(RUN_COLUMNS)])
        event_id, name, data, ts, key = row[len(RUN_COLUMNS) :]
        taken[run.id] = (run, EventData(key or event_id, name, data, ts))
    events = _batched(tx, [run for run, _ in taken.values()])
    entries: dict[str, list[Entry]] = {run_id: [] for run_id in taken}
    for row in tx.execute(RUN_STEPS, {"runs": json.dumps(list(taken))}).fetchall():
        entries[row[0]].append(entry_of(row[1:]))
    owner = Owner(asked.session, asked.token, "")
    arrived = _arrived(tx, entries, asked.now)
    return [
        _claimed(
            replace(owner, run_id=run_id),
            taken[run_id][0],
            events.get(run_id) or [taken[run_id][1]],
            entries[run_id],
            arrived.get(run_id, ()),
            asked.now,
        )
        for _, run_id, _ in jobs
        if run_id in taken
    ]


def _arrived(tx: Transaction, entries: Mapping[str, Sequence[Entry]], now: int) -> dict[str, list[Arrival]]:
    """What has come for those of the runs that wait for something."""
    waiting = [
        run_id
        for run_id, known in entries.items()
        if any(isinstance(entry, OpenStep) and entry.kind in WAITS for entry in known)
    ]
    arrived: dict[str, list[Arrival]] = {}
    for arrival in waits.taken_up(tx, waiting, now) if waiting else ():
        arrived.setdefault(arrival.run_id, []).append(arrival)
    return arrived


def _batched(tx: Transaction, runs: Sequence[Run]) -> dict[str, list[EventData]]:
    """The events of those of the runs that batches started."""
    known = {run.batch_id: run.id for run in runs if run.batch_id is not None}
    if not known:
        return {}
    return {
        known[batch_id]: [EventData(one.key or one.id, one.name, one.data, one.ts) for one in events]
        for batch_id, events in batches(tx, list(known)).items()
    }


def _claimed(
    owner: Owner,
    run: Run,
    events: Sequence[EventData],
    entries: Sequence[Entry],
    arrivals: Sequence[Arrival],
    now: int,
) -> Claimed:
    memos = [entry for entry in entries if isinstance(entry, Memo)]
    open_steps = [entry for entry in entries if isinstance(entry, OpenStep)]
    return Claimed(owner, run, events, memos, open_steps, arrivals, now)


def end_session(tx: Transaction, session_id: str, now: int, ids: Ids, policy: Policy, *, died: bool) -> bool:
    """A worker is gone: its runs go back to the queue. A recorded step since the last takeover resets their count."""
    if tx.execute(END_SESSION, {"session": session_id}).fetchone() is None:
        return False
    orphans: list[tuple[object, ...]] = []
    jobs: list[tuple[object, ...]] = []
    for row in tx.execute(RUNS_OF_SESSION, {"session": session_id}).fetchall():
        run_id, function_id, takeovers, steps_then, steps_now = row
        if died:
            takeovers, steps_then = (1 if steps_now > steps_then else takeovers + 1), steps_now
        orphans.append((run_id, takeovers, steps_then))
        jobs.append(job_row(ids, run_id, function_id, now, alone=takeovers >= policy.alone_after))
    tx.execute_rows(ORPHAN_RUNS, orphans)
    tx.execute_rows(INSERT_JOBS, jobs)
    requests.end_session(tx, session_id, now)
    return True
