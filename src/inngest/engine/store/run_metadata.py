"""Metadata of runs and steps: one row for each kind of each of them, merged as they come."""

from __future__ import annotations

from collections.abc import Sequence

from inngest.engine.domain import run_metadata
from inngest.engine.domain.run_metadata import Annotated, Metadata, Update

from . import reading
from .context import WriteContext
from .core import ClauseElement, bindparam, select, tables
from .statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction

_metadata = tables.run_metadata
_COLUMNS = ("run_id", "id", "hash", "attempt", "kind", "name", "op", "value", "size", "at")

OF_RUN = Statement(
    "A reader reads what is said about a run and its steps, in the order in which it was said first.",
    lambda _: (
        select(*(_metadata.c[name] for name in ("id", "hash", "attempt", "kind", "value", "at")))
        .where(_metadata.c.run_id == bindparam("run"))
        .order_by(_metadata.c.id)
    ),
)


def _write(words: SqlDialect, rows: Rows) -> ClauseElement:
    insertion = words.insert(_metadata).values(rows.values)
    writing: ClauseElement = insertion.on_conflict_do_update(
        index_elements=["run_id", "id"], set_={name: insertion.excluded[name] for name in ("value", "size", "at")}
    )
    return writing


WRITE = MultiRowStatement("Somebody says something about a run or its steps.", _metadata, _COLUMNS, _write)


def metadata(tx: Transaction, run_id: str) -> list[Metadata]:
    """All that is said about a run and its steps."""
    return [Metadata(*row) for row in tx.execute(OF_RUN, {"run": run_id}).fetchall()]


def annotate(context: WriteContext, run_id: str, updates: Sequence[Update], now: int) -> Annotated:
    """Write all of these updates, or none."""
    if reading.missing(context, [run_id]):
        return Annotated.NO_RUN
    result, changed = run_metadata.updated(metadata(context, run_id), updates, now, context.ids.ulid)
    rows = [
        (run_id, one.id, one.hash, one.attempt, one.kind, "", run_metadata.Op.SET.value, one.values, one.size, one.at)
        for one in changed
    ]
    context.execute_rows(WRITE, rows)
    return result
