"""Serializers: types that JSON does not have, kept through a memo (sdk-api §10)."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, Protocol

import pydantic


class Unset:
    """The default of `output_type`: no type was given."""


class Serializer(Protocol):
    """Turns values into what JSON can hold, and back."""

    def serialize(self, obj: object, typ: object) -> object:
        """A JSON-able form of `obj`, which is of type `typ`."""
        ...

    def deserialize(self, obj: object, typ: object) -> object:
        """The value of type `typ` whose JSON-able form is `obj`."""
        ...


@functools.lru_cache(maxsize=512)
def _adapter(typ: Any) -> pydantic.TypeAdapter[object]:
    return pydantic.TypeAdapter(typ)


class PydanticSerializer:
    """Serializes with pydantic.

    Used where `output_type` is given. Type adapters are kept for the 512 types used last.

    Args:
        restore: also where `output_type` is not given: values come back as the handler's return annotation says
            (pydantic models, dataclasses, TypedDicts, datetimes, enums, tuples). A handler without one, such as a
            lambda, gives values as JSON has them.
    """

    def __init__(self, *, restore: bool = False) -> None:
        self.restore = restore

    def serialize(self, obj: object, typ: object) -> object:
        """A JSON-able form of `obj`."""
        return _adapter(typ).dump_python(obj, mode="json")

    def deserialize(self, obj: object, typ: object) -> object:
        """The value of type `typ`, validated.

        Raises:
            pydantic.ValidationError: `obj` is not of that type.
        """
        return _adapter(typ).validate_python(obj)


def type_of(serializer: Serializer | None, output_type: object, handler: Callable[..., object]) -> object:
    """The type by which a handler's value is kept: `Unset` if it is plain JSON."""
    if serializer is None:
        return Unset
    if output_type is not Unset:
        return output_type
    if isinstance(serializer, PydanticSerializer) and serializer.restore:
        return annotation_of(handler)
    return Unset


def annotation_of(handler: Callable[..., object]) -> object:
    """The return annotation of a function, method, partial or callable object; `Unset` if it has none that resolves."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    if not (inspect.isfunction(handler) or inspect.ismethod(handler)):
        handler = getattr(handler, "__call__", handler)  # noqa: B004 - the method itself is wanted
    try:
        found = typing.get_type_hints(handler, include_extras=True).get("return", Unset)
    except (NameError, TypeError, AttributeError):
        return Unset
    return Unset if found in (typing.Any, object, type(None)) else found
