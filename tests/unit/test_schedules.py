"""Which ticks of a schedule fire, and when the next one is."""

from __future__ import annotations

import json

import pytest

from inngest.engine.domain import schedules
from inngest.engine.domain.function_rules import Schedule, rules_of
from inngest.engine.domain.schedules import Tick

MINUTE = 60_000
NOON = 1_750_075_200_000  # 2025-06-16 12:00:00 UTC


def schedule(**given: object) -> Schedule:
    wire = {"cron": "* * * * *", **given}
    config = json.dumps({"triggers": [{"event": "a"}, wire]})
    (found,) = rules_of("app-f", config).schedules
    return found


def at(minute: int) -> Tick:
    return Tick(NOON + minute * MINUTE, NOON + minute * MINUTE)


def test_the_next_tick_is_after_now() -> None:
    assert schedules.first(schedule(), NOON) == at(1)
    assert schedules.first(schedule(), NOON - 1) == at(0)
    assert schedules.first(schedule(cron="TZ=Europe/Berlin 0 9 * * *"), NOON) == at(19 * 60)


def test_a_tick_fires_once_and_the_next_is_armed() -> None:
    assert schedules.due(schedule(), NOON, NOON + 5) == ([at(0)], at(1))


def test_a_tick_that_is_a_little_late_is_not_missed() -> None:
    assert schedules.due(schedule(), NOON, NOON + schedules.GRACE) == ([at(0)], at(1))
    assert schedules.due(schedule(), NOON, NOON + schedules.GRACE + 1) == ([], at(1))


@pytest.mark.parametrize(
    ("given", "minutes"),
    [
        ({}, [10]),
        ({"catchUp": "last"}, [10]),
        ({"catchUp": "all"}, list(range(11))),
        ({"catchUp": "all", "catchUpLimit": 3}, [8, 9, 10]),
    ],
)
def test_what_was_missed(given: dict[str, object], minutes: list[int]) -> None:
    fired, following = schedules.due(schedule(**given), NOON, NOON + 10 * MINUTE + 1)
    assert fired == [at(minute) for minute in minutes]
    assert following == at(11)


def test_the_last_of_missed_ticks_however_late() -> None:
    once = schedule(cron="0 * * * *", catchUp="last")
    assert schedules.due(once, NOON, NOON + 90 * MINUTE) == ([at(60)], at(120))


def test_jitter_delays_and_is_always_the_same() -> None:
    late = schedule(jitter="30s")
    tick = schedules.first(late, NOON)
    assert tick is not None
    assert tick.scheduled_at == NOON + MINUTE
    assert 0 <= tick.fire_at - tick.scheduled_at <= 30_000
    assert schedules.first(late, NOON + 1) == tick
    assert schedules.due(late, tick.scheduled_at, tick.fire_at)[0] == [tick]
    if tick.fire_at > tick.scheduled_at:
        assert schedules.due(late, tick.scheduled_at, tick.fire_at - 1) == ([], tick)


@pytest.mark.parametrize("catch_up", ["none", "last", "all"])
def test_jitter_that_is_longer_than_the_time_between_ticks_leaves_each_of_them_once(catch_up: str) -> None:
    late = schedule(jitter="5m", catchUp=catch_up)
    tick = schedules.first(late, NOON)
    fired: list[int] = []
    for _ in range(100):
        assert tick is not None
        ticks, tick = schedules.due(late, tick.scheduled_at, tick.fire_at)
        fired += [one.scheduled_at for one in ticks]
    assert fired == [NOON + minute * MINUTE for minute in range(1, 101)]


def test_another_text_is_another_schedule() -> None:
    assert schedule().key == schedule(overlap="skip").key
    assert schedule().key != schedule(cron="0 * * * *").key
    assert schedule().key != schedule(jitter="5s").key


def test_the_event_of_a_tick() -> None:
    event = schedules.event_of(schedule(), at(0), NOON + 5, lambda now: "01")
    assert (event.name, event.key, event.ts) == ("inngest/scheduled.timer", "2025-06-16T12:00:00Z", NOON)
    assert json.loads(event.data) == {
        "cron": "* * * * *",
        "scheduledAt": "2025-06-16T12:00:00Z",
        "fireAt": "2025-06-16T12:00:00Z",
    }
