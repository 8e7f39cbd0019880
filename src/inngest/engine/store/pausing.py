"""Functions that are paused: no claim looks at what they have queued, however much it is (docs/decisions/0045)."""

from __future__ import annotations

from .context import WriteContext
from .core import bindparam, delete, select, tables
from .registry import NEXT_GENERATION, PAUSED
from .statement import Statement, Transaction

_pauses = tables.pauses

KNOWN_FUNCTION = Statement(
    "A pause asks whether a function is known.",
    lambda _: select(tables.functions.c.id).where(tables.functions.c.id == bindparam("function")),
)

PAUSE = Statement(
    "A pause stores what becomes of the function's events.",
    lambda words: (insertion := words.insert(_pauses)).on_conflict_do_update(
        index_elements=["function_id"], set_={"on_event": insertion.excluded.on_event}
    ),
)

RESUME = Statement(
    "A resumption removes the pause of a function.",
    lambda _: delete(_pauses).where(_pauses.c.function_id == bindparam("function")),
)


def pause(context: WriteContext, function_id: str, on_event: str, now: int) -> bool:
    """No run of the function begins or goes on."""
    if not _known(context, function_id):
        return False
    context.execute(PAUSE, {"function_id": function_id, "on_event": on_event, "since": now})
    _tell_acceptors(context)
    return True


def resume(context: WriteContext, function_id: str) -> bool:
    """Its runs begin and go on."""
    context.execute(RESUME, {"function": function_id})
    _tell_acceptors(context)
    return _known(context, function_id)


def _tell_acceptors(context: WriteContext) -> None:
    """An acceptance reads pauses with the functions."""
    context.execute(NEXT_GENERATION)
    context.registry_changed()


def paused(tx: Transaction) -> list[str]:
    """Ids of the functions that are paused."""
    return [row[0] for row in tx.execute(PAUSED).fetchall()]


def _known(tx: Transaction, function_id: str) -> bool:
    return tx.execute(KNOWN_FUNCTION, {"function": function_id}).fetchone() is not None
