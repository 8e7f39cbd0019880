"""Step ids: the n-th repeat of an id is `id:n`, in call order; what is stored is its SHA-1."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest.protocol.steps import StepCounter, StepIdTakenError, hash_step_id

plain_ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0:"), max_size=5)


@given(st.lists(plain_ids, max_size=30))
def test_repeats_are_counted_per_id_in_call_order(ids: list[str]) -> None:
    counter, seen = StepCounter(), Counter[str]()
    names = [counter.name(step_id) for step_id in ids]
    for step_id, name in zip(ids, names, strict=True):
        repeat = seen[step_id]
        seen[step_id] += 1
        text = f"{step_id}:{repeat}" if repeat else step_id
        assert (name.id, name.repeat, name.text) == (step_id, repeat, text)
        assert name.hash == hashlib.sha1(text.encode()).hexdigest()
    assert len({name.hash for name in names}) == len(ids)


@given(st.lists(st.sampled_from(["a", "b", "a:1", "a:2", "a:1:1", "b:1"]), max_size=12))
def test_no_two_calls_ever_share_a_name(ids: list[str]) -> None:
    counter, taken = StepCounter(), set[str]()
    for step_id in ids:
        try:
            name = counter.name(step_id)
        except StepIdTakenError:
            return  # a run that meets it fails
        assert name.text not in taken
        taken.add(name.text)


@given(st.lists(plain_ids, max_size=20), st.integers(0, 20))
def test_a_replay_names_the_same_calls_the_same(ids: list[str], cut: int) -> None:
    first, again = StepCounter(), StepCounter()
    names = [first.name(step_id) for step_id in ids]
    assert [again.name(step_id) for step_id in ids[:cut]] == names[:cut]


def test_the_hashes_of_the_protocol() -> None:
    assert hash_step_id("fetch") == "ad8cee67138e73009d4e22831ec6eb3b7f9e60da"
    assert hash_step_id("fetch:1") == "7439251a62fbdcb568e9e9bf2f2ade00999ebbb1"


@pytest.mark.parametrize(("step_id", "error"), [(5, TypeError), ("a\0", ValueError), ("\udc80", ValueError)])
def test_an_id_that_cannot_be_stored_is_refused(step_id: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        StepCounter().name(step_id)
