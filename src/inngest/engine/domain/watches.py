"""What is looked for on behalf of runs, and whether an event is it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import Opcode

from .expressions import WAIT, Activation, compiled, key_at
from .model import Event, Wait, Watch, Watching


def of_step(run_id: str, wait: Wait, events: Sequence[EventData]) -> Watch | None:
    """What a step looks for; None if nothing can ever be it.

    Raises:
        ExpressionError: the step's expression is wrong. The developer's half has refused it before.
    """
    step, sought = wait.step, wait.sought
    if step.kind is Opcode.WAIT_FOR_SIGNAL:
        return _plain(run_id, wait, Watching.SIGNAL)
    if step.kind is Opcode.INVOKE:
        return _plain(run_id, wait, Watching.INVOKE)
    watch = bound(run_id, step.step.hash, Watching.STEP, sought.name, sought.expression, seen(events[0]), step.due_at)
    return watch and watch._replace(since=sought.since, own=events[0].id)


def _plain(run_id: str, wait: Wait, kind: Watching) -> Watch:
    name = topic(kind, wait.sought.name)
    watch = Watch(run_id, wait.step.step.hash, kind.value, name, "", "", "", "[]", wait.step.due_at)
    return watch._replace(replace=wait.sought.replace)


def bound(
    run_id: str,
    hashed: str,
    kind: Watching,
    name: str,
    expression: str | None,
    event: Mapping[str, object],
    expires_at: int,
) -> Watch | None:
    """A look-out for an event, with the run's own `event` bound into the expression; None if nothing can match."""
    where = topic(kind, name)
    if not expression:
        return Watch(run_id, hashed, kind.value, where, "", "", "", "[]", expires_at)
    found = compiled(expression, WAIT).bind(event)
    if not found.possible:
        return None
    path, key = (found.terms[0].path, found.terms[0].key) if found.terms else ("", "")
    text = expression if found.residual or len(found.terms) > 1 else ""
    return Watch(run_id, hashed, kind.value, where, path, key, text, found.to_json(), expires_at)


def topic(kind: Watching, name: str) -> str:
    """Where it is looked for."""
    return f"{'event' if kind in (Watching.STEP, Watching.CANCEL) else kind.value}:{name}"


def is_at(watch: Watch, event: Mapping[str, object]) -> bool:
    """Whether the event has the key that is looked for; what is found by it in an index need not be asked."""
    return not watch.path or key_at(watch.path, event) == watch.key


def matches(expression: str, parameters: str, event: Mapping[str, object], now: int) -> bool:
    """Whether the rest of what is looked for holds, too. What is not boolean, and an error, do not match."""
    if not expression:
        return True
    verdict = compiled(expression, WAIT).restored(parameters).matches(Activation(async_=event, now=now))
    return verdict.matched


def seen(event: EventData) -> dict[str, object]:
    """An event as expressions see it."""
    return {"id": event.id, "name": event.name, "data": json.loads(event.data), "ts": event.ts}


def as_data(event: Event) -> EventData:
    """A stored event as functions see it."""
    return EventData(event.key or event.id, event.name, event.data, event.ts)


def as_text(event: Event) -> str:
    """JSON text of a stored event, as the result of a wait."""
    head = json.dumps({"id": event.key or event.id, "name": event.name, "ts": event.ts})
    return f'{head[:-1]}, "data": {event.data}}}'
