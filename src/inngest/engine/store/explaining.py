"""What is known of a run, for `domain.explaining`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, bindparam, func, literal_column, select

from inngest.engine.domain.explaining import Facts, Queued, RequestFact
from inngest.engine.domain.lanes import PLAIN, Lane, queueing_of
from inngest.engine.domain.model import Watch

from . import reading, tables
from .lanes import Room
from .statement import Statement, Transaction
from .waits import WAIT_COLUMNS

_jobs, _sessions, _waits, _runs = tables.jobs, tables.sessions, tables.waits, tables.runs
_requests = tables.requests

JOB = Statement(
    lambda _: select(
        _jobs.c.due_at, _jobs.c.alone, _jobs.c.lane, _jobs.c.start, _jobs.c.score, _jobs.c.id, _jobs.c.function_id
    ).where(_jobs.c.run_id == bindparam("run"))
)
AHEAD = Statement(
    lambda _: select(func.count()).where(
        _jobs.c.alone == literal_column("0", Integer),
        _jobs.c.lane == bindparam("lane"),
        (_jobs.c.start < bindparam("starting"))
        | (
            (_jobs.c.start == bindparam("starting"))
            & (
                (_jobs.c.score < bindparam("place"))
                | ((_jobs.c.score == bindparam("place")) & (_jobs.c.id < bindparam("job")))
            )
        ),
        _jobs.c.due_at <= bindparam("due"),
    )
)
CONFIG = Statement(lambda _: select(tables.functions.c.config).where(tables.functions.c.id == bindparam("function")))
HOLDERS = Statement(
    lambda _: (
        select(_runs.c.id, _runs.c.lane)
        .where(_runs.c.session_id.is_not(None), _runs.c.slots > literal_column("0", Integer))
        .order_by(_runs.c.id)
    )
)
WORKERS = Statement(lambda _: select(_sessions.c.id, _sessions.c.host, _sessions.c.pid, _sessions.c.functions))
WAITS = Statement(
    lambda _: select(*(_waits.c[name] for name in WAIT_COLUMNS)).where(_waits.c.run_id == bindparam("run"))
)
CHILDREN = Statement(
    lambda _: select(_runs.c.parent_hash, _runs.c.id, _runs.c.status).where(_runs.c.parent_id == bindparam("run"))
)

REQUESTS = Statement(
    lambda _: (
        select(_requests.c.hash, _requests.c.attempt, _requests.c.due_at, _requests.c.session_id, _requests.c.holder)
        .where(_requests.c.run_id == bindparam("run"))
        .order_by(_requests.c.hash)
    )
)


def facts(tx: Transaction, run_id: str) -> Facts | None:
    """What is known of a run; None if there is none."""
    view = reading.run(tx, run_id)
    if view is None:
        return None
    asked = {"run": run_id}
    job = tx.execute(JOB, asked).fetchone()
    workers = {row[0]: row[1:] for row in tx.execute(WORKERS).fetchall()}
    owner = workers.get(view.worker or "")
    serving = {name for _, _, functions in workers.values() for name in json.loads(functions)}
    watches = [Watch(*row) for row in tx.execute(WAITS, asked).fetchall()]
    return Facts(
        run=view.run,
        open=view.open,
        failures=[one.error for one in view.failed],
        watches=watches,
        children=[(row[0], row[1], row[2]) for row in tx.execute(CHILDREN, asked).fetchall()] if watches else (),
        due_at=None if job is None else job[0],
        requests=[_request(row) for row in tx.execute(REQUESTS, asked).fetchall()] if watches else (),
        alone=job is not None and bool(job[1]),
        worker=None if owner is None else f"{owner[0]}, process {owner[1]}",
        served=view.run.function_id in serving,
        queued=None if job is None or not job[2] else _queued(tx, job),
    )


def _queued(tx: Transaction, job: Sequence[Any]) -> Queued:
    due_at, _, lane_id, starting, place, job_id, function_id = job
    lane = Lane.of(lane_id)
    config = tx.execute(CONFIG, {"function": function_id}).fetchone()
    rules = PLAIN if config is None else queueing_of(function_id, config[0])
    room = Room(tx, [lane])
    full = room.full(lane, rules)
    holders: list[str] = []
    if full is not None:
        rows = tx.execute(HOLDERS).fetchall()
        holders = [run_id for run_id, held in rows if held and full.budget in Lane.of(held).budgets]
    asked = {"lane": lane_id, "starting": starting, "place": place, "job": job_id, "due": due_at}
    ahead = tx.execute(AHEAD, asked).fetchone()
    assert ahead is not None
    opens_at = room.opens_at(lane, rules, due_at) if starting else due_at
    return Queued(
        ahead=ahead[0],
        full=None if full is None else full.budget,
        slots=0 if full is None else full.limit,
        holders=holders,
        opens_at=opens_at if opens_at > due_at else None,
    )


def _request(row: tuple[Any, ...]) -> RequestFact:
    hashed, attempt, due_at, session_id, holder = row
    return RequestFact(hashed, attempt, due_at, session_id is not None, holder is None)
