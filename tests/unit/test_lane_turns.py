"""What a claim takes of a lane, by what is left of its limits and its throttle."""

from __future__ import annotations

import sys

import pytest

from inngest.engine.domain.function_rules import PLAIN, Limit, Queueing, Throttle
from inngest.engine.domain.lanes import Capacity, FullBudget, Lane, LaneDecision, LaneTurn

NOW = 1_000
LATER = 5_000
BUDGET = "fn:f::"
LIMITED = Queueing((Limit(2, None, BUDGET),))
SPACED = Queueing((), Throttle(100_000, 1, None))  # one start each 100 ms
BOTH = Queueing((Limit(2, None, BUDGET),), Throttle(100_000, 1, None))
FREE_LANE = Lane("f", (), None)
LIMITED_LANE = Lane("f", (BUDGET,), None)
SPACED_LANE = Lane("f", (), "f:")
BOTH_LANE = Lane("f", (BUDGET,), "f:")


def left(used: int = 0, tat: int = 0) -> Capacity:
    return Capacity({BUDGET: used}, frozenset(), {"f:": tat})


FULL = FullBudget(BUDGET, 2)


@pytest.mark.parametrize(
    ("lane", "rules", "used", "tat", "share", "going_on", "queued", "next_start", "expected"),
    [
        # a lane without limits gives its share
        (FREE_LANE, PLAIN, 0, 0, 2, [1, 2, 3], 9, None, LaneDecision(2, 0, NOW, None)),
        (FREE_LANE, PLAIN, 0, 0, 4, [1], 2, None, LaneDecision(1, 2, None, None)),
        (FREE_LANE, PLAIN, 0, 0, 4, [1, LATER], 0, None, LaneDecision(1, 0, LATER, None)),
        (FREE_LANE, PLAIN, 0, 0, 4, [LATER], 0, LATER - 1, LaneDecision(0, 0, LATER - 1, None)),
        (FREE_LANE, PLAIN, 0, 0, 4, [], 0, None, LaneDecision(0, 0, None, None)),
        # what goes on comes before what begins, and a lane without a slot waits for one
        (LIMITED_LANE, LIMITED, 0, 0, 9, [1], 9, None, LaneDecision(1, 1, None, FULL)),
        (LIMITED_LANE, LIMITED, 1, 0, 9, [1, 2], 9, None, LaneDecision(1, 0, None, FULL)),
        (LIMITED_LANE, LIMITED, 2, 0, 9, [], 1, None, LaneDecision(0, 0, None, FULL)),
        (LIMITED_LANE, LIMITED, 2, 0, 9, [LATER], 0, None, LaneDecision(0, 0, LATER, None)),
        (LIMITED_LANE, LIMITED, 1, 0, 9, [], 1, None, LaneDecision(0, 1, None, None)),
        # a throttle lets begin what it may, and says when it opens
        (SPACED_LANE, SPACED, 0, 0, 9, [], 3, None, LaneDecision(0, 1, NOW + 100, None)),
        (SPACED_LANE, SPACED, 0, 1_050_000, 9, [1], 1, None, LaneDecision(1, 0, NOW + 50, None)),
        # both: the throttle's time counts while it is shut, and the budget once it is open
        (BOTH_LANE, BOTH, 2, 1_050_000, 9, [], 1, None, LaneDecision(0, 0, NOW + 50, None)),
        (BOTH_LANE, BOTH, 2, 0, 9, [], 1, None, LaneDecision(0, 0, None, FULL)),
    ],
)
def test_what_a_claim_takes(
    lane: Lane,
    rules: Queueing,
    used: int,
    tat: int,
    share: int,
    going_on: list[int],
    queued: int,
    next_start: int | None,
    expected: LaneDecision,
) -> None:
    turn = LaneTurn(lane, rules, left(used, tat), share, going_on, NOW)
    assert turn.decide(min(queued, turn.allowed + 1), next_start) == expected


def test_what_is_taken_is_told_once_and_in_order() -> None:
    capacity = Capacity({"b": 1}, frozenset({"a"}), {})
    lane = Lane("f", ("b", "a", "b"), "t")
    rules = Queueing((Limit(3, None, "b"), Limit(3, None, "a")), Throttle(1_000, 1, None))
    capacity.take(lane, rules, 2, 1, NOW)
    assert capacity.awaited(lane) == ["a"]
    assert (capacity.used("a"), capacity.used("b")) == (2, 3)
    assert capacity.changes() == ([("a", 2), ("b", 2)], [("t", NOW * 1_000 + 1_000)])
    assert capacity.changes() == ([], [])


def test_a_lane_whose_function_has_no_limit_any_more_is_free() -> None:
    capacity = Capacity({BUDGET: 99}, frozenset(), {})
    assert capacity.slots(LIMITED_LANE, PLAIN) == sys.maxsize
    assert capacity.all_full(LIMITED_LANE, PLAIN) == []
