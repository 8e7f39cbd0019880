"""Whether an event matches: loose comparisons row by row, and what becomes of results that are not boolean."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from inngest.engine.domain.matching import WAIT, Activation, Expression, Kind, Verdict, compiled

DATA = {"a": 5, "s": "abc", "S": "ABC", "list": [1, 2], "f": 1.0, "t": True}
EVENT = {"id": "1", "name": "app/x", "ts": 1_767_225_600_000, "data": DATA}


def verdict(text: str, event: object = EVENT, now: int = 0) -> Verdict:
    return Expression(text).matches(Activation(event=event, now=now))


OBSERVED_MATCHES = [
    "event.data.missing == null",
    "event.data.missing != 'x'",
    "event.data.a > 1",
    "event.data.s.startsWith('ab')",
    "event.data.list.exists(x, x == 2)",
    "has(event.data.a)",
    "size(event.data.missing) == 0",
    "lowercase(event.data.S) == 'abc'",
    "event.data.f == 1",
    "event.data.t",
    "event.data.a in [5,6]",
    "event.ts > 0",
    "event.data.s.matches('^a.c$')",
]
"""As observed on another engine; `missing < 5` and `a + 1 == 6` and `!missing` are told apart below."""


@pytest.mark.parametrize("text", OBSERVED_MATCHES)
def test_what_was_observed_to_match_matches(text: str) -> None:
    assert verdict(text).kind is Kind.MATCH


@pytest.mark.parametrize(
    "text",
    ["event.data.missing.deep == 'x'", "event.data.a == '5'", "event.data.missing > 5", "event.data.missing < 5"],
)
def test_what_does_not_match_is_nothing_to_record(text: str) -> None:
    assert verdict(text) == Verdict(Kind.NO_MATCH, "")


@pytest.mark.parametrize("text", ["event.data.a + 1 == 6", "event.data.a + 0.5 == 5.5", "!event.data.missing"])
def test_where_the_observed_engine_was_unreliable_the_sane_answer_is_given(text: str) -> None:
    assert verdict(text).kind is Kind.MATCH


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("event.data.a", "a number"),
        ("event.data.s", "a string"),
        ("event.data.list", "a list"),
        ("event.data", "a map"),
        ("event.data.a + 1", "a number"),
        ("event.data.t && event.data.s", "a string"),
        ("now()", "a timestamp"),
        ("duration('1s')", "a duration"),
        ("b'a'", "a bytes"),
        ("type(1)", "a type"),
    ],
)
def test_a_result_that_is_not_boolean_is_no_match_and_is_said(text: str, what: str) -> None:
    assert verdict(text) == Verdict(Kind.NOT_BOOLEAN, f"gave {what}, not true or false")


@pytest.mark.parametrize("text", ["event.data.missing", "null", "event.data.missing && event.data.a > 1", "false"])
def test_null_does_not_match_and_is_nothing_to_record(text: str) -> None:
    assert verdict(text) == Verdict(Kind.NO_MATCH, "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("event.data.a + event.data.s == 'x'", "line 1, column 14: cannot add a number and a string"),
        ("true &&\n  event.data.a / 0 == 1", "line 2, column 16: cannot divide by zero"),
        ("event.data.a.contains('x')", "line 1, column 14: contains() needs a string, got a number"),
        ("event.data.s.exists(x, x)", "line 1, column 14: exists() goes over a list or a map, not over a string"),
        ("'b' in event.data.s", "'in' looks into a list or a map, not into a string: use contains()"),
        ("timestamp(event.data.s) < now()", "line 1, column 1: expected a time such as"),
        ("date(event.data.a) < duration(event.data.s) + now()", "expected a duration such as"),
        ("-event.data.s == 1", "line 1, column 1: cannot take the negative of a string"),
        ("event.data.s.matches(event.data.s + '(')", "a wrong pattern"),
        ("json_parse(event.data.s) == 1", "json_parse() needs a JSON text"),
        ("b64decode('!' + event.data.s) == ''", "b64decode() needs base64"),
        ("date(event.ts).getHours(event.data.s) == 1", "unknown time zone 'abc'"),
        ("event.data.a * 1e308 * 1e308 > 1", "the result is too large for a double"),
        ("{event.data.s: 1, 'abc': 2}.abc == 1", "the key 'abc' stands twice"),
        ("uint(event.data.a - 6) == 1", "uint() needs a number from 0, got -1"),
        ("size(event.data.a) == 1", "size() needs a string, bytes, a list or a map, got a number"),
        ("string(event.data) == ''", "string() cannot write a map"),
    ],
)
def test_an_error_is_no_match_and_says_where_and_why(text: str, reason: str) -> None:
    found = verdict(text)
    assert found.kind is Kind.ERROR
    assert reason in found.text
    assert not found.matched


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("event.data.a / 0 == 1 || event.data.t", Kind.MATCH),
        ("event.data.t || event.data.a / 0 == 1", Kind.MATCH),
        ("event.data.a / 0 == 1 && !event.data.t", Kind.NO_MATCH),
        ("event.data.a / 0 == 1 && event.data.t", Kind.ERROR),
        ("event.data.list.exists(x, 2 / (x - 1) == 2)", Kind.MATCH),
        ("event.data.list.all(x, 2 / (x - 1) == 3)", Kind.NO_MATCH),
        ("event.data.list.all(x, 2 / (x - 1) == 2)", Kind.ERROR),
    ],
)
def test_an_error_counts_only_where_nothing_else_decides(text: str, kind: Kind) -> None:
    assert verdict(text).kind is kind


def test_values_of_an_event_are_taken_as_they_are() -> None:
    """A huge integer or a half surrogate somewhere in an event hinders no expression about the rest of it."""
    event = {"data": {"huge": 10**400, "half": "\ud800", "id": "é😀", "zero": -0.0}}
    for text in (
        "event.data.id == 'é😀'",
        "event.data.huge > 1",
        "event.data.huge == event.data.huge",
        "event.data.huge != 1e300",
        "event.data.half != event.data.id",
        "size(event.data.half) == 1",
        "event.data.zero == 0",
    ):
        assert verdict(text, event).matched, text


def test_time_is_handed_in() -> None:
    expression = Expression("now() > timestamp('2026-01-01T00:00:00Z')")
    assert not expression.matches(Activation(now=1_767_225_600_000)).matched
    assert expression.matches(Activation(now=1_767_225_600_001)).matched


def test_inner_elements_hide_outer_ones_of_the_same_name() -> None:
    assert verdict("[[1, 2], [3]].map(x, x.map(x, x + 1).size() + size(x)) == [4, 2]").matched
    assert verdict("[1].exists(x, [2].exists(x, [3].exists(x, x == 3) && x == 2) && x == 1)").matched


def test_a_type_is_no_value_of_json_but_can_be_compared() -> None:
    assert verdict("[event.data.a, event.data.f, null, true].map(x, type(x)) == [int, double, null_type, bool]").matched


def test_one_activation_serves_many_expressions() -> None:
    activation = Activation(event=EVENT, async_={"data": {"a": 5}}, vars={"a": 5})
    for text in ("event.data.a == 5", "async.data.a == 5", "vars.a == 5", "async.data.a == event.data.a"):
        assert compiled(text, WAIT).matches(activation).matched


def test_threads_may_share_an_expression() -> None:
    expression = Expression("event.l.exists(x, x == event.n) && event.s.matches('^(a|b)*' + event.s + '$')")
    activations = [Activation(event={"l": [1, number], "n": number, "s": "ab" * (number % 7)}) for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(expression.matches, activations))
    assert [verdict.matched for verdict in verdicts] == [True] * 400


def test_the_same_text_is_compiled_once() -> None:
    assert compiled("event.data.once == 1") is compiled("event.data.once == 1")
    assert compiled("event.data.once == 1", WAIT) is not compiled("event.data.once == 1")


def test_an_expression_says_which_variables_it_reads() -> None:
    assert Expression("async.data.x == event.data.x", WAIT).uses == {"async", "event"}
    assert Expression("now() == now()").uses == frozenset()
