"""Cancelling: a run ends from outside, whoever owns it, and nothing of it is left behind (P4)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import BigInteger, Integer, bindparam, case, delete, func, literal_column, null, select, update

from inngest.engine.domain.model import RunStatus
from inngest.engine.domain.transitions import sources
from inngest.engine.records import Notifications
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Arrival

from . import kept, tables, timers, waits
from .records import LARGEST
from .statement import Statement, Transaction, constant

AT_ONCE = 80
"""Runs that are cancelled in one transaction."""

ROWS_OF_RUN = 10
"""Rows that are written for each, about."""

_runs, _jobs = tables.runs, tables.jobs
_UNFINISHED = [constant(status.value) for status in sources(RunStatus.CANCELLED)]

UNFINISHED_RUNS = Statement(
    lambda words: words.locking(
        select(
            _runs.c.id,
            _runs.c.function_id,
            _runs.c.parent_id,
            _runs.c.parent_hash,
            _runs.c.session_id,
            _runs.c.token,
            _runs.c.lane,
            _runs.c.slots,
        )
        .where(words.any_of(_runs.c.id, "runs"), _runs.c.status.in_(_UNFINISHED))
        .order_by(_runs.c.id),
        skip=False,
    )
)

_LARGEST = literal_column(str(LARGEST), BigInteger)
_BEGAN = func.coalesce(_runs.c.started_at, _runs.c.created_at)

CANCEL_RUNS = Statement(
    lambda words: (
        update(_runs)
        .where(words.any_of(_runs.c.id, "runs"))
        .values(
            status=constant(RunStatus.CANCELLED.value),
            error=bindparam("why"),
            # What cancels it may have come before it, by the clock, and be stored after it.
            ended_at=case((_BEGAN.between(bindparam("now"), _LARGEST), _BEGAN), else_=bindparam("now")),
            session_id=null(),
            token=null(),
            slots=literal_column("0", Integer),
        )
    )
)

DELETE_JOBS_OF_RUNS = Statement(lambda words: delete(_jobs).where(words.any_of(_jobs.c.run_id, "runs")))


def cancel(tx: Transaction, run_ids: Sequence[str], reason: str, now: int) -> Notifications:
    """End runs that have not ended, and tell those that invoked them.

    Slots of a run that a worker owns are kept: only that worker knows when its handlers have returned.
    """
    rows = tx.execute(UNFINISHED_RUNS, {"runs": json.dumps(sorted(set(run_ids)))}).fetchall()
    if not rows:
        return Notifications()
    found = [row[0] for row in rows]
    runs = json.dumps(found)
    why = ErrorInfo("RunCancelledError", reason).to_json()
    tx.execute(CANCEL_RUNS, {"runs": runs, "why": why, "now": now})
    tx.execute(DELETE_JOBS_OF_RUNS, {"runs": runs})
    waits.closed(tx, found)
    timers.forget_times(tx, found)
    held = [row for row in rows if row[-1] and row[-2] is not None]
    if held:
        kept.keep(
            tx,
            [
                kept.Kept(run_id, token, session, function_id, lane, slots, now)
                for run_id, function_id, _, _, session, token, lane, slots in held
            ],
        )
    told = [
        Arrival(parent_id, parent_hash, None, _of_child(run_id, function_id, reason), now)
        for run_id, function_id, parent_id, parent_hash, *_ in rows
        if parent_id is not None
    ]
    arrivals = waits.deliver(tx, told, now) if told else []
    return Notifications(arrivals, found, queued=bool(arrivals))


def _of_child(run_id: str, function_id: str, reason: str) -> ErrorInfo:
    return ErrorInfo("InvokedRunCancelledError", f"run {run_id} of {function_id} was cancelled: {reason}")
