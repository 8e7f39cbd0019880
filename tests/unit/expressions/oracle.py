"""Random expressions with their meaning, computed in another way: from the page in docs/reference, by fractions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st


class Undefined(Exception):
    """An evaluation that gives no value."""


@dataclass(frozen=True)
class Sample:
    """An expression as text, and what it gives for an `event` and an `async`."""

    text: str
    meaning: Callable[[Any, Any], Any]


def _kind(value: object) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def same(left: Any, right: Any) -> bool:
    if _kind(left) != _kind(right):
        return False
    if _kind(left) == "number":
        return Fraction(left) == Fraction(right)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return sorted(left) == sorted(right) and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def counts(value: Any) -> bool:
    """Whether a value counts as true."""
    return not any(same(value, nothing) for nothing in (None, False, 0, ""))


def _at(value: Any, path: list[str | int]) -> Any:
    for part in path:
        holder: Any = dict(enumerate(value)) if isinstance(value, list) else value
        value = holder.get(part) if isinstance(holder, dict) else None
    return value


def _ordered(operator: str, left: Any, right: Any) -> bool:
    if _kind(left) != _kind(right) or _kind(left) not in ("number", "str", "bool"):
        return False
    if _kind(left) == "number":
        left, right = Fraction(left), Fraction(right)
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator])


def _sum(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return right if left is None else left
    if _kind(left) != _kind(right) or _kind(left) not in ("number", "str", "list"):
        raise Undefined
    return left + right


def _decide(terms: list[Sample], decisive: bool, event: Any, async_: Any) -> Any:
    last, failed = None, False
    for term in terms:
        try:
            last = term.meaning(event, async_)
        except Undefined:
            failed = True
        else:
            if counts(last) is decisive:
                return last
    if failed:
        raise Undefined
    return last


def _literal(value: object) -> Sample:
    return Sample(json.dumps(value), lambda event, async_: value)


def _path(variable: str, path: list[str | int]) -> Sample:
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return Sample(variable + written, lambda event, async_: _at(event if variable == "event" else async_, path))


def _has(variable: str, path: list[str | int], field: str) -> Sample:
    def meaning(event: Any, async_: Any) -> bool:
        holder = _at(event if variable == "event" else async_, path)
        return isinstance(holder, dict) and field in holder

    return Sample(f"has({_path(variable, path).text}.{field})", meaning)


def _binary(left: Sample, operator: str, right: Sample) -> Sample:
    def meaning(event: Any, async_: Any) -> Any:
        sides = left.meaning(event, async_), right.meaning(event, async_)
        if operator == "+":
            return _sum(*sides)
        if operator in ("==", "!="):
            return same(*sides) is (operator == "==")
        return _ordered(operator, *sides)

    return Sample(f"({left.text} {operator} {right.text})", meaning)


def _within(left: Sample, items: list[Sample]) -> Sample:
    def meaning(event: Any, async_: Any) -> bool:
        value = left.meaning(event, async_)
        values = [item.meaning(event, async_) for item in items]
        return any(same(value, other) for other in values)

    return Sample(f"({left.text} in [{', '.join(item.text for item in items)}])", meaning)


def _logic(operator: str, terms: list[Sample]) -> Sample:
    text = "(" + f" {operator} ".join(term.text for term in terms) + ")"
    return Sample(text, lambda event, async_: _decide(terms, operator == "||", event, async_))


def _not(term: Sample) -> Sample:
    return Sample(f"!{term.text}", lambda event, async_: not counts(term.meaning(event, async_)))


def _choice(condition: Sample, then: Sample, other: Sample) -> Sample:
    return Sample(
        f"({condition.text} ? {then.text} : {other.text})",
        lambda event, async_: (then if counts(condition.meaning(event, async_)) else other).meaning(event, async_),
    )


SCALARS = st.sampled_from([None, True, False, 0, 1, 2, -1, 2**64, 2**64 + 1, 0.0, 1.0, 1.5, "", "a", "b", "1", "é"])
DATA = st.dictionaries(
    st.sampled_from("abm"),
    SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from("ab"), SCALARS, max_size=2),
    max_size=3,
)
EVENTS = st.fixed_dictionaries({"data": DATA}) | st.none()

_PATHS = st.lists(st.sampled_from(["a", "b", "m", 0, 1]), min_size=1, max_size=2).map(lambda path: ["data", *path])
_VARIABLES = st.sampled_from(["event", "async"])
_PLACES = st.builds(_path, _VARIABLES, _PATHS)
_LITERALS = SCALARS.map(_literal)


def _operands(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return st.builds(_binary, inner, st.just("+"), inner) | inner


def _conditions(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    terms = st.lists(inner, min_size=2, max_size=4)
    return (
        st.builds(_logic, st.just("&&"), terms)
        | st.builds(_logic, st.sampled_from(["&&", "||"]), terms)
        | st.builds(_not, inner)
        | st.builds(_choice, inner, inner, inner)
    )


_VALUES = _operands(_PLACES | _LITERALS)
_COMPARISONS = (
    st.builds(_binary, _PLACES, st.just("=="), _PLACES | _LITERALS)
    | st.builds(_binary, _LITERALS, st.just("=="), _PLACES)
    | st.builds(_binary, _VALUES, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), _VALUES)
    | st.builds(_within, _VALUES, st.lists(_VALUES, max_size=3))
    | st.builds(_has, _VARIABLES, _PATHS, st.sampled_from("ab"))
    | _PLACES
)
SAMPLES: st.SearchStrategy[Sample] = st.recursive(_COMPARISONS, _conditions, max_leaves=6)
