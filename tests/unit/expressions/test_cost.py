"""Whatever is written and whatever comes, an evaluation does a bounded amount of work."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import pytest

from inngest.engine.domain.matching import Activation, Expression, ExpressionError, Kind, Verdict
from inngest.expressions.scope import LIMIT

MANY = list(range(100_000))
TEN = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def calls_of(work: Callable[[], Verdict]) -> tuple[Verdict, int]:
    """How many functions are called, in Python or C: work that no clock is needed to measure."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        verdict = work()
    finally:
        sys.setprofile(None)
    return verdict, count


HOSTILE: list[tuple[str, str, dict[str, object]]] = [
    ("loops", f"{TEN}.map(a, {TEN}.map(b, {TEN}.map(c, {TEN}.map(d, {TEN}.map(e, {TEN}.map(f, a)))))) == 1", {}),
    ("loops over data", "event.l.exists(a, event.l.exists(b, event.l.exists(c, a + b + c == -1)))", {}),
    ("errors in loops", "event.l.exists(a, event.l.exists(b, b / 0 == 1 || a / 0 == 1))", {}),
    ("wrong kinds", "event.l.exists(x, x.startsWith('a'))", {}),
    ("chained filters", "event.l" + ".filter(x, true)" * 45 + ".size() > 0", {}),
    ("doubled text", "['aaaaaaaaaa']" + ".map(a, a+a+a+a+a+a+a+a+a+a)" * 8 + " == 1", {}),
    ("doubled lists", "[[1]]" + ".map(a, a+a+a+a+a+a+a+a+a+a)" * 8 + " == 1", {}),
    ("long lists equal", "event.l.exists(x, event.l == event.m)", {"m": [*MANY[:-1], -1]}),
    ("membership", "event.l.all(x, x in event.l)", {}),
    ("long texts equal", "event.l.exists(x, event.a == event.b)", {"a": "a" * 10**6 + "x", "b": "a" * 10**6 + "y"}),
    ("long texts ordered", "event.l.exists(x, event.a > event.b)", {"a": "a" * 10**6 + "x", "b": "a" * 10**6 + "y"}),
    (
        "long texts searched",
        "event.l.exists(x, event.a.contains(event.b))",
        {"a": "ab" * 10**6, "b": "ab" * 10**5 + "c"},
    ),
    ("huge integers", f"event.l.exists(x, {'*'.join(['event.b'] * 40)} == 0)", {"b": 10**4000}),
    ("large integers", f"event.l.exists(x, {'*'.join(['event.b'] * 40)} == 0)", {"b": 10**300}),
    ("json", "event.l.exists(x, json_parse(event.a) == x)", {"a": "[" * 900 + "]" * 900}),
    ("case", "event.l.exists(x, uppercase(event.a) == x)", {"a": "\u0390" * 1000}),
    ("base64", "event.l.exists(x, b64decode(event.a) == x)", {"a": "YWJj" * 1000}),
    ("time zones", "event.l.exists(x, now().getHours('Europe/' + string(x)) == 77)", {}),
    ("dates", "event.l.exists(x, date('2026-01-' + string(x)) == 1)", {}),
    ("backtracking", "event.a.matches('(x*)*(x*)*(x*)*y')", {"a": "x" * 10**6}),
    ("many states", "event.a.matches('(a|b)*a(a|b){13}c')", {"a": "".join("ab"[i * i % 7 % 2] for i in range(10**6))}),
    ("many letters", "event.a.matches('(.|x){300}y')", {"a": "".join(chr(0x4E00 + i % 20_000) for i in range(10**5))}),
    (
        "many patterns",
        "event.p.exists(p, event.a.matches(p))",
        {"a": "a" * 50, "p": [f"a{{{i}}}b" for i in range(999)]},
    ),
    ("deep values", "event.d == event.e", {"d": nested(100_000), "e": nested(100_000)}),
]


@pytest.mark.parametrize(("text", "data"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_an_evaluation_that_costs_too_much_is_given_up(text: str, data: dict[str, object]) -> None:
    expression = Expression(text)
    activation = Activation(event={"l": MANY, **data})
    verdict, calls = calls_of(lambda: expression.matches(activation))
    assert verdict.kind is Kind.ERROR
    assert f"the evaluation was given up after {LIMIT} units of work" in verdict.text
    assert calls < 6 * LIMIT


@pytest.mark.parametrize(
    "name", ["chained filters", "doubled text", "doubled lists", "json", "many states", "many letters"]
)
def test_an_evaluation_takes_bounded_memory(name: str) -> None:
    text, data = {row[0]: row[1:] for row in HOSTILE}[name]
    expression = Expression(text)
    activation = Activation(event={"l": MANY, **data})
    tracemalloc.start()
    expression.matches(activation)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "data", "kind"),
    [
        ("event.a.matches('(a+)+$')", {"a": "a" * 50 + "b"}, Kind.NO_MATCH),
        ("event.a.matches('^(\\\\w+\\\\s?)*$')", {"a": "word " * 5_000 + "!"}, Kind.NO_MATCH),
        ("event.a.matches('^a')", {"a": "b" * 3_000_000}, Kind.NO_MATCH),
        ("event.d == event.d", {"d": nested(500)}, Kind.MATCH),
        ("json_parse(event.a) == 1", {"a": "[" * 100_000 + "]" * 100_000}, Kind.ERROR),
        ("event.l.exists(x, x == 20000)", {"l": MANY}, Kind.MATCH),
        ("size(event.a) == 3000000", {"a": "b" * 3_000_000}, Kind.MATCH),
    ],
)
def test_what_looks_hostile_but_costs_little_is_answered(text: str, data: dict[str, object], kind: Kind) -> None:
    assert Expression(text).matches(Activation(event=data)).kind is kind


def test_a_budget_is_of_one_evaluation() -> None:
    expression = Expression("event.l.exists(x, x == -1)")
    activation = Activation(event={"l": list(range(40_000))})
    assert [expression.matches(activation).kind for _ in range(5)] == [Kind.NO_MATCH] * 5


def test_a_cost_is_not_passed_over_by_logic() -> None:
    verdict = Expression("event.l.all(x, event.l.all(y, x == -1 || true)) || true").matches(
        Activation(event={"l": MANY})
    )
    assert verdict.kind is Kind.ERROR


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4_000 + "1" + ")" * 4_000,
        "[" * 4_000 + "]" * 4_000,
        "!" * 8_000 + "true",
        "-" * 8_000 + "event.a",
        "+".join(["1"] * 4_000),
        "event" + ".a" * 4_000,
        "event" + "[0]" * 2_700,
        "1" * 8_000,
        "event.a ? 1 : " * 500 + "1",
        "event.a.matches('" + "(a{100}){100}" * 10 + "')",
        "event.a.matches('" + "(" * 30 + "a" + "){1000}" * 30 + "')",
        "event.a.matches('" + "(" * 30 + "){1000}" * 30 + "')",
        "event.a.matches('" + "(" * 900 + "')",
    ],
    ids=lambda text: text[:20],
)
def test_what_is_hostile_to_the_compiler_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression(text)
