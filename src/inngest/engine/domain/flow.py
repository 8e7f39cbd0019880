"""What a function's configuration says about its starts, read once from its wire form.

The wire form was checked where it was written (`sdk.options`, `protocol.config`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from inngest.protocol import durations

from .matching import Expression, compiled
from .model import FunctionSpec


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


class Flow(NamedTuple):
    """What stands between an event and a run."""

    names: frozenset[str] = frozenset()  # of events that start it
    conditions: Mapping[str, tuple[Expression, ...]] = MappingProxyType({})  # by trigger; absent: unconditional
    idempotency: Expression | None = None
    rate_limit: RateLimit | None = None
    debounce: Debounce | None = None
    batch: Batch | None = None
    singleton: Singleton | None = None
    start_timeout: int | None = None  # ms
    finish_timeout: int | None = None  # ms

    @property
    def open(self) -> bool:
        """Whether nothing is asked of an event that matches."""
        return (
            self.idempotency is None
            and self.rate_limit is None
            and self.debounce is None
            and self.batch is None
            and self.singleton is None
            and self.start_timeout is None
            and self.finish_timeout is None
        )


PLAIN = Flow()


def flow_of(function: FunctionSpec) -> Flow:
    """What a function's configuration says about its starts."""
    return _read(function.config)


@lru_cache(maxsize=4_096)
def _read(config: str) -> Flow:
    wire: dict[str, Any] = json.loads(config)
    timeouts = wire.get("timeouts", {})
    triggers = [trigger for trigger in wire.get("triggers", ()) if "event" in trigger]
    flow = Flow(
        names=frozenset(trigger["event"] for trigger in triggers),
        conditions=_conditions(triggers),
        idempotency=_expression(wire.get("idempotency")),
        rate_limit=_rate_limit(wire.get("rateLimit")),
        debounce=_debounce(wire.get("debounce")),
        batch=_batch(wire.get("batchEvents")),
        singleton=_singleton(wire.get("singleton")),
        start_timeout=_duration(timeouts.get("start")),
        finish_timeout=_duration(timeouts.get("finish")),
    )
    return PLAIN if flow.open and not flow.conditions else flow


def _conditions(triggers: Any) -> dict[str, tuple[Expression, ...]]:
    found: dict[str, list[Expression | None]] = {}
    for trigger in triggers:
        found.setdefault(trigger["event"], []).append(_expression(trigger.get("expression")))
    return {
        name: tuple(expression for expression in expressions if expression is not None)
        for name, expressions in found.items()
        if None not in expressions
    }


def _rate_limit(wire: Any) -> RateLimit | None:
    if wire is None:
        return None
    return RateLimit(wire["limit"], durations.parse(wire["period"]), _expression(wire.get("key")))


def _debounce(wire: Any) -> Debounce | None:
    if wire is None:
        return None
    return Debounce(durations.parse(wire["period"]), _duration(wire.get("timeout")), _expression(wire.get("key")))


def _batch(wire: Any) -> Batch | None:
    if wire is None:
        return None
    key, condition = _expression(wire.get("key")), _expression(wire.get("if"))
    return Batch(wire["maxSize"], _duration(wire.get("timeout")), key, condition)


def _singleton(wire: Any) -> Singleton | None:
    return None if wire is None else Singleton(wire["mode"] == "cancel", _expression(wire.get("key")))


def _duration(text: str | None) -> int | None:
    return None if text is None else durations.parse(text)


def _expression(text: str | None) -> Expression | None:
    return None if text is None else compiled(text)
