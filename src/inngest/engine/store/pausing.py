"""Functions that are paused: their jobs are held where no claim looks, however many there are."""

from __future__ import annotations

from sqlalchemy import Text, bindparam, delete, literal_column, select, update

from inngest.engine.ports import Ids

from . import lanes, tables
from .accepting import HELD
from .sessions import NEXT_GENERATION
from .statement import Statement, Transaction

_jobs, _pauses, _lanes = tables.jobs, tables.pauses, tables.lanes

KNOWN_FUNCTION = Statement(
    lambda _: select(tables.functions.c.id).where(tables.functions.c.id == bindparam("function"))
)

PAUSE = Statement(
    lambda words: (insertion := words.insert(_pauses)).on_conflict_do_update(
        index_elements=["function_id"], set_={"on_event": insertion.excluded.on_event}
    )
)

RESUME = Statement(lambda _: delete(_pauses).where(_pauses.c.function_id == bindparam("function")))

HOLD_JOBS = Statement(
    lambda _: (
        update(_jobs)
        .where(_jobs.c.function_id == bindparam("function"), _jobs.c.alone < HELD)
        .values(alone=_jobs.c.alone + HELD)
    )
)

FREE_JOBS = Statement(
    lambda _: (
        update(_jobs)
        .where(_jobs.c.function_id == bindparam("function"), _jobs.c.alone >= HELD)
        .values(alone=_jobs.c.alone - HELD)
    )
)


QUEUE_LANES = Statement(
    lambda words: (
        words.insert(_lanes)
        .from_select(
            ["id", "function_id", "ready_at", "turn"],
            select(_jobs.c.lane, _jobs.c.function_id, bindparam("now"), bindparam("turn"))
            .where(_jobs.c.function_id == bindparam("function"), _jobs.c.lane != literal_column("''", Text))
            .distinct(),
        )
        .on_conflict_do_nothing()
    )
)


def pause(tx: Transaction, function_id: str, on_event: str, now: int) -> bool:
    """No run of the function begins or goes on."""
    if not _known(tx, function_id):
        return False
    tx.execute(PAUSE, {"function_id": function_id, "on_event": on_event, "since": now})
    tx.execute(HOLD_JOBS, {"function": function_id})
    tx.execute(NEXT_GENERATION)  # who accepts events reads of it with the functions
    return True


def resume(tx: Transaction, function_id: str, now: int, ids: Ids) -> bool:
    """Its runs begin and go on."""
    tx.execute(RESUME, {"function": function_id})
    tx.execute(FREE_JOBS, {"function": function_id})
    tx.execute(QUEUE_LANES, {"function": function_id, "now": now, "turn": ids.ulid(now)})
    lanes.reconsider(tx, function_id, now)
    tx.execute(NEXT_GENERATION)
    return _known(tx, function_id)


def _known(tx: Transaction, function_id: str) -> bool:
    return tx.execute(KNOWN_FUNCTION, {"function": function_id}).fetchone() is not None
