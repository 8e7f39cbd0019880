"""Cancelling: a run ends from outside, whoever owns it, and nothing of it is left behind (P4)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inngest.engine.domain.model import RunStatus
from inngest.engine.domain.transitions import sources
from inngest.engine.records import Notifications
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Arrival

from . import kept, locking, timers, waits
from .context import WriteContext
from .core import BigInteger, Integer, bindparam, case, delete, func, literal_column, null, select, tables, update
from .records import LARGEST, RUN_COLUMNS
from .statement import Statement, constant

AT_ONCE = 80
"""Runs that are cancelled in one transaction."""

ROWS_OF_RUN = 10
"""Rows that are written for each, about."""

_runs, _jobs = tables.runs, tables.jobs
_FUNCTION, _LANE, _PARENT = (RUN_COLUMNS.index(name) for name in ("function_id", "lane", "parent_id"))
_UNFINISHED = [constant(status.value) for status in sources(RunStatus.CANCELLED)]

UNFINISHED_RUNS = Statement(
    "A cancellation reads those of these runs that have not ended, with their owners and slots.",
    lambda words: words.locking(
        select(*(_runs.c[name] for name in RUN_COLUMNS), _runs.c.session_id, _runs.c.token, _runs.c.slots)
        .where(words.any_of(_runs.c.id, "runs"), _runs.c.status.in_(_UNFINISHED))
        .order_by(_runs.c.id),
        skip=False,
    ),
)

_LARGEST = literal_column(str(LARGEST), BigInteger)
_BEGAN = func.coalesce(_runs.c.started_at, _runs.c.created_at)

CANCEL_RUNS = Statement(
    "A cancellation ends these runs and takes them from their owners.",
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
    ),
)

DELETE_JOBS_OF_RUNS = Statement(
    "A cancellation removes the jobs of these runs.",
    lambda words: delete(_jobs).where(words.any_of(_jobs.c.run_id, "runs")),
)


def cancel(context: WriteContext, run_ids: Sequence[str], reason: str, now: int) -> list[str]:
    """End those of these runs that have not ended, and tell those that invoked them; their ids.

    Slots of a run that a worker owns are kept: only that worker knows when its handlers have returned.
    """
    context.at(now)
    context.hold(locking.runs, run_ids)
    rows = context.execute(UNFINISHED_RUNS, {"runs": json.dumps(sorted(set(run_ids)))}).fetchall()
    if not rows:
        return []
    found = [row[0] for row in rows]
    runs = json.dumps(found)
    why = ErrorInfo("RunCancelledError", reason).to_json()
    context.execute(CANCEL_RUNS, {"runs": runs, "why": why, "now": now})
    context.execute(DELETE_JOBS_OF_RUNS, {"runs": runs})
    waits.closed(context, found)
    timers.forget_times(context, found)
    context.cancelled += rows
    context.notify(Notifications(cancelled=found))
    context.tidings.end(found)
    context.tidings.cancelled = True
    slots: list[kept.Kept] = []
    told: list[Arrival] = []
    for row in rows:
        run_id, function_id, lane = row[0], row[_FUNCTION], row[_LANE]
        session, token, held = row[-3:]
        context.tidings.about(session, run_id)
        if held and session is not None:
            slots.append(kept.Kept(run_id, token, session, function_id, lane or "", held, now))  # it may be lost
        if row[_PARENT] is not None:
            told.append(Arrival(row[_PARENT], row[_PARENT + 1], None, _of_child(run_id, function_id, reason), now))
    if slots:
        kept.keep(context, slots)
    if told:
        context.arrived(waits.deliver(context, told, now))
    return found


def _of_child(run_id: str, function_id: str, reason: str) -> ErrorInfo:
    return ErrorInfo("InvokedRunCancelledError", f"run {run_id} of {function_id} was cancelled: {reason}")
