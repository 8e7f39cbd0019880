"""The parts of code: Python functions of a scope, one for each kind of node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from .errors import CostError, EvaluationError
from .scope import ERROR_COST, Scope, spend
from .tree import Macro
from .values import NUMBERS, Path, lookup, named, negative, truthy

Run = Callable[[Scope], Any]


def reading(slot: int, path: Path) -> Run:
    """Reads a place. The usual forms are written out, because nothing is done more often."""
    if not path:
        return lambda scope: scope[slot]
    if any(isinstance(part, int) for part in path):
        return lambda scope: lookup(scope[slot], path)
    if len(path) == 2:
        first, second = path

        def read_two(scope: Scope) -> Any:
            value = scope[slot]
            if isinstance(value, dict):
                value = value.get(first)
                if isinstance(value, dict):
                    return value.get(second)
            return None

        return read_two

    def read(scope: Scope) -> Any:
        value = scope[slot]
        for part in path:
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value

    return read


def applying(at: int, parts: Sequence[Run], function: Callable[..., Any]) -> Run:
    """Calls a function with the values of parts; its errors get a place in the text."""
    if len(parts) == 2:
        left, right = parts

        def run_two(scope: Scope) -> Any:
            try:
                return function(scope, left(scope), right(scope))
            except EvaluationError as error:
                if error.offset is None:
                    error.offset = at
                raise

        return run_two

    def run(scope: Scope) -> Any:
        try:
            return function(scope, *[part(scope) for part in parts])
        except EvaluationError as error:
            if error.offset is None:
                error.offset = at
            raise

    return run


def comparing(value: Run, constant: object, wanted: bool) -> Run | None:
    """`value == constant`, or `!=` if not wanted; None if the constant is no scalar."""
    if constant is None or isinstance(constant, bool):
        return lambda scope: (value(scope) is constant) is wanted
    if isinstance(constant, str):
        return lambda scope: (value(scope) == constant) is wanted
    if isinstance(constant, int | float):

        def compare(scope: Scope) -> bool:
            number = value(scope)
            return (type(number) in NUMBERS and number == constant) is wanted

        return compare
    return None


def logic(terms: list[Run], *, decisive: bool) -> Run:
    """`||` (decisive true) or `&&` (decisive false): the first decisive value, or the last.

    An error counts only if no other term decides, so that the order of terms does not matter.
    """

    def run(scope: Scope) -> Any:
        failure: EvaluationError | None = None
        value: object = None
        for term in terms:
            try:
                value = term(scope)
            except CostError:
                raise
            except EvaluationError as error:
                spend(scope, ERROR_COST)
                failure = failure or error
                continue
            if (value if value is True or value is False else truthy(value)) is decisive:
                return value
        if failure is not None:
            raise failure
        return value

    return run


def either(condition: Run, then: Run, other: Run) -> Run:
    """`condition ? then : other`."""
    return lambda scope: then(scope) if truthy(condition(scope)) else other(scope)


def negated(scope: Scope, value: object) -> bool:
    """`!value`."""
    return not truthy(value)


def negative_of(scope: Scope, value: object) -> object:
    """`-value`."""
    return negative(value)


def selecting(field: str) -> Callable[[Scope, object], object]:
    """`value.field`."""
    return lambda scope, value: value.get(field) if isinstance(value, dict) else None


def having(field: str) -> Callable[[Scope, object], bool]:
    """`has(value.field)`."""
    return lambda scope, value: isinstance(value, dict) and field in value


def mapping(scope: Scope, *keys_and_values: object) -> dict[str, object]:
    """A map of its keys, and as many values after them."""
    half = len(keys_and_values) // 2
    made: dict[str, object] = {}
    for key, value in zip(keys_and_values[:half], keys_and_values[half:], strict=True):
        if not isinstance(key, str):
            raise EvaluationError(f"the keys of a map are strings, as in JSON, got {named(key)}")
        if key in made:
            raise EvaluationError(f"the key {key!r} stands twice in a map")
        made[key] = value
    return made


def unless_null(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but false if any of its arguments is null."""

    def run(scope: Scope, *values: object) -> Any:
        for value in values:
            if value is None:
                return False
        return function(scope, *values)

    return run


Loop = Callable[[Scope, "list[Any] | dict[str, Any]"], Any]
"""Goes over the elements of a list, or the keys of a map: puts each into the scope, and pays for it."""


def going_over(node: Macro, source: Run, loop: Loop) -> Run:
    """A macro over what its source gives."""

    def run(scope: Scope) -> Any:
        elements = source(scope)
        if isinstance(elements, list | dict):
            return loop(scope, elements)
        if elements is None:  # nothing is true of what is missing, and it has no elements
            return [] if node.kind in ("filter", "map") else False
        raise EvaluationError(f"{node.kind}() goes over a list or a map, not over {named(elements)}", node.at)

    return run


def _deciding(decisive: bool) -> Callable[[int, int, Run | None, Run], Loop]:
    def make(slot: int, cost: int, condition: Run | None, body: Run) -> Loop:
        def loop(scope: Scope, elements: Iterable[Any]) -> bool:
            failure: EvaluationError | None = None
            for element in elements:
                spend(scope, cost)
                scope[slot] = element
                try:
                    if truthy(body(scope)) is decisive:
                        return decisive
                except CostError:
                    raise
                except EvaluationError as error:
                    spend(scope, ERROR_COST)
                    failure = failure or error
            if failure is not None:
                raise failure
            return not decisive

        return loop

    return make


def _exists_one(slot: int, cost: int, condition: Run | None, body: Run) -> Loop:
    kept = _filter(slot, cost, condition, body)
    return lambda scope, elements: len(kept(scope, elements)) == 1


def _filter(slot: int, cost: int, condition: Run | None, body: Run) -> Loop:
    def loop(scope: Scope, elements: Iterable[Any]) -> list[Any]:
        kept: list[Any] = []
        for element in elements:
            spend(scope, cost)
            scope[slot] = element
            if truthy(body(scope)):
                kept.append(element)
        return kept

    return loop


def _map(slot: int, cost: int, condition: Run | None, body: Run) -> Loop:
    def loop(scope: Scope, elements: Iterable[Any]) -> list[Any]:
        made: list[Any] = []
        for element in elements:
            spend(scope, cost)
            scope[slot] = element
            if condition is None or truthy(condition(scope)):
                made.append(body(scope))
        return made

    return loop


MACROS: Final[Mapping[str, Callable[[int, int, Run | None, Run], Loop]]] = {
    "all": _deciding(False),
    "exists": _deciding(True),
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map,
}
"""By name; each is given its slot in the scope, its cost per element, its condition and its body."""
