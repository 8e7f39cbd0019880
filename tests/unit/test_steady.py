"""The engine's time, whatever is done to the wall clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inngest.runtime.steady import SLOWER, Steady

HOUR = 3_600_000

steps = st.lists(st.tuples(st.integers(0, 10 * HOUR), st.integers(-100 * HOUR, 100 * HOUR)), max_size=30)
"""How much time passes, and by how much the wall clock is set then."""


def test_it_is_the_wall_clock_while_nobody_sets_that() -> None:
    steady = Steady()
    assert [steady.at(1_000 + passed, 7 + passed) for passed in (0, 1, 1, 50_000)] == [1_000, 1_001, 1_001, 51_000]


def test_a_clock_that_is_set_forward_is_followed_at_once() -> None:
    steady = Steady()
    steady.at(0, 0)
    assert steady.at(HOUR + 1, 1) == HOUR + 1


def test_a_clock_that_is_set_back_by_an_hour_is_met_after_ten() -> None:
    steady = Steady()
    steady.at(HOUR, 0)

    assert steady.at(2_000, 2_000) == HOUR + 1_800
    assert steady.at(9 * HOUR, 9 * HOUR) > 9 * HOUR
    assert steady.at(10 * HOUR, 10 * HOUR) == 10 * HOUR
    assert steady.at(11 * HOUR, 11 * HOUR) == 11 * HOUR


def test_it_goes_on_from_a_time_that_was_kept() -> None:
    steady = Steady()
    steady.move_to(HOUR, 0, 0)
    assert steady.at(1_000, 1_000) == HOUR + 900
    steady.move_to(5, 1_000, 1_000)
    assert steady.at(1_000, 1_000) == HOUR + 900


@given(steps)
def test_it_is_never_behind_the_wall_clock_and_loses_at_most_a_tenth(changes: list[tuple[int, int]]) -> None:
    steady, wall, monotonic = Steady(), 1_000 * HOUR, 0
    before = steady.at(wall, monotonic)
    for passed, changed in changes:
        monotonic += passed
        wall += passed + changed
        now = steady.at(wall, monotonic)
        assert now >= wall
        assert now - before >= passed - passed // SLOWER
        assert now == wall or now - before <= passed
        before = now


SPAN = 60_000


@given(steps)
def test_time_that_is_not_asked_for_is_hardly_behind_and_never_goes_back(changes: list[tuple[int, int]]) -> None:
    """Somebody who asks only when what was told has run out, beside one who asks each time."""
    steady, wall, monotonic = Steady(), 1_000 * HOUR, 0
    offset, until = steady.lasting(wall, monotonic, SPAN)
    before = monotonic + offset
    set_back = False
    for index, (passed, changed) in enumerate(changes):
        monotonic += passed
        wall += passed + changed
        if index % 3 == 0:
            before = max(before, steady.at(wall, monotonic))
            offset, until = 0, 0
        if monotonic >= until:
            offset, until = steady.lasting(wall, monotonic, SPAN)
            assert monotonic + offset >= wall
            set_back = monotonic + offset > wall + SPAN
            assert not set_back or until == monotonic
        assert monotonic + offset >= before
        before = monotonic + offset


def test_time_that_goes_slower_is_asked_for_each_time() -> None:
    steady = Steady()
    steady.at(HOUR, 0)
    for second in range(1, 11):
        offset, until = steady.lasting(1_000 * second, 1_000 * second, SPAN)
        assert 1_000 * second + offset == HOUR + 900 * second
        assert until == 1_000 * second


def test_what_was_told_for_a_while_is_not_lost_from_what_comes_after() -> None:
    """A tenth of the time counts from the end of that while."""
    steady = Steady()
    assert steady.lasting(0, 0, SPAN) == (0, SPAN)
    assert steady.at(-HOUR + SPAN, SPAN) == SPAN
    assert steady.at(-HOUR + SPAN + 1_000, SPAN + 1_000) == SPAN + 900
