"""What a wait looks for, once the event that started the run is known."""

from __future__ import annotations

import pytest

from inngest.engine.domain.matching import WAIT, Activation, Bound, Expression, Kind, Term, key_at

EVENT = {
    "id": "e1",
    "data": {"id": "u1", "n": 5, "whole": 5.0, "yes": True, "list": [1], "email": "Ann@X", "nil": None},
}


def bound(text: str) -> Bound:
    return Expression(text, WAIT).bind(EVENT)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("async.data.id == event.data.id", [('["data","id"]', '"u1"')]),
        ("event.data.id == async.data.id", [('["data","id"]', '"u1"')]),
        ("async.data.user.id == 'x'", [('["data","user","id"]', '"x"')]),
        ("async.data['id'] == 'x'", [('["data","id"]', '"x"')]),
        ("async.data.list[0] == 1", [('["data","list",0]', "1")]),
        ("async.data.n == event.data.n", [('["data","n"]', "5")]),
        ("async.data.n == event.data.whole", [('["data","n"]', "5")]),
        ("async.data.n == 5.5", [('["data","n"]', "5.5")]),
        ("async.data.yes == event.data.yes", [('["data","yes"]', "true")]),
        ("async.data.x == event.data.missing", [('["data","x"]', "null")]),
        ("async.data.x == null", [('["data","x"]', "null")]),
        ("async.data.email == lowercase(event.data.email)", [('["data","email"]', '"ann@x"')]),
        ("async.data.n == event.data.n + 1", [('["data","n"]', "6")]),
        ("async.data.a == null && async.data.n == 5 && async.data.id == 'u1'",
         [('["data","id"]', '"u1"'), ('["data","n"]', "5"), ('["data","a"]', "null")]),
        ("async.data.kind == 'card' && async.data.n == event.data.n && async.data.id == event.data.id",
         [('["data","id"]', '"u1"'), ('["data","n"]', "5"), ('["data","kind"]', '"card"')]),
        ("async.data.kind == 'card' && async.data.yes == event.data.yes",
         [('["data","kind"]', '"card"'), ('["data","yes"]', "true")]),
        ("(async.data.n == 5 && async.data.id == 'u1') && event.data.yes",
         [('["data","id"]', '"u1"'), ('["data","n"]', "5")]),
    ],
)  # fmt: skip
def test_equality_terms_alone_need_no_evaluation(text: str, terms: list[tuple[str, str]]) -> None:
    found = bound(text)
    assert list(found.terms) == [Term(*term) for term in terms]
    assert (found.residual, found.possible) == (False, True)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("async.data.id == event.data.id && async.data.n > 3", 1),
        ("async.data.id == event.data.id && async.data.flag", 1),
        ("async.data.id == event.data.id && vars.x == 1", 1),
        ("async.data.id == 'x' && now() > date(event.ts)", 1),
        ("async.data.id == event.data.id && event.data.n", 1),  # a number that counts as true is no match
        ("async.data.list == event.data.list", 0),
        ("async.data.id == event.data.n / 0", 0),
        ("async.data.id == vars.id", 0),
        ("async.data.id == string(now())", 0),
        ("async.data.a == async.data.b", 0),
        ("async.data[event.data.id] == 1", 0),
        ("async.data.id == 'a' || async.data.id == 'b'", 0),
        ("!(async.data.id != 'a')", 0),
        ("async == null", 0),
        ("has(async.data.id) == true", 0),
        ("event.data.n / 0 == 1 && async.data.id == 'x'", 1),
    ],
)
def test_other_terms_need_evaluation(text: str, terms: int) -> None:
    found = bound(text)
    assert (len(found.terms), found.residual, found.possible) == (terms, True, True)


@pytest.mark.parametrize("text", ["event.data.n > 5 && async.data.id == 'x'", "false", "event.data.missing && true"])
def test_what_can_never_match_is_known_when_the_run_is(text: str) -> None:
    assert not bound(text).possible


def test_only_what_the_expression_reads_is_kept() -> None:
    found = bound("async.data.n > event.data.n && has(event.data.id) && event.data.list.exists(x, x == async.data.x)")
    assert sorted(map(str, found.parameters)) == ["5", "True", "[1]"]
    assert found.matches(Activation(async_={"data": {"n": 6, "x": 1}})).matched
    assert not found.matches(Activation(async_={"data": {"n": 5, "x": 1}})).matched


def test_a_bound_expression_does_not_ask_for_the_event_again() -> None:
    found = bound("async.data.n > event.data.n")
    assert found.matches(Activation(event={"data": {"n": 100}}, async_={"data": {"n": 6}})).matched


def test_time_and_vars_are_those_of_the_event_that_comes() -> None:
    found = bound("async.data.id == event.data.id && now() > date(vars.since)")
    async_ = {"data": {"id": "u1"}}
    assert found.matches(Activation(async_=async_, vars={"since": 1}, now=2)).matched
    assert not found.matches(Activation(async_=async_, vars={"since": 1}, now=1)).matched


def test_an_error_in_what_is_known_is_said_when_an_event_comes() -> None:
    found = bound("async.data.id == 'u1' && event.data.n / 0 == 1")
    assert found.matches(Activation(async_={"data": {"id": "u1"}})).kind is Kind.ERROR
    assert found.matches(Activation(async_={"data": {"id": "u2"}})).kind is Kind.NO_MATCH


def test_equal_values_have_equal_keys() -> None:
    path = '["a"]'
    assert key_at(path, {"a": 1}) == key_at(path, {"a": 1.0}) == "1"
    assert key_at(path, {"a": 0}) == key_at(path, {"a": -0.0}) == "0"
    assert key_at(path, {}) == key_at(path, {"a": None}) == key_at(path, None) == key_at(path, [1]) == "null"
    assert key_at(path, {"a": 10**400}) == key_at(path, {"a": 10**400})


def test_unequal_values_have_unequal_keys() -> None:
    values = [None, True, False, 0, 1, 1.5, "", "1", "true", "null", "a" * 300, "a" * 299 + "b", 2**64, 2**64 + 1,
              1e300, 10**300, 10**5000, 10**5000 + 1, "\ud800", "\udc00", "😀", "\ud83d" + "\ude00", "\0"]  # fmt: skip
    keys = [key_at('["a"]', {"a": value}) for value in values]
    assert len(set(keys)) == len(values)
    assert all(key is not None and len(key) <= 200 and key.encode() for key in keys)


@pytest.mark.parametrize("value", [[], {}, [1], {"a": 1}, float("nan")])
def test_what_equals_no_constant_has_no_key(value: object) -> None:
    assert key_at('["a"]', {"a": value}) is None
