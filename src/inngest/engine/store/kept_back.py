"""Explains what kept an event from starting runs.

An event that starts nothing leaves no record of why: the gates are asked again, as they were when it came.
"""

from __future__ import annotations

from inngest.engine.domain import subscriptions, system_events, triggers
from inngest.engine.domain.event_view import EventView
from inngest.engine.domain.explaining import KeptBack, Pending, text_of
from inngest.engine.domain.function_rules import rules_of
from inngest.engine.domain.gates import GateFacts, Gates, UndecidedError, gates_for
from inngest.engine.domain.index_keys import index_key
from inngest.engine.domain.model import Event, FunctionSpec, Registry, Run, SubscriptionKind

from . import events, explaining, gates, outbox, reading, woken
from .core import bindparam, select, tables
from .statement import Statement, Transaction, constant

SHOWN = 5
"""Runs that are named which wait for another event of its name."""

_waits, _runs = tables.waits, tables.runs

WAITING = Statement(
    "An explanation finds runs with steps that wait for an event of this name.",
    lambda _: (
        select(_waits.c.run_id, _runs.c.function_id)
        .join_from(_waits, _runs, _runs.c.id == _waits.c.run_id)
        .where(_waits.c.topic == bindparam("of_topic"), _waits.c.kind == constant(SubscriptionKind.STEP.value))
        .order_by(_waits.c.run_id)
        .limit(bindparam("count"))
    ),
)

MOST = 1_000
"""Runs of one event that are looked at."""


def kept_back(tx: Transaction, event_id: str, registry: Registry) -> list[KeptBack]:
    """The functions that hear an event, or that it starts by itself, and have no run for it, or a run that rests, and
    why; in order. While it is in the outbox no function is known: that is told once, of the function "".
    """
    event = events.event(tx, event_id)
    if event is None:
        state = outbox.state_of(tx, event_id)
        return [] if state is None else [KeptBack("", "outbox", state)]
    found = reading.runs(tx, event_id=event_id, function_id=None, status=None, limit=MOST, before=None)
    started = {run.function_id: run for run in found}
    collected = {one.function_id: one for one in explaining.pending(tx, event_id)}
    kept: list[KeptBack] = []
    own = registry.functions.get(system_events.invoked_function(event) or "")
    hearing = triggers.hearing(event, registry)
    for function in hearing if own is None or own in hearing else [own, *hearing]:
        run, pending = started.get(function.id), collected.get(function.id)
        if run is not None:
            kept += _paused(run, registry)
        elif pending is not None:
            kept.append(_collected(pending))
        else:
            kept.append(_refused(tx, function, event, registry, direct=function is own))
    return kept if found or woken.by_event(tx, event_id, 1) else [*kept, *_waiting(tx, event)]


def _waiting(tx: Transaction, event: Event) -> list[KeptBack]:
    """Runs that wait for an event of this name, and have not taken this one: a few of them."""
    asked = {"of_topic": subscriptions.topic(SubscriptionKind.STEP, event.name), "count": SHOWN}
    return [
        KeptBack(
            function_id,
            "wait",
            f"run {run_id} waits for an event of this name, and did not take this one: its condition is not true for "
            "it, or it began to wait later",
            run_id,
        )
        for run_id, function_id in tx.execute(WAITING, asked).fetchall()
    ]


def _paused(run: Run, registry: Registry) -> list[KeptBack]:
    if run.ended_at is not None or run.function_id not in registry.paused:
        return []
    return [KeptBack(run.function_id, "paused", "the function is paused: its run waits for `inngest resume`", run.id)]


def _collected(pending: Pending) -> KeptBack:
    key = f" for {pending.key}" if pending.key else ""
    count = "" if pending.events is None else f", with {pending.events:,} so far"
    full = "" if pending.gate == "debounce" else ": its run begins when it is full, or its time is over"
    return KeptBack(
        pending.function_id, pending.gate, f"a {pending.gate}{key} holds it{count}{full}", None, pending.due_at
    )


def _refused(tx: Transaction, function: FunctionSpec, event: Event, registry: Registry, *, direct: bool) -> KeptBack:
    view = EventView(event, event.received_at)
    try:
        if not direct and not triggers.any_matches(function, view, registry):
            return KeptBack(function.id, "condition", "the condition of its trigger is not true for this event")
        asked = gates_for(rules_of(function.id, function.config), view, direct=direct, paused=None)
    except UndecidedError as undecided:
        return KeptBack(function.id, "condition", undecided.info.message)
    except Exception as error:
        text = f"the function's configuration cannot be read, and the start is tried again: {text_of(error)}"
        return KeptBack(function.id, "unreadable", text)
    if event.key and (first := gates.key_holder(tx, function.id, index_key(event.key), event.received_at)):
        text = f"an event with the id {event.key!r} came within the last 24 h: it started run {first}"
        return KeptBack(function.id, "id", text, first)
    return _by_gates(tx, function, event, asked)


def _by_gates(tx: Transaction, function: FunctionSpec, event: Event, asked: Gates) -> KeptBack:
    if asked.debounce is not None:
        return KeptBack(function.id, "debounce", "a later event took its place in a debounce")
    if asked.rate is not None:
        facts = GateFacts(gates.rate_start(tx, function.id, asked.rate))
        if asked.rate.lets_nothing_through(facts, event.received_at):
            text = f"its rate limit is used up: {asked.rate.used_up}"
            return KeptBack(function.id, "rate_limit", text)
    if asked.idempotency is not None and (
        first := gates.key_holder(tx, function.id, gates.key_of_expression(asked.idempotency), event.received_at)
    ):
        return KeptBack(function.id, "idempotency", f"run {first} has the same idempotency key", first)
    return KeptBack(function.id, "unknown", "the function was not known when the event came, or its run was removed")
