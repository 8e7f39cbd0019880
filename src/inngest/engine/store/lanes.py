"""Lanes, and the slots of their budgets (P7; docs/decisions/0011).

A lane has a row while it has jobs, and that row is ready or blocked. Slots are taken by the transaction that makes a
run somebody's, and given back by the one that ends that; the run keeps how many it has, so that it gives back exactly
these, whoever ends it. Giving slots back wakes as many of the lanes that are blocked on them.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from inngest.engine.domain import function_rules
from inngest.engine.domain.function_rules import PLAIN, Queueing
from inngest.engine.domain.lanes import Capacity, FullBudget, Lane, range_of
from inngest.engine.domain.model import Registry
from inngest.engine.records import Owner
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Ids

from . import locking
from .allowance import Allowance
from .context import WriteContext
from .core import (
    ClauseElement,
    ColumnElement,
    Integer,
    Label,
    ScalarSelect,
    Select,
    Text,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    null,
    select,
    tables,
    update,
)
from .records import LARGEST, number_of
from .statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction, each_value
from .timers import ALWAYS, SLOTS

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

_lanes, _budgets, _throttles, _runs = tables.lanes, tables.budgets, tables.throttles, tables.runs
_NONE = literal_column("0", Integer)

WAITING_LANES = Statement(
    "A transaction finds those of these lanes that have a row, so that others wait in them.",
    lambda words: select(_lanes.c.id).where(words.any_of(_lanes.c.id, "lanes")),
)


def _of_budgets(words: SqlDialect) -> Select[*tuple[Any, ...]]:
    return select(_budgets.c.budget, _budgets.c.used, _blocked()).where(words.any_of(_budgets.c.budget, "budgets"))


def _of_throttles(words: SqlDialect) -> Select[*tuple[Any, ...]]:
    return select(_throttles.c.id, _throttles.c.tat).where(words.any_of(_throttles.c.id, "throttles"))


BUDGETS = Statement(
    "A transaction reads how many slots of budgets are used, and whether lanes wait for them.",
    lambda words: words.locking(_of_budgets(words), skip=False),
)

THROTTLES = Statement(
    "A transaction reads when throttles let the next run begin.",
    lambda words: words.locking(_of_throttles(words), skip=False),
)

LOOK_AT_BUDGETS = Statement(
    "A reader learns how many slots of budgets are used, and whether lanes wait for them.",
    _of_budgets,
)

LOOK_AT_THROTTLES = Statement("A reader learns when throttles let the next run begin.", _of_throttles)


def _next_limit(function: ColumnElement[str]) -> ScalarSelect[int | None]:
    """The lowest limit at which lanes of a function are blocked on the budget, of those that have room now."""
    return (
        select(func.min(_lanes.c.blocked_at))
        .where(
            _lanes.c.blocked_on == bindparam("budget"),
            _lanes.c.function_id == function,
            _lanes.c.blocked_at > bindparam("used"),
        )
        .scalar_subquery()
    )


def _blocked_functions(_: SqlDialect) -> ClauseElement:
    """Functions that have lanes which are blocked on the budget."""
    found = each_value(_lanes.c.function_id, _lanes.c.blocked_on == bindparam("budget"))
    return select(found.c.id, _next_limit(found.c.id)).where(found.c.id.is_not(None))


BLOCKED_FUNCTIONS = Statement(
    "A transaction finds the functions of the lanes that wait for a budget, with the limits they wait at.",
    _blocked_functions,
)

NEXT_LIMIT = Statement(
    "A transaction finds the next limit at which lanes of a function wait for a budget.",
    lambda _: select(_next_limit(bindparam("function", type_=Text))),
)

WAKE = Statement(
    "A transaction has the lanes looked at that have waited longest for a budget.",
    lambda _: (
        update(_lanes)
        .where(
            _lanes.c.id.in_(
                select(_lanes.c.id)
                .where(
                    _lanes.c.blocked_on == bindparam("budget"),
                    _lanes.c.function_id == bindparam("function"),
                    _lanes.c.blocked_at == bindparam("limit"),
                )
                .order_by(_lanes.c.turn)
                .limit(bindparam("count"))
                .scalar_subquery()
            )
        )
        .values(blocked_on=null(), blocked_at=null(), ready_at=bindparam("now"))
    ),
    tells=lambda tidings, given: tidings.queue(given["function"], given["now"]),
)

LOOK_AT = Statement(
    "A transaction has lanes looked at now that were to be looked at later.",
    lambda words: (
        update(_lanes)
        .where(words.any_of(_lanes.c.id, "lanes"), _lanes.c.ready_at > bindparam("now"))
        .values(ready_at=bindparam("now"))
    ),
)

LANES_AFTER = Statement(
    "A registration reads a page of the lanes of a function.",
    lambda _: (
        select(_lanes.c.id)
        .where(_lanes.c.id > bindparam("after"), _lanes.c.id < bindparam("until"))
        .order_by(_lanes.c.id)
        .limit(bindparam("count"))
    ),
)

WAKE_LANES = Statement(
    "A registration has lanes looked at again, whatever they waited for.",
    lambda words: (
        update(_lanes)
        .where(words.any_of(_lanes.c.id, "lanes"))
        .values(blocked_on=null(), blocked_at=null(), ready_at=bindparam("now"))
    ),
)

HELD = Statement(
    "A transaction reads the slots that runs hold.",
    lambda words: select(_runs.c.id, _runs.c.slots).where(words.any_of(_runs.c.id, "runs"), _runs.c.slots > _NONE),
)

OWN_SLOTS = Statement(
    "An owner reads the slots that its run holds.",
    lambda words: words.locking(
        select(_runs.c.slots).where(
            _runs.c.id == bindparam("run"),
            _runs.c.token == bindparam("owner_token"),
            _runs.c.session_id == bindparam("session"),
        ),
        skip=False,
    ),
)

IS_READY = Statement(
    "A transaction asks whether a lane is to be looked at by now.",
    lambda _: select(_lanes.c.id).where(_lanes.c.id == bindparam("lane"), _lanes.c.ready_at <= bindparam("now")),
)

HOLDING = Statement(
    "A sweep reads the slots of all runs that have owners.",
    lambda _: select(_runs.c.lane, _runs.c.slots).where(_runs.c.session_id.is_not(None), _runs.c.slots > _NONE),
)

KEPT_HOLDING = Statement(
    "A sweep reads all slots that are kept for handlers.",
    lambda _: select(tables.kept_slots.c.lane, tables.kept_slots.c.slots),
)

SET_USED = Statement(
    "A sweep corrects how many slots of a budget are used.",
    lambda _: update(_budgets).where(_budgets.c.budget == bindparam("of_budget")).values(used=bindparam("now_used")),
)

ALL_USED = Statement(
    "A sweep reads the budgets of which slots are used.",
    lambda _: select(_budgets.c.budget, _budgets.c.used, _blocked()).where(_budgets.c.used != _NONE),
)

SET_SLOTS = Statement(
    "An owner notes the slots that its run holds.",
    lambda _: update(_runs).where(_runs.c.id == bindparam("run")).values(slots=bindparam("held")),
)


def _blocked() -> Label[bool]:
    """Whether lanes wait for the budget. Its column has a name of its own, because RETURNING gives no table's."""
    return exists().where(_lanes.c.blocked_on == _budgets.c.budget).correlate(_budgets).label("blocked")


def _take_slots(words: SqlDialect, rows: Rows) -> ClauseElement:
    insertion = words.insert(_budgets).values(rows.values)
    taking: ClauseElement = insertion.on_conflict_do_update(
        index_elements=["budget"], set_={"used": _budgets.c.used + insertion.excluded.used}
    )
    return taking


def _give_back(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    giving = update(_budgets).where(_budgets.c.budget == given.c.budget).values(used=_budgets.c.used - given.c.used)
    return giving.returning(_budgets.c.budget, _budgets.c.used, _blocked())


def _set_throttles(words: SqlDialect, rows: Rows) -> ClauseElement:
    insertion = words.insert(_throttles).values(rows.values)
    setting: ClauseElement = insertion.on_conflict_do_update(
        index_elements=["id"], set_={"tat": insertion.excluded.tat}
    )
    return setting


def _queue(words: SqlDialect, rows: Rows) -> ClauseElement:
    """A lane that is there already is looked at earlier if need be; one that is blocked stays so."""
    insertion = words.insert(_lanes).values(rows.values)
    new = insertion.excluded
    ready_at = case(
        (new.blocked_on.is_not(None), null()),
        (_lanes.c.ready_at > new.ready_at, new.ready_at),
        else_=_lanes.c.ready_at,
    )
    queueing: ClauseElement = insertion.on_conflict_do_update(
        index_elements=["id"],
        set_={"ready_at": ready_at, "blocked_on": new.blocked_on, "blocked_at": new.blocked_at},
        where=_lanes.c.blocked_on.is_(None),
    )
    return queueing


TAKE_SLOTS = MultiRowStatement(
    "A transaction adds taken slots to what is used of budgets.", _budgets, ("budget", "used"), _take_slots
)
GIVE_BACK = MultiRowStatement(
    "A transaction subtracts slots from what is used of budgets, and tells which of them lanes wait for.",
    _budgets,
    ("budget", "used"),
    _give_back,
)
SET_THROTTLES = MultiRowStatement(
    "A transaction notes when throttles let the next run begin.", _throttles, ("id", "tat"), _set_throttles
)
QUEUE_LANES = MultiRowStatement(
    "A transaction puts lanes into the queue; one that is there is looked at earlier.",
    _lanes,
    ("id", "function_id", "ready_at", "blocked_on", "blocked_at", "turn"),
    _queue,
    tells=lambda tidings, rows: tidings.queue_all((function_id, ready_at) for _, function_id, ready_at, *_ in rows),
)


def capacity(tx: Transaction, lanes: Iterable[Lane], *, mends: bool = True) -> Capacity:
    """Read what lanes have left. A count that cannot be read is counted anew.

    Args:
        tx: the transaction.
        lanes: whose budgets and throttles are read.
        mends: what is read is held, to be written, and so is what was counted anew; else nothing is: a transaction that
            only reads may hold nothing.
    """
    budgets: dict[str, None] = {}  # not a set: its order is chance
    throttles: dict[str, None] = {}
    lanes = list(lanes)
    for lane in lanes:
        budgets.update(dict.fromkeys(lane.budgets))
        if lane.throttle is not None:
            throttles[lane.throttle] = None
    if mends:
        tx.hold(locking.of_lanes, lanes)
    used: dict[str, int] = {}
    awaited: set[str] = set()
    if budgets:
        reading = BUDGETS if mends else LOOK_AT_BUDGETS
        for budget, count, blocked in tx.execute(reading, {"budgets": json.dumps(list(budgets))}).fetchall():
            known = isinstance(count, int) and 0 <= count <= LARGEST
            used[budget] = count if known else _counted_anew(tx, budget, mends)
            if blocked:
                awaited.add(budget)
    tats: dict[str, int] = {}
    if throttles:
        reading = THROTTLES if mends else LOOK_AT_THROTTLES
        rows = tx.execute(reading, {"throttles": json.dumps(list(throttles))}).fetchall()
        tats.update((row[0], row[1]) for row in rows if isinstance(row[1], int))  # else it begins anew
    return Capacity(used, frozenset(awaited), tats)


def write(tx: Transaction, capacity: Capacity) -> None:
    """Write what was taken of a capacity."""
    taken, started = capacity.changes()
    tx.execute_rows(TAKE_SLOTS, taken)
    tx.execute_rows(SET_THROTTLES, started)


def readable(lane_id: str | None) -> Lane | None:
    """The lane of an id; None if there is none, or if it cannot be read."""
    try:
        return Lane.of(lane_id) if lane_id else None
    except (ValueError, TypeError):
        LOGGER.error("lane %r cannot be read: its runs queue nowhere", lane_id)
        return None


def _counted_anew(tx: Transaction, budget: str, mends: bool) -> int:
    """The slots of a budget that are used, of one of which that cannot be read: it is what its runs hold."""
    used = _held_of_each(tx)[budget]
    LOGGER.error("the slots of %r cannot be read, and are counted anew: %d are used", budget, used)
    if mends:
        tx.execute(SET_USED, {"of_budget": budget, "now_used": used})
    return used


def count_anew(tx: Transaction, now: int) -> None:
    """The slots of all budgets: some were given back of which nobody could say whose they are."""
    held = _held_of_each(tx)
    for budget, used, blocked in tx.execute(ALL_USED).fetchall():
        if used == held[budget]:
            continue
        LOGGER.error("the slots of %r are counted anew: %d are used, and not %r", budget, held[budget], used)
        tx.execute(SET_USED, {"of_budget": budget, "now_used": held[budget]})
        if blocked:
            wake(tx, budget, held[budget], max(1, number_of(used) - held[budget]), now)


def _held_of_each(tx: Transaction) -> Counter[str]:
    """The slots that the runs of each budget hold, with those that are kept."""
    held: Counter[str] = Counter()
    for statement in (HOLDING, KEPT_HOLDING):
        for lane_id, slots in tx.execute(statement).fetchall():
            lane = readable(lane_id)
            held.update(dict.fromkeys(() if lane is None else lane.budgets, number_of(slots)))
    return held


def rules_of(registry: Registry, lane: Lane) -> Queueing:
    """The rules of a lane's function as it is configured now; a run that queued under others follows them."""
    function = registry.known(lane.function_id)
    return PLAIN if function is None else function_rules.rules_of(function.id, function.config).queueing


class Queue:
    """Lanes that get jobs in this transaction."""

    def __init__(self) -> None:
        self._lanes: dict[str, tuple[Lane, int, FullBudget | None]] = {}

    def add(self, lane: Lane, ready_at: int, full: FullBudget | None = None) -> None:
        """A lane gets a job: look at it then, or when the budget has a slot."""
        _, known, known_full = self._lanes.get(lane.id, (lane, ready_at, None))
        self._lanes[lane.id] = (lane, min(known, ready_at), full or known_full)

    def write(self, tx: Transaction, now: int, ids: Ids) -> None:
        """Make the lanes, or have those that there are looked at in time."""
        rows = [
            (lane_id, lane.function_id, *state_of(ready_at, full), ids.ulid(now))
            for lane_id, (lane, ready_at, full) in self._lanes.items()
        ]
        tx.hold(locking.of_lanes, [lane for lane, _, _ in self._lanes.values()])
        tx.execute_rows(QUEUE_LANES, rows)


def state_of(ready_at: int | None, full: FullBudget | None) -> tuple[int | None, str | None, int | None]:
    """The values of a lane's ready_at, blocked_on and blocked_at: it is ready, or blocked."""
    return (ready_at, None, None) if full is None else (None, full.budget, full.limit)


def waiting(tx: Transaction, lanes: Iterable[Lane]) -> set[str]:
    """Ids of those of these lanes that have jobs."""
    ids = json.dumps(list(dict.fromkeys(lane.id for lane in lanes)))
    return {row[0] for row in tx.execute(WAITING_LANES, {"lanes": ids}).fetchall()}


def held(tx: Transaction, run_ids: Sequence[str]) -> list[tuple[str, int]]:
    """Those of these runs that hold slots, and how many."""
    rows = tx.execute(HELD, {"runs": json.dumps(list(run_ids))}).fetchall()
    return [(run_id, number_of(slots, 1)) for run_id, slots in rows]


def give_back(context: WriteContext, slots: Iterable[tuple[str | None, int]], now: int) -> None:
    """Slots of these lanes are free: as many lanes that wait for them are looked at again.

    Of a lane that cannot be read, nobody can say which budgets they are of; and a lane was changed if it leads to a
    budget of which fewer slots are used. Then those of all budgets are counted anew.
    """
    freed: Counter[str] = Counter()
    strange = False
    for lane_id, count in slots:
        lane = readable(lane_id)
        strange = strange or (lane is None and count > 0)
        for budget in () if lane is None else set(lane.budgets):
            freed[budget] += count
    context.hold(locking.budgets, freed)
    known: set[str] = set()
    for budget, used, blocked in context.execute_rows(GIVE_BACK, sorted(freed.items())):
        known.add(budget)
        strange = strange or used < 0
        if blocked:
            wake(context, budget, used, freed[budget], now)
    if strange or any(budget not in known for budget, count in freed.items() if count):
        context.timers.put(SLOTS, "", ALWAYS, None)


def wake(tx: Transaction, budget: str, used: int, count: int, now: int) -> bool:
    """Have so many of each function's lanes looked at that wait for a budget, of each limit that has room; whether any.

    Functions that share a budget may have different limits: what is room for one is none for another. And one may be
    paused, or served by nobody: its lanes take nothing, and must not keep the slot from those of others. Of a function,
    who was served longest ago is first; of several, claims see to the same.
    """
    woken = False
    for function, limit in tx.execute(BLOCKED_FUNCTIONS, {"budget": budget, "used": used}).fetchall():
        while limit is not None:
            woken = True
            of_function = {"budget": budget, "function": function}
            tx.execute(WAKE, {**of_function, "limit": limit, "count": count, "now": now})
            row = tx.execute(NEXT_LIMIT, {**of_function, "used": limit}).fetchone()
            limit = None if row is None else row[0]
    return woken


def look_at(tx: Transaction, lane_ids: Sequence[str], now: int) -> None:
    """Jobs of these lanes are due earlier than it was known."""
    tx.hold(locking.of_lane_ids, lane_ids)
    tx.execute(LOOK_AT, {"lanes": json.dumps(list(lane_ids)), "now": now})


def reconsider(tx: Transaction, function_id: str, after: str, now: int) -> str | None:
    """A function was configured anew: its limits may be others. Where to go on, if there are more than it may write."""
    allowance = Allowance.of(tx)
    first, last = range_of(function_id)
    count = max(1, allowance.rows)
    found = [
        row[0]
        for row in tx.execute(LANES_AFTER, {"after": max(first, after), "until": last, "count": count}).fetchall()
    ]
    if not found:
        return None
    allowance.take(len(found))
    tx.tidings.queue(function_id, now)
    tx.hold(locking.of_lane_ids, found)
    tx.execute(WAKE_LANES, {"lanes": json.dumps(found), "now": now})
    return found[-1] if len(found) == count else None


def extra_slots(context: WriteContext, owner: Owner, lane_id: str, wanted: int, now: int) -> int:
    """Slots of a run, for its first handler and others; how many it has then. To ask again changes nothing more.

    It gets none more while others wait for one, they come first. Slots beyond `wanted` are given back.
    """
    asked = {"run": owner.run_id, "owner_token": owner.token, "session": owner.session}
    row = context.execute(OWN_SLOTS, asked).fetchone()
    if row is None:
        return 0
    lane, own = readable(lane_id), int(row[0])
    if lane is None:
        return own
    if wanted <= own:
        if wanted < own:
            give_back(context, [(lane_id, own - wanted)], now)
            context.execute(SET_SLOTS, {"run": owner.run_id, "held": wanted})
        return wanted
    left, rules = capacity(context, [lane]), rules_of(context.registry, lane)
    others = left.awaited(lane) or context.execute(IS_READY, {"lane": lane_id, "now": now}).fetchone()
    granted = 0 if others else min(wanted - own, left.slots(lane, rules))
    if granted:
        left.take(lane, rules, granted, 0, now)
        write(context, left)
        context.execute(SET_SLOTS, {"run": owner.run_id, "held": own + granted})
    return own + granted
