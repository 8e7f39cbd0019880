"""Subscriptions of runs: to events, signals and answers. Pure; an `EventView` says whether an event matches one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from inngest.protocol import codec, traces
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import REQUESTS, Opcode
from inngest.protocol.requests import traced

from .event_view import NOTHING, EventView, value_of
from .function_rules import Cancellation
from .hosts import host_of
from .matching import WAIT, compiled, key_at
from .model import StoredRequest, Subscription, SubscriptionKind, Wait

NAMED = '["signal"]'
"""Parameters of a subscription to a signal that is told with its name: the protocol wants it so."""

_KINDS = {
    Opcode.WAIT_FOR_EVENT: SubscriptionKind.STEP,
    Opcode.WAIT_FOR_SIGNAL: SubscriptionKind.SIGNAL,
    Opcode.INVOKE: SubscriptionKind.INVOKE,
    **dict.fromkeys(REQUESTS, SubscriptionKind.REQUEST),
}


def of_step(run_id: str, wait: Wait, events: Sequence[EventData]) -> Subscription | None:
    """The subscription of a step that waits; None if nothing can ever be it.

    Raises:
        ExpressionError: the step's expression is wrong. The developer's half has refused it before.
    """
    step, target, kind = wait.step, wait.target, _KINDS[wait.step.kind]
    if kind is not SubscriptionKind.STEP:
        return _plain(run_id, wait, kind)
    watch = bound(run_id, step.step.hash, kind, target.name, target.expression, value_of(events[0]), step.due_at)
    return watch and watch._replace(since=target.since, own=events[0].id)


def of_waits(run_id: str, waits: Sequence[Wait], events: Sequence[EventData]) -> list[Subscription]:
    """The subscriptions of steps that begin to wait. Those that do so again have theirs."""
    new = (wait for wait in waits if not wait.again)
    return [watch for wait in new if (watch := of_step(run_id, wait, events)) is not None]


def requests_of(run_id: str, waits: Sequence[Wait], retries: int, trace: str = "") -> list[StoredRequest]:
    """The requests that steps ask for by waiting for their answers.

    Args:
        run_id: of the run.
        waits: its steps that wait from now on.
        retries: of its function.
        trace: `traceparent` of the run; "" if it is a part of no trace that others know.
    """
    return [
        StoredRequest(
            run_id,
            step.step.hash,
            step.kind,
            target.data if not trace else traced(target.data, traces.of_step(trace, run_id, step.step.hash)),
            retries,
            host_of(target.name.partition(" ")[2]),
            bool(target.secrets),
            again,
        )
        for step, target, again in waits
        if step.kind in REQUESTS
    ]


def _plain(run_id: str, wait: Wait, kind: SubscriptionKind) -> Subscription:
    name = topic(kind, wait.target.name)
    watch = Subscription(run_id, wait.step.step.hash, kind.value, name, "", "", "", NOTHING, wait.step.due_at)
    parameters = NAMED if wait.step.mode and kind is SubscriptionKind.SIGNAL else NOTHING
    return watch._replace(replace=wait.target.replace, parameters=parameters)


def told(parameters: str, name: str, data: str) -> str:
    """The result of a wait for a signal: its value, or for code behind HTTP also its name.

    Args:
        parameters: of the subscription.
        name: of the signal.
        data: JSON text of its value.
    """
    return data if parameters != NAMED else f'{{"data":{data},"signal":{codec.dumps(name)}}}'


def bound(
    run_id: str,
    hashed: str,
    kind: SubscriptionKind,
    name: str,
    expression: str | None,
    event: Mapping[str, object],
    expires_at: int,
) -> Subscription | None:
    """A look-out for an event, with the run's own `event` bound into the expression; None if nothing can match."""
    where = topic(kind, name)
    if not expression:
        return Subscription(run_id, hashed, kind.value, where, "", "", "", NOTHING, expires_at)
    found = compiled(expression, WAIT).bind(event)
    if not found.possible:
        return None
    path, key = (found.terms[0].path, found.terms[0].key) if found.terms else ("", "")
    text = expression if found.residual or len(found.terms) > 1 else ""
    return Subscription(run_id, hashed, kind.value, where, path, key, text, found.to_json(), expires_at)


def of_cancellations(
    run_id: str, cancellations: Sequence[Cancellation], view: EventView, now: int
) -> tuple[Subscription, ...]:
    """The searches for events that cancel a run, while it lives. Searches that can never match are left out.

    Args:
        run_id: of the run.
        cancellations: of its function.
        view: of the event that starts it.
        now: unix ms.
    """
    found = [
        bound(
            run_id, f"cancel:{index}", SubscriptionKind.CANCEL, one.event, one.expression, view.value, now + one.timeout
        )
        for index, one in enumerate(cancellations)
    ]
    return tuple(watch for watch in found if watch is not None)


def topic(kind: SubscriptionKind, name: str) -> str:
    """The topic of a subscription: its kind, and the name of the event, signal or function."""
    return f"{'event' if kind in (SubscriptionKind.STEP, SubscriptionKind.CANCEL) else kind.value}:{name}"


def can_be_told(watch: Subscription) -> None:
    """See that events can be told to what looks for them.

    Raises:
        Exception: why they cannot.
    """
    texts = (watch.topic, watch.path, watch.key, watch.expression)
    if not isinstance(watch.expires_at, int) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"it is for {texts!r} until {watch.expires_at!r}")
    if watch.path:
        key_at(watch.path, {})
    if watch.expression:
        compiled(watch.expression, WAIT)
        json.loads(watch.parameters)
