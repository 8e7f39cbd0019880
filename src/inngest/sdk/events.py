"""Events as a developer writes and receives them."""

from collections.abc import Mapping, Sequence

import pydantic

from inngest.protocol import codec, limits
from inngest.protocol import events as rules
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import SentEvent
from inngest.protocol.raw import RawModel

from . import outgoing
from .errors import EventInvalidError
from .serializers import Serializer


class Event(RawModel, pydantic.BaseModel):
    """A fact that starts runs.

    Args:
        name: what happened, e.g. `shop/order.placed`.
        data: facts about it: what JSON can hold, and what the client's serializer, or pydantic, can write as JSON
            (datetime, UUID, Decimal, Enum, dataclass, model). Functions receive it as JSON has it.
        id: your own id; a second event with the same id within 24 h starts no function a second time.
        ts: when it happened, unix ms; 0 means now. A time in the future delays the runs it starts.
    """

    model_config = pydantic.ConfigDict(strict=True, defer_build=True)

    data: Mapping[str, object] = {}
    id: str = ""
    name: str
    ts: int = 0

    @pydantic.field_validator("data", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return {} if value is None else value


class SendEventsResult(RawModel, pydantic.BaseModel):
    """What sending gave.

    Attributes:
        error: what went wrong, or None.
        ids: ids of the accepted events in order; "" for one that was not accepted.
    """

    model_config = pydantic.ConfigDict(defer_build=True)

    error: str | None = None
    ids: list[str] = []


def from_data(event: EventData) -> Event:
    """The event that a function receives. What was stored was validated when it was accepted."""
    return Event.model_construct(name=event.name, data=codec.loads(event.data), id=event.id, ts=event.ts)


def batch_of(events: Event | Sequence[Event]) -> list[Event]:
    """One event or several as a list of its own.

    Raises:
        EventInvalidError: something else.
    """
    if isinstance(events, Event):
        return [events]
    if not isinstance(events, list | tuple):
        raise EventInvalidError(f"expected an inngest.Event or a list of them, got {type(events).__name__}")
    return list(events)


def copies_of(events: Sequence[Event]) -> list[Event]:
    """Events that middleware may change: the sender's stay as they are, and can be sent again."""
    return [
        event.model_copy(update={"data": dict(event.data)}) if isinstance(event, Event) else event for event in events
    ]


def to_sent(events: Sequence[Event], serializer: Serializer | None = None) -> list[SentEvent]:
    """Events ready to be stored; the serializer writes of their data what JSON cannot hold.

    Raises:
        EventInvalidError: data that cannot be written as JSON, a reserved or missing name, a wrong time, over 3 MB or
            over 5,000 events. Names the event by its place.
    """
    if len(events) > limits.MAX_EVENTS_PER_SEND:
        raise EventInvalidError(f"{len(events)} events in one send; at most {limits.MAX_EVENTS_PER_SEND} are allowed")
    return [_to_sent(index, event, serializer) for index, event in enumerate(events)]


def _to_sent(index: int, event: Event, serializer: Serializer | None) -> SentEvent:
    if not isinstance(event, Event):
        raise EventInvalidError(f"events[{index}]: expected an inngest.Event, got {type(event).__name__}")
    where = f'events[{index}] "{event.name[:80]}"'
    try:
        data = outgoing.text_of(dict(event.data), serializer)
    except codec.NotJsonError as error:
        raise EventInvalidError(f"{where}: data is not JSON: {error}") from None
    sent = SentEvent(event.name, data, event.id, event.ts)
    if reason := rules.problem(sent):
        raise EventInvalidError(f"{where}: {reason}")
    return sent
