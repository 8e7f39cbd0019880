"""The queues of the functions that a worker serves: no function is asked that it does not serve, or that is paused.

A claim costs one search for each function that is served, and what it takes (docs/decisions/0045).
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .core import ColumnElement, Integer, Select, Text, bindparam, exists, func, literal_column, select, tables
from .records import tie_breaker
from .statement import Cursor, SqlDialect, Statement, Transaction

_jobs, _lanes, _pauses = tables.jobs, tables.lanes, tables.pauses
_NO, _YES = literal_column("0", Integer), literal_column("1", Integer)


def first_due(served: ColumnElement[Any]) -> Select[Any, Any, Any, bool]:
    """When the first of each queue of these functions is due; and whether a run must be alone, or is on hold."""
    plain = select(func.min(_jobs.c.score)).where(
        _jobs.c.function_id == served,
        _jobs.c.queue_class == _NO,
        _jobs.c.lane == literal_column("''", Text),
        _jobs.c.start == _NO,
    )
    lane = select(func.min(_lanes.c.ready_at)).where(_lanes.c.function_id == served, _lanes.c.ready_at.is_not(None))
    special = exists().where(_jobs.c.function_id == served, _jobs.c.queue_class >= _YES)
    return select(served, plain.scalar_subquery(), lane.scalar_subquery(), special)


def _heads(words: SqlDialect) -> Select[Any, Any, Any, bool]:
    served = words.listed("functions")
    return first_due(served).where(served.not_in(select(_pauses.c.function_id)))


HEADS = Statement(
    "A claim reads what each served function has queued: its first job, its first lane, and runs apart.", _heads
)

PLAIN_JOBS = Statement(
    "A claim finds the first jobs of a function that has no lanes.",
    lambda words: words.locking(
        select(_jobs.c.score, _jobs.c.id, _jobs.c.run_id)
        .where(
            _jobs.c.function_id == bindparam("function"),
            _jobs.c.queue_class == _NO,
            _jobs.c.lane == literal_column("''", Text),
            _jobs.c.start == _NO,
        )
        .order_by(_jobs.c.score, _jobs.c.id)
        .limit(bindparam("count")),
        skip=True,
    ),
)

READY_LANES = Statement(
    "A claim finds the first lanes of a function that are to be looked at.",
    lambda words: words.locking(
        select(_lanes.c.ready_at, _lanes.c.turn, _lanes.c.id)
        .where(_lanes.c.function_id == bindparam("function"), _lanes.c.ready_at.is_not(None))
        .order_by(_lanes.c.ready_at, _lanes.c.turn)
        .limit(bindparam("count")),
        skip=True,
    ),
)


class Head(NamedTuple):
    """The first entry in the queues of a function; None where there is nothing."""

    function_id: str
    plain: int | None  # when its first plain job is due
    lane: int | None  # when the first of its lanes is to be looked at
    special: bool  # it has a run that must be resumed alone, or that is on hold


class First(NamedTuple):
    """The first rows of several queues, in their order."""

    rows: Sequence[tuple[Any, ...]]  # the first value of each is when it is due
    next_due: int | None  # when the next is, that is not among them
    hidden: bool = False  # the first of a queue was due, and is not among them: others hold it, or have taken it


def heads(tx: Transaction, functions: Sequence[str]) -> list[Head]:
    """The functions of these that are not paused."""
    rows = tx.execute(HEADS, {"functions": json.dumps(list(functions))}).fetchall()
    return [Head(function, plain, lane, bool(special)) for function, plain, lane, special in rows]


def first(tx: Transaction, statement: Statement, queues: Mapping[str, int], count: int, until: int) -> First:
    """Up to `count` rows that are due by `until`, the first of all queues.

    Args:
        tx: the transaction.
        statement: PLAIN_JOBS, or READY_LANES.
        queues: functions, and when the first row of each is due. A queue is read only as far as it is next in line.
        count: how many rows, at most.
        until: rows that are due later are left.
    """
    waiting = sorted(((_due(at, until), function) for function, at in queues.items()), reverse=True)
    opened: list[_Opened] = []
    cursors: list[Cursor] = []
    rows: list[tuple[Any, ...]] = []
    hidden = False
    while True:
        while waiting and waiting[-1][0] <= min(until, opened[0][0] if opened else until):
            due_at, function = waiting.pop()
            cursor = tx.execute(statement, {"function": function, "count": count + 1})
            cursors.append(cursor)
            found = _step(opened, cursor, len(cursors), until)
            hidden = hidden or found is None or found > due_at
        if not opened or opened[0][0] > until or len(rows) == count:
            break
        _, _, number, row, cursor = heapq.heappop(opened)
        rows.append(row)
        _step(opened, cursor, number, until)
    for cursor in cursors:
        cursor.close()
    times = [one[0] for one in opened[:1]] + [due_at for due_at, _ in waiting[-1:]]
    return First(rows, min(times, default=None), hidden and tx.is_shared)


_Opened = tuple[int, str, int, tuple[Any, ...], Cursor]
"""The next row of a cursor: when it is due, what breaks a tie, the cursor's number, which no other has, and both."""


def _step(opened: list[_Opened], cursor: Cursor, number: int, until: int) -> int | None:
    """Read the next row of a cursor; when it is due, None if there is none."""
    row = cursor.fetchone()
    if row is None:
        return None
    if not isinstance(row[0], int):
        row = (until, *row[1:])
    heapq.heappush(opened, (row[0], tie_breaker(row[1]), number, row, cursor))
    return int(row[0])


def _due(at: object, until: int) -> int:
    """When something is due; what cannot be read is due now: it is behind all that can, and who does it knows more."""
    return at if isinstance(at, int) else until
