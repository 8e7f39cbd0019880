"""What an index finds is what brute force finds: no match is lost, and none is made up."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inngest.engine.domain.matching import WAIT, Activation, Bound, Expression, ExpressionError, Kind, key_at

from .oracle import EVENTS, SAMPLES, Sample, Undefined


def compiled(sample: Sample) -> Expression:
    try:
        return Expression(sample.text, WAIT)
    except ExpressionError:  # constants that can only fail: 'a' + 1
        assume(False)
        raise


def expected(sample: Sample, event: Any, async_: Any) -> Kind:
    try:
        value = sample.meaning(event, async_)
    except Undefined:
        return Kind.ERROR
    if value is None or value is False:
        return Kind.NO_MATCH
    return Kind.MATCH if value is True else Kind.NOT_BOOLEAN


def found_by_index(bound: Bound, async_: Any) -> bool:
    """What an engine does that keeps waits under their keys."""
    if not bound.possible or any(key_at(term.path, async_) != term.key for term in bound.terms):
        return False
    return not bound.residual or bound.matches(Activation(async_=async_)).matched


@settings(max_examples=120, deadline=None)
@given(SAMPLES, st.lists(EVENTS, min_size=1, max_size=3), st.lists(EVENTS, min_size=1, max_size=3))
def test_an_index_finds_what_brute_force_finds(sample: Sample, events: list[Any], asyncs: list[Any]) -> None:
    expression = compiled(sample)
    for event in events:
        bound = expression.bind(event)
        stored = expression.restored(bound.to_json())
        for async_ in asyncs:
            verdict = expression.matches(Activation(event=event, async_=async_))
            assert verdict.kind is expected(sample, event, async_)
            assert bound.matches(Activation(async_=async_)) == verdict
            assert stored.matches(Activation(async_=async_)) == verdict
            assert found_by_index(bound, async_) is verdict.matched
