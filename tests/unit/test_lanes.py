"""How concurrency, throttle and priority are read, and how starts are spread."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest.engine.domain import triggers
from inngest.engine.domain.function_rules import PLAIN, Throttle, rules_of
from inngest.engine.domain.lanes import Lane
from inngest.engine.domain.model import Event, FunctionSpec
from inngest.engine.domain.starts import Start

NOW = 1_700_000_000_000
SECOND = 1_000_000

intervals = st.integers(1, 5 * SECOND)
bursts = st.integers(1, 20)
arrivals = st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=60)


def started(throttle: Throttle, gaps: list[int]) -> list[int]:
    """When starts were allowed, if somebody asks after each gap and begins as many as may begin."""
    now = tat = 0
    found: list[int] = []
    for gap in gaps:
        now += gap
        allowed = min(3, throttle.allowed(tat, now))
        if allowed:
            tat = throttle.after(tat, now, allowed)
            found += [now] * allowed
    return found


@given(intervals, bursts, arrivals)
def test_no_window_has_more_starts_than_the_burst_and_one_for_each_interval(
    interval: int, burst: int, gaps: list[int]
) -> None:
    starts = started(Throttle(interval, burst, None), gaps)
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            assert last - first + 1 <= burst + (starts[last] - starts[first]) // interval


@given(intervals, bursts, st.integers(0, 10 * SECOND), st.integers(0, 40), st.integers(0, 100 * SECOND))
def test_as_many_as_are_allowed_may_start_and_not_one_more(
    interval: int, burst: int, now: int, before: int, later: int
) -> None:
    throttle = Throttle(interval, burst, None)
    tat = throttle.after(0, now, before)
    now += later
    allowed = throttle.allowed(tat, now)
    assert 0 <= allowed <= burst
    one_by_one = tat
    for _ in range(allowed):
        assert throttle.opens_at(one_by_one) <= now or one_by_one < now
        one_by_one = throttle.after(one_by_one, now, 1)
    assert one_by_one == throttle.after(tat, now, allowed) or allowed == 0
    assert throttle.allowed(one_by_one, now) == 0


@given(intervals, bursts, st.integers(1, 40))
def test_the_next_may_start_when_it_is_said_to_and_not_before(interval: int, burst: int, before: int) -> None:
    throttle = Throttle(interval, burst, None)
    tat = throttle.after(0, 0, before)
    opens_at = throttle.opens_at(tat)
    if opens_at > 0:
        assert throttle.allowed(tat, opens_at - 1) == 0
        assert throttle.allowed(tat, opens_at) == 1


def test_a_burst_of_one_spaces_evenly() -> None:
    throttle = rules_of("f", json.dumps({"throttle": {"limit": 3, "period": "1s", "burst": 1}})).queueing.throttle
    assert throttle == (spaced := Throttle(333_334, 1, None))
    assert started(spaced, [100_000] * 12) == [100_000, 500_000, 900_000]


def test_idle_time_does_not_add_up() -> None:
    throttle = Throttle(SECOND, 2, None)
    assert throttle.allowed(throttle.after(0, 0, 2), 3_600 * SECOND) == 2


def spec(**config: object) -> FunctionSpec:
    return FunctionSpec("app-f", "app", "f", "v", 0, ("go",), None, json.dumps(config))


def start(function: FunctionSpec, **data: object) -> Start:
    numbers = count()
    event = Event("e1", "go", json.dumps(data), NOW, "", NOW)
    return triggers.start(function, event, NOW, lambda now: f"{now}-{next(numbers)}")


def budgets(function: FunctionSpec, **data: object) -> tuple[str, ...]:
    place = start(function, **data).position
    assert place is not None
    return place.lane.budgets


@pytest.mark.parametrize("config", [{}, {"concurrency": []}, {"concurrency": [{"limit": 0}]}, {"concurrency": 0}])
def test_a_function_that_limits_nothing_is_plain(config: dict[str, object]) -> None:
    function = spec(**config)
    assert rules_of(function.id, function.config).queueing is PLAIN
    plain = start(function)
    assert (plain.position, plain.run.lane) == (None, None)


@pytest.mark.parametrize("written", [5, {"limit": 5}, [{"limit": 5}], [{"limit": 5, "scope": "fn"}]])
def test_the_forms_of_concurrency(written: object) -> None:
    assert [limit.slots for limit in rules_of("f", json.dumps({"concurrency": written})).queueing.limits] == [5]


def test_each_value_of_a_key_has_a_budget() -> None:
    function = spec(concurrency=[{"limit": 2, "key": "event.data.user"}])
    assert budgets(function, user=1) == budgets(function, user=1.0)
    assert len({budgets(function, user=user) for user in (1, "1", 2, "x", True)}) == 5


@pytest.mark.parametrize("data", [{}, {"user": None}, {"user": False}, {"user": {"size": 1}, "broken": True}])
def test_what_has_no_key_shares_a_budget(data: dict[str, object]) -> None:
    key = "event.data.broken ? 1 / size(event.data.none) : event.data.user"
    function = spec(concurrency=[{"limit": 2, "key": key}])
    assert budgets(function, **data) == budgets(function, user=None)


def test_functions_share_budgets_of_an_environment_by_value_and_no_others() -> None:
    shared = [{"limit": 2, "key": "event.data.user", "scope": "env"}, {"limit": 9, "key": "event.data.user"}]
    one = spec(concurrency=shared)
    other = FunctionSpec("app-g", "app", "g", "v", 0, (), None, json.dumps({"concurrency": shared}))
    ours, theirs = budgets(one, user="x"), budgets(other, user="x")
    assert ours[0] == theirs[0]
    assert ours[1] != theirs[1]
    account = spec(concurrency=[{**shared[0], "scope": "account"}])
    assert budgets(account, user="x")[0] != ours[0]


def test_a_budget_follows_the_limit_that_its_function_has_now() -> None:
    key, env = {"limit": 2, "key": "event.data.user"}, {"limit": 5, "key": "event.data.org", "scope": "env"}
    old = budgets(spec(concurrency=[key, env]), user="x", org="y")

    def now(*limits: object) -> list[int | None]:
        return rules_of("app-f", json.dumps({"concurrency": limits})).queueing.slots(old)

    assert now(key, env) == [2, 5]
    assert now({**env, "limit": 7}, {**key, "limit": 3}) == [3, 7]
    assert now({**key, "limit": 1}) == [1, None]
    assert now({"limit": 4, "key": "event.data.other"}) == [None, None]


def test_a_lane_can_be_made_again_from_its_id() -> None:
    lane = Lane("app-f", ('fn:app-f::"ü"', "env:1"), "app-f:")
    assert Lane.of(lane.id) == lane


def test_only_who_needs_slots_to_go_on_keeps_its_lane() -> None:
    throttled = start(spec(throttle={"limit": 1, "period": "1m", "burst": 1}))
    assert throttled.position is not None
    assert throttled.position.lane == Lane("app-f", (), "app-f:")
    assert throttled.run.lane is None
    limited = start(spec(concurrency=1))
    assert limited.position is not None
    assert limited.run.lane == limited.position.lane.id


@pytest.mark.parametrize(
    ("value", "shift"),
    [(60, 60_000), (-5, -5_000), (601, 600_000), (-10_000, -600_000), (2.0, 2_000), (None, 0), (1.5, 0), ("9", 0)],
)
def test_priorities_are_seconds_up_to_ten_minutes(value: object, shift: int) -> None:
    place = start(spec(priority={"run": "event.data.rank"}), rank=value).position
    assert place is not None
    assert place.shift == shift
