"""The arithmetic of the benchmarks: what a reader of their tables relies on."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.contenders.ledger import Line
from benchmarks.crash import judged
from benchmarks.figures import Bar, Rounds, percentile, short, spread, table
from benchmarks.plan import QUICK


def test_the_median_is_given_with_its_quartiles() -> None:
    found = spread([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (found.median, found.low, found.high) == (3.0, 2.0, 4.0)


def test_of_few_values_the_extremes_are_given() -> None:
    found = spread([3.0, 1.0])
    assert (found.median, found.low, found.high) == (2.0, 1.0, 3.0)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile([7.0], 0.01) == 7.0


def test_a_ratio_is_taken_within_each_round() -> None:
    # The second round was disturbed: both were five times slower. Medians of each would give 4 ÷ 2 as well, so the
    # third tells them apart.
    rounds = Rounds([{"a": 4.0, "b": 2.0}, {"a": 20.0, "b": 10.0}, {"a": 3.0, "b": 1.0}])
    assert rounds.ratio("a", "b").median == 2.0
    assert Rounds([{"a": 4.0, "b": 1.0}, {"a": 6.0, "b": 3.0}, {"a": 5.0, "b": 2.0}]).ratio("a", "b").median == 2.5


def test_who_takes_no_part_in_a_round_is_left_out() -> None:
    rounds = Rounds([{"a": 4.0}, {"a": 6.0, "b": 3.0}])
    assert rounds.has("b")
    assert not rounds.has("c")
    assert rounds.ratio("a", "b").median == 2.0


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [
        (Bar("time", 1.5, 2.0), "met by 25%"),
        (Bar("time", 3.0, 2.0), "**missed** by 50%"),
        (Bar("speed", 30.0, 25.0, least=True), "met by 20%"),
        (Bar("speed", 20.0, 25.0, least=True), "**missed** by 20%"),
        (Bar("lost", 0.0, 0.0), "met"),
        (Bar("lost", 1.0, 0.0), "**missed**"),
    ],
)
def test_a_bar_says_by_how_much_it_is_met(bar: Bar, verdict: str) -> None:
    assert bar.row()[-1] == verdict
    assert bar.met == verdict.startswith("met")


def test_figures_have_three_digits() -> None:
    assert [short(value) for value in (0.0, 0.01234, 1.0, 12.34, 1234.5)] == ["0", "0.0123", "1.00", "12.3", "1,234"]


def test_a_table_is_markdown() -> None:
    assert table(["what", "ms"], [["step", 0.25]]) == "| what | ms |\n|---|---:|\n| step | 0.250 |"


PLAN = dataclasses.replace(QUICK, crash_runs=1, crash_seconds=0.1)
FIRST_LIFE = [
    Line(0.9, "accepted", 0, 0),
    Line(1.0, "began", 0, 0),
    Line(1.1, "ended", 0, 0),
    Line(1.1, "began", 0, 1),  # so step 0 was recorded
    Line(1.2, "ended", 0, 1),  # and perhaps recorded: nobody outside can know
]


def second_life(*steps: int) -> list[Line]:
    return [line for step in steps for line in (Line(3.0, "began", 0, step), Line(3.1, "ended", 0, step))]


def test_a_step_in_flight_may_be_done_again() -> None:
    found = judged(PLAN, FIRST_LIFE, second_life(1, 2, 3, 4), restart=2.5, runs={0: (3.6, 5)})
    assert (found.done_again, found.lost) == (0, 0)
    assert found.first == pytest.approx(0.5)
    assert found.beyond == pytest.approx(3.6 - 2.5 - 4 * 0.1)


def test_a_recorded_step_that_is_done_again_is_found() -> None:
    assert judged(PLAN, FIRST_LIFE, second_life(0, 1, 2, 3, 4), restart=2.5, runs={0: (3.6, 5)}).done_again == 1


@pytest.mark.parametrize(("steps", "runs"), [((2, 3), {0: (3.6, 5)}), ((2, 3, 4), {0: (3.6, 4)}), ((2, 3, 4), {})])
def test_a_run_that_lacks_a_step_is_lost(steps: tuple[int, ...], runs: dict[int, tuple[float, int]]) -> None:
    assert judged(PLAN, FIRST_LIFE, second_life(*steps), restart=2.5, runs=runs).lost == 1
