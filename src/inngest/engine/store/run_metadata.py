"""Metadata of runs and steps: one row for each kind of each of them, merged as they come."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inngest.engine.domain import run_metadata
from inngest.engine.domain.run_metadata import Annotated, Metadata, Update

from . import reading
from .context import WriteContext
from .core import ClauseElement, bindparam, select, tables, union
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


OF_STEPS = Statement(
    "Somebody says something about steps of a run: those of them that it has come to.",
    lambda words: union(
        *(
            select(table.c.hash).where(table.c.run_id == bindparam("run"), words.any_of(table.c.hash, "hashes"))
            for table in (tables.steps, tables.attempts)
        )
    ),
)


def metadata(tx: Transaction, run_id: str) -> list[Metadata]:
    """All that is said about a run and its steps."""
    return [Metadata(*row) for row in tx.execute(OF_RUN, {"run": run_id}).fetchall()]


def annotate(context: WriteContext, run_id: str, updates: Sequence[Update], now: int) -> Annotated:
    """Write all of these updates, or none."""
    if reading.missing(context, [run_id]):
        return Annotated.NO_RUN
    hashes = {one.hash for one in updates if one.hash is not None}
    if hashes and reading.ended(context, [run_id]):  # one that goes on may come to a step that it has not come to yet
        asked = {"run": run_id, "hashes": json.dumps(sorted(hashes))}
        if len(context.execute(OF_STEPS, asked).fetchall()) < len(hashes):
            return Annotated.NO_STEP
    result, changed = run_metadata.updated(metadata(context, run_id), updates, now, context.ids.ulid)
    rows = [
        (run_id, one.id, one.hash, one.attempt, one.kind, "", run_metadata.Op.SET.value, one.values, one.size, one.at)
        for one in changed
    ]
    context.execute_rows(WRITE, rows)
    return result
