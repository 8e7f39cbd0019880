"""Rows that lanes leave behind are forgotten, page by page; and a lane that waits in vain is looked at again.

A lane waits in vain if it is blocked on a budget of which nobody has a slot: those whose turn it was belong to
functions that no worker serves. And a lane that jobs queue in, and that no claim finds, is made anew.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Sequence
from typing import Any

from inngest.engine.domain.function_rules import MICROSECONDS
from inngest.engine.domain.lanes import Lane
from inngest.runtime.careful import CarefulLogger

from . import locking
from .context import WriteContext
from .core import (
    ClauseElement,
    Integer,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    null,
    select,
    tables,
    update,
)
from .lanes import LOOK_AT_BUDGETS, Queue
from .statement import SqlDialect, Statement, Transaction

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

_lanes, _budgets, _throttles = tables.lanes, tables.budgets, tables.throttles
_jobs, _runs = tables.jobs, tables.runs
_NO, _ONE = literal_column("0", Integer), literal_column("1", Integer)

PAGE = 100
"""Rows of a table that are looked at in one transaction."""

SWEEP = 10_000
"""Milliseconds between two looks through everything."""

NEXT_PAGE = 100
"""Milliseconds between two pages of one look."""

BUDGETS_AFTER = Statement(
    "A sweep reads the next budgets.",
    lambda _: (
        select(_budgets.c.budget, _budgets.c.used)
        .where(_budgets.c.budget > bindparam("after"))
        .order_by(_budgets.c.budget)
        .limit(bindparam("count"))
    ),
)

THROTTLES_AFTER = Statement(
    "A sweep reads the next throttles.",
    lambda _: (
        select(_throttles.c.id, _throttles.c.tat)
        .where(_throttles.c.id > bindparam("after"))
        .order_by(_throttles.c.id)
        .limit(bindparam("count"))
    ),
)

BLOCKED_AFTER = Statement(
    "A sweep reads the next lanes of a function that wait for budgets.",
    lambda _: (
        select(_lanes.c.turn, _lanes.c.id, _lanes.c.blocked_on)
        .where(
            _lanes.c.function_id == bindparam("function"),
            _lanes.c.ready_at.is_(None),
            _lanes.c.turn > bindparam("after"),
        )
        .order_by(_lanes.c.turn)
        .limit(bindparam("count"))
    ),
)

FORGET_BUDGETS = Statement(
    "A sweep removes budgets of which nothing is used.",
    lambda words: delete(_budgets).where(words.any_of(_budgets.c.budget, "budgets")),
)

FORGET_THROTTLES = Statement(
    "A sweep removes throttles that hold back nothing.",
    lambda words: delete(_throttles).where(words.any_of(_throttles.c.id, "throttles")),
)

UNBLOCK = Statement(
    "A sweep has lanes looked at that wait for budgets with room.",
    lambda words: (
        update(_lanes)
        .where(words.any_of(_lanes.c.id, "lanes"), _lanes.c.blocked_on.is_not(None))
        .values(blocked_on=null(), blocked_at=null(), ready_at=bindparam("now"))
    ),
)

_QUEUED = (_jobs.c.function_id == bindparam("function"), _jobs.c.queue_class == _NO)


def _queued_lanes(_: SqlDialect) -> ClauseElement:
    """The lanes in which jobs of a function queue: from one to the next in the index, however many jobs each has."""
    first = select(func.min(_jobs.c.lane).label("id"), _ONE.label("number")).where(
        *_QUEUED, _jobs.c.lane > bindparam("after")
    )
    found = first.cte("found", recursive=True)
    following = select(func.min(_jobs.c.lane)).where(*_QUEUED, _jobs.c.lane > found.c.id).scalar_subquery()
    more = select(following, found.c.number + _ONE).where(found.c.id.is_not(None), found.c.number < bindparam("count"))
    found = found.union_all(more)
    return select(found.c.id).where(found.c.id.is_not(None))


QUEUED_LANES = Statement("A sweep reads the next lanes in which jobs of a function queue.", _queued_lanes)

FUNCTIONS_OF_LANES = Statement(
    "A sweep reads whose lanes these are.",
    lambda words: select(_lanes.c.id, _lanes.c.function_id).where(words.any_of(_lanes.c.id, "lanes")),
)

FORGET_LANES = Statement(
    "A sweep deletes lanes that it makes anew.", lambda words: delete(_lanes).where(words.any_of(_lanes.c.id, "lanes"))
)

_LANE_OF_RUN = select(_runs.c.lane).where(_runs.c.id == _jobs.c.run_id).correlate(_jobs).scalar_subquery()

TO_LANE_OF_RUN = Statement(
    "A sweep moves jobs whose lane cannot be read to the lane of their run.",
    lambda _: (
        update(_jobs)
        .where(
            _jobs.c.id.in_(
                select(_jobs.c.id)
                .where(
                    *_QUEUED,
                    _jobs.c.lane.in_([bindparam("lane"), cast(bindparam("lane_as_text"), Text)]),
                    _jobs.c.lane != _LANE_OF_RUN,
                )
                .limit(bindparam("count"))
            )
        )
        .values(lane=_LANE_OF_RUN)
    ),
)


class Sweeper:
    """Sweeps for one worker: each time a page, from where it ended the last time."""

    def __init__(self) -> None:
        self._due_at = 0
        self._budget = self._throttle = ""
        self._blocked = ("", "")  # a function that is served, and the turn of one of its lanes
        self._queued = ("", "")  # such a function, and one of its lanes

    def sweep(self, tx: WriteContext, functions: Sequence[str], now: int) -> None:
        """Sweep a page, if it is time; `functions` are those that are served."""
        if now < self._due_at:
            return
        swept = copy.copy(self)
        swept._sweep(tx, functions, now)
        tx.on_commit(lambda: vars(self).update(vars(swept)))

    def _sweep(self, tx: WriteContext, functions: Sequence[str], now: int) -> None:
        waiting = self._unblock(tx, functions, now)  # first: a budget that is gone has no slot in use, either
        queued = self._find(tx, functions, now)
        more = [waiting, queued, self._forget_budgets(tx), self._forget_throttles(tx, now)]
        self._due_at = now + (NEXT_PAGE if any(more) else SWEEP)

    def _unblock(self, tx: Transaction, functions: Sequence[str], now: int) -> bool:
        found: list[tuple[str, str]] = []
        served, turn = self._blocked
        for function in sorted(functions):
            if function < served:
                continue
            after = turn if function == served else ""
            asked = {"function": function, "after": after, "count": PAGE - len(found)}
            rows = tx.execute(BLOCKED_AFTER, asked).fetchall()
            found += [(lane, budget) for _, lane, budget in rows]
            if len(found) == PAGE:
                self._blocked = (function, rows[-1][0])
                break
        else:
            self._blocked = ("", "")
        if found:
            budgets = {"budgets": json.dumps(sorted({budget for _, budget in found}))}
            used = {budget for budget, used, _ in tx.execute(LOOK_AT_BUDGETS, budgets).fetchall() if used > 0}
            vain = [lane for lane, budget in found if budget not in used]
            if vain:
                tx.hold(locking.of_lane_ids, vain)
                tx.execute(UNBLOCK, {"lanes": json.dumps(vain), "now": now})
        return len(found) == PAGE

    def _find(self, tx: WriteContext, functions: Sequence[str], now: int) -> bool:
        """Make lanes anew that have jobs, and that no claim finds: they cannot be read, or not whose they are."""
        left = PAGE
        served, lane = self._queued
        for function in sorted(functions):
            if function < served:
                continue
            asked = {"function": function, "after": lane if function == served else "", "count": left}
            found = [row[0] for row in tx.execute(QUEUED_LANES, asked).fetchall()]
            while (missing := _missing(tx, function, found)) and tx.hold(locking.of_lane_ids, missing):
                found = [row[0] for row in tx.execute(QUEUED_LANES, asked).fetchall()]  # others may have served them
            if missing:
                _make_anew(tx, function, missing, now)
            left -= len(found)
            if not left:
                self._queued = (function, found[-1])
                return True
        self._queued = ("", "")
        return False

    def _forget_budgets(self, tx: Transaction) -> bool:
        rows = tx.execute(BUDGETS_AFTER, {"after": self._budget, "count": PAGE}).fetchall()
        if unused := [budget for budget, used in rows if not used and isinstance(budget, str)]:
            if tx.hold(locking.budgets, unused):
                return self._forget_budgets(tx)  # they may be used by now
            tx.execute(FORGET_BUDGETS, {"budgets": json.dumps(unused)})
        self._budget = rows[-1][0] if len(rows) == PAGE else ""
        return len(rows) == PAGE

    def _forget_throttles(self, tx: Transaction, now: int) -> bool:
        rows = tx.execute(THROTTLES_AFTER, {"after": self._throttle, "count": PAGE}).fetchall()
        if over := [throttle for throttle, tat in rows if isinstance(throttle, str) and _is_over(tat, now)]:
            if tx.hold(locking.throttles, over):
                return self._forget_throttles(tx, now)
            tx.execute(FORGET_THROTTLES, {"throttles": json.dumps(over)})
        self._throttle = rows[-1][0] if len(rows) == PAGE else ""
        return len(rows) == PAGE


def _missing(tx: Transaction, function: str, found: Sequence[Any]) -> list[Any]:
    """Those of these lanes of a function that are not there."""
    listed = json.dumps([lane_id for lane_id in found if isinstance(lane_id, str)])
    there = {lane for lane, of in tx.execute(FUNCTIONS_OF_LANES, {"lanes": listed}).fetchall() if of == function}
    return [lane_id for lane_id in found if lane_id not in there]


def _make_anew(tx: WriteContext, function: str, missing: Sequence[Any], now: int) -> None:
    queue = Queue()
    for lane_id in missing:
        try:
            queue.add(Lane.of(lane_id), now)
        except (ValueError, TypeError):
            asked = {"function": function, "lane": lane_id, "lane_as_text": lane_id, "count": PAGE}
            tx.execute(TO_LANE_OF_RUN, asked)  # it is found by the next sweep
    LOGGER.error("%d lanes of %s could not be found, and are made anew", len(missing), function)
    tx.execute(FORGET_LANES, {"lanes": json.dumps([one for one in missing if isinstance(one, str)])})
    queue.write(tx, now, tx.ids)


def _is_over(tat: object, now: int) -> bool:
    """Whether a throttle is as if nothing had started; or cannot be read, and begins anew."""
    return not isinstance(tat, int) or tat < now * MICROSECONDS
