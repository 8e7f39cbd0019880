"""How much a database holds, for people. Each count walks over an index: seconds, where there are millions of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from inngest.engine.domain.model import RunStatus

from . import outbox
from .core import func, select, tables
from .statement import Statement, Transaction

_runs = tables.runs

RUNS_BY_STATUS = Statement(
    "A reader counts the runs in each status.",
    lambda _: select(_runs.c.status, func.count()).group_by(_runs.c.status),
)

EVENTS = Statement("A reader counts the events.", lambda _: select(func.count()).select_from(tables.events))

STEPS = Statement("A reader counts the steps.", lambda _: select(func.count()).select_from(tables.steps))

OLDEST = Statement(
    "A reader finds when the oldest run was created.",
    lambda _: select(_runs.c.created_at).order_by(_runs.c.id).limit(1),
)


class Counts(NamedTuple):
    """How much a database holds."""

    runs: Mapping[RunStatus, int]  # only of statuses in which there are any
    events: int
    steps: int
    oldest: int | None  # when the oldest run was created, unix ms; None without runs
    outbox: outbox.Depth


def counts(tx: Transaction) -> Counts:
    """How much a database holds, at the moment of the transaction."""
    found = {str(status): int(number) for status, number in tx.execute(RUNS_BY_STATUS).fetchall()}
    oldest = tx.execute(OLDEST).fetchone()
    return Counts(
        {status: found[status.value] for status in RunStatus if status.value in found},
        _only(tx, EVENTS),
        _only(tx, STEPS),
        None if oldest is None else int(oldest[0]),
        outbox.depth(tx),
    )


def _only(tx: Transaction, statement: Statement) -> int:
    row = tx.execute(statement).fetchone()
    assert row is not None
    return int(row[0])
