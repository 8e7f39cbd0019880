"""Runs whose code was changed: what is known of that."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Integer, case, literal_column, update
from sqlalchemy.sql import ClauseElement

from inngest.engine.domain.model import Changes

from . import tables
from .statement import Bulk, Rows, Transaction, Words

_runs = tables.runs
_NO = literal_column("0", Integer)


def _write_code(_: Words, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    follows = case((given.c.follows == _NO, _runs.c.follows), else_=given.c.follows)  # once is for ever
    return update(_runs).where(_runs.c.id == given.c.id).values(follows=follows, code=given.c.code)


WRITE_CODE = Bulk(_runs, ("id", "follows", "code"), _write_code)


def write(tx: Transaction, decided: Sequence[tuple[str, Changes]]) -> None:
    """What owners found of the code of their runs, the last of each."""
    rows: dict[str, tuple[str, int, str | None]] = {}
    for run_id, changes in decided:
        if changes.code is not None:
            follows = changes.follows or (run_id in rows and bool(rows[run_id][1]))
            rows[run_id] = (run_id, int(follows), changes.code.to_json())
    tx.execute_rows(WRITE_CODE, list(rows.values()))
