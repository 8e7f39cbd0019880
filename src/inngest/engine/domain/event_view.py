"""An event as expressions see it, for those that an event starts and those that wait for one. Pure."""

from __future__ import annotations

import json
from functools import cached_property

from inngest.protocol import codec
from inngest.protocol.calls import EventData
from inngest.protocol.events import members_of

from .matching import WAIT, Activation, compiled, key_at
from .model import Event

NOTHING = "[]"
"""The parameters of an expression that asks nothing of the run's own event."""


class EventView:
    """An event and the forms that triggers, gates, lanes and waits need of it; each is made once, when it is needed.

    Args:
        event: it.
        now: unix ms, for expressions that ask for the time.
    """

    def __init__(self, event: Event, now: int) -> None:
        self.event = event
        self._now = now
        self._same: dict[str, bool] = {}  # answers of expressions that are the same for all who wait by them

    @cached_property
    def value(self) -> dict[str, object]:
        """The value that an expression reads: id, name, data, ts, and user, v and meta if it has them.

        Raises:
            ValueError: its data is no JSON.
        """
        return value_of(data_of(self.event))

    @cached_property
    def activation(self) -> Activation:
        """The names of an expression on the event that starts a run."""
        return Activation(self.value, now=self._now)

    @cached_property
    def text(self) -> str:
        """JSON text of the event, as the result of a wait."""
        return text_of(self.event)

    def key(self, path: str) -> str | None:
        """The value at a path, as an index knows it; "" for no path, and None if no index knows it."""
        return key_at(path, self.value) if path else ""

    def matches(self, expression: str, parameters: str) -> bool:
        """Whether the event is what a subscription looks for; what is not boolean, and an error, do not match.

        Args:
            expression: CEL; "" matches.
            parameters: JSON text of what the expression needs of the run's own event.
        """
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
        return compiled(expression, WAIT).matches_bound(given, self._awaited).matched

    @cached_property
    def _awaited(self) -> Activation:
        return Activation(async_=self.value, now=self._now)


def value_of(event: EventData) -> dict[str, object]:
    """An event as expressions see it."""
    value = {"id": event.id, "name": event.name, "data": json.loads(event.data), "ts": event.ts}
    return value if event.extra is None else {**value, **members_of(event.extra)}


def data_of(event: Event) -> EventData:
    """A stored event as functions see it."""
    return EventData(event.public_id, event.name, event.data, event.ts, event.extra)


def text_of(event: Event) -> str:
    """JSON text of a stored event, as the result of a wait."""
    members = {} if event.extra is None else members_of(event.extra)
    head = json.dumps({"id": event.public_id, "name": event.name, "ts": event.ts, **members})
    return f'{head[:-1]}, "data": {event.data}}}'
