"""The rules for a function's runs, read once from the wire form of its configuration. Pure.

The configuration was checked where it was written (`sdk.function_options`, `protocol.config`). The modules `gates`,
`lanes`, `triggers` and `schedules` apply them to one event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from inngest.protocol import durations, limits

from .index_keys import LONGEST, index_key, within
from .matching import Expression, compiled

MICROSECONDS = 1_000
"""Of a millisecond: an interval of a throttle need not be a whole number of milliseconds."""


class RateLimit(NamedTuple):
    """No more than `limit` starts in any window of length `period`."""

    limit: int
    period: int  # ms
    key: Expression | None


class Debounce(NamedTuple):
    """The last event starts a run, when none has come for `period`."""

    period: int  # ms
    timeout: int | None  # ms since the first event, after which it starts whatever comes
    key: Expression | None


class Batch(NamedTuple):
    """Several events start one run."""

    size: int
    timeout: int | None  # ms since the first event; None waits until it is full
    key: Expression | None
    condition: Expression | None  # events for which it is not true start runs of their own


class Singleton(NamedTuple):
    """At most one unfinished run."""

    cancels: bool  # the old run gives way; else the new one is skipped
    key: Expression | None


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
    """How the runs of a function queue: limits of concurrency, throttle and priority."""

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
"""The queueing of a plain function, whose runs begin in the order of their times."""


class Cancellation(NamedTuple):
    """One member of `cancel`."""

    event: str
    expression: str | None
    timeout: int  # ms: how long after the start of the run events count


class Schedule(NamedTuple):
    """One cron trigger of a function."""

    key: str  # of its timer: another one when its text changes, so that it begins anew
    function_id: str
    cron: str
    jitter: int  # ms
    catch_up: str
    overlap: str
    catch_up_limit: int


class FunctionRules:
    """The rules of one function. Each part is read when it is asked for first, and kept.

    A part that cannot be read raises KeyError, TypeError, ValueError or ExpressionError, each time it is asked for, and
    spoils no other part.

    Args:
        function_id: "{app}-{fn}".
        config: JSON text of its wire configuration.

    Raises:
        ValueError: the text is no JSON.
    """

    def __init__(self, function_id: str, config: str) -> None:
        self._id = function_id
        self._wire: Mapping[str, Any] = json.loads(config)

    # -- triggers

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of events that start it."""
        return frozenset(trigger["event"] for trigger in self._event_triggers)

    @cached_property
    def conditions(self) -> Mapping[str, tuple[Expression, ...]]:
        """The conditions of its triggers, by the name of the event; a name that is absent has none."""
        found: dict[str, list[Expression | None]] = {}
        for trigger in self._event_triggers:
            found.setdefault(trigger["event"], []).append(_expression(trigger.get("expression")))
        return MappingProxyType(
            {
                name: tuple(expression for expression in expressions if expression is not None)
                for name, expressions in found.items()
                if None not in expressions
            }
        )

    @property
    def _event_triggers(self) -> list[Any]:
        return [trigger for trigger in self._wire.get("triggers", ()) if "event" in trigger]

    @cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        """Its cron triggers."""
        return tuple(_schedule(self._id, one) for one in self._wire.get("triggers", ()) if "cron" in one)

    # -- gates

    @cached_property
    def gated(self) -> bool:
        """Whether anything is asked of an event that matches."""
        return any(self._wire.get(name) for name in _GATES)

    @cached_property
    def idempotency(self) -> Expression | None:
        """The key of which a second run within 24 h is surplus."""
        return _expression(self._wire.get("idempotency"))

    @cached_property
    def rate_limit(self) -> RateLimit | None:
        """How many runs may start in a period."""
        wire = self._wire.get("rateLimit")
        if wire is None:
            return None
        return RateLimit(wire["limit"], durations.parse(wire["period"]), _expression(wire.get("key")))

    @cached_property
    def debounce(self) -> Debounce | None:
        """For how long events keep its start back."""
        wire = self._wire.get("debounce")
        if wire is None:
            return None
        return Debounce(durations.parse(wire["period"]), _duration(wire.get("timeout")), _expression(wire.get("key")))

    @cached_property
    def batch(self) -> Batch | None:
        """How many events start one run."""
        wire = self._wire.get("batchEvents")
        if wire is None:
            return None
        key, condition = _expression(wire.get("key")), _expression(wire.get("if"))
        return Batch(wire["maxSize"], _duration(wire.get("timeout")), key, condition)

    @cached_property
    def singleton(self) -> Singleton | None:
        """Which of two runs gives way."""
        wire = self._wire.get("singleton")
        return None if wire is None else Singleton(wire["mode"] == "cancel", _expression(wire.get("key")))

    @cached_property
    def start_timeout(self) -> int | None:
        """Milliseconds within which a run must begin."""
        return _duration((self._wire.get("timeouts") or {}).get("start"))

    @cached_property
    def finish_timeout(self) -> int | None:
        """Milliseconds within which a run must end."""
        return _duration((self._wire.get("timeouts") or {}).get("finish"))

    # -- while a run waits, and lives

    @cached_property
    def queueing(self) -> Queueing:
        """How its runs queue; `PLAIN` if it has no limit, throttle or priority."""
        wire = self._wire
        given = wire.get("concurrency") or ()
        entries = given if isinstance(given, list | tuple) else [given]
        found = [_limit(self._id, {"limit": one} if isinstance(one, int) else one) for one in entries]
        throttle, priority = wire.get("throttle"), wire.get("priority")
        queueing = Queueing(
            tuple(limit for limit in found if limit.slots > 0),
            None if not throttle else _throttle(throttle),
            None if not priority else priority.get("run"),
        )
        return queueing if queueing != PLAIN else PLAIN

    @cached_property
    def cancellations(self) -> tuple[Cancellation, ...]:
        """The events that cancel its runs."""
        return tuple(
            Cancellation(one["event"], one.get("if"), _cancel_timeout(one.get("timeout")))
            for one in self._wire.get("cancel", ())
        )


_GATES = ("idempotency", "rateLimit", "debounce", "batchEvents", "singleton", "timeouts")
"""Names of the wire form under which something is asked of a start."""


@lru_cache(maxsize=4_096)
def rules_of(function_id: str, config: str) -> FunctionRules:
    """The rules of a function, of the JSON text of its wire configuration; from the last 4,096 that were asked for.

    Raises:
        ValueError: the text is no JSON.
    """
    return FunctionRules(function_id, config)


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


def _schedule(function_id: str, wire: Mapping[str, Any]) -> Schedule:
    jitter = wire.get("jitter")
    digest = hashlib.sha256(f"{wire['cron']} {jitter}".encode()).hexdigest()[:12]
    return Schedule(
        key=index_key(f"{function_id}:{digest}"),
        function_id=function_id,
        cron=wire["cron"],
        jitter=0 if jitter is None else durations.parse(jitter),
        catch_up=wire.get("catchUp", "none"),
        overlap=wire.get("overlap", "allow"),
        catch_up_limit=wire.get("catchUpLimit", limits.DEFAULT_CATCH_UP),
    )


def _cancel_timeout(text: str | None) -> int:
    return limits.MAX_CANCEL_TIMEOUT if text is None else durations.parse(text)


def _duration(text: str | None) -> int | None:
    return None if text is None else durations.parse(text)


def _expression(text: str | None) -> Expression | None:
    return None if text is None else compiled(text)
