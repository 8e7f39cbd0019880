"""What an event is asked by the function that it starts: the conditions of its triggers, and the keys of its gates."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inngest.protocol.errors import ErrorInfo

from .flow import Flow
from .gates import Batched, Debounced, Gates, Rate, Sole
from .matching import Activation, EvaluationError, Expression
from .model import Event

SKIPPED = "RunSkippedError"


class Seen:
    """An event, as expressions see it: read when the first of them asks."""

    def __init__(self, event: Event, now: int) -> None:
        self.event = event
        self._now = now
        self._activation: Activation | None = None

    @property
    def activation(self) -> Activation:
        """What an expression on `event` is given."""
        if self._activation is None:
            event = self.event
            value = {"id": event.key or event.id, "name": event.name, "data": json.loads(event.data), "ts": event.ts}
            self._activation = Activation(value, now=self._now)
        return self._activation


class Unanswered(Exception):
    """An expression gave nothing to decide by. `info` is why the run is skipped."""

    def __init__(self, field: str, reason: str) -> None:
        self.info = skipped(f"{field}: {reason}")


def skipped(reason: str) -> ErrorInfo:
    """Why a run was skipped."""
    return ErrorInfo(SKIPPED, reason)


def holds(field: str, conditions: Sequence[Expression], seen: Seen) -> bool:
    """Whether one of these is true.

    Raises:
        Unanswered: none is, and one gave neither true nor false.
    """
    strange = ""
    for condition in conditions:
        verdict = condition.matches(seen.activation)
        if verdict.matched:
            return True
        strange = strange or verdict.text
    if strange:
        raise Unanswered(field, strange)
    return False


def gates_for(flow: Flow, seen: Seen, *, direct: bool, paused: str | None, collected: bool = False) -> Gates:
    """What is asked of a start.

    Args:
        flow: of its function.
        seen: its event.
        direct: somebody waits for this very run.
        paused: what becomes of events while the function is paused; None if it is not.
        collected: its debounce or batch is over.

    Raises:
        Unanswered: a key cannot be told.
    """
    event = seen.event
    waits = not direct and not collected
    return Gates(
        ts=event.ts,
        size=len(event.data.encode()),
        direct=direct,
        debounce=_debounced(flow, seen) if waits else None,
        batch=_batched(flow, seen) if waits else None,
        rate=_rate(flow, seen),
        idempotency=None if flow.idempotency is None else _key("idempotency", flow.idempotency, seen),
        paused=paused,
        sole=_sole(flow, seen),
        start_timeout=flow.start_timeout,
        finish_timeout=flow.finish_timeout,
    )


def _debounced(flow: Flow, seen: Seen) -> Debounced | None:
    debounce = flow.debounce
    if debounce is None:
        return None
    return Debounced(debounce.period, debounce.timeout, _key("debounce.key", debounce.key, seen) or "")


def _batched(flow: Flow, seen: Seen) -> Batched | None:
    batch = flow.batch
    if batch is None or (batch.condition and not holds("batch_events.if_exp", (batch.condition,), seen)):
        return None
    return Batched(batch.size, batch.timeout, _key("batch_events.key", batch.key, seen) or "")


def _rate(flow: Flow, seen: Seen) -> Rate | None:
    rate = flow.rate_limit
    if rate is None or (key := _key("rate_limit.key", rate.key, seen)) is None:
        return None
    return Rate(rate.limit, rate.period, key)


def _sole(flow: Flow, seen: Seen) -> Sole | None:
    singleton = flow.singleton
    if singleton is None or (key := _key("singleton.key", singleton.key, seen)) is None:
        return None
    return Sole(singleton.cancels, key)


def _key(field: str, expression: Expression | None, seen: Seen) -> str | None:
    """The key; "" without an expression, and None if that gives null or false: a gate without a key stands open."""
    if expression is None:
        return ""
    try:
        return expression.key(seen.activation)
    except EvaluationError as error:
        raise Unanswered(field, str(error)) from None
