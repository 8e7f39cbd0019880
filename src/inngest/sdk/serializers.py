"""Serializers: types that JSON does not have, kept through a memo; and whether a value came back as it was."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import inspect
import numbers
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pydantic
import typing_extensions

from inngest.protocol import codec


class Way(NamedTuple):
    """How pydantic may write a value."""

    round_trip: bool = False  # without computed fields
    by_alias: bool | None = None


WAYS = (Way(), Way(round_trip=True), Way(by_alias=True), Way(by_alias=False))
"""How pydantic may write a value: the first that it reads back as it was is taken. Others than the first keep models
that refuse their computed fields, and models whose aliases are names of other fields."""


class Unset:
    """The default of `output_type`: no type was given."""


class Serializer(Protocol):
    """Turns values into what JSON can hold, and back. A protocol because developers write their own."""

    def serialize(self, obj: object, typ: object) -> object:
        """A JSON-able form of `obj`, which is of type `typ`."""
        ...

    def deserialize(self, obj: object, typ: object) -> object:
        """The value of type `typ` whose JSON-able form is `obj`."""
        ...


@functools.lru_cache(maxsize=512)
def _kept_adapter(typ: Any) -> pydantic.TypeAdapter[object]:
    return pydantic.TypeAdapter(typ)


def _adapter(typ: Any) -> pydantic.TypeAdapter[object]:
    try:
        return _kept_adapter(typ)
    except TypeError:  # a type that cannot be hashed, such as Annotated[int, Field(gt=0)]
        return pydantic.TypeAdapter(typ)


class PydanticSerializer:
    """Serializes with pydantic.

    Used where `output_type` is given. Type adapters are kept for the 512 types used last. A value that would not come
    back equal is refused by name, and its step is not recorded as done.

    Args:
        restore: also where `output_type` is not given: values come back as the handler's return annotation says
            (pydantic models, dataclasses, TypedDicts, datetimes, enums, tuples). A handler without one, such as a
            lambda, gives values as JSON has them; `output_type=object` asks for that.
    """

    def __init__(self, *, restore: bool = False) -> None:
        self.restore = restore

    def check(self, typ: object) -> None:
        """Whether values of a type can be kept at all, asked before a handler runs.

        Raises:
            pydantic.PydanticUserError: pydantic cannot handle the type.
        """
        _adapter(typ)

    def serialize(self, obj: object, typ: object) -> object:
        """A JSON-able form of `obj`.

        With the types `object` and `Any`, what pydantic makes of it. With others, a form that `deserialize` makes an
        equal value of: names of fields or their aliases, with computed fields if they do not disturb.

        Raises:
            TypeError: `obj` would not come back as it is. Names the place, the reason, and how to mend it.
            pydantic.PydanticUserError: pydantic cannot handle the type.
        """
        adapter = _adapter(typ)
        if typ in (object, Any):
            return adapter.dump_python(obj, mode="json", warnings=False)
        problems: list[str] = []
        for way in WAYS:
            dumped = adapter.dump_python(
                obj, mode="json", warnings=False, round_trip=way.round_trip, by_alias=way.by_alias
            )
            try:
                found = difference(obj, self.deserialize(dumped, typ))
            except pydantic.ValidationError as error:
                problems.append(f"not of the type {name_of(typ)}: {_first(error, obj)}")
            else:
                if found is None:
                    return dumped
                problems.append(f"would not come back from the type {name_of(typ)} as it is: {found}")
        raise TypeError(problems[0])

    def deserialize(self, obj: object, typ: object) -> object:
        """The value of type `typ`, validated. Fields may have their names or their aliases.

        Raises:
            pydantic.ValidationError: `obj` is not of that type.
        """
        adapter = _adapter(typ)
        try:
            return adapter.validate_python(obj, by_alias=True, by_name=True)
        except pydantic.ValidationError as error:
            try:
                # A strict model takes a datetime's text, or an array for a tuple, from JSON only.
                return adapter.validate_json(codec.dumps(obj), by_alias=True, by_name=True)
            except codec.NotJsonError:
                raise error from None


def _first(error: pydantic.ValidationError, given: object) -> str:
    problem = error.errors(include_url=False)[0]
    place = "".join(f"[{part!r}]" for part in problem["loc"])
    if problem["type"] == "missing" and _has(given, problem["loc"]):
        return f"{place}: is there, but is not written (exclude=True); write it, or return a value without the field"
    return f"{place and place + ': '}{problem['msg']} (got {problem['input']!r:.80})"


def _has(value: Any, place: Sequence[int | str]) -> bool:
    """Whether something is at a place of a value."""
    for part in place:
        try:
            value = getattr(value, part) if isinstance(part, str) and hasattr(value, part) else value[part]
        except (TypeError, LookupError):
            return False
    return True


def advice(serializer: Serializer | None) -> str:
    """How to keep a value that JSON cannot hold, and whose type nobody said."""
    if serializer is None:
        return "Return what JSON can hold, or give the client serializer=inngest.PydanticSerializer(restore=True)"
    if isinstance(serializer, PydanticSerializer) and serializer.restore:
        return "Say its type: use output_type=, or a handler with a return annotation (a lambda has none)"
    return "Say its type: use output_type="


def name_of(typ: object) -> str:
    """A type as it is written."""
    return typ.__qualname__ if isinstance(typ, type) and not typing.get_args(typ) else str(typ)


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
    """The annotated result of a function, method, partial, class or callable object, awaited if need be.

    `Unset` if it does not say, or says Any, object or None.

    Raises:
        TypeError: it says something that cannot be resolved; names it, and how to mend it.
    """
    while isinstance(handler, functools.partial):
        handler = handler.func
    if inspect.isclass(handler):
        return handler
    if not (inspect.isfunction(handler) or inspect.ismethod(handler)):
        handler = getattr(handler, "__call__", handler)  # noqa: B004 - the method itself is wanted
    found = typing_extensions.get_annotations(handler, format=typing_extensions.Format.FORWARDREF)
    annotation = _resolved(found["return"], handler) if "return" in found else Unset
    if typing.get_origin(annotation) in (Awaitable, Coroutine):  # a plain function that gives a coroutine
        annotation = typing.get_args(annotation)[-1]
    return Unset if annotation in (Any, object, type(None)) else annotation


def _resolved(annotation: object, handler: Callable[..., object]) -> object:
    """The annotation alone: those of the parameters may name what only checkers see."""
    function = inspect.unwrap(handler)
    alone = types.SimpleNamespace(__annotations__={"return": annotation})
    module, closure = getattr(function, "__globals__", {}), dict(inspect.getclosurevars(function).nonlocals)
    try:
        return typing_extensions.get_type_hints(alone, module, closure, include_extras=True)["return"]
    except (NameError, AttributeError, TypeError) as error:
        raise TypeError(
            f"the return annotation {annotation!r} of {getattr(handler, '__qualname__', handler)} cannot be resolved "
            f"({error}), and PydanticSerializer(restore=True) needs it: define the type at module level, "
            "or pass output_type"
        ) from None


# -- did a value come back as it was: the first place where it did not, and how to mend that

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
