"""Ids that are derived: the same from the same seed, different from another."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from inngest.protocol.steps import hash_step_id
from inngest.protocol.ulids import Seed, derive, make, read

times = st.integers(1, 2**48 - 1)
entropies = st.binary(min_size=10, max_size=10)
indices = st.integers(0, 4_999)


@given(times, entropies)
def test_a_ulid_holds_its_time_and_entropy(time: int, entropy: bytes) -> None:
    made = ULID.from_str(make(time, entropy))
    assert (made.milliseconds, made.bytes[6:]) == (time, entropy)


@given(st.integers(0, 2**48 - 1), entropies)
def test_a_ulid_is_read_as_it_was_made(time: int, entropy: bytes) -> None:
    assert read(make(time, entropy)) == (time, entropy)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01KAQ2V7W6T4M3N8S9E0R5Y1X",
        "01KAQ2V7W6T4M3N8S9E0R5Y1XZ0",
        "81KAQ2V7W6T4M3N8S9E0R5Y1XZ",
        "01KAQ2V7W6T4M3N8S9E0R5Y1XU",
        "01kaq2v7w6t4m3n8s9e0r5y1xz",
        "01KAQ2V7W6T4M3N8S9E0R5Y1X\n",
        "01KAQ2V7W6T4M3N8S9E0R5Y1_Z",
        "\u06601KAQ2V7W6T4M3N8S9E0R5Y1XZ",
    ],
)
def test_texts_that_are_no_ulids(text: str) -> None:
    with pytest.raises(ValueError, match="not a ULID"):
        read(text)


@given(times, times, entropies, entropies)
def test_ulids_sort_by_time(one: int, other: int, first: bytes, second: bytes) -> None:
    if one < other:
        assert make(one, first) < make(other, second)


@given(times, entropies)
def test_a_seed_is_read_as_it_was_written(time: int, entropy: bytes) -> None:
    read = Seed.parse(Seed(time, entropy).text)
    assert read is not None
    assert (read.time_ms, read.entropy) == (time, entropy)


@given(times, entropies, indices)
def test_the_id_of_an_event_mixes_its_one_based_index_into_the_last_four_bytes(
    time: int, entropy: bytes, index: int
) -> None:
    made = ULID.from_str(Seed(time, entropy).event_id(index)).bytes
    assert made[:12] == time.to_bytes(6, "big") + entropy[:6]
    tails = int.from_bytes(made[12:], "big") - int.from_bytes(entropy[6:], "big")
    assert tails % 2**32 == index + 1


@given(times, entropies, st.sets(indices, max_size=20))
def test_a_seed_gives_each_event_an_id_of_its_own_and_the_same_again(
    time: int, entropy: bytes, chosen: set[int]
) -> None:
    first = {index: Seed(time, entropy).event_id(index) for index in chosen}
    assert len(set(first.values())) == len(chosen)
    assert first == {index: Seed(time, entropy).event_id(index) for index in chosen}


@given(st.text())
def test_a_malformed_seed_is_none(text: str) -> None:
    seed = Seed.parse(text)
    if seed is not None:
        time, _, entropy = text.partition(",")
        assert (int(time), base64.b64decode(entropy)) == (seed.time_ms, seed.entropy)


@pytest.mark.parametrize(
    "text",
    [None, "", ",", "5", "5,", "x,AAAAAAAAAAAAAA==", "5,AAAA", "0,AAAAAAAAAAAAAA==", f"{2**48},AAAAAAAAAAAAAA=="],
)
def test_seeds_that_are_malformed(text: str | None) -> None:
    assert Seed.parse(text) is None


@given(times, entropies, st.text(max_size=5), indices)
def test_an_event_of_a_step_has_an_id_that_is_its_own_and_the_runs_time(
    time: int, entropy: bytes, step_id: str, index: int
) -> None:
    run = make(time, entropy)
    step = hash_step_id(step_id.encode("ascii", "ignore").decode())
    made = derive(run, step, index)
    assert made == derive(run, step, index)
    assert ULID.from_str(made).milliseconds == time
    assert made != derive(run, step, index + 1)
    assert made != derive(run, hash_step_id(f"{step_id.encode('ascii', 'ignore').decode()}!"), index)
    assert made != derive(make(time, bytes(255 - byte for byte in entropy)), step, index)
