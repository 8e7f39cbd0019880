"""Expression: compiled once, asked about many events."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple, Protocol, cast

from inngest.expressions.errors import EvaluationError
from inngest.expressions.scope import EVENT, LIMIT, VARIABLES, Scope
from inngest.expressions.values import named
from inngest.protocol import codec

from .keys import Term, canonical


class Activation(NamedTuple):
    """The names that an expression sees: JSON values. One that is absent is null, as is all in it."""

    event: object = None  # what started the run, or is about to
    async_: object = None  # the event that has come
    vars: object = None
    now: int = 0  # unix ms


class Kind(enum.Enum):
    """The result of a match."""

    MATCH = "match"
    NO_MATCH = "no match"  # false, or null: what is missing is not true
    NOT_BOOLEAN = "not boolean"  # no match, and worth recording
    ERROR = "error"  # no match, and worth recording


class Verdict(NamedTuple):
    """Whether an event matches, and what to record about it."""

    kind: Kind
    text: str = ""  # of NOT_BOOLEAN and ERROR

    @property
    def matched(self) -> bool:
        """Whether it does."""
        return self.kind is Kind.MATCH


_MATCH = Verdict(Kind.MATCH)
_NO_MATCH = Verdict(Kind.NO_MATCH)


_Run = Callable[[Scope], object]


class _Plan(Protocol):
    """How a wait is kept; see `binding.Plan`. A protocol because that loads the language, and this does not."""

    @property
    def run(self) -> _Run:
        """The expression, with what it needs of `event` as parameters."""
        ...

    def parameters(self, event: object) -> tuple[object, ...]:
        """These parameters."""
        ...

    def find(self, event: object) -> tuple[tuple[Term, ...], bool, bool]:
        """Terms, `residual` and `possible` of `Bound`."""
        ...


class Expression:
    """A compiled expression; several threads may ask it.

    Attributes:
        text: as it was written.
        uses: the variables that it reads.
    """

    def __init__(self, text: str, variables: Collection[str] = EVENT, *, restrictive: bool = False) -> None:
        from inngest.expressions.code import compile_text  # noqa: PLC0415 - most processes have no expression
        from inngest.expressions.tree import Name, walk  # noqa: PLC0415

        self.text = text
        self._root, self._run, locals_ = compile_text(text, variables, restrictive=restrictive)
        self._spare = (None,) * locals_
        names = {node.name for node in walk(self._root) if isinstance(node, Name)}
        self.uses = frozenset(names.intersection(VARIABLES))
        self._made_plan: _Plan | None = None

    def matches(self, activation: Activation) -> Verdict:
        """Whether the expression is true."""
        return self._judge(self._run, self._scope(activation))

    def value(self, activation: Activation) -> object:
        """The value of the expression: JSON, or a time, a duration, bytes or a type.

        Raises:
            EvaluationError: says where and why it gives nothing.
        """
        return self._value(self._scope(activation))

    def _value(self, scope: Scope) -> object:
        try:
            return self._run(scope)
        except EvaluationError as error:
            raise EvaluationError(error.explain(self.text)) from None

    def key(self, activation: Activation) -> str | None:
        """The canonical text of what the expression gives; None if that is false or missing.

        Raises:
            EvaluationError: says where and why it gives nothing.
        """
        scope = self._scope(activation)
        value = self._value(scope)
        return None if value is None or value is False else canonical(value, scope)

    def number(self, activation: Activation) -> int | None:
        """The whole number that the expression gives; None if it is missing.

        Raises:
            EvaluationError: it gives nothing, or something else.
        """
        value = self.value(activation)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise EvaluationError(f"gave {named(value)}, not a whole number")

    def bind(self, event: object) -> Bound:
        """The expression with `event` known; what remains depends on `async`."""
        found = self._plan.find(event)
        return Bound(self, self._plan.parameters(event), *found)

    def restored(self, parameters: str) -> Bound:
        """A bound expression again, from what `Bound.to_json` gave. It can only be asked for matches."""
        return Bound(self, tuple(codec.loads(parameters)), (), residual=True, possible=True)

    def matches_bound(self, parameters: tuple[object, ...], activation: Activation) -> Verdict:
        """Whether the expression is true, with what it needs of `event` as parameters."""
        return self._judge(self._plan.run, self._scope(activation, parameters))

    @property
    def _plan(self) -> _Plan:
        if self._made_plan is None:
            from .binding import plan  # noqa: PLC0415 - it needs the language

            self._made_plan = cast("_Plan", plan(self.text, self._root))  # to pyright, `run` of a Plan is a method
        return self._made_plan

    def _scope(self, activation: Activation, parameters: tuple[object, ...] = ()) -> Scope:
        event, async_, variables, now = activation
        return [LIMIT, now, event, async_, variables, parameters, *self._spare]

    def _judge(self, run: _Run, scope: Scope) -> Verdict:
        try:
            value = run(scope)
        except EvaluationError as error:
            return Verdict(Kind.ERROR, error.explain(self.text))
        if value is True:
            return _MATCH
        if value is False or value is None:
            return _NO_MATCH
        return Verdict(Kind.NOT_BOOLEAN, f"gave {named(value)}, not true or false")


class Bound(NamedTuple):
    """An expression of a wait.

    Attributes:
        expression: it.
        parameters: what it needs of `event`; JSON values.
        terms: what an event that matches has, most telling first.
        residual: whether an event that has all terms may still not match, so that `matches` must be asked.
        possible: whether any event can match.
    """

    expression: Expression
    parameters: tuple[object, ...]
    terms: tuple[Term, ...]
    residual: bool
    possible: bool

    def matches(self, activation: Activation) -> Verdict:
        """Whether the event that has come, `async_`, matches."""
        return self.expression.matches_bound(self.parameters, activation)

    def to_json(self) -> str:
        """JSON text of the parameters: with the expression's text, all that has to be stored."""
        return codec.dumps(self.parameters)


@lru_cache(maxsize=4_096)
def compiled(text: str, variables: frozenset[str] = EVENT, *, restrictive: bool = False) -> Expression:
    """The expression of a text, from the last ones used.

    Args:
        text: CEL (docs/reference/expressions.md), up to 8,192 characters.
        variables: which of `event`, `async` and `vars` it may read.
        restrictive: refuse all but comparisons and logic.

    Raises:
        ExpressionError: says where it is wrong, and how to mend it.
    """
    return Expression(text, variables, restrictive=restrictive)
