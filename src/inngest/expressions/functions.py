"""The functions of expressions. If an argument is null, most give false: what is missing has no property."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from . import times
from .errors import EvaluationError
from .scope import NOW, Scope, spend
from .values import TYPES, named


class Function(NamedTuple):
    """A function that expressions may call.

    Attributes:
        run: computes it from the scope and the arguments.
        least, most: how many arguments it takes, the receiver of a method included.
        method: whether it is called as a.f(b), or as f(a, b); None for both.
        takes_null: whether it is asked about null, too.
    """

    run: Callable[..., object]
    least: int
    most: int
    method: bool | None = None
    takes_null: bool = False


_READING_COST = 20
"""Units of reading a time or a duration."""


def _text(value: object, function: str) -> str:
    if isinstance(value, str):
        return value
    raise EvaluationError(f"{function}() needs a string, got {named(value)}")


def _of_texts(name: str, compute: Callable[[str, str], bool]) -> Function:
    def run(scope: Scope, subject: object, part: object) -> bool:
        text = _text(subject, name)
        spend(scope, len(text) >> 6)
        return compute(text, _text(part, name))

    return Function(run, 2, 2, method=True)


def _of_text(name: str, compute: Callable[[str], object], units: int) -> Function:
    """A function of one text; it costs a unit for every 2^`units` letters."""

    def run(scope: Scope, subject: object) -> object:
        text = _text(subject, name)
        spend(scope, len(text) >> units)
        return compute(text)

    return Function(run, 1, 1)


def _size(scope: Scope, value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, str | bytes | list | dict):
        return len(value)
    raise EvaluationError(f"size() needs a string, bytes, a list or a map, got {named(value)}")


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        raise EvaluationError("b64decode() needs base64 of a UTF-8 text") from None


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _from_json(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"json_parse() needs a JSON text: {error}") from None


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number that a double cannot hold")
    return number


def _int(scope: Scope, value: Any) -> int:
    match value:
        case bool():
            pass
        case int():
            return value
        case float():
            return int(value)
        case times.Time():
            return times.to_seconds(value)
        case str() if len(value) <= times.MAX_TEXT and value.isascii() and value.removeprefix("-").isdigit():
            return int(value)
        case _:
            pass
    raise EvaluationError(f"int() needs a number, a time or a text of digits, got {named(value)}")


def _uint(scope: Scope, value: object) -> int:
    number = _int(scope, value)
    if number < 0:
        raise EvaluationError(f"uint() needs a number from 0, got {number}")
    return number


_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def _is_number(text: str) -> bool:
    return len(text) <= times.MAX_TEXT and _NUMBER.fullmatch(text) is not None


def _double(scope: Scope, value: object) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value) if not isinstance(value, str) or _is_number(value) else math.nan
        except OverflowError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise EvaluationError(f"double() needs a number that a double can hold, or its text, got {named(value)}")


def _string(scope: Scope, value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() <= times.MAX_TEXT * 32:
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
        case times.Time():
            return times.to_text(value)
        case times.Duration():
            return times.duration_to_text(value)
        case bytes():
            spend(scope, len(value) >> 6)
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise EvaluationError("string() needs bytes in UTF-8") from None
        case _:
            pass
    raise EvaluationError(f"string() cannot write {named(value)}")


def _bytes(scope: Scope, value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    spend(scope, len(_text(value, "bytes")) >> 6)
    return _text(value, "bytes").encode("utf-8", "surrogatepass")


_TRUE_WORDS = frozenset(("true", "True", "TRUE", "t", "T", "1"))
_FALSE_WORDS = frozenset(("false", "False", "FALSE", "f", "F", "0"))


def _bool(scope: Scope, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUE_WORDS | _FALSE_WORDS:
        return value in _TRUE_WORDS
    raise EvaluationError(f"bool() needs true, false or their text, got {named(value)}")


def _timestamp(scope: Scope, value: object) -> times.Time:
    match value:
        case times.Time():
            return value
        case str():
            spend(scope, _READING_COST)
            return times.parse(value)
        case int() | float() if not isinstance(value, bool):
            return times.of_seconds(value)
        case _:
            pass
    raise EvaluationError(f"timestamp() needs an RFC 3339 text or unix seconds, got {named(value)}")


def _date(scope: Scope, value: object) -> times.Time:
    match value:
        case times.Time():
            return value
        case str():
            spend(scope, _READING_COST)
            return times.parse_loosely(value)
        case int() | float() if not isinstance(value, bool):
            return times.of_ms(value)
        case _:
            pass
    raise EvaluationError(f"date() needs a text such as '2026-01-31' or unix milliseconds, got {named(value)}")


def _duration(scope: Scope, value: object) -> times.Duration:
    if isinstance(value, times.Duration):
        return value
    spend(scope, _READING_COST)
    return times.parse_duration(_text(value, "duration"))


def _now(scope: Scope) -> times.Time:
    return times.of_ms(scope[NOW])


def _shifted(sign: int) -> Callable[[Scope, object], times.Time]:
    def run(scope: Scope, value: object) -> times.Time:
        return times.time_at(_now(scope).ns + sign * _duration(scope, value).ns)

    return run


def _getter(name: str) -> Function:
    def run(scope: Scope, value: object, zone: object = "UTC") -> int:
        if isinstance(value, times.Time):
            spend(scope, 500)  # a time zone may have to be read from its file
            try:
                return times.FIELDS[name](value.whole.astimezone(times.zone(_text(zone, name))))
            except OverflowError:
                raise EvaluationError("the time is out of range") from None
        if isinstance(value, times.Duration) and name in times.DURATION_FIELDS:
            return times.DURATION_FIELDS[name](value)
        raise EvaluationError(f"{name}() needs a time, got {named(value)}{_HOW_TO_GET_A_TIME}")

    return Function(run, 1, 2, method=True)


_HOW_TO_GET_A_TIME = ": write date(…) or timestamp(…) around it"

FUNCTIONS: Final[Mapping[str, Function]] = {
    "b64decode": _of_text("b64decode", _from_base64, 4),
    "bool": Function(_bool, 1, 1, method=False),
    "bytes": Function(_bytes, 1, 1, method=False),
    "contains": _of_texts("contains", lambda text, part: part in text),
    "date": Function(_date, 1, 1, method=False),
    "double": Function(_double, 1, 1, method=False),
    "duration": Function(_duration, 1, 1, method=False),
    "dyn": Function(lambda scope, value: value, 1, 1, method=False, takes_null=True),
    "endsWith": _of_texts("endsWith", str.endswith),
    "int": Function(_int, 1, 1, method=False),
    "json_parse": _of_text("json_parse", _from_json, 1),
    "lowercase": _of_text("lowercase", str.lower, 3),
    "now": Function(_now, 0, 0, method=False),
    "now_minus": Function(_shifted(-1), 1, 1, method=False),
    "now_plus": Function(_shifted(1), 1, 1, method=False),
    "size": Function(_size, 1, 1, takes_null=True),
    "startsWith": _of_texts("startsWith", str.startswith),
    "string": Function(_string, 1, 1, method=False),
    "timestamp": Function(_timestamp, 1, 1, method=False),
    "type": Function(lambda scope, value: TYPES[type(value)], 1, 1, method=False, takes_null=True),
    "uint": Function(_uint, 1, 1, method=False),
    "uppercase": _of_text("uppercase", str.upper, 3),
    **{name: _getter(name) for name in times.FIELDS},
}
"""By name. `matches` is in `code`: its pattern is compiled once where it is a constant."""

IMPURE: Final = frozenset(("now", "now_minus", "now_plus"))
"""Functions that depend on more than their arguments."""
