"""A wrong expression is refused, with its place and how to hint it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest.engine.domain.matching import WAIT, Activation, Expression, ExpressionError, Kind

WRONG = [
    # text, line, column, reason, hint
    ("", 1, 1, "the expression is empty", ""),
    ("  \n ", 1, 1, "the expression is empty", ""),
    ("event.data.a ==", 1, 16, "expected a value, found the end", ""),
    ("event.data.a == ", 1, 17, "expected a value, found the end", ""),
    ("(event.data.a", 1, 14, "expected ')', found the end", ""),
    ("event.data.a)", 1, 13, "expected an operator, or the end, found ')'", ""),
    ("event.data.a\n  == 'x", 2, 6, "a string without its closing quote", "end it with '"),
    ("event.data.a = 1", 1, 14, "unexpected '='", "write == to compare"),
    ("event.data.a === 1", 1, 14, "unexpected '==='", "write == or != to compare"),
    ("event.data.a & true", 1, 14, "unexpected '&'", "write && for and"),
    ("event.data.a | true", 1, 14, "unexpected '|'", "write || for or"),
    ("event.data.a and true", 1, 14, "found 'and'", "write && for and"),
    ("event.data.a or true", 1, 14, "found 'or'", "write || for or"),
    ("not event.data.a", 1, 5, "found 'event'", "write ! for not"),
    ("event.data.a is null", 1, 14, "found 'is'", "write == to compare"),
    ("event.data.a == \u201cx\u201d", 1, 17, "unexpected '\u201c'", "write ' or \" around strings"),
    ("event?.data", 1, 7, "expected a value, found '.'", "a missing field is null by itself"),
    ("event.?data", 1, 7, "expected a field's name after '.', found '?'", "a missing field is null by itself"),
    ("event.data.a ? 1", 1, 17, "expected ':' and the other value, found the end", ""),
    ("event.1", 1, 6, "expected an operator, or the end, found 0.1", ""),
    ("1abc", 1, 2, "unexpected 'a' after a number", ""),
    ("'\\q'", 1, 2, "unknown escape '\\\\q'", "write \\\\ for a backslash"),
    ("'\\ud800'", 1, 2, "no character has the number 0xd800", ""),
    ("1e999 > 1", 1, 1, "a number that a double cannot hold", ""),
    ("1" * 301, 1, 1, "an integer has at most 300 digits", ""),
    ("a" * 8_193, 1, 8_193, "an expression has at most 8192 characters, got 8193", ""),
    ("'\ud800'", 1, 2, "half of a surrogate pair", ""),
    ("evnt.data.a == 1", 1, 1, "unknown name 'evnt'", "did you mean event?"),
    ("data.a == 1", 1, 1, "unknown name 'data'", "write event.data"),
    ("async.data.a == 1", 1, 1, "'async' is not known here", "this expression sees event"),
    ("event.data.a == undefined", 1, 17, "unknown name 'undefined'", "texts stand in quotes"),
    ("true && true && x", 1, 17, "unknown name 'x'", ""),
    ("event.l.map(x, y)", 1, 16, "unknown name 'y'", ""),
    ("event.l.map(x, x) == x", 1, 22, "unknown name 'x'", ""),
    ("event.l.map(event, true)", 1, 9, "the element of map() cannot be called event", "call it x"),
    ("event.l.map(x.y, true)", 1, 15, "map() begins with a name for the element", "write map(x, …)"),
    ("event.l.exists(x)", 1, 9, "exists() takes a name and an expression", "write exists(x, …)"),
    ("has(event)", 1, 1, "has() takes one field", "write has(event.data.name)"),
    ("has(event.a, event.b)", 1, 1, "has() takes one field", ""),
    ("lower(event.a)", 1, 1, "unknown function 'lower'", "did you mean lowercase()?"),
    ("event.a.startsWit('a')", 1, 9, "unknown function 'startsWit'", "did you mean startsWith()?"),
    ("startsWith(event.a, 'a')", 1, 1, "startsWith() is called otherwise", "write x.startsWith(y)"),
    ("event.a.int()", 1, 9, "int() is called otherwise", "write int(x)"),
    ("event.a.startsWith()", 1, 9, "startsWith() takes 1 arguments, got 0", ""),
    ("now(1)", 1, 1, "now() takes 0 arguments, got 1", ""),
    ("event.a.getHours('x', 'y')", 1, 9, "getHours() takes 0 to 1 arguments, got 2", ""),
    ("var == 1", 1, 1, "'var' is reserved", ""),
    ("{1: 2}", 1, 1, "the keys of a map are strings, as in JSON, got a number", ""),
    ("{'a': 1, 'a': 2}", 1, 1, "the key 'a' stands twice in a map", ""),
    ("event.a == 1 || 1 / 0 == 1", 1, 19, "cannot divide by zero", ""),
    ("event.a + ('a' - 1)", 1, 16, "cannot subtract a string and a number", ""),
    ("event.a.matches('[')", 1, 17, "a wrong pattern: '[' without ']' at character 1 of the pattern", ""),
    ("event.a.matches('a(?=b)')", 1, 17, "RE2 has no look-around", ""),
    ("now() > now_minus('1 hour')", 1, 9, "expected a duration such as '90s', '1h30m' or '7d', got '1 hour'", ""),
    ("timestamp('2026-02-30T00:00:00Z') < now()", 1, 1, "no such time", ""),
    ("(" * 51 + "1" + ")" * 51, 1, 51, "nested over 50 deep", ""),
    ("!" * 51 + "true", 1, 51, "nested over 50 deep", ""),
    ("+".join(["event.a"] * 51), 1, 17, "nested over 50 deep", ""),
]


@pytest.mark.parametrize(("text", "line", "column", "reason", "hint"), WRONG, ids=[row[0][:40] for row in WRONG])
def test_what_is_wrong_is_said_with_its_place(text: str, line: int, column: int, reason: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        Expression(text)
    error = raised.value
    assert (error.line, error.column) == (line, column)
    assert reason in error.reason
    assert hint in error.hint
    assert str(error).startswith(f"line {line}, column {column}: {error.reason}")


def test_the_message_shows_the_place() -> None:
    with pytest.raises(ExpressionError) as raised:
        Expression("true &&\n  event.data.a == 'x' && evnt.x")
    assert str(raised.value) == (
        "line 2, column 26: unknown name 'evnt'; did you mean event?\n"
        "    event.data.a == 'x' && evnt.x\n"
        "                           ^"
    )


def test_of_a_long_line_the_message_shows_a_part() -> None:
    with pytest.raises(ExpressionError) as raised:
        Expression("event.a == 1 && " * 100 + "x" + " || event.a == 1" * 100)
    shown = str(raised.value).splitlines()
    assert len(shown[1]) <= 80
    assert shown[1][shown[2].index("^")] == "x"


def test_a_chain_of_logic_may_be_long() -> None:
    assert Expression(" && ".join(["event.a"] * 700)).matches(Activation(event={"a": True})).matched


SIMPLE = [
    "event.data.a == async.data.a",
    "event.data['a'] != async.data.l[0] && !(async.data.b >= -1.5) || async.data.c in ['x', 1]",
    "(async.data.a < 1 || async.data.flag) && true",
]
NOT_SIMPLE = [
    ("async.data.a.startsWith('x')", 14, "a function"),
    ("size(async.data.a) == 1", 1, "a function"),
    ("has(async.data.a)", 1, "a macro"),
    ("async.data.l.exists(x, x == 1)", 14, "a macro"),
    ("async.data.a + 1 == 2", 14, "arithmetic"),
    ("-event.data.a == 1", 1, "arithmetic"),
    ("async.data.a ? true : false", 14, "a choice"),
    ("async.data[event.data.key] == 1", 11, "an index that is computed"),
    ("async.data.a == {'b': 1}", 17, "a map"),
    ("async.data.a in [event.data.a]", 17, "a list"),
]


@pytest.mark.parametrize("text", SIMPLE)
def test_comparisons_and_logic_pass_the_restrictive_policy(text: str) -> None:
    assert Expression(text, WAIT, restrictive=True).text == text


@pytest.mark.parametrize(("text", "column", "what"), NOT_SIMPLE)
def test_all_else_is_refused_by_the_restrictive_policy(text: str, column: int, what: str) -> None:
    assert Expression(text, WAIT)
    with pytest.raises(ExpressionError, match=f"only comparisons and logic may stand here, not {what}") as raised:
        Expression(text, WAIT, restrictive=True)
    assert raised.value.column == column


NAMES = ["event", "async", "vars", "x", ".data", ".a", "has(", "size(", ".exists(x,", ".map(", ".matches(", "now()"]
MARKS = ["==", "!=", "<", "&&", "||", "!", "-", "+", "*", "/", "%", "?", ":", ",", "in", "[", "]", "(", ")", "{", "}"]
VALUES = ["'a'", '"b"', "1", "2.5", "0x1", "null", "true", "'a+'", r"r'\d'", "b'x'", " ", "\n", "//", "`"]


@given(st.lists(st.sampled_from(NAMES + MARKS + VALUES), max_size=25).map("".join) | st.text(max_size=40))
def test_any_text_is_compiled_or_refused_with_a_place_in_it(text: str) -> None:
    problem = None
    try:
        expression = Expression(text, WAIT)
    except ExpressionError as error:
        problem = error
    else:
        assert expression.matches(Activation(event={"data": {"a": [1]}})).kind in Kind
    if problem is not None:
        assert 0 <= problem.offset <= len(text)
        assert problem.line <= text.count("\n") + 1
        assert problem.reason
