"""Keys of flow control, and priorities."""

from __future__ import annotations

import pytest

from inngest.engine.domain.matching import Activation, EvaluationError, Expression

EVENT = {
    "ts": 1_767_225_600_000,
    "data": {
        "s": "acme",
        "n": 5,
        "whole": 5.0,
        "no": False,
        "yes": True,
        "l": [1.0, {"b": 1, "a": 2.5}],
        "half": "\ud800",
    },
}


def key(text: str) -> str | None:
    return Expression(text).key(Activation(event=EVENT))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.s", '"acme"'),
        ("event.data.n", "5"),
        ("event.data.whole", "5"),
        ("'5'", '"5"'),
        ("event.data.yes", "true"),
        ("event.data.l", '[1,{"a":2.5,"b":1}]'),
        ("[event.data.s, event.data.n]", '["acme",5]'),
        ("event.data.s + '-' + string(event.data.n)", '"acme-5"'),
        ("event.data.tenant || 'none'", '"none"'),
        ("date(event.ts)", '"2026-01-01T00:00:00Z"'),
        ("duration('90s')", '"90s"'),
        ("b'\\xff'", '"ff"'),
        ("type(1)", '"int"'),
        ("''", '""'),
        ("0", "0"),
    ],
)
def test_a_key_is_the_canonical_text_of_the_value(text: str, expected: str) -> None:
    assert key(text) == expected


@pytest.mark.parametrize("text", ["event.data.missing", "null", "event.data.no", "lowercase(event.data.missing)"])
def test_false_and_null_are_no_key(text: str) -> None:
    assert key(text) is None


def test_a_key_is_short_and_can_be_stored() -> None:
    long = [key(f"event.data.s + '{'x' * 400}{end}'") for end in "ab"] + [key(f"[event.data.s, '{'x' * 400}']")]
    assert len(set(long)) == 3
    assert all(text is not None and text.startswith("\x1e") and len(text.encode()) <= 200 for text in long)
    assert (key("[event.data.half]") or "").encode()


def test_a_key_that_cannot_be_computed_says_why() -> None:
    with pytest.raises(EvaluationError, match=r"line 1, column 14: cannot add a string and a number"):
        key("event.data.s + 1")


def test_a_key_of_a_value_that_is_nested_too_deep_says_so() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EvaluationError, match="nested too deep"):
        Expression("event.d").key(Activation(event={"d": deep}))


@pytest.mark.parametrize(
    ("text", "number"), [("event.data.n * 12", 60), ("event.data.whole", 5), ("-3", -3), ("event.x", None)]
)
def test_a_priority_is_a_whole_number_or_missing(text: str, number: int | None) -> None:
    found = Expression(text).number(Activation(event=EVENT))
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(("text", "what"), [("event.data.s", "a string"), ("1.5", "a number"), ("true", "a bool")])
def test_a_priority_of_another_kind_is_an_error(text: str, what: str) -> None:
    with pytest.raises(EvaluationError, match=f"gave {what}, not a whole number"):
        Expression(text).number(Activation(event=EVENT))


def test_a_list_that_is_held_many_times_is_paid_for_each_time() -> None:
    doubled = "[[1]]" + ".map(a, [a, a, a, a, a, a, a, a])" * 8
    with pytest.raises(EvaluationError, match="given up after 250000 units of work"):
        key(doubled)


def test_times_are_keys_to_the_nanosecond() -> None:
    assert key("timestamp('2026-01-31T09:30:00.000000001Z')") == '"2026-01-31T09:30:00.000000001Z"'
    assert key("duration('1ns')") == '"0.000000001s"'
