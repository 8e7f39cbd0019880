"""The codec accepts exactly what `json.dumps` accepts, minus NaN and infinities, and gives the same values back."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.protocol import codec

texts = st.text(st.characters())  # lone surrogates too
numbers = st.integers() | st.integers(10**30, 10**40) | st.floats()
keys = texts | st.integers() | st.floats() | st.booleans() | st.none()
odd = st.binary(max_size=2) | st.sets(st.integers(), max_size=1) | st.builds(object) | st.complex_numbers()


def values(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        lists = st.lists(inner, max_size=4)
        return lists | lists.map(tuple) | st.dictionaries(keys, inner, max_size=4)

    return st.recursive(leaves, grow, max_leaves=12)


any_value = values(st.none() | st.booleans() | numbers | texts | odd, keys | st.tuples(st.integers()))


def reference(value: object) -> str | None:
    """What `json` makes of it without NaN; None if it refuses."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return None


@settings(max_examples=500)
@given(any_value)
def test_it_accepts_what_json_accepts_and_gives_the_same_back(value: object) -> None:
    text = reference(value)
    try:
        ours = codec.dumps(value)
    except codec.NotJsonError:
        assert text is None
        return
    assert text is not None
    assert repr(codec.loads(ours)) == repr(json.loads(text))  # repr: -0.0 is not 0.0, nor True 1
    assert json.loads(ours) == json.loads(text)
    assert codec.size(ours) == len(ours.encode())  # it can always be written as UTF-8


def refusal(value: object) -> codec.NotJsonError | None:
    try:
        codec.dumps(value)
    except codec.NotJsonError as error:
        return error
    return None


def walk(value: Any, path: str) -> Any:
    """Follow a path such as `$.a[1]` into a value, step by step, trying the longest keys first."""
    while path:
        if path.startswith("["):
            index, _, path = path[1:].partition("]")
            value = value[int(index)]
            continue
        found = max((key for key in value if path.startswith(f".{key}")), key=lambda key: len(str(key)))
        value, path = value[found], path[1 + len(str(found)) :]
    return value


simple_keys = st.text("abc", min_size=1, max_size=3)


@given(values(st.none() | st.integers() | odd | st.just(math.nan), simple_keys))
def test_the_place_that_is_told_is_one_that_json_refuses(value: Any) -> None:
    refused = refusal(value)
    if refused is not None:
        assert reference(walk(value, refused.path.removeprefix("$"))) is None
        assert refused.reason in str(refused)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1, math.nan], {"a": -math.inf}, {math.inf: 1}])
def test_what_is_no_json_number_is_refused(value: object) -> None:
    with pytest.raises(codec.NotJsonError, match="is not a JSON number"):
        codec.dumps(value)


@given(st.integers(10**4000, 10**4001))
def test_integers_of_any_size_are_exact(value: int) -> None:
    assert codec.loads(codec.dumps([value, -value])) == [value, -value]


def test_integers_of_more_digits_than_python_reads_are_refused_clearly() -> None:
    with pytest.raises(codec.NotJsonError, match=r"^\$\.a: Exceeds the limit \(4300 digits\)"):
        codec.dumps({"a": 10**5000})


def test_the_text_is_compact_and_not_escaped_without_need() -> None:
    assert codec.dumps({"a": [1, "é"], "b": None}) == '{"a":[1,"é"],"b":null}'
    assert codec.dumps("\ud800é") == '"\\ud800\\u00e9"'


@given(texts)
def test_every_text_has_a_size(text: str) -> None:
    """Texts of errors are measured too, and may hold halves of surrogate pairs."""
    assert codec.size(text) == sum(len(one.encode(errors="surrogatepass")) for one in text)
