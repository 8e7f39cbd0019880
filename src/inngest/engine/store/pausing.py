"""Functions that are paused: no claim looks at what they have queued, however much it is (docs/decisions/0045)."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select

from . import tables
from .sessions import NEXT_GENERATION
from .statement import Statement, Transaction

_pauses = tables.pauses

KNOWN_FUNCTION = Statement(
    lambda _: select(tables.functions.c.id).where(tables.functions.c.id == bindparam("function"))
)

PAUSE = Statement(
    lambda words: (insertion := words.insert(_pauses)).on_conflict_do_update(
        index_elements=["function_id"], set_={"on_event": insertion.excluded.on_event}
    )
)

RESUME = Statement(lambda _: delete(_pauses).where(_pauses.c.function_id == bindparam("function")))


def pause(tx: Transaction, function_id: str, on_event: str, now: int) -> bool:
    """No run of the function begins or goes on."""
    if not _known(tx, function_id):
        return False
    tx.execute(PAUSE, {"function_id": function_id, "on_event": on_event, "since": now})
    tx.execute(NEXT_GENERATION)  # who accepts events reads of it with the functions
    return True


def resume(tx: Transaction, function_id: str) -> bool:
    """Its runs begin and go on."""
    tx.execute(RESUME, {"function": function_id})
    tx.execute(NEXT_GENERATION)
    return _known(tx, function_id)


def _known(tx: Transaction, function_id: str) -> bool:
    return tx.execute(KNOWN_FUNCTION, {"function": function_id}).fetchone() is not None
