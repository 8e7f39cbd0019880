"""Ticks are those that a walk over every minute finds, in weeks in which clocks are changed and in others."""

from __future__ import annotations

import datetime
import itertools
import zoneinfo
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.cron.ticks import next_after, occurrences

MINUTE = datetime.timedelta(minutes=1)

# Where and when clocks were changed, UTC: by an hour, half an hour, two hours or a day, at midnight or over it.
CHANGES = [
    ("UTC", "2026-03-29T01:00"),
    ("Europe/Paris", "2026-03-29T01:00"),
    ("Europe/Paris", "2026-10-25T01:00"),
    ("Europe/Dublin", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Antarctica/Troll", "2026-03-29T01:00"),
    ("Antarctica/Troll", "2026-10-25T01:00"),
    ("America/Havana", "2026-03-08T05:00"),
    ("America/Havana", "2026-11-01T05:00"),
    ("America/Goose_Bay", "2010-03-14T04:01"),
    ("America/Goose_Bay", "2010-11-07T03:01"),
    ("Africa/Cairo", "2025-04-24T22:00"),
    ("Africa/Cairo", "2025-10-30T21:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Pacific/Kwajalein", "1993-08-21T12:00"),
    ("Africa/Casablanca", "2026-02-15T02:00"),
]


@dataclass(frozen=True)
class Field:
    """A field as text, and what it means."""

    text: str
    values: frozenset[int]
    any: bool = False


def fields(low: int, high: int) -> st.SearchStrategy[Field]:
    def stepped(step: int) -> Field:
        return Field(f"*/{step}", frozenset(range(low, high + 1, step)), step == 1)

    def spanned(ends: tuple[int, int]) -> Field:
        return Field(f"{min(ends)}-{max(ends)}", frozenset(range(min(ends), max(ends) + 1)))

    def listed(values: list[int]) -> Field:
        return Field(",".join(map(str, values)), frozenset(values))

    number = st.integers(low, high)
    return (
        st.just(Field("*", frozenset(range(low, high + 1)), any=True))
        | st.integers(1, high).map(stepped)
        | st.tuples(number, number).map(spanned)
        | st.lists(number, min_size=1, max_size=4).map(listed)
    )


HOURS = fields(0, 23) | st.lists(st.sampled_from([0, 1, 2, 3, 23]), min_size=1, max_size=3).map(
    lambda hours: Field(",".join(map(str, hours)), frozenset(hours))
)
MONTHS = st.just(Field("*", frozenset(range(1, 13)), any=True))
SCHEDULES = st.tuples(fields(0, 59), HOURS, fields(1, 31), MONTHS, fields(0, 6))


def is_due(schedule: tuple[Field, ...], wall: datetime.datetime) -> bool:
    minute, hour, day, _, weekday = schedule
    in_month, in_week = wall.day in day.values, (wall.weekday() + 1) % 7 in weekday.values
    on_day = (in_month and in_week) if day.any or weekday.any else (in_month or in_week)
    return on_day and wall.minute in minute.values and wall.hour in hour.values


def walk(schedule: tuple[Field, ...], zone: str, after: datetime.datetime, until: datetime.datetime) -> list[int]:
    """Looks at the clock every minute."""
    every_hour = len(schedule[1].values) == 24
    seen: set[datetime.datetime] = set()
    found = []
    time, last = after - datetime.timedelta(hours=26), None
    while time <= until:
        wall = time.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        due = is_due(schedule, wall) and (every_hour or wall not in seen)
        if last is not None and not every_hour:
            skipped = last + MINUTE
            while skipped < wall:
                due = due or is_due(schedule, skipped)
                seen.add(skipped)
                skipped += MINUTE
        seen.add(wall)
        last = wall
        if due and time > after:
            found.append(int(time.timestamp() * 1000))
        time += MINUTE
    return found


@settings(max_examples=40, deadline=None)
@given(SCHEDULES, st.sampled_from(CHANGES), st.integers(-10, 28 * 60), st.integers(1, 20))
def test_ticks_are_those_of_a_walk(
    schedule: tuple[Field, ...], change: tuple[str, str], before: int, limit: int
) -> None:
    zone = change[0]
    after = datetime.datetime.fromisoformat(change[1]).replace(tzinfo=datetime.UTC) - before * MINUTE
    until = after + datetime.timedelta(hours=40)
    expression = " ".join(field.text for field in schedule)
    expected = walk(schedule, zone, after, until)

    first, end = int(after.timestamp() * 1000), int(until.timestamp() * 1000)
    assert occurrences(expression, zone, first, end, 10_000) == expected
    assert occurrences(expression, zone, first, end, limit) == expected[-limit:]
    step = len(expected) // 100 + 1  # of a schedule with many ticks, some
    for before_it, tick in list(itertools.pairwise([first, *expected]))[::step]:
        assert next_after(expression, zone, before_it) == tick
        assert next_after(expression, zone, tick - 1) == tick
    beyond = next_after(expression, zone, end)
    assert beyond is None or beyond > end
