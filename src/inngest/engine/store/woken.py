"""The effects of events on runs that looked for them: written with what they did, for people who ask later."""

from __future__ import annotations

from collections.abc import Iterable

from inngest.engine.domain.explaining import Woken
from inngest.protocol import texts
from inngest.protocol.opcodes import Arrival
from inngest.protocol.steps import StepName

from .core import bindparam, delete, select, tables
from .records import number_of
from .statement import Statement, Transaction, insert_new

MOST = 1_000
"""Runs of one event that are told of."""

_woken, _runs, _steps = tables.woken, tables.runs, tables.steps

INSERT = insert_new(
    "A delivery notes what an event has done to a run.", _woken, ("run_id", "hash", "event_id", "cancelled")
)

BY_EVENT = Statement(
    "A reader reads what an event has done to runs.",
    lambda _: (
        select(_runs.c.id, _runs.c.function_id, _woken.c.cancelled, _steps.c.step_id, _steps.c.repeat, _steps.c.hash)
        .join_from(_woken, _runs, _runs.c.id == _woken.c.run_id)
        .join(_steps, (_steps.c.run_id == _woken.c.run_id) & (_steps.c.hash == _woken.c.hash), isouter=True)
        .where(_woken.c.event_id == bindparam("of_event"))
        .order_by(_woken.c.run_id, _woken.c.hash)
        .limit(bindparam("count"))
    ),
)

OF_RUNS = Statement(
    "The pruner removes what events have done to runs.",
    lambda words: delete(_woken).where(words.any_of(_woken.c.run_id, "runs")),
)


def arrived(tx: Transaction, taken: Iterable[Arrival]) -> None:
    """Steps have what they waited for; that of events is noted."""
    rows = [(one.run_id, one.hash, one.event_id, 0) for one in taken if one.event_id is not None]
    if rows:
        tx.execute_rows(INSERT, rows)


def cancelled(tx: Transaction, found: Iterable[tuple[str, str, str]]) -> None:
    """Runs were cancelled by events: run, hash of what looked for it, event."""
    tx.execute_rows(INSERT, [(*one, 1) for one in found])


def by_event(tx: Transaction, event_id: str, count: int = MOST) -> list[Woken]:
    """The effects of an event on runs that still exist, in the order in which those were created; the first of them."""
    rows = tx.execute(BY_EVENT, {"of_event": texts.stored(event_id), "count": count}).fetchall()
    return [
        Woken(
            run_id, function_id, None if name is None else StepName(name, number_of(repeat), hashed).text, bool(cancel)
        )
        for run_id, function_id, cancel, name, repeat, hashed in rows
    ]
