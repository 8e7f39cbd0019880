"""Runs that cannot be read go back to the queue, for a while."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from inngest.engine.domain.model import RunStatus
from inngest.engine.records import Owner

from . import holding, lanes, troubles
from .context import WriteContext
from .core import Integer, bindparam, case, literal_column, null, select, tables, update
from .jobs import INSERT_JOBS, job_row
from .records import number_of
from .statement import Statement, constant

_runs = tables.runs
_NONE = literal_column("0", Integer)

OWNED = Statement(
    "A worker reads what is left of a run that it owns and cannot read.",
    lambda _: select(_runs.c.function_id, _runs.c.lane, _runs.c.slots, _runs.c.started_at, _runs.c.code).where(
        _runs.c.id == bindparam("run"), _runs.c.token == bindparam("owner_token"), _runs.c.session_id.is_not(None)
    ),
)

STRANGE = Statement(
    "A claim finds runs without an owner whose status is none.",
    lambda words: select(
        _runs.c.id, _runs.c.function_id, _runs.c.lane, _runs.c.started_at, _runs.c.status, _runs.c.code
    ).where(
        words.any_of(_runs.c.id, "runs"),
        _runs.c.session_id.is_(None),
        _runs.c.status.not_in([constant(status.value) for status in RunStatus]),
    ),
)

LET_GO = Statement(
    "A worker gives up a run that it cannot read.",
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("run"))
        .values(
            session_id=null(),
            token=null(),
            slots=_NONE,
            # What was taken just now, and never before, has not begun.
            status=case(
                (_runs.c.started_at == bindparam("taken_at"), constant(RunStatus.QUEUED.value)), else_=_runs.c.status
            ),
            started_at=case((_runs.c.started_at == bindparam("taken_at"), null()), else_=_runs.c.started_at),
        )
    ),
)


def put_off(
    context: WriteContext, owner: Owner, error: str, now: int, *, taken_at: int, alone: bool, holds: bool
) -> int | None:
    """A run that this owner has cannot be read: nobody has it for a while.

    Args:
        context: the transaction.
        owner: who took it.
        error: why.
        now: unix ms.
        taken_at: when it was taken, unix ms; if it had not begun before, it has not begun.
        alone: whether it must be tried alone.
        holds: whether it holds its slots; else they are not counted, or given back by the caller.

    Returns:
        Until when, unix ms; None if it is not this owner's.
    """
    row = context.execute(OWNED, {"run": owner.run_id, "owner_token": owner.token}).fetchone()
    if row is None:
        return None
    function_id, lane_id, slots, started_at, code = row
    context.execute(LET_GO, {"run": owner.run_id, "taken_at": taken_at})
    starts = started_at == taken_at and not alone  # it will begin then: its throttle is asked again
    until = _again(context, _Waiting(owner.run_id, function_id, lane_id, starts, code), error, now, alone=alone)
    if holds:
        lanes.give_back(context, [(lane_id, number_of(slots))], now)
    return until


def put_owned_off(
    context: WriteContext, owner: Owner, error: str, now: int, *, taken_at: int, alone: bool
) -> int | None:
    """A run that is in flight cannot be read: its worker puts it off."""
    return put_off(context, owner, error, now, taken_at=taken_at, alone=alone, holds=True)


def put_off_strange(context: WriteContext, run_ids: Sequence[str], now: int, *, alone: bool) -> list[int]:
    """Runs could not be taken: those of which nobody can say whether they have ended are tried again later.

    Returns:
        Until when each is put off, unix ms.
    """
    until: list[int] = []
    for run_id, function_id, lane_id, started_at, status, code in context.execute(
        STRANGE, {"runs": json.dumps(run_ids)}
    ).fetchall():
        starts = started_at is None and not alone
        waiting = _Waiting(run_id, function_id, lane_id, starts, code)
        until.append(_again(context, waiting, f"its status is {status!r}", now, alone=alone))
    return until


def queue_again(context: WriteContext, owner: Owner, now: int, *, taken_at: int) -> None:
    """A run was put off while its lane could not be read, and it can be read now: it goes there."""
    row = context.execute(OWNED, {"run": owner.run_id, "owner_token": owner.token}).fetchone()
    if row is None:
        return
    function_id, lane_id, _, started_at, _ = row
    context.execute(LET_GO, {"run": owner.run_id, "taken_at": taken_at})
    starts = started_at == taken_at
    _queue(context, _Waiting(owner.run_id, function_id, lane_id, starts, None), now, now, alone=False)


class _Waiting(NamedTuple):
    """A run that is put off."""

    run_id: str
    function_id: str
    lane: str | None
    starts: bool
    code: str | None


def _again(context: WriteContext, run: _Waiting, error: str, now: int, *, alone: bool) -> int:
    """Note why a run is put off, and have it tried again: when, unix ms."""
    until = troubles.note(context, troubles.RUN, run.run_id, error, now)
    _queue(context, run, now, until, alone=alone)
    return until


def _queue(context: WriteContext, run: _Waiting, now: int, due_at: int, *, alone: bool) -> None:
    """Write its job. One on hold stays where those lie; one whose lane cannot be read lies where others have none."""
    lane = lanes.readable(run.lane)
    lane_id = None if lane is None else run.lane
    job = job_row(context.ids, run.run_id, run.function_id, now, due_at, alone=alone, lane=lane_id, starts=run.starts)
    if not alone and holding.hold_of(run.code) is not None:
        context.execute_rows(INSERT_JOBS, [(*job[:4], holding.ON_HOLD, "", 0, due_at)])
        return
    context.execute_rows(INSERT_JOBS, [job])
    if lane is not None and not alone:
        queue = lanes.Queue()
        queue.add(lane, due_at)
        queue.write(context, now, context.ids)
