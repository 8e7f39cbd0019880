"""Data that leaves user code as a message: of events, invocations, deferred functions and signals.

The other side reads it as JSON. So what JSON cannot hold is written as the serializer writes it, by pydantic if the
client has none: a datetime as its text, a model as a dict. What a step returns comes back, and is kept otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Final

import pydantic

from inngest.protocol import codec

from .serializers import PydanticSerializer, Serializer

_MASK: Final = "*" * 10
"""What pydantic writes instead of a secret."""

_DEFAULT: Final = PydanticSerializer()


def text_of(data: object, serializer: Serializer | None) -> str:
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
