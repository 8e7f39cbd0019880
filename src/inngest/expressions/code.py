"""From a tree to code: nested Python functions of a scope, with what is constant computed beforehand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from .automaton import Automaton, compiled
from .errors import EvaluationError, ExpressionError
from .functions import FUNCTIONS, IMPURE
from .node_code import (
    MACROS,
    Run,
    applying,
    comparing,
    either,
    going_over,
    having,
    logic,
    mapping,
    negated,
    negative_of,
    reading,
    selecting,
    unless_null,
)
from .parser import parse
from .patterns import PatternError
from .rules import TYPE_NAMES, check
from .scope import BUDGET, FIRST_LOCAL, LIMIT, PARAMETERS, VARIABLES, Scope, spend
from .tree import (
    Binary,
    Call,
    Has,
    Index,
    ListOf,
    Literal,
    Logic,
    Macro,
    MapOf,
    Name,
    Node,
    Select,
    Ternary,
    Unary,
    walk,
)
from .values import OPERATIONS, Path, item, lookup, named


class Reference(NamedTuple):
    """A place in a variable: `event.data.id`, or whether something is there: `has(event.data.id)`."""

    name: str
    path: Path
    has: bool = False


class Code(NamedTuple):
    """A compiled node."""

    run: Run
    constant: bool = False


def reference(node: Node) -> Reference | None:
    """The place that a node names, if it names one by constants alone."""
    if isinstance(node, Has):
        inner = reference(node.operand)
        return inner and inner._replace(path=(*inner.path, node.field), has=True)
    parts: list[str | int] = []
    while not isinstance(node, Name):
        if isinstance(node, Select):
            parts.append(node.field)
        elif isinstance(node, Index) and isinstance(node.key, Literal) and type(node.key.value) in (str, int):
            assert isinstance(node.key.value, str | int)
            parts.append(node.key.value)
        else:
            return None
        node = node.operand
    return Reference(node.name, tuple(reversed(parts)))


def resolve(place: Reference, value: object) -> object:
    """The value at a place in a variable of this value."""
    if not place.has:
        return lookup(value, place.path)
    holder = lookup(value, place.path[:-1])
    return isinstance(holder, dict) and place.path[-1] in holder


class Compiled(NamedTuple):
    """An expression that may be evaluated."""

    root: Node
    run: Run
    locals: int  # places that its scope has after FIRST_LOCAL


def compile_text(text: str, variables: Collection[str], *, restrictive: bool = False) -> Compiled:
    """The code of an expression.

    Args:
        text: as it was written.
        variables: which of `event`, `async` and `vars` it may read.
        restrictive: refuse all but comparisons and logic, which an index can serve.

    Raises:
        ExpressionError: says where it is wrong, and how to mend it.
    """
    root = parse(text)
    check(text, root, variables, restrictive=restrictive)
    return Compiled(root, *compile_tree(text, root))


def compile_tree(text: str, root: Node, parameters: Mapping[Reference, int] | None = None) -> tuple[Run, int]:
    """The code of a checked tree, and how many locals its scope must have.

    Args:
        text: what the tree was read from.
        root: the tree.
        parameters: the places that are read from the scope's parameters, with their index there.

    Raises:
        ExpressionError: a constant part that can only fail, such as a wrong pattern.
    """
    compiler = _Compiler(text, parameters or {})
    return compiler.compile(root, {}).run, compiler.locals


class _Compiler:
    def __init__(self, text: str, parameters: Mapping[Reference, int]) -> None:
        self._text = text
        self._parameters = parameters
        self._open_macros = 0
        self.locals = 0

    def compile(self, node: Node, slots: dict[str, int]) -> Code:
        """The code of a node, where `slots` are the places of the macros' elements in the scope."""
        place = reference(node)
        if place is not None and (code := self._place(place, slots)) is not None:
            return code
        match node:
            case Literal():
                return _constant(node.value)
            case Name():
                return _constant(TYPE_NAMES[node.name])
            case Select():
                return self._apply(node, [node.operand], slots, selecting(node.field))
            case Has():
                return self._apply(node, [node.operand], slots, having(node.field))
            case Index():
                return self._apply(node, [node.operand, node.key], slots, item)
            case Unary():
                return self._apply(node, [node.operand], slots, negated if node.operator == "!" else negative_of)
            case Binary():
                return self._binary(node, slots)
            case Logic() | Ternary():
                return self._choosing(node, slots)
            case ListOf():
                return self._apply(node, node.items, slots, lambda scope, *items: list(items))
            case MapOf():
                return self._apply(node, (*node.keys, *node.values), slots, mapping)
            case Call():
                return self._call(node, slots)
            case Macro():
                return self._macro(node, slots)

    def _place(self, place: Reference, slots: dict[str, int]) -> Code | None:
        index = self._parameters.get(place)
        if index is not None:
            return Code(lambda scope: scope[PARAMETERS][index])
        slot = slots.get(place.name, VARIABLES.get(place.name))
        if slot is None or place.has:
            return None
        return Code(reading(slot, place.path))

    def _apply(self, node: Node, operands: Sequence[Node], slots: dict[str, int], function: Callable[..., Any]) -> Code:
        """A function of the operands' values."""
        parts = [self.compile(operand, slots) for operand in operands]
        return self._settled(node, parts, applying(node.at, [part.run for part in parts], function))

    def _settled(self, node: Node, parts: Sequence[Code], run: Run) -> Code:
        """The code of a node, computed now if all that it needs is constant."""
        if not all(part.constant for part in parts):
            return Code(run)
        scope: Scope = [None] * FIRST_LOCAL
        scope[BUDGET] = LIMIT
        try:
            return _constant(run(scope))
        except EvaluationError as error:
            at = node.at if error.offset is None else error.offset
            raise ExpressionError(self._text, at, error.reason) from None

    def _binary(self, node: Binary, slots: dict[str, int]) -> Code:
        left, right = self.compile(node.left, slots), self.compile(node.right, slots)
        run = None
        if node.operator in ("==", "!=") and left.constant is not right.constant:
            value, constant = (right, left) if left.constant else (left, right)
            run = comparing(value.run, constant.run([]), node.operator == "==")
        if run is None:
            run = applying(node.at, [left.run, right.run], OPERATIONS[node.operator])
        return self._settled(node, [left, right], run)

    def _choosing(self, node: Logic | Ternary, slots: dict[str, int]) -> Code:
        if isinstance(node, Ternary):
            parts = [self.compile(part, slots) for part in (node.condition, node.then, node.other)]
            return self._settled(node, parts, either(*(part.run for part in parts)))
        parts = [self.compile(term, slots) for term in node.terms]
        return self._settled(node, parts, logic([part.run for part in parts], decisive=node.operator == "||"))

    def _call(self, node: Call, slots: dict[str, int]) -> Code:
        parts = [self.compile(argument, slots) for argument in node.arguments]
        if node.function == "matches":
            return self._matches(node, *parts)
        function = FUNCTIONS[node.function]
        if node.function in IMPURE:
            # A wrong constant is refused now, though the result is not constant.
            spans = [self._settled(node, [part], _span(node.at, part.run)) if part.constant else part for part in parts]
            return Code(applying(node.at, [part.run for part in spans], function.run))
        run = function.run if function.takes_null else unless_null(function.run)
        return self._settled(node, parts, applying(node.at, [part.run for part in parts], run))

    def _matches(self, node: Call, subject: Code, pattern: Code) -> Code:
        search: Callable[[Scope, object, object], bool] = _search
        if pattern.constant and isinstance(text := pattern.run([]), str):
            try:
                search = _searching(text)
            except EvaluationError as error:
                raise ExpressionError(self._text, node.arguments[1].at, error.reason) from None
        run = applying(node.at, [subject.run, pattern.run], unless_null(search))
        return self._settled(node, [subject, pattern], run)

    def _macro(self, node: Macro, slots: dict[str, int]) -> Code:
        source = self.compile(node.source, slots)
        slot = FIRST_LOCAL + self._open_macros
        self._open_macros += 1
        self.locals = max(self.locals, self._open_macros)
        inner = {**slots, node.variable: slot}
        condition = None if node.condition is None else self.compile(node.condition, inner).run
        body = self.compile(node.body, inner).run
        self._open_macros -= 1
        cost = 1 + sum(1 for part in (node.condition, node.body) if part is not None for _ in walk(part))
        return Code(going_over(node, source.run, MACROS[node.kind](slot, cost, condition, body)))


def _constant(value: object) -> Code:
    return Code(lambda scope: value, constant=True)


def _span(at: int, part: Run) -> Run:
    return applying(at, [part], unless_null(FUNCTIONS["duration"].run))


def _subject(value: object) -> str:
    if isinstance(value, str):
        return value
    raise EvaluationError(f"matches() needs a string, got {named(value)}")


def _searching(written: str) -> Callable[[Scope, object, object], bool]:
    pattern = _pattern(written)
    return lambda scope, text, _: pattern.search(scope, _subject(text))


def _search(scope: Scope, text: object, written: object) -> bool:
    subject = _subject(text)
    spend(
        scope, _LETTER_COST * len(_subject(written))
    )  # whether it is remembered or not, so that chance decides nothing
    pattern = _pattern(_subject(written))
    spend(scope, _INSTRUCTION_COST * pattern.size)
    return pattern.search(scope, subject)


_LETTER_COST, _INSTRUCTION_COST = 50, 30
"""Units of reading a pattern that is no constant."""


def _pattern(written: str) -> Automaton:
    try:
        return compiled(written)
    except PatternError as error:
        raise EvaluationError(f"a wrong pattern: {error}") from None
