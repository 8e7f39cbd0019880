"""Workers and functions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Integer, bindparam, cast, delete, literal_column, select, update

from inngest.engine.domain.explaining import Handler
from inngest.engine.domain.model import FunctionSpec, Registry
from inngest.engine.ports import Session

from . import lanes, numbers, schedules, tables
from .records import function_of, function_row, number_of, session_of, session_row
from .statement import Statement, Transaction, constant
from .timers import ALWAYS, LANES, Timers

AT_ONCE = 200
"""Functions that are written in one transaction, and forgotten, and schedules that are armed."""

_functions, _sessions, _meta = tables.functions, tables.sessions, tables.meta

GENERATION = Statement(lambda _: select(_meta.c.value).where(_meta.c.key == constant("generation")))

INSERT_SESSION = Statement(lambda words: words.insert(_sessions))

TELL_HANDLERS = Statement(
    lambda _: update(_sessions).where(_sessions.c.id == bindparam("session")).values(executing=bindparam("told"))
)

SESSIONS = Statement(
    lambda _: select(
        _sessions.c.id, _sessions.c.started_at, _sessions.c.host, _sessions.c.pid, _sessions.c.functions
    ).order_by(_sessions.c.id)
)

FUNCTIONS = Statement(
    lambda _: select(
        _functions.c.id,
        _functions.c.app_id,
        _functions.c.name,
        _functions.c.version,
        _functions.c.retries,
        _functions.c.events,
        _functions.c.failure_of,
        _functions.c.config,
    ).order_by(_functions.c.id)
)

WRITE_FUNCTION = Statement(
    lambda words: (insertion := words.insert(_functions)).on_conflict_do_update(
        index_elements=["id"],
        set_={
            name: insertion.excluded[name]
            for name in ("app_id", "name", "version", "retries", "events", "failure_of", "config", "updated_at")
        },
    )
)

FORGET_FUNCTION = Statement(lambda _: delete(_functions).where(_functions.c.id == bindparam("function")))

PAUSED = Statement(lambda _: select(tables.pauses.c.function_id, tables.pauses.c.on_event))

NEXT_GENERATION = Statement(
    lambda _: (
        update(_meta)
        .where(_meta.c.key == constant("generation"))
        .values(value=cast(_meta.c.value, Integer) + literal_column("1", Integer))
    )
)


def begin_session(tx: Transaction, session: Session, writer: str) -> None:
    """A worker lives, and writes with that writer."""
    row = {**session_row(session), "writer": writer, "executing": None, "ended": None}
    tx.execute(INSERT_SESSION, row)
    numbers.forget_others(tx)


def tell_handlers(tx: Transaction, session_id: str, handlers: Sequence[Handler]) -> None:
    """Write down which handlers take long in a worker."""
    told = json.dumps(handlers) if handlers else None
    tx.execute(TELL_HANDLERS, {"session": session_id, "told": told})


def sessions(tx: Transaction) -> list[Session]:
    """The workers that live, as far as is known."""
    return [session_of(row) for row in tx.execute(SESSIONS).fetchall()]


class RegistryCache:
    """All functions that are known, read again when they have changed. For the writer's thread."""

    def __init__(self) -> None:
        self._registry: Registry | None = None  # as it was committed

    @property
    def known(self) -> Registry | None:
        """The functions as they were read last, if they were. From any thread."""
        return self._registry

    def read(self, tx: Transaction) -> Registry:
        """The functions as they are in this transaction.

        What it reads anew is known to later transactions after its COMMIT only: one that is undone gives its
        generation back, and another process may give that number to other functions.
        """
        row = tx.execute(GENERATION).fetchone()
        assert row is not None, "the schema has no generation of functions"
        generation = number_of(row[0], -1)
        known: Registry | None = tx.kept.get(self, self._registry)
        if known is None or known.generation != generation:
            rows = tx.execute(FUNCTIONS).fetchall()
            functions = [function_of(row) for row in rows if isinstance(row[0], str)]  # nobody serves what is no id
            paused = {row[0]: row[1] for row in tx.execute(PAUSED).fetchall()}
            known = tx.kept[self] = Registry.of(generation, functions, paused)
            tx.on_commit(lambda: self._take_over(known))
        return known

    def _take_over(self, registry: Registry) -> None:
        self._registry = registry


def register(
    tx: Transaction,
    registry: Registry,
    functions: Sequence[FunctionSpec],
    replace_app: str | None,
    now: int,
    timers: Timers,
) -> bool:
    """Make functions known; forget those of an app that is given whole, unless they are given, or served elsewhere.

    As many as a transaction writes; whether others may be left. Lanes of functions that were configured anew are looked
    at again, and those that are too many hang on a marker.
    """
    known = registry.functions
    kept = {function.id for function in functions}
    if replace_app is not None:
        kept.update(*(session.functions for session in sessions(tx)))
    changed = [function for function in functions if known.get(function.id) != function][:AT_ONCE]
    gone = [one for one in known.values() if one.app_id == replace_app and one.id not in kept][:AT_ONCE]
    for function in changed:
        tx.execute(WRITE_FUNCTION, function_row(function, now))
        left = lanes.reconsider(tx, function.id, "", now)
        if left is not None:
            timers.put(LANES, function.id, ALWAYS, left)
    for function in gone:
        tx.execute(FORGET_FUNCTION, {"function": function.id})
    armed = schedules.arm(timers, functions, now, AT_ONCE)
    if changed or gone:
        tx.execute(NEXT_GENERATION)
    return AT_ONCE in (len(changed), len(gone), armed)
