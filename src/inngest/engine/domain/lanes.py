"""Lanes: how concurrency, throttle and priority order the runs of a function (docs/decisions/0011).

A **lane** is the queue of the runs that share the same budgets and the same throttle. A **budget** counts the slots of
runs that execute; each limit of a lane's function holds for one budget. Plain functions have neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from inngest.protocol import durations

from .index_keys import LONGEST, index_key, within

MICROSECONDS = 1_000
"""Of a millisecond: an interval of a throttle need not be a whole number of milliseconds."""


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
        """The lane of an id."""
        function_id, budgets, throttle = json.loads(lane_id)
        return cls(function_id, tuple(budgets), throttle)


def range_of(function_id: str) -> tuple[str, str]:
    """Two texts: the ids of all lanes of a function, and of no other, are after the first and before the second."""
    first = json.dumps([function_id], ensure_ascii=False)[:-1] + ","
    return first, first[:-1] + "-"  # which comes after a comma


class Limit(NamedTuple):
    """How many slots a budget has."""

    slots: int
    key: str | None  # CEL
    prefix: str  # of the ids of its budgets: what shares one

    def budget(self, value: str) -> str:
        """The id of the budget of a key's value: at most 200 bytes."""
        return within(self.prefix, value)


class Throttle(NamedTuple):
    """How starts are spread (GCRA). Times are µs."""

    interval: int  # between two starts
    burst: int  # so many may start at once
    key: str | None  # CEL

    def opens_at(self, tat: int) -> int:
        """When the next start is allowed, of the time at which the next would arrive if all were evenly spaced."""
        return tat - self.interval * (self.burst - 1)

    def allowed(self, tat: int, now: int) -> int:
        """How many may start now."""
        behind = now - self.opens_at(max(tat, now))
        return 0 if behind < 0 else behind // self.interval + 1

    def after(self, tat: int, now: int, starts: int) -> int:
        """The time at which the next would arrive, after so many starts."""
        return max(tat, now) + starts * self.interval


class Queueing(NamedTuple):
    """What a function's configuration says about its queue."""

    limits: tuple[Limit, ...] = ()
    throttle: Throttle | None = None
    priority: str | None = None  # CEL

    def slots(self, budgets: Sequence[str]) -> list[int | None]:
        """The limits of a lane's budgets, as the function is configured now; None for one that it has no more."""
        limits = self.limits_of(budgets)
        return [None if limit is None else limit.slots for limit in limits]

    def limits_of(self, budgets: Sequence[str]) -> list[Limit | None]:
        """Which limit holds for each of a lane's budgets."""
        return [self._limit_of(budget, at) for at, budget in enumerate(budgets)]

    def _limit_of(self, budget: str, at: int) -> Limit | None:
        if at < len(self.limits) and budget.startswith(self.limits[at].prefix):
            return self.limits[at]
        return next((limit for limit in self.limits if budget.startswith(limit.prefix)), None)


PLAIN = Queueing()


class Place(NamedTuple):
    """Where a run queues."""

    lane: Lane
    rules: Queueing  # of its function
    shift: int  # ms by which it counts as older


@lru_cache(maxsize=4_096)
def queueing_of(function_id: str, config: str) -> Queueing:
    """The queueing of a function, from the JSON text of its wire configuration; PLAIN if it has none."""
    wire: Mapping[str, Any] = json.loads(config)
    given = wire.get("concurrency") or ()
    entries = given if isinstance(given, list | tuple) else [given]
    limits = [_limit(function_id, {"limit": one} if isinstance(one, int) else one) for one in entries]
    throttle, priority = wire.get("throttle"), wire.get("priority")
    found = Queueing(
        tuple(limit for limit in limits if limit.slots > 0),
        None if not throttle else _throttle(throttle),
        None if not priority else priority.get("run"),
    )
    return found if found != PLAIN else PLAIN


def _limit(function_id: str, wire: Mapping[str, Any]) -> Limit:
    key, scope = wire.get("key"), wire.get("scope") or "fn"
    if scope != "fn":
        return Limit(wire["limit"], key, f"{scope}:")
    rule = "" if key is None else hashlib.sha256(key.encode()).hexdigest()[:8]
    owner = index_key(function_id, LONGEST // 2)  # so that the prefix leaves room for a hash
    return Limit(wire["limit"], key, f"fn:{owner}:{rule}:")


def _throttle(wire: Mapping[str, Any]) -> Throttle:
    period = durations.parse(wire["period"]) * MICROSECONDS
    interval = -(-period // max(1, wire["limit"]))  # rounded up: never more than the limit
    return Throttle(max(1, interval), max(1, wire.get("burst") or 1), wire.get("key"))
