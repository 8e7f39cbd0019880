"""Operators. Values are JSON's, and bytes, times, durations and types.

null stands for what is missing. int and double are one kind of number; bool is none. Comparing kinds that differ is
false, not an error; arithmetic on them is an error.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .errors import EvaluationError
from .scope import Scope, spend
from .times import Duration, Time, duration_of, time_at

Operation = Callable[[Scope, Any, Any], Any]
Path = tuple[str | int, ...]

NUMBERS: Final = frozenset((int, float))
LONG: Final = 1_024
"""Letters from which on comparing a text is paid for."""

LARGEST: Final = 1 << 1_024
"""Integers are exact at any size; arithmetic is done on those below this."""


class TypeName(NamedTuple):
    """The value of `type(x)`, and of the names `int`, `string` and so on stand for."""

    name: str


TYPES: Final = {
    type(None): TypeName("null_type"),
    bool: TypeName("bool"),
    int: TypeName("int"),
    float: TypeName("double"),
    str: TypeName("string"),
    bytes: TypeName("bytes"),
    list: TypeName("list"),
    dict: TypeName("map"),
    Time: TypeName("timestamp"),
    Duration: TypeName("duration"),
    TypeName: TypeName("type"),
}
_WORDS = {"null_type": "null", "int": "a number", "double": "a number"}


def named(value: object) -> str:
    """The kind of a value in words: "a string", "null"."""
    name = TYPES[type(value)].name
    return _WORDS.get(name, f"a {name}")


_FALSIFIABLE = frozenset((bool, int, float, str))


def truthy(value: object) -> bool:
    """Whether a value counts as true in a condition: all but false, null, 0 and ""."""
    return bool(value) if type(value) in _FALSIFIABLE else value is not None


def lookup(value: object, path: Path) -> object:
    """The value at a path; null if anything on the way is missing or holds nothing."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part) if isinstance(part, str) else None
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part] if 0 <= part < len(value) else None
        else:
            return None
    return value


def item(scope: Scope, container: object, key: object) -> object:
    """`container[key]`, null if it is not there."""
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)):
        return lookup(container, (key,))
    return None


def equal(scope: Scope, left: object, right: object) -> bool:
    """`left == right`: of the same kind, and of the same value all the way down."""
    if isinstance(left, str) and isinstance(right, str):
        if len(left) >= LONG:
            spend(scope, len(left) >> 6)
        return left == right
    kind = type(left)
    if kind is list or kind is dict:
        return kind is type(right) and _equal_deeply(scope, left, right)
    return left == right and (kind is type(right) or (kind in NUMBERS and type(right) in NUMBERS))


def _equal_deeply(scope: Scope, left: object, right: object) -> bool:
    pairs = [(left, right)]  # no recursion: a value may be nested deeper than Python's stack
    while pairs:
        left, right = pairs.pop()
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            spend(scope, 8 + len(left))
            pairs.extend(zip(left, right, strict=True))
        elif isinstance(left, dict) and isinstance(right, dict):
            spend(scope, 8 + 2 * len(left))
            if left.keys() != right.keys():
                return False
            pairs.extend((value, right[key]) for key, value in left.items())
        elif isinstance(left, list | dict) or not equal(scope, left, right):
            return False
    return True


def unequal(scope: Scope, left: object, right: object) -> bool:
    """`left != right`."""
    return not equal(scope, left, right)


def within(scope: Scope, left: object, right: object) -> bool:
    """`left in right`: an element of a list, or a key of a map; nothing is in null."""
    if isinstance(right, list):
        spend(scope, len(right))
        return any(equal(scope, left, element) for element in right)
    if isinstance(right, dict):
        return isinstance(left, str) and left in right
    if right is None:
        return False
    hint = ": use contains() for a part of a string" if isinstance(right, str) else ""
    raise EvaluationError(f"'in' looks into a list or a map, not into {named(right)}{hint}")


_ORDERED = frozenset((bool, int, float, str, bytes, Time, Duration))


def _ordering(compare: Callable[[Any, Any], bool]) -> Operation:
    def ordered(scope: Scope, left: Any, right: Any) -> bool:
        kind = type(left)
        if kind in NUMBERS:
            return type(right) in NUMBERS and compare(left, right)
        if kind is not type(right) or kind not in _ORDERED:
            return False
        if kind is str and len(left) >= LONG:
            spend(scope, len(left) >> 6)
        return compare(left, right)

    return ordered


def _arithmetic(verb: str, compute: Callable[[Any, Any], Any], others: Operation) -> Operation:
    """An operation on numbers; `others` is what it does with other kinds."""

    def calculated(scope: Scope, left: Any, right: Any) -> Any:
        if type(left) in NUMBERS and type(right) in NUMBERS:
            if not (-LARGEST < left < LARGEST and -LARGEST < right < LARGEST):
                raise EvaluationError(f"cannot {verb} a number over 2^1024")
            try:
                result = compute(left, right)
            except ZeroDivisionError:
                raise EvaluationError(f"cannot {verb} by zero") from None
            except OverflowError:
                result = math.inf
            if type(result) is float and not math.isfinite(result):
                raise EvaluationError("the result is too large for a double")
            return result
        result = others(scope, left, right)
        if result is NotImplemented:
            raise EvaluationError(f"cannot {verb} {named(left)} and {named(right)}{_hint(verb, left, right)}")
        return result

    return calculated


def _hint(verb: str, left: object, right: object) -> str:
    if verb == "add" and isinstance(left, str) != isinstance(right, str):
        return ": write string(…) around the one that is none"
    return ""


def _add(scope: Scope, left: Any, right: Any) -> Any:
    if left is None or right is None:  # what is missing adds nothing
        return right if left is None else left
    kinds = (type(left), type(right))
    if kinds in _JOINED:
        spend(scope, (len(left) + len(right)) >> (3 if kinds[0] is list else 6))
        return left + right
    if kinds == (Duration, Duration):
        return duration_of(left.ns + right.ns)
    return time_at(left.ns + right.ns) if kinds in _MOVED else NotImplemented


def _subtract(scope: Scope, left: Any, right: Any) -> Any:
    kinds = (type(left), type(right))
    if kinds == (Time, Duration):
        return time_at(left.ns - right.ns)
    return duration_of(left.ns - right.ns) if kinds in _APART else NotImplemented


def _nothing(scope: Scope, left: Any, right: Any) -> Any:
    return NotImplemented


def _divide(left: Any, right: Any) -> Any:
    if type(left) is float or type(right) is float:
        return left / right
    quotient = abs(left) // abs(right)  # of integers: towards zero
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: Any, right: Any) -> Any:
    if type(left) is float or type(right) is float:
        if right == 0:
            raise ZeroDivisionError
        return math.fmod(left, right)
    rest = abs(left) % abs(right)  # of integers: with the sign of the left side
    return -rest if left < 0 else rest


_MOVED = frozenset(((Time, Duration), (Duration, Time)))
_APART = frozenset(((Time, Time), (Duration, Duration)))
_JOINED = frozenset(((str, str), (bytes, bytes), (list, list)))

OPERATIONS: Final[Mapping[str, Operation]] = {
    "==": equal,
    "!=": unequal,
    "<": _ordering(operator.lt),
    "<=": _ordering(operator.le),
    ">": _ordering(operator.gt),
    ">=": _ordering(operator.ge),
    "in": within,
    "+": _arithmetic("add", operator.add, _add),
    "-": _arithmetic("subtract", operator.sub, _subtract),
    "*": _arithmetic("multiply", operator.mul, _nothing),
    "/": _arithmetic("divide", _divide, _nothing),
    "%": _arithmetic("divide", _remainder, _nothing),
}


def negative(value: object) -> object:
    """`-value`, of a number or a duration."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return -value
    if isinstance(value, Duration):
        return Duration(-value.ns)
    raise EvaluationError(f"cannot take the negative of {named(value)}")
