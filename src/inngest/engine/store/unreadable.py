"""Runs that cannot be read go back to the queue, for a while."""

from __future__ import annotations

import logging

from sqlalchemy import Integer, bindparam, case, literal_column, null, select, update

from inngest.engine.domain.lanes import Lane
from inngest.engine.domain.model import RunStatus
from inngest.engine.ports import Ids, Owner
from inngest.runtime.careful import CarefulLogger

from . import lanes, tables, troubles
from .accepting import INSERT_JOBS, job_row
from .statement import Statement, Transaction, constant

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

_runs = tables.runs
_NONE = literal_column("0", Integer)

OWNED = Statement(
    lambda _: select(_runs.c.function_id, _runs.c.lane, _runs.c.slots, _runs.c.started_at).where(
        _runs.c.id == bindparam("run"), _runs.c.token == bindparam("owner_token"), _runs.c.session_id.is_not(None)
    )
)

LET_GO = Statement(
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
    )
)


def put_off(
    tx: Transaction, owner: Owner, error: str, now: int, ids: Ids, *, taken_at: int, alone: bool, holds: bool
) -> int | None:
    """A run that this owner has cannot be read: nobody has it for a while.

    Args:
        tx: the transaction.
        owner: who took it.
        error: why.
        now: unix ms.
        ids: for its job.
        taken_at: when it was taken, unix ms; if it had not begun before, it has not begun.
        alone: whether it must be tried alone.
        holds: whether it holds its slots; else they are not counted, or given back by the caller.

    Returns:
        Until when, unix ms; None if it is not this owner's.
    """
    row = tx.execute(OWNED, {"run": owner.run_id, "owner_token": owner.token}).fetchone()
    if row is None:
        return None
    function_id, lane_id, slots, started_at = row
    until = troubles.note(tx, troubles.RUN, owner.run_id, error, now)
    tx.execute(LET_GO, {"run": owner.run_id, "taken_at": taken_at})
    starts = started_at == taken_at and not alone  # it will begin then: its throttle is asked again
    job = job_row(ids, owner.run_id, function_id, now, until, alone=alone, lane=lane_id, starts=starts)
    tx.execute_rows(INSERT_JOBS, [job])
    lane = lane_of(lane_id)
    if lane is not None:
        if holds:
            lanes.give_back(tx, [(lane.id, slots)], now)
        if not alone:
            queue = lanes.Queue()
            queue.add(lane, until)
            queue.write(tx, now, ids)
    return until


def lane_of(lane_id: str | None) -> Lane | None:
    """The lane of an id; None if there is none, or if it cannot be read."""
    try:
        return Lane.of(lane_id) if lane_id else None
    except (ValueError, TypeError):
        LOGGER.error("lane %r cannot be read: its runs queue nowhere", lane_id)
        return None
