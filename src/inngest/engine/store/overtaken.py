"""Runs of which others have written than their owners: what is told of them is decided on what is stored.

The owner does not know what the other one has written. So nothing that it has decided may be written. But what its app
has told may not be lost either: steps that have run would run again, and no fault would have caused it.
"""

from __future__ import annotations

from inngest.engine.domain import subscriptions
from inngest.engine.domain.advance import Moment, reports
from inngest.engine.domain.effects import effects_of
from inngest.engine.domain.model import Changes
from inngest.engine.records import Claimed, Commit

from . import entering
from .context import WriteContext
from .core import bindparam, select, tables
from .records import RUN_COLUMNS, run_of
from .statement import Statement

_runs = tables.runs

CALLED = Statement(
    "A report about a run that is called reads it, and its owner.",
    lambda words: words.locking(
        select(*(_runs.c[name] for name in RUN_COLUMNS), _runs.c.session_id, _runs.c.token).where(
            _runs.c.id == bindparam("run"), _runs.c.session_id.is_not(None)
        ),
        skip=False,
    ),
)


def decided_again(context: WriteContext, one: Commit) -> Commit | None:
    """A commit as it is to be written; None if it tells of nothing, or the run is another's, or cannot be read."""
    told = one.told
    row = context.execute(CALLED, {"run": one.owner.run_id}).fetchone()
    if told is None or row is None or (row[-2], row[-1]) != (one.owner.session, one.owner.token):
        return None
    report, moment = told.report, Moment(one.now, told.chance)
    try:
        claimed, state = entering.reported(context, run_of(row[:-2]), one.owner, report.reply.ops, one.now)
    except ValueError:
        return None
    if told.going_on:
        changes = reports.checkpoint(state, report.reply.ops, report.left_at, context.policy, moment)
    else:
        changes = reports.report(state, report, context.policy, moment)
    made = commit_of(context, claimed, changes, one.now, waiting=state.waiting)
    return made._replace(concludes=one.concludes, busy=one.busy)


def commit_of(context: WriteContext, claimed: Claimed, changes: Changes, now: int, *, waiting: bool) -> Commit:
    """A decision about a run as its owner's.

    Args:
        context: in which it is decided.
        claimed: the run.
        changes: the decision.
        now: unix ms.
        waiting: whether something from outside may come for the run.
    """
    run = claimed.run
    return Commit(
        claimed.owner,
        run.function_id,
        changes,
        now,
        effects_of(run, claimed.events, changes, now, context.ids.ulid),
        begins_anew=run.attempt != changes.attempt and changes.transition is None,
        subscriptions=subscriptions.of_waits(run.id, changes.waits, claimed.events),
        waiting=waiting or bool(changes.waits),
        requests=subscriptions.requests_of(run.id, changes.waits, run.retries),
        parent=(run.parent_id, run.parent_hash) if run.parent_id and run.parent_hash else None,
        lane=run.lane,
    )
