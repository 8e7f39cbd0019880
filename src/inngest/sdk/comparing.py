"""Whether a value came back as it was: the first place where it did not, and how to mend that."""

from __future__ import annotations

import collections
import dataclasses
import enum
import numbers
from collections.abc import Mapping
from typing import Any, NamedTuple

import pydantic

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_SEQUENCES = (list, tuple, collections.deque)
_SECRETS = (pydantic.SecretStr, pydantic.SecretBytes)


class Difference(NamedTuple):
    """Where a value did not come back as it was."""

    place: str  # as it is written: [0].name; empty for the value itself
    reason: str  # why, and how to mend it

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


def difference(value: object, back: object, place: str = "") -> Difference | None:
    """The first place where `back` is not `value`; None if all of it is.

    Equal is what `==` says. A number may come back as another type of number. A value may come back as a base class of
    its own class, unless something is then lost: the name of an enum's member, fields of a named tuple, attributes.
    """
    if type(value) is not type(back):
        return None if _may_become(value, back) else Difference(place, _other_type(value, back))
    if type(value) in _PLAIN:
        return None if _equal(value, back) else Difference(place, _other_value(value, back))
    return _inside(value, back, place)


def _may_become(value: object, back: object) -> bool:
    if isinstance(value, enum.Enum) or getattr(value, "__dict__", None) or hasattr(value, "_fields"):
        return False
    if not _equal(value, back):
        return False
    if isinstance(value, numbers.Number) and isinstance(back, numbers.Number):
        return True
    return isinstance(value, type(back)) or isinstance(back, type(value))


def _other_type(value: object, back: object) -> str:
    was, would = type(value).__qualname__, type(back).__qualname__
    if isinstance(value, type(back)):
        how = f"name {was} where the annotation, or output_type, names {would}"
    elif isinstance(back, dict | list):
        how = f"the type says nothing about it: name {was} in the annotation, or in output_type"
    else:
        how = f"return a {would}, or name {was} in the annotation, or in output_type"
    return f"{was} would come back as {would}; {how}"


def _other_value(value: object, back: object) -> str:
    return (
        f"{value!r:.80} would come back as {back!r:.80}; a serializer, a validator or __post_init__ changes it: "
        "make what is written readable again"
    )


def _inside(value: Any, back: Any, place: str) -> Difference | None:
    """Two values of one type."""
    if isinstance(value, _SEQUENCES):
        return _in_sequence(value, back, place)
    if isinstance(value, dict):
        return _in_mapping(value, back, place)
    if _equal(value, back):
        return None
    if isinstance(value, Mapping):
        return _in_mapping(value, back, place)
    if isinstance(value, _SECRETS):
        return Difference(
            place,
            f"{type(value).__name__} is masked when it is written; return something to look the secret up by, "
            "or let a field_serializer write its plain text",
        )
    if isinstance(value, pydantic.BaseModel):
        return _in_model(value, back, place)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return _in_fields(value, back, {name: f"{place}.{name}" for name in names})
    kind: Any = type(value)
    if kind.__eq__ is object.__eq__:  # equality says nothing here
        return _in_state(value, back, place)
    return Difference(place, _other_value(value, back))


def _in_sequence(value: Any, back: Any, place: str) -> Difference | None:
    if len(value) != len(back):
        return Difference(place, f"{len(value)} elements would come back as {len(back)}")
    for index, (one, other) in enumerate(zip(value, back, strict=True)):
        if type(one) is type(other) and type(one) in _PLAIN and one == other:
            continue  # most elements are plain, and a call takes longer
        if found := difference(one, other, f"{place}[{index}]"):
            return found
    return None


def _in_mapping(value: Any, back: Any, place: str) -> Difference | None:
    if value.keys() != back.keys():
        missing = [key for key in value if key not in back] or [key for key in back if key not in value]
        return Difference(f"{place}[{missing[0]!r:.80}]", "this key would not come back as it is")
    for key, one in value.items():
        other = back[key]
        if type(one) is type(other) and type(one) in _PLAIN and one == other:
            continue
        if found := difference(one, other, f"{place}[{key!r:.80}]"):
            return found
    return None


def _in_model(value: pydantic.BaseModel, back: pydantic.BaseModel, place: str) -> Difference | None:
    fields = type(value).model_fields
    for name, field in fields.items():
        if field.exclude and not _equal(getattr(value, name), getattr(back, name)):
            return Difference(
                f"{place}.{name}",
                "this field has exclude=True, and would be lost; take that away, or return a value without the field",
            )
    if found := _in_fields(value, back, {name: f"{place}.{name}" for name in fields}):
        return found
    if found := _in_mapping(value.model_extra or {}, back.model_extra or {}, place):
        return found
    hidden = value.__pydantic_private__ or {}, back.__pydantic_private__ or {}
    for name, one in hidden[0].items():
        if difference(one, hidden[1].get(name)):
            return Difference(
                f"{place}.{name}", "a private attribute is not written; make it a field, or leave it at its default"
            )
    return None


def _in_fields(value: object, back: object, places: Mapping[str, str]) -> Difference | None:
    for name, place in places.items():
        if found := difference(getattr(value, name, None), getattr(back, name, None), place):
            return found
    return None


def _in_state(value: Any, back: Any, place: str) -> Difference | None:
    try:
        found = difference(value.__getstate__(), back.__getstate__())
    except Exception:
        return Difference(place, f"{type(value).__qualname__} cannot be compared; give it an __eq__")
    return found and Difference(place, f"{type(value).__qualname__} would not come back as it is: {found}")


def _equal(value: Any, back: Any) -> bool:
    try:
        return bool(value == back) or bool(value != value and back != back)  # NaN
    except Exception:  # an __eq__ of the user's
        return False
