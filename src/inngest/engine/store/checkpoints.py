"""Checkpoints that come to another worker than the one that owns the run: load, decide, write, in one transaction.

The owner does not know of it. So the run counts as touched. From then on, reports that come to its owner are decided on
what is stored (`overtaken`). With the answer to its call the run goes back to the queue: who claims it sees all of it.
"""

from __future__ import annotations

from inngest.engine.domain.advance import Moment, reports
from inngest.engine.records import Checkpoint, Owner

from . import committing, entering, overtaken
from .context import WriteContext
from .core import Integer, bindparam, literal_column, tables, update
from .records import run_of
from .statement import Statement

_runs = tables.runs

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
    row = context.execute(overtaken.CALLED, {"run": asked.run_id}).fetchone()
    if row is None:
        return False
    run = run_of(row[:-2])
    if run.discovery.generation != asked.generation:
        return False
    claimed, state = entering.reported(context, run, Owner(row[-2], row[-1], run.id), asked.ops, asked.now)
    changes = reports.checkpoint(state, asked.ops, 0, context.policy, Moment(asked.now, asked.chance))
    if changes.is_nothing:
        return True  # all of it was recorded before: a checkpoint comes again if its answer was lost
    committing.write(context, [overtaken.commit_of(context, claimed, changes, asked.now, waiting=state.waiting)])
    context.execute(TOUCH, {"run": run.id})
    context.tidings.about(row[-2], run.id)
    return True
