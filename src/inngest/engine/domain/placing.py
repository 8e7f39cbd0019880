"""Which lane a run queues in, by what its function's expressions say about its event."""

from __future__ import annotations

from inngest.protocol import codec

from .lanes import PLAIN, Lane, Place, queueing_of
from .model import Event, FunctionSpec

LARGEST_SHIFT = 600_000
"""Milliseconds by which a priority makes a run older or younger in its lane, at most."""


def place(function: FunctionSpec, event: Event, now: int) -> Place | None:
    """Where the run of a function for an event queues; None if the function is plain.

    A key that is null or false, or gives nothing, is no key: a limit that cannot be told must not stop a run.
    """
    rules = queueing_of(function.id, function.config)
    if rules is PLAIN:
        return None
    seen = _Seen(event, now)
    budgets = tuple(limit.budget(seen.key(limit.key)) for limit in rules.limits)
    throttle = None if rules.throttle is None else f"{function.id}:{seen.key(rules.throttle.key)}"
    return Place(Lane(function.id, budgets, throttle), rules, seen.shift(rules.priority))


class _Seen:
    """An event as expressions see it; it is read when the first of them asks."""

    def __init__(self, event: Event, now: int) -> None:
        self._event = event
        self._now = now
        self._value: dict[str, object] | None = None

    def key(self, text: str | None) -> str:
        """A key's value; empty if there is none."""
        if text is None:
            return ""
        from .expressions import Activation, EvaluationError, ExpressionError, compiled  # noqa: PLC0415 - 50 ms

        try:
            return compiled(text).key(Activation(self._read(), now=self._now)) or ""
        except (EvaluationError, ExpressionError):
            return ""

    def shift(self, text: str | None) -> int:
        """By how many ms the run counts as older."""
        if text is None:
            return 0
        from .expressions import Activation, EvaluationError, ExpressionError, compiled  # noqa: PLC0415 - 50 ms

        try:
            seconds = compiled(text).number(Activation(self._read(), now=self._now)) or 0
        except (EvaluationError, ExpressionError):
            return 0
        return max(-LARGEST_SHIFT, min(LARGEST_SHIFT, seconds * 1_000))

    def _read(self) -> dict[str, object]:
        if self._value is None:
            event = self._event
            data = codec.loads(event.data)
            self._value = {"id": event.key or event.id, "name": event.name, "data": data, "ts": event.ts}
        return self._value
