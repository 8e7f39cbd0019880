"""What is looked for on behalf of runs, and whether an event is it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property

from inngest.protocol import codec
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import REQUESTS, Opcode

from .matching import WAIT, Activation, compiled, key_at
from .model import Event, Wait, Watch, Watching

NOTHING = "[]"
"""The parameters of what asks nothing of the run that waits."""


def of_step(run_id: str, wait: Wait, events: Sequence[EventData]) -> Watch | None:
    """What a step looks for; None if nothing can ever be it.

    Raises:
        ExpressionError: the step's expression is wrong. The developer's half has refused it before.
    """
    step, target = wait.step, wait.target
    if step.kind is Opcode.WAIT_FOR_SIGNAL:
        return _plain(run_id, wait, Watching.SIGNAL)
    if step.kind is Opcode.INVOKE:
        return _plain(run_id, wait, Watching.INVOKE)
    if step.kind in REQUESTS:
        return _plain(run_id, wait, Watching.REQUEST)
    watch = bound(run_id, step.step.hash, Watching.STEP, target.name, target.expression, seen(events[0]), step.due_at)
    return watch and watch._replace(since=target.since, own=events[0].id)


def _plain(run_id: str, wait: Wait, kind: Watching) -> Watch:
    name = topic(kind, wait.target.name)
    watch = Watch(run_id, wait.step.step.hash, kind.value, name, "", "", "", NOTHING, wait.step.due_at)
    return watch._replace(replace=wait.target.replace)


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
        return Watch(run_id, hashed, kind.value, where, "", "", "", NOTHING, expires_at)
    found = compiled(expression, WAIT).bind(event)
    if not found.possible:
        return None
    path, key = (found.terms[0].path, found.terms[0].key) if found.terms else ("", "")
    text = expression if found.residual or len(found.terms) > 1 else ""
    return Watch(run_id, hashed, kind.value, where, path, key, text, found.to_json(), expires_at)


def topic(kind: Watching, name: str) -> str:
    """Where it is looked for."""
    return f"{'event' if kind in (Watching.STEP, Watching.CANCEL) else kind.value}:{name}"


class Sight:
    """An event that has come, as those see it who look for it: what all of them need is made once.

    Args:
        event: it.
        now: unix ms, for expressions that ask for the time.
    """

    def __init__(self, event: Event, now: int) -> None:
        self._event = event
        self._seen = seen(as_data(event))
        self._activation = Activation(async_=self._seen, now=now)
        self._same: dict[str, bool] = {}  # of expressions that are the same for all who wait by them

    @cached_property
    def text(self) -> str:
        """JSON text of the event, as the result of a wait."""
        return as_text(self._event)

    def key(self, path: str) -> str | None:
        """What stands at a path, as an index knows it; None if no index does."""
        return key_at(path, self._seen) if path else ""

    def matches(self, expression: str, parameters: str) -> bool:
        """Whether the rest of what is looked for holds, too. What is not boolean, and an error, do not match."""
        if not expression:
            return True
        if parameters != NOTHING:
            return self._asked(expression, parameters)
        found = self._same.get(expression)
        if found is None:
            found = self._same[expression] = self._asked(expression, parameters)
        return found

    def _asked(self, expression: str, parameters: str) -> bool:
        given = tuple(codec.loads(parameters))
        return compiled(expression, WAIT).matches_bound(given, self._activation).matched


def can_be_told(watch: Watch) -> None:
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
