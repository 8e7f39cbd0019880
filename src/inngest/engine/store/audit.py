"""The audit: what people did that leaves no other trace."""

from __future__ import annotations

from inngest.engine.domain.erasing import ACTION, AuditEntry

from .core import ClauseElement, bindparam, select, tables
from .statement import SqlDialect, Statement, Transaction, constant

_audit = tables.audit


LAST = "~"
"""Comes after every id."""


def _write(words: SqlDialect) -> ClauseElement:
    insertion = words.insert(_audit).values({name: bindparam(name) for name in AuditEntry._fields})
    clause: ClauseElement = insertion.on_conflict_do_update(
        index_elements=["id"], set_={"detail": insertion.excluded.detail}
    )
    return clause


WRITE = Statement("A transaction notes what somebody does; again, with what came of it.", _write)

NEWEST = Statement(
    "A reader lists what people did, the newest first.",
    lambda _: (
        select(*(_audit.c[name] for name in AuditEntry._fields))
        .where(_audit.c.id < bindparam("before"))
        .order_by(_audit.c.id.desc())
        .limit(bindparam("count"))
    ),
)

ERASER = Statement(
    "A reader asks who erased something at a time.",
    lambda _: (
        select(_audit.c.actor)
        .where(_audit.c.at == bindparam("of_time"), _audit.c.action == constant(ACTION))
        .order_by(_audit.c.id)
        .limit(1)
    ),
)


def write(tx: Transaction, entry: AuditEntry) -> None:
    """Note what somebody does; of an entry that is there, what came of it is written anew."""
    tx.execute(WRITE, entry._asdict())


def newest(tx: Transaction, limit: int, before: str = LAST) -> list[AuditEntry]:
    """The acts of people, the newest first; before the entry of an id."""
    return [AuditEntry(*row) for row in tx.execute(NEWEST, {"before": before, "count": limit}).fetchall()]


def eraser(tx: Transaction, at: int) -> str | None:
    """The person who erased something at a time (unix ms); None if nobody knows."""
    row = tx.execute(ERASER, {"of_time": at}).fetchone()
    return None if row is None else str(row[0])
