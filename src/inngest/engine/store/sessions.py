"""Workers and functions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inngest.engine.domain.model import FunctionSpec, Transport
from inngest.engine.domain.waiting_facts import Handler
from inngest.engine.records import Session

from . import lanes, numbers, schedules
from .context import WriteContext
from .core import bindparam, delete, select, tables, update
from .records import function_row, session_of, session_row
from .registry import NEXT_GENERATION
from .statement import Statement, Transaction
from .tidings import Tidings
from .timers import ALWAYS, LANES

AT_ONCE = 200
"""Functions that are written in one transaction, and forgotten, and schedules that are armed."""

_functions, _sessions = tables.functions, tables.sessions

LIVE_SESSION = Statement(
    "A transaction checks that a worker has not been declared dead.",
    lambda _: select(_sessions.c.id).where(_sessions.c.id == bindparam("session"), _sessions.c.ended.is_(None)),
)
"""It locks nothing: its command declares that (`locking.lives`), and a stronger lock would keep the worker from telling
that it lives.
"""


def _comes(tidings: Tidings, _: object) -> None:
    tidings.sessions = True


INSERT_SESSION = Statement("A worker writes its session.", lambda words: words.insert(_sessions), tells=_comes)

TELL_HANDLERS = Statement(
    "A worker writes which of its handlers take long.",
    lambda _: update(_sessions).where(_sessions.c.id == bindparam("session")).values(executing=bindparam("told")),
)

SESSIONS = Statement(
    "A worker lists all sessions.",
    lambda _: select(
        _sessions.c.id, _sessions.c.started_at, _sessions.c.host, _sessions.c.pid, _sessions.c.functions
    ).order_by(_sessions.c.id),
)

WRITE_FUNCTION = Statement(
    "A registration writes a function.",
    lambda words: (insertion := words.insert(_functions)).on_conflict_do_update(
        index_elements=["id"],
        set_={column.name: insertion.excluded[column.name] for column in _functions.c if not column.primary_key},
    ),
)

FORGET_FUNCTION = Statement(
    "A registration removes a function.", lambda _: delete(_functions).where(_functions.c.id == bindparam("function"))
)


def lives(tx: Transaction, session: str) -> bool:
    """Whether a worker has not been declared dead; it cannot be while this transaction lasts (P4)."""
    return tx.execute(LIVE_SESSION, {"session": session}).fetchone() is not None


def begin_session(tx: Transaction, session: Session, writer: str) -> None:
    """A worker lives, and writes with that writer."""
    row = {**session_row(session), "writer": writer, "executing": None, "ended": None}
    row |= {"lease": session.lease, "beat_at": tx.beat()}
    tx.execute(INSERT_SESSION, row)
    numbers.forget_others(tx)


def tell_handlers(tx: Transaction, session_id: str, handlers: Sequence[Handler]) -> None:
    """Write down which handlers take long in a worker."""
    told = json.dumps(handlers) if handlers else None
    tx.execute(TELL_HANDLERS, {"session": session_id, "told": told})


def sessions(tx: Transaction) -> list[Session]:
    """The workers that live, as far as is known."""
    return [session_of(row) for row in tx.execute(SESSIONS).fetchall()]


def register(
    context: WriteContext, functions: Sequence[FunctionSpec], replace_app: str | None, now: int
) -> tuple[list[FunctionSpec], bool]:
    """Make functions known; forget those of an app that is given whole, unless they are given, or served elsewhere.

    As many as a transaction writes: those of them that apps served until now, as they did; and whether others may be
    left. Lanes of functions that were configured anew are looked at again; those that are too many hang on a marker.
    """
    known = context.registry.functions
    kept = {function.id for function in functions}
    if replace_app is not None:
        kept.update(*(session.functions for session in sessions(context)))
    changed = [function for function in functions if known.get(function.id) != function][:AT_ONCE]
    whole = [one for one in known.values() if one.app_id == replace_app and one.transport is Transport.LOCAL]
    gone = [one for one in whole if one.id not in kept][:AT_ONCE]
    before = [known[one.id] for one in changed if one.id in known and one.transport is Transport.LOCAL]
    for function in changed:
        context.execute(WRITE_FUNCTION, function_row(function, now))
        left = lanes.reconsider(context, function.id, "", now)
        if left is not None:
            context.timers.put(LANES, function.id, ALWAYS, left)
    for function in gone:
        context.execute(FORGET_FUNCTION, {"function": function.id})
    armed = schedules.arm(context.timers, functions, now, AT_ONCE)
    if changed or gone:
        context.execute(NEXT_GENERATION)
        context.registry_changed()
    return [one for one in before if one.transport is Transport.HTTP], AT_ONCE in (len(changed), len(gone), armed)
