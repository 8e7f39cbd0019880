"""The backlog of a database, by function, for those who measure."""

from __future__ import annotations

from inngest.engine.records import Backlog, Waiting

from . import outbox
from .core import Integer, bindparam, case, func, literal_column, select, tables
from .holding import ON_HOLD
from .statement import Statement, Transaction

_jobs, _lanes, _waits = tables.jobs, tables.lanes, tables.waits

_HELD = _jobs.c.queue_class == literal_column(str(ON_HOLD), Integer)
_DUE = (_jobs.c.due_at <= bindparam("now")) & ~_HELD

JOBS = Statement(
    "Metrics read how many jobs of each function are due, since when, how many are on hold, and how many there are.",
    lambda _: select(
        _jobs.c.function_id,
        func.sum(case((_DUE, 1), else_=0)),
        func.min(case((_DUE, _jobs.c.due_at))),
        func.sum(case((_HELD, 1), else_=0)),
        func.count(),
    ).group_by(_jobs.c.function_id),
)

BLOCKED = Statement(
    "Metrics count the lanes of each function that have no room.",
    lambda _: (
        select(_lanes.c.function_id, func.count())
        .where(_lanes.c.blocked_on.is_not(None))
        .group_by(_lanes.c.function_id)
    ),
)

OPEN = Statement(
    "Metrics count waits by their kind.",
    lambda _: select(_waits.c.kind, func.count()).group_by(_waits.c.kind),
)


def backlog(tx: Transaction, now: int) -> Backlog:
    """The backlog at a time (unix ms)."""
    blocked = {str(function): int(count) for function, count in tx.execute(BLOCKED).fetchall()}
    functions = {
        str(function): Waiting(
            int(due), None if since is None else int(since), int(held), int(all) - int(due) - int(held)
        )
        for function, due, since, held, all in tx.execute(JOBS, {"now": now}).fetchall()
    }
    waits = {str(kind): int(count) for kind, count in tx.execute(OPEN).fetchall()}
    left = outbox.depth(tx)
    return Backlog(functions, blocked, waits, (left.rows - left.aside, left.aside))
