"""Events as a developer writes and receives them, and other messages: of invocations, deferred functions and signals.

The other side reads a message as JSON. So what JSON cannot hold is written as the serializer writes it, by pydantic if
the client has none: a datetime as its text, a model as a dict. The value of a step comes back, and is kept otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Final

import pydantic

from inngest.protocol import codec, limits
from inngest.protocol import events as rules
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import SentEvent
from inngest.protocol.raw import RawModel

from .errors import EventInvalidError
from .serializers import PydanticSerializer, Serializer

_MASK: Final = "*" * 10
"""The text that pydantic writes instead of a secret."""

_DEFAULT: Final = PydanticSerializer()


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
    """The result of sending.

    Attributes:
        error: what went wrong, or None.
        ids: ids of the accepted events in order; "" for one that was not accepted.
    """

    model_config = pydantic.ConfigDict(defer_build=True)

    error: str | None = None
    ids: list[str] = []


def from_data(event: EventData) -> Event:
    """The event that a function receives. A stored event was validated when it was accepted."""
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
        data = message_text(dict(event.data), serializer)
    except codec.NotJsonError as error:
        raise EventInvalidError(f"{where}: data is not JSON: {error}") from None
    sent = SentEvent(event.name, data, event.id, event.ts)
    if reason := rules.problem(sent):
        raise EventInvalidError(f"{where}: {reason}")
    return sent


def message_text(data: object, serializer: Serializer | None) -> str:
    """The JSON text of a message.

    Args:
        data: what is sent.
        serializer: the client's; None for pydantic's way.

    Raises:
        NotJsonError: neither JSON nor the serializer can write it, or a secret would be masked. Names the place.
    """
    try:
        return codec.dumps(data)
    except codec.NotJsonError as error:
        try:
            return codec.dumps(_plain(data, "$", serializer or _DEFAULT))
        except RecursionError:
            raise error from None


def _plain(value: object, path: str, serializer: Serializer) -> object:
    """The value with what JSON cannot hold replaced. Raises RecursionError if it contains itself."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {_key(key, path, serializer): _plain(one, f"{path}.{key}", serializer) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, f"{path}[{index}]", serializer) for index, one in enumerate(value)]
    return _written(value, path, serializer)


def _key(key: object, path: str, serializer: Serializer) -> object:
    if key is None or isinstance(key, str | int | float):
        return key
    written = _written(key, path, serializer)
    if isinstance(written, str | int | float):
        return written
    raise codec.NotJsonError(path, f"key {key!r} must be written as text, not as {type(written).__name__}")


def _written(value: object, path: str, serializer: Serializer) -> object:
    kind = type(value).__name__
    try:
        written = serializer.serialize(value, object)
    except RecursionError:
        raise
    except Exception as error:
        if str(error).startswith(f"Unable to serialize unknown type: {type(value)!r}"):
            raise codec.NotJsonError(path, f"{kind} is not JSON serializable") from None
        reason = f"{kind} is not JSON serializable: {type(error).__name__}: {error}"
        raise codec.NotJsonError(path, reason) from None
    try:
        text = codec.dumps(written)
    except codec.NotJsonError as error:
        raise codec.NotJsonError(path + error.path[1:], error.reason) from None
    if f'"{_MASK}"' in text and (place := _secret(value, path)):
        raise codec.NotJsonError(place, "a secret would be masked: send something to look it up by, or its plain text")
    return written


def _secret(value: object, path: str) -> str | None:
    """Where a value has a secret."""
    if isinstance(value, pydantic.SecretStr | pydantic.SecretBytes):
        return path
    if isinstance(value, pydantic.BaseModel):
        return _secret_in({f".{name}": one for name, one in value}, path)
    if is_dataclass(value):
        return _secret_in({f".{one.name}": getattr(value, one.name, None) for one in fields(value)}, path)
    if isinstance(value, Mapping):
        return _secret_in({f".{key}": one for key, one in value.items()}, path)
    if isinstance(value, list | tuple | set | frozenset):
        return _secret_in({f"[{index}]": one for index, one in enumerate(value)}, path)
    return None


def _secret_in(parts: Mapping[str, object], path: str) -> str | None:
    return next((found for name, one in parts.items() if (found := _secret(one, path + name))), None)
