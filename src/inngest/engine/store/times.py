"""The greatest time that a database has seen: engines start there if the wall clock is behind it (decision 0035)."""

from __future__ import annotations

from typing import Any

from . import locking
from .core import BigInteger, ClauseElement, bindparam, cast, select, tables
from .records import number_of
from .statement import SqlDialect, Statement, Transaction, constant

OFTEN = 1_000
"""Milliseconds by which it may be less than what was written with it: it need not change with each transaction."""

_meta = tables.meta
_KEPT = cast(_meta.c.value, BigInteger)

GREATEST = Statement(
    "An engine reads the greatest time that was kept.", lambda _: select(_KEPT).where(_meta.c.key == constant("time"))
)


def _keeping(words: SqlDialect) -> Any:
    insertion = words.insert(_meta).values(key=constant("time"), value=bindparam("now"))
    return insertion, {"value": insertion.excluded.value}


def _keep(words: SqlDialect) -> ClauseElement:
    insertion, change = _keeping(words)
    before = cast(bindparam("before"), BigInteger)
    insertion = insertion.on_conflict_do_update(index_elements=["key"], set_=change, where=before > _KEPT)
    clause: ClauseElement = insertion.returning(_meta.c.key)
    return clause


def _keep_anew(words: SqlDialect) -> ClauseElement:
    insertion, change = _keeping(words)
    clause: ClauseElement = insertion.on_conflict_do_update(index_elements=["key"], set_=change)
    return clause


KEEP, KEEP_ANEW = (
    Statement("A transaction keeps the time if it is greater than what was kept, by more than a second.", _keep),
    Statement("An engine keeps the time, also if it is less than what was kept.", _keep_anew),
)


def greatest(tx: Transaction) -> int:
    """The greatest time (unix ms) that was kept; 0 if none was."""
    row = tx.execute(GREATEST).fetchone()
    return 0 if row is None else number_of(row[0])


class Keeper:
    """Keeps the time of one store. It does not ask for a time that it has written lately. For the writer's thread."""

    def __init__(self) -> None:
        self._written: int | None = None  # the time that it wrote last, as it was committed

    def keep(self, tx: Transaction, now: int) -> None:
        """Keep the time with what this transaction writes anyway."""
        written = self._written
        if written is not None and -OFTEN <= now - written <= OFTEN:
            return
        if tx.is_shared:
            kept = greatest(tx)
            if kept > now - OFTEN:  # others have kept it: nobody waits for that
                tx.on_commit(lambda: self._take_over(min(kept, now)))
                return
            tx.hold(locking.of_time)
        if tx.execute(KEEP, {"now": str(now), "before": now - OFTEN}).fetchone() is not None:
            tx.on_commit(lambda: self._take_over(now))

    def keep_anew(self, tx: Transaction, now: int) -> None:
        """Keep the time, also if it is less than what was kept: that was not believed."""
        tx.execute(KEEP_ANEW, {"now": str(now)})
        tx.on_commit(lambda: self._take_over(now))

    def _take_over(self, now: int) -> None:
        self._written = now
