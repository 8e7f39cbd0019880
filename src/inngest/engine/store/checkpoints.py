"""Checkpoints that come to another worker than the one that owns the run: load, decide, write, in one transaction.

The owner does not know of it. So the run counts as touched, and its owner can commit nothing more: the run goes back to
the queue, and the worker that claims it then sees what the checkpoint has recorded.
"""

from __future__ import annotations

from inngest.engine.domain.advance import Moment, reports
from inngest.engine.domain.effects import effects_of
from inngest.engine.domain.model import Changes
from inngest.engine.records import Checkpoint, Claimed, Commit, Owner

from . import committing, entering
from .context import WriteContext
from .core import Integer, bindparam, literal_column, select, tables, update
from .records import RUN_COLUMNS, run_of
from .statement import Statement

_runs = tables.runs

CALLED = Statement(
    "A checkpoint reads the run that is called, and its owner.",
    lambda words: words.locking(
        select(*(_runs.c[name] for name in RUN_COLUMNS), _runs.c.session_id, _runs.c.token).where(
            _runs.c.id == bindparam("run"), _runs.c.session_id.is_not(None)
        ),
        skip=False,
    ),
)

TOUCH = Statement(
    "A checkpoint notes that another than the owner has written of a run.",
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("run"))
        .values(touched=_runs.c.touched + literal_column("1", Integer))
    ),
)


def checkpoint(context: WriteContext, asked: Checkpoint) -> bool:
    """Record what the code of a run did while its call goes on; False if that is not the run's newest call."""
    context.keep_time(asked.now)
    row = context.execute(CALLED, {"run": asked.run_id}).fetchone()
    if row is None:
        return False
    run = run_of(row[:-2])
    if run.discovery.generation != asked.generation:
        return False
    claimed, state = entering.reported(context, run, Owner(row[-2], row[-1], run.id), asked.ops, asked.now)
    changes = reports.checkpoint(state, asked.ops, 0, context.policy, Moment(asked.now, asked.chance))
    if changes.is_nothing:
        return True  # all of it was recorded before: a checkpoint comes again if its answer was lost
    committing.write(context, [_commit(context, claimed, changes, asked.now, waiting=state.waiting)])
    context.execute(TOUCH, {"run": run.id})
    return True


def _commit(context: WriteContext, claimed: Claimed, changes: Changes, now: int, *, waiting: bool) -> Commit:
    run = claimed.run
    return Commit(
        claimed.owner,
        run.function_id,
        changes,
        now,
        effects_of(run, claimed.events, changes, now, context.ids.ulid),
        begins_anew=run.attempt != changes.attempt and changes.transition is None,
        waiting=waiting,
        parent=(run.parent_id, run.parent_hash) if run.parent_id and run.parent_hash else None,
        lane=run.lane,
    )
