"""Many runs are cancelled together: those of a function that were queued within a time, page by page.

A marker hangs on what is left, so that a cancellation which has begun is ended by others if its maker dies.
"""

from __future__ import annotations

import logging
from typing import Final

from inngest.engine.domain.event_view import data_of, value_of
from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.matching import Activation, Expression, compiled
from inngest.engine.domain.model import RunStatus
from inngest.engine.domain.transitions import sources
from inngest.engine.records import Cancellation, CancelledPage
from inngest.runtime.careful import CarefulLogger, about_run

from . import cancelling, events
from .context import WriteContext
from .core import Integer, bindparam, literal_column, select, tables, update
from .parcels import PATIENCE
from .statement import Statement, Transaction, constant
from .timers import CANCELLATION

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

REASON: Final = "cancelled with others by a request"

LOOKED_AT = 5_000
"""Runs, of whatever function, among which one transaction looks for those that are meant."""

_cancellations, _runs = tables.cancellations, tables.runs
_COLUMNS = ("id", "app_id", "function_id", "started_after", "started_before", "expression", "created_at")
_UNFINISHED = [constant(status.value) for status in sources(RunStatus.CANCELLED)]
_KEPT = select(*(_cancellations.c[name] for name in _COLUMNS)).where(_cancellations.c.deleted_at.is_(None))

KEEP = Statement(
    "A cancellation of many runs is kept.",
    lambda words: words.insert(_cancellations).values({name: bindparam(name) for name in _COLUMNS}),
)

CANCELLATION_OF_ID = Statement(
    "A transaction reads a cancellation of many runs, unless it was deleted.",
    lambda _: _KEPT.where(_cancellations.c.id == bindparam("cancellation")),
)

CANCELLATIONS = Statement(
    "A reader lists cancellations of many runs, newest first, before one of them.",
    lambda _: (
        _KEPT.where(_cancellations.c.id < bindparam("before"))
        .order_by(_cancellations.c.id.desc())
        .limit(bindparam("count"))
    ),
)

DELETE_CANCELLATION = Statement(
    "Somebody deletes a cancellation of many runs.",
    lambda _: (
        update(_cancellations)
        .where(_cancellations.c.id == bindparam("cancellation"), _cancellations.c.deleted_at.is_(None))
        .values(deleted_at=bindparam("now"))
        .returning(_cancellations.c.id)
    ),
)

REACH = Statement(
    "A cancellation of many runs asks how far it looks in one transaction.",
    lambda _: (
        select(_runs.c.id)
        .where(_runs.c.id > bindparam("after"))
        .order_by(_runs.c.id)
        .limit(literal_column("1", Integer))
        .offset(literal_column(str(LOOKED_AT - 1), Integer))
    ),
)

NEXT_RUNS = Statement(
    "A cancellation of many runs reads the next ones that have not ended, as far as it looks.",
    lambda words: words.locking(
        select(_runs.c.id, _runs.c.event_id)
        .where(
            _runs.c.function_id == bindparam("function"),
            _runs.c.id > bindparam("after"),
            _runs.c.id <= bindparam("reach"),
            _runs.c.created_at >= bindparam("since"),
            _runs.c.created_at < bindparam("until"),
            _runs.c.status.in_(_UNFINISHED),
        )
        .order_by(_runs.c.id)
        .limit(bindparam("count")),
        skip=False,
    ),
)

LAST: Final = "~"
"""Comes after every id."""


def begin(context: WriteContext, asked: Cancellation) -> None:
    """Keep a cancellation; who made it has a while to go on with it."""
    context.keep_time(asked.created_at)
    context.execute(KEEP, asked._asdict())
    context.timers.put(CANCELLATION, asked.id, asked.created_at + PATIENCE, "")


def go_on(context: WriteContext, cancellation_id: str, now: int, *, due_at: int) -> CancelledPage:
    """Cancel the next runs of a cancellation. Others go on with the rest when it falls due."""
    context.at(now)
    marker = context.timers.get(CANCELLATION, cancellation_id)
    if marker is None:  # others have ended it, or deleted it
        return CancelledPage(0, more=False)
    context.timers.remove(CANCELLATION, cancellation_id)
    return page(context, cancellation_id, str(marker.payload), now, due_at=due_at)


def page(context: WriteContext, cancellation_id: str, after: str, now: int, *, due_at: int) -> CancelledPage:
    """The same, after a run; its marker was taken."""
    row = context.execute(CANCELLATION_OF_ID, {"cancellation": cancellation_id}).fetchone()
    if row is None:
        return CancelledPage(0, more=False)
    asked = Cancellation(*row)
    condition = None if asked.expression is None else compiled(asked.expression)
    further = context.execute(REACH, {"after": after}).fetchone()
    reach = LAST if further is None else further[0]
    of = {
        "function": asked.function_id,
        "after": after,
        "reach": reach,
        "since": asked.started_after or 0,
        "until": asked.started_before,
        "count": cancelling.AT_ONCE,
    }
    runs = context.execute(NEXT_RUNS, of).fetchall()
    wanted = [run_id for run_id, event_id in runs if _is_wanted(context, run_id, event_id, condition, now)]
    count = len(cancelling.cancel(context, wanted, REASON, now)) if wanted else 0
    is_full = len(runs) == cancelling.AT_ONCE
    more = is_full or further is not None
    if more:
        context.timers.put(CANCELLATION, cancellation_id, due_at, runs[-1][0] if is_full else reach)
    return CancelledPage(count, more)


def _is_wanted(tx: Transaction, run_id: str, event_id: str, condition: Expression | None, now: int) -> bool:
    """Whether a run is meant; not if its event cannot be read, which keeps no other run from its end."""
    if condition is None:
        return True
    try:
        event = events.event(tx, event_id)
        return event is not None and condition.matches(Activation(value_of(data_of(event)), now=now)).matched
    except Exception as error:
        LOGGER.error(
            "run %s is not cancelled with others: its event %s cannot be read: %s",
            run_id,
            event_id,
            text_of(error),
            extra=about_run(run_id),
        )
        return False


def delete(context: WriteContext, cancellation_id: str, now: int) -> bool:
    """End no more runs with it, and list it no more; whether there was one."""
    context.at(now)
    found = context.execute(DELETE_CANCELLATION, {"cancellation": cancellation_id, "now": now}).fetchone()
    context.timers.remove(CANCELLATION, cancellation_id)
    return found is not None


def cancellations(tx: Transaction, limit: int, before: str | None) -> list[Cancellation]:
    """Cancellations that were not deleted, newest first."""
    rows = tx.execute(CANCELLATIONS, {"before": before or LAST, "count": limit}).fetchall()
    return [Cancellation(*row) for row in rows]
