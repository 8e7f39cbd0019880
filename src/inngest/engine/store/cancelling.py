"""Cancelling: a run ends from outside, whoever owns it (P4)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, null, update

from inngest.engine.domain.model import RunStatus
from inngest.engine.domain.transitions import sources
from inngest.engine.ports import News
from inngest.protocol.errors import ErrorInfo

from . import tables
from .statement import Statement, Transaction, constant

_runs, _jobs = tables.runs, tables.jobs
_UNFINISHED = [constant(status.value) for status in sources(RunStatus.CANCELLED)]

CANCEL_RUNS = Statement(
    lambda words: (
        update(_runs)
        .where(words.any_of(_runs.c.id, "runs"), _runs.c.status.in_(_UNFINISHED))
        .values(
            status=constant(RunStatus.CANCELLED.value),
            error=bindparam("why"),
            ended_at=bindparam("now"),
            session_id=null(),
            token=null(),
        )
        .returning(_runs.c.id)
    )
)

DELETE_JOBS_OF_RUNS = Statement(lambda words: delete(_jobs).where(words.any_of(_jobs.c.run_id, "runs")))


def cancel(tx: Transaction, run_ids: Sequence[str], reason: str, now: int) -> News:
    """End those of these runs that have not ended."""
    why = ErrorInfo("RunCancelledError", reason).to_json()
    given = {"runs": json.dumps(sorted(set(run_ids))), "why": why, "now": now}
    found = [row[0] for row in tx.execute(CANCEL_RUNS, given).fetchall()]
    if found:
        tx.execute(DELETE_JOBS_OF_RUNS, {"runs": json.dumps(found)})
    return News(cancelled=found)
