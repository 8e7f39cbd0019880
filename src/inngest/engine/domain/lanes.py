"""Lanes: how concurrency, throttle and priority order the runs of a function (docs/decisions/0011). Pure.

A **lane** is the queue of the runs that share the same budgets and the same throttle. A **budget** counts the slots of
runs that execute; each limit of a lane's function holds for one budget. Plain functions have neither.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .event_view import EventView
from .function_rules import MICROSECONDS, PLAIN, Queueing
from .index_keys import index_key
from .matching import EvaluationError, compiled

LARGEST_SHIFT = 600_000
"""Milliseconds by which a priority makes a run older or younger in its lane, at most."""


class Lane(NamedTuple):
    """Where the runs of a function queue that share budgets and throttle."""

    function_id: str
    budgets: tuple[str, ...]  # ids, in the order of the function's limits
    throttle: str | None  # id

    @property
    def id(self) -> str:
        """JSON text: a lane is what it is made of, so that it can be made again when it is needed."""
        return json.dumps([self.function_id, self.budgets, self.throttle], separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def of(cls, lane_id: str) -> Lane:
        """The lane of an id.

        Raises:
            ValueError: it is none.
        """
        found = json.loads(lane_id)
        if not isinstance(found, list) or len(found) != 3 or not isinstance(found[1], list):
            raise ValueError(f"no lane: {lane_id!r}")
        function_id, budgets, throttle = found
        if not all(isinstance(one, str) for one in (function_id, throttle or "", *budgets)):
            raise ValueError(f"no lane: {lane_id!r}")
        return cls(function_id, tuple(budgets), throttle)


def range_of(function_id: str) -> tuple[str, str]:
    """Two texts: the ids of all lanes of a function, and of no other, are after the first and before the second."""
    first = json.dumps([function_id], ensure_ascii=False)[:-1] + ","
    return first, first[:-1] + "-"  # which comes after a comma


class QueuePosition(NamedTuple):
    """Where a run queues."""

    lane: Lane
    rules: Queueing  # of its function
    shift: int  # ms by which it counts as older


def position_of(function_id: str, rules: Queueing, view: EventView) -> QueuePosition | None:
    """Where the run of a function for an event queues; None if the function is plain.

    A key that is null or false, or gives nothing, is no key: a limit that cannot be told must not stop a run.
    """
    if rules is PLAIN:
        return None
    budgets = tuple(limit.budget(_key(limit.key, view)) for limit in rules.limits)
    throttle = None if rules.throttle is None else index_key(f"{function_id}:{_key(rules.throttle.key, view)}")
    return QueuePosition(Lane(function_id, budgets, throttle), rules, _shift(rules.priority, view))


def _key(text: str | None, view: EventView) -> str:
    """A key's value; empty if there is none."""
    if text is None:
        return ""
    try:
        return compiled(text).key(view.activation) or ""
    except EvaluationError:
        return ""


def _shift(text: str | None, view: EventView) -> int:
    """By how many ms the run counts as older."""
    if text is None:
        return 0
    try:
        seconds = compiled(text).number(view.activation) or 0
    except EvaluationError:
        return 0
    return max(-LARGEST_SHIFT, min(LARGEST_SHIFT, seconds * 1_000))


class FullBudget(NamedTuple):
    """A budget without a slot left."""

    budget: str
    limit: int  # of the lane


class Capacity:
    """The slots and starts that lanes have left, as one transaction goes on.

    Args:
        used: how many slots of each budget are used; a budget that is absent has none.
        awaited: the budgets that lanes wait for.
        tats: when the next start of each throttle would arrive (µs), if all were evenly spaced.
    """

    def __init__(self, used: Mapping[str, int], awaited: frozenset[str], tats: Mapping[str, int]) -> None:
        self._used = dict(used)
        self._awaited = awaited
        self._tats = dict(tats)
        self._taken: Counter[str] = Counter()
        self._started: set[str] = set()

    def full(self, lane: Lane, rules: Queueing) -> FullBudget | None:
        """The first budget of a lane that has no slot left."""
        return next(iter(self.all_full(lane, rules)), None)

    def all_full(self, lane: Lane, rules: Queueing) -> list[FullBudget]:
        """The budgets of a lane that have no slot left, in the order in which its limits are declared."""
        left = self._left(lane, rules)
        return [FullBudget(budget, self.used(budget) + free) for budget, free in left if free <= 0]

    def slots(self, lane: Lane, rules: Queueing) -> int:
        """How many runs of a lane may execute beside those that do."""
        return max(0, min((left for _, left in self._left(lane, rules)), default=sys.maxsize))

    def awaited(self, lane: Lane) -> list[str]:
        """The budgets of a lane that other lanes wait for, or did when the transaction began."""
        return [budget for budget in lane.budgets if budget in self._awaited]

    def used(self, budget: str) -> int:
        """How many slots of a budget are used."""
        return self._used.get(budget, 0)

    def starts(self, lane: Lane, rules: Queueing, now: int) -> int:
        """How many runs of a lane its throttle lets begin now."""
        if lane.throttle is None or rules.throttle is None:
            return sys.maxsize
        return rules.throttle.allowed(self._tats.get(lane.throttle, 0), now * MICROSECONDS)

    def opens_at(self, lane: Lane, rules: Queueing, now: int) -> int:
        """From when on (unix ms) the throttle of a lane lets the next run begin."""
        if lane.throttle is None or rules.throttle is None:
            return now
        opens_at = rules.throttle.opens_at(self._tats.get(lane.throttle, 0))
        return max(now, -(-opens_at // MICROSECONDS))

    def take(self, lane: Lane, rules: Queueing, runs: int, starts: int, now: int) -> None:
        """So many runs of a lane execute from now on, and `starts` of them begin with it."""
        for budget in set(lane.budgets):
            self._used[budget] = self.used(budget) + runs
            self._taken[budget] += runs
        if starts and lane.throttle is not None and rules.throttle is not None:
            tat = self._tats.get(lane.throttle, 0)
            self._tats[lane.throttle] = rules.throttle.after(tat, now * MICROSECONDS, starts)
            self._started.add(lane.throttle)

    def changes(self) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
        """The slots and starts that were taken since the last call: slots by budget, and the new times of throttles;
        both in order of ids.
        """
        taken = sorted((budget, count) for budget, count in self._taken.items() if count)
        started = sorted((throttle, self._tats[throttle]) for throttle in self._started)
        self._taken.clear()
        self._started.clear()
        return taken, started

    def _left(self, lane: Lane, rules: Queueing) -> Iterator[tuple[str, int]]:
        limits = zip(lane.budgets, rules.slots(lane.budgets), strict=True)
        return ((budget, limit - self.used(budget)) for budget, limit in limits if limit is not None)


class LaneDecision(NamedTuple):
    """A claim's share of a lane, and the lane's new state."""

    going_on: int  # runs taken that go on
    begun: int  # runs taken that begin
    ready_at: int | None  # when the lane is to be looked at again; None with `full` too: it is empty
    full: FullBudget | None  # the budget whose slot it waits for


class LaneTurn:
    """A lane's turn in a claim: what goes on comes before what begins.

    Args:
        lane: the lane whose turn it is.
        rules: of its function.
        capacity: what is left; the turn takes from it.
        share: how many runs the claim takes of the lane, at most.
        going_on: when (unix ms) its first runs that go on fall due, in order: one more than `share`, if there are.
        now: unix ms.
    """

    def __init__(
        self, lane: Lane, rules: Queueing, capacity: Capacity, share: int, going_on: Sequence[int], now: int
    ) -> None:
        self._lane, self._rules, self._capacity, self._now = lane, rules, capacity, now
        most = min(share, capacity.slots(lane, rules))
        self._due = sum(due_at <= now for due_at in going_on)
        self._next = list(going_on[self._due : self._due + 1])
        self._going_on = min(self._due, most)
        self.allowed = min(most - self._going_on, capacity.starts(lane, rules, now))
        """How many runs may begin."""

    def decide(self, queued: int, next_start: int | None) -> LaneDecision:
        """Take what may be taken.

        Args:
            queued: runs that are due to begin, counted up to one more than `allowed`.
            next_start: when the next of those falls due that are not; None if there is none.
        """
        lane, rules, capacity, now = self._lane, self._rules, self._capacity, self._now
        begun = min(queued, self.allowed)
        capacity.take(lane, rules, self._going_on + begun, begun, now)
        times = [*self._next, *([] if next_start is None else [next_start])]
        full = capacity.full(lane, rules)
        if self._due > self._going_on:
            if full is not None:
                return LaneDecision(self._going_on, begun, None, full)
            times.append(now)
        if queued > begun:
            if full is not None and capacity.starts(lane, rules, now):
                return LaneDecision(self._going_on, begun, None, full)
            times.append(capacity.opens_at(lane, rules, now))
        return LaneDecision(self._going_on, begun, min(times, default=None), None)
