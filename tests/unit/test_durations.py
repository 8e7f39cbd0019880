"""Durations: what is written is read back, in the largest unit that divides it."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest.protocol import durations

SECOND = datetime.timedelta(seconds=1)
UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


@given(st.integers(1, 10**15))
def test_a_text_says_the_duration_in_the_largest_unit_that_divides_it(seconds: int) -> None:
    text = durations.to_text(seconds * 1000)
    assert durations.parse(text) == seconds * 1000
    number, unit = int(text[:-1]), text[-1]
    assert number * UNITS[unit] == seconds * 1000
    larger = [size for size in UNITS.values() if size > UNITS[unit]]
    assert not any(seconds * 1000 % size == 0 for size in larger)


@given(st.timedeltas(min_value=SECOND).map(lambda delta: delta - delta % SECOND))
def test_a_timedelta_and_its_milliseconds_have_one_text(delta: datetime.timedelta) -> None:
    ms = durations.to_ms(delta)
    assert datetime.timedelta(milliseconds=1) * ms == delta
    assert durations.to_text(delta) == durations.to_text(ms)


@given(st.timedeltas())
def test_milliseconds_of_a_timedelta_are_the_nearest(delta: datetime.timedelta) -> None:
    off = delta - datetime.timedelta(milliseconds=1) * durations.to_ms(delta)
    assert abs(off) <= datetime.timedelta(microseconds=500)


@given(st.integers())
def test_milliseconds_are_milliseconds(ms: int) -> None:
    assert durations.to_ms(ms) == ms


@given(st.integers(1_000, 10**12), st.lists(st.sampled_from(["w", "d", "h", "m"]), unique=True))
def test_only_the_given_units_are_written(ms: int, units: list[str]) -> None:
    ms -= ms % 1000
    assert durations.to_text(ms, sorted(units, key=lambda unit: -UNITS[unit]))[-1] in [*units, "s"]


@given(st.lists(st.tuples(st.integers(0, 10**9), st.sampled_from(sorted(UNITS))), min_size=1, max_size=5))
def test_a_sequence_of_parts_is_their_sum(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert durations.parse(text) == sum(number * UNITS[unit] for number, unit in parts)


@given(st.integers(0, 10**6), st.integers(0, 999))
def test_fractions_are_exact_to_the_millisecond(seconds: int, ms: int) -> None:
    assert durations.parse(f"{seconds}.{ms:03}s") == seconds * 1000 + ms


@given(st.text())
def test_a_text_is_a_duration_or_says_what_was_expected(text: str) -> None:
    said = ""
    try:
        assert durations.parse(text) >= 0
    except ValueError as error:
        said = str(error)
    assert said == "" or said.startswith("expected a duration such as 30s")


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("30s", 30_000),
        ("1h30m", 5_400_000),
        (".5s", 500),
        ("1.s", 1_000),
        ("1500us", 2),
        ("499us", 0),
        ("1w", UNITS["w"]),
    ],
)
def test_go_spellings_are_read(text: str, ms: int) -> None:
    assert durations.parse(text) == ms


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "5s ", "1e3s", "5x", "٣s"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        durations.parse(text)


@pytest.mark.parametrize("value", [999, 0, -1, 1_001, datetime.timedelta(seconds=1, microseconds=1)])
def test_what_has_no_text_is_refused(value: int | datetime.timedelta) -> None:
    with pytest.raises(ValueError, match=r"at least 1 second|a whole number of seconds"):
        durations.to_text(value)


@pytest.mark.parametrize("value", [1.0, "1s", None, True])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="expected milliseconds as int, or a timedelta"):
        durations.to_ms(value)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
