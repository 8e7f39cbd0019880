"""Runs that cannot be read go back to the queue, for a while."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, case, literal_column, null, select, update

from inngest.engine.domain.model import RunStatus
from inngest.engine.records import Owner
from inngest.runtime.ports import Ids

from . import lanes, tables, troubles
from .accepting import INSERT_JOBS, job_row
from .context import WriteContext
from .records import number_of
from .statement import Statement, Transaction, constant

_runs = tables.runs
_NONE = literal_column("0", Integer)

OWNED = Statement(
    lambda _: select(_runs.c.function_id, _runs.c.lane, _runs.c.slots, _runs.c.started_at).where(
        _runs.c.id == bindparam("run"), _runs.c.token == bindparam("owner_token"), _runs.c.session_id.is_not(None)
    )
)

STRANGE = Statement(
    lambda words: select(_runs.c.id, _runs.c.function_id, _runs.c.lane, _runs.c.started_at, _runs.c.status).where(
        words.any_of(_runs.c.id, "runs"),
        _runs.c.session_id.is_(None),
        _runs.c.status.not_in([constant(status.value) for status in RunStatus]),
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
    tx.execute(LET_GO, {"run": owner.run_id, "taken_at": taken_at})
    starts = started_at == taken_at and not alone  # it will begin then: its throttle is asked again
    until = _again(tx, _Waiting(owner.run_id, function_id, lane_id, starts), error, now, ids, alone=alone)
    if holds and (lane := lanes.readable(lane_id)) is not None:
        lanes.give_back(tx, [(lane.id, number_of(slots))], now)
    return until


def put_owned_off(
    context: WriteContext, owner: Owner, error: str, now: int, *, taken_at: int, alone: bool
) -> int | None:
    """A run that is in flight cannot be read: its worker puts it off."""
    return put_off(context, owner, error, now, context.ids, taken_at=taken_at, alone=alone, holds=True)


def put_off_strange(tx: Transaction, run_ids: Sequence[str], now: int, ids: Ids, *, alone: bool) -> list[int]:
    """Runs could not be taken: those of which nobody can say whether they have ended are tried again later.

    Returns:
        Until when each is put off, unix ms.
    """
    until: list[int] = []
    for run_id, function_id, lane_id, started_at, status in tx.execute(
        STRANGE, {"runs": json.dumps(run_ids)}
    ).fetchall():
        starts = started_at is None and not alone
        error = f"its status is {status!r}"
        until.append(_again(tx, _Waiting(run_id, function_id, lane_id, starts), error, now, ids, alone=alone))
    return until


class _Waiting(NamedTuple):
    """A run that is put off."""

    run_id: str
    function_id: str
    lane: str | None
    starts: bool


def _again(tx: Transaction, run: _Waiting, error: str, now: int, ids: Ids, *, alone: bool) -> int:
    """Note why a run is put off, and have it tried again: when, unix ms."""
    until = troubles.note(tx, troubles.RUN, run.run_id, error, now)
    job = job_row(ids, run.run_id, run.function_id, now, until, alone=alone, lane=run.lane, starts=run.starts)
    tx.execute_rows(INSERT_JOBS, [job])
    lane = lanes.readable(run.lane)
    if lane is not None and not alone:
        queue = lanes.Queue()
        queue.add(lane, until)
        queue.write(tx, now, ids)
    return until
