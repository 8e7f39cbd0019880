"""Rows that lanes leave behind are forgotten, page by page; and a lane that waits in vain is looked at again.

A lane waits in vain if it is blocked on a budget of which nobody has a slot: those whose turn it was belong to
functions that no worker serves.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, null, select, update

from inngest.engine.domain.function_rules import MICROSECONDS

from . import tables
from .lanes import BUDGETS
from .statement import Statement, Transaction

_lanes, _budgets, _throttles = tables.lanes, tables.budgets, tables.throttles

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


class Sweeper:
    """Sweeps for one worker: each time a page, from where it ended the last time."""

    def __init__(self) -> None:
        self._due_at = 0
        self._budget = self._throttle = ""
        self._blocked = ("", "")  # a function that is served, and the turn of one of its lanes

    def sweep(self, tx: Transaction, functions: Sequence[str], now: int) -> None:
        """Sweep a page, if it is time; `functions` are those that are served."""
        if now < self._due_at:
            return
        swept = copy.copy(self)
        swept._sweep(tx, functions, now)
        tx.on_commit(lambda: vars(self).update(vars(swept)))

    def _sweep(self, tx: Transaction, functions: Sequence[str], now: int) -> None:
        waiting = self._unblock(tx, functions, now)  # first: a budget that is gone has no slot in use, either
        more = [waiting, self._forget_budgets(tx), self._forget_throttles(tx, now)]
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
            used = {budget for budget, used, _ in tx.execute(BUDGETS, budgets).fetchall() if used > 0}
            vain = [lane for lane, budget in found if budget not in used]
            if vain:
                tx.execute(UNBLOCK, {"lanes": json.dumps(vain), "now": now})
        return len(found) == PAGE

    def _forget_budgets(self, tx: Transaction) -> bool:
        rows = tx.execute(BUDGETS_AFTER, {"after": self._budget, "count": PAGE}).fetchall()
        if unused := [budget for budget, used in rows if not used and isinstance(budget, str)]:
            tx.execute(FORGET_BUDGETS, {"budgets": json.dumps(unused)})
        self._budget = rows[-1][0] if len(rows) == PAGE else ""
        return len(rows) == PAGE

    def _forget_throttles(self, tx: Transaction, now: int) -> bool:
        rows = tx.execute(THROTTLES_AFTER, {"after": self._throttle, "count": PAGE}).fetchall()
        if over := [throttle for throttle, tat in rows if isinstance(throttle, str) and _is_over(tat, now)]:
            tx.execute(FORGET_THROTTLES, {"throttles": json.dumps(over)})
        self._throttle = rows[-1][0] if len(rows) == PAGE else ""
        return len(rows) == PAGE


def _is_over(tat: object, now: int) -> bool:
    """Whether a throttle is as if nothing had started; or cannot be read, and begins anew."""
    return not isinstance(tat, int) or tat < now * MICROSECONDS
