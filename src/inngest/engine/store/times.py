"""The greatest time that a database has seen: engines start there if the wall clock is behind it (decision 0035)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, bindparam, cast, select
from sqlalchemy.sql import ClauseElement

from . import tables
from .records import number_of
from .statement import Statement, Transaction, Words, constant

OFTEN = 1_000
"""Milliseconds by which it may be less than what was written with it: it need not change with each transaction."""

_meta = tables.meta
_KEPT = cast(_meta.c.value, BigInteger)

GREATEST = Statement(lambda _: select(_KEPT).where(_meta.c.key == constant("time")))


def _keeping(words: Words) -> Any:
    insertion = words.insert(_meta).values(key=constant("time"), value=bindparam("now"))
    return insertion, {"value": insertion.excluded.value}


def _keep(words: Words) -> ClauseElement:
    insertion, change = _keeping(words)
    before = cast(bindparam("before"), BigInteger)
    clause: ClauseElement = insertion.on_conflict_do_update(index_elements=["key"], set_=change, where=before > _KEPT)
    return clause


def _keep_anew(words: Words) -> ClauseElement:
    insertion, change = _keeping(words)
    clause: ClauseElement = insertion.on_conflict_do_update(index_elements=["key"], set_=change)
    return clause


KEEP, KEEP_ANEW = Statement(_keep), Statement(_keep_anew)


def greatest(tx: Transaction) -> int:
    """The greatest time (unix ms) that was kept; 0 if none was."""
    row = tx.execute(GREATEST).fetchone()
    return 0 if row is None else number_of(row[0])


def keep(tx: Transaction, now: int) -> None:
    """Keep the time with what this transaction writes anyway."""
    tx.execute(KEEP, {"now": str(now), "before": now - OFTEN})


def keep_anew(tx: Transaction, now: int) -> None:
    """Keep the time, also if it is less than what was kept: that was not believed."""
    tx.execute(KEEP_ANEW, {"now": str(now)})
