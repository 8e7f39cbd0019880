"""Schedules: what is taken, what is refused and where, and when they tick."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest.cron.expression import CronError, parse
from inngest.cron.ticks import jittered, next_after, occurrences

MINUTE = 60_000
DAY = 86_400_000


def ms(text: str, zone: str = "UTC") -> int:
    """Unix ms of a time as clocks show it; one with an offset says it itself."""
    time = datetime.datetime.fromisoformat(text)
    return int((time if time.tzinfo else time.replace(tzinfo=zoneinfo.ZoneInfo(zone))).timestamp() * 1000)


def ticks(expression: str, after: str, count: int, zone: str = "UTC") -> list[str]:
    """The next ticks as clocks show them, with their offsets."""
    found, time = [], ms(after, zone)
    for _ in range(count):
        tick = next_after(expression, zone, time)
        assert tick is not None
        found.append(datetime.datetime.fromtimestamp(tick / 1000, zoneinfo.ZoneInfo(zone)).strftime("%d %H:%M%z")[:-2])
        time = tick
    assert occurrences(expression, zone, ms(after, zone), time, count) == occurrences(
        expression, zone, ms(after, zone), time, count + 10
    )
    return found


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("*/20 * * * *", "2026-01-31T23:30", ["31 23:40+00", "01 00:00+00", "01 00:20+00"]),
        ("5/25 * * * *", "2026-01-01T00:00", ["01 00:05+00", "01 00:30+00", "01 00:55+00", "01 01:05+00"]),
        ("0 9-17/4 * * *", "2026-01-01T10:00", ["01 13:00+00", "01 17:00+00", "02 09:00+00"]),
        ("0 9 * * mon-fri", "2026-01-02T09:00", ["05 09:00+00", "06 09:00+00"]),
        ("0 9 * * MON,Fri", "2026-01-02T08:59", ["02 09:00+00", "05 09:00+00"]),
        ("0 0 * * 0", "2026-01-01T00:00", ["04 00:00+00", "11 00:00+00"]),
        ("0 0 * * 7", "2026-01-01T00:00", ["04 00:00+00", "11 00:00+00"]),
        ("0 0 31 * *", "2026-01-31T00:00", ["31 00:00+00", "31 00:00+00"]),  # of March and May
        ("30 8 1 jan,jul *", "2026-01-01T08:30", ["01 08:30+00"]),
        ("0 0 10 * mon", "2026-01-01T00:00", ["05 00:00+00", "10 00:00+00", "12 00:00+00"]),
        ("0 0 ? * mon", "2026-01-01T00:00", ["05 00:00+00", "12 00:00+00"]),
        ("0 0 10 * */1", "2026-01-01T00:00", ["10 00:00+00", "10 00:00+00"]),
        ("0 0 */20 * mon", "2026-01-01T00:00", ["05 00:00+00", "12 00:00+00", "19 00:00+00", "21 00:00+00"]),
        ("0 0 * * 1/2", "2026-01-01T00:00", ["02 00:00+00", "05 00:00+00", "07 00:00+00", "09 00:00+00"]),
        ("0 0 * * 5/1", "2026-01-01T00:00", ["02 00:00+00", "03 00:00+00", "09 00:00+00"]),
        ("*/60 * * * *", "2026-01-01T00:00", ["01 01:00+00", "01 02:00+00"]),
        ("\t0  9 * * *\n", "2026-01-01T00:00", ["01 09:00+00"]),
    ],
)
def test_fields_say_when_it_ticks(expression: str, after: str, expected: list[str]) -> None:
    assert ticks(expression, after, len(expected)) == expected


def test_a_leap_day_is_found_over_a_century_without_one() -> None:
    assert next_after("0 0 29 2 *", "UTC", ms("2096-02-29T00:00")) == ms("2104-02-29T00:00")


def test_a_calendar_that_ends_has_no_next_tick() -> None:
    assert next_after("0 0 1 1 *", "UTC", ms("9998-06-01T00:00")) is None


def test_a_tick_is_later_than_the_time_that_is_asked_for() -> None:
    nine = ms("2026-01-01T09:00")
    assert next_after("0 9 * * *", "UTC", nine - 1) == nine
    assert next_after("0 9 * * *", "UTC", nine) == nine + DAY
    assert next_after("0 9 * * *", "UTC", nine + 1) == nine + DAY
    assert occurrences("0 9 * * *", "UTC", nine, nine + DAY, 5) == [nine + DAY]
    assert occurrences("0 9 * * *", "UTC", nine - 1, nine + DAY - 1, 5) == [nine]


def test_it_ticks_by_the_clocks_of_its_zone() -> None:
    tick = ms("2026-07-01T00:00+00:00")
    for expression, zone in [
        ("0 9 * * *", "Asia/Tokyo"),
        ("TZ=Asia/Tokyo 0 9 * * *", "UTC"),
        ("CRON_TZ=Asia/Tokyo  0 9 * * *", "Europe/Paris"),
        (" TZ=Europe/Paris 0 2 * * *", "Asia/Tokyo"),
        ("30 5 * * *", "Asia/Kolkata"),
    ]:
        assert next_after(expression, zone, tick - 1) == tick


# In Paris clocks show 03:00 after 01:59 on 29 March 2026, and 02:00 after 02:59 on 25 October.
@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        # A time of the day that is left out is made up for at once; one that comes twice counts the first time.
        ("30 2 * * *", "2026-03-28T03:00", ["29 03:00+02", "30 02:30+02"]),
        ("0,20,40 2 * * *", "2026-03-28T03:00", ["29 03:00+02", "30 02:00+02", "30 02:20+02"]),
        ("*/20 2 * * *", "2026-03-28T03:00", ["29 03:00+02", "30 02:00+02"]),
        ("30 2,3 * * *", "2026-03-28T04:00", ["29 03:00+02", "29 03:30+02", "30 02:30+02"]),
        ("0 2,3 * * *", "2026-03-28T04:00", ["29 03:00+02", "30 02:00+02"]),
        ("0 */2 * * *", "2026-03-29T00:00", ["29 03:00+02", "29 04:00+02"]),
        ("30 2 * * *", "2026-10-24T03:00", ["25 02:30+02", "26 02:30+01"]),
        ("0 */2 * * *", "2026-10-25T00:00", ["25 02:00+02", "25 04:00+01"]),
        ("0 9 * * *", "2026-10-24T10:00", ["25 09:00+01", "26 09:00+01"]),
        # What ticks in every hour goes on as if nothing had happened.
        ("30 * * * *", "2026-03-29T01:00", ["29 01:30+01", "29 03:30+02", "29 04:30+02"]),
        ("30 0-23 * * *", "2026-03-29T01:00", ["29 01:30+01", "29 03:30+02", "29 04:30+02"]),
        ("0 * * * *", "2026-10-25T01:00", ["25 02:00+02", "25 02:00+01", "25 03:00+01"]),
        ("*/30 * * * *", "2026-10-25T01:45", ["25 02:00+02", "25 02:30+02", "25 02:00+01", "25 02:30+01"]),
    ],
)
def test_changes_of_the_clocks(expression: str, after: str, expected: list[str]) -> None:
    assert ticks(expression, after, len(expected), "Europe/Paris") == expected


def test_of_missed_ticks_the_last_are_given() -> None:
    start, end = ms("2020-01-01T00:00"), ms("2026-01-01T00:00")
    assert occurrences("0 0 29 2 *", "UTC", start, end, 100) == [ms("2020-02-29T00:00"), ms("2024-02-29T00:00")]
    assert occurrences("* * * * *", "UTC", start, end, 3) == [end - 2 * MINUTE, end - MINUTE, end]
    assert occurrences("0 12 * * *", "UTC", start, end, 1) == [end - DAY // 2]
    assert len(occurrences("*/5 * * * *", "UTC", start, end, 10_000)) == 10_000


def test_nothing_is_missed_where_there_is_no_time_or_no_room() -> None:
    assert occurrences("* * * * *", "UTC", DAY, DAY, 5) == []
    assert occurrences("* * * * *", "UTC", DAY, 0, 5) == []
    assert occurrences("* * * * *", "UTC", 0, DAY, 0) == []
    assert occurrences("* * * * *", "UTC", 0, DAY, -1) == []


@given(st.text(max_size=20), st.integers(0, 4_102_444_800_000), st.integers(0, 300_000))
def test_a_jitter_is_within_its_bound_and_always_the_same(seed: str, tick: int, bound: int) -> None:
    fire = jittered(seed, tick, bound)
    assert tick <= fire <= tick + bound
    assert fire == jittered(seed, tick, bound)


def test_jitter_is_spread_over_its_bound() -> None:
    bound = 9_999
    for fires in (
        [jittered(f"app-{number}", DAY, bound) - DAY for number in range(1_000)],
        [jittered("app-f", number * DAY, bound) - number * DAY for number in range(1_000)],
    ):
        tenths = [sum(fire * 10 // (bound + 1) == tenth for fire in fires) for tenth in range(10)]
        assert all(60 <= count <= 150 for count in tenths), tenths


REFUSED = [
    # text, column, what is said
    ("", 1, "expected five fields (minute, hour, day of month, month, day of week), such as '0 9 * * mon-fri'"),
    ("* * * *", 8, "found 4"),
    ("* * * * * *", 11, "found 6; seconds are not taken, leave out the first field"),
    ("* * * * * * *", 11, "found 7"),
    ("@hourly", 1, "found '@hourly': write '0 * * * *'"),
    ("TZ=Asia/Tokyo @Daily", 15, "found '@daily': write '0 0 * * *'"),
    ("@every 5m", 1, "intervals are not taken, because they would begin with each start; write '*/5 * * * *'"),
    ("@reboot", 1, "found '@reboot': words are not taken"),
    ("@a * * * *", 1, "found '@a'"),
    ("60 * * * *", 1, "minute '60': expected 0 to 59"),
    ("* 24 * * *", 3, "hour '24': expected 0 to 23"),
    ("* * 0 * *", 5, "day of month '0': expected 1 to 31"),
    ("* * * 13 *", 7, "month '13': expected 1 to 12 or jan to dec"),
    ("* * * * 8", 9, "day of week '8': expected 0 to 7 or sun to sat"),
    ("* * * * mon#2", 9, "day of week 'mon#2': expected *, a number, a range such as 1-5, or a step such as */15"),
    ("* * L * *", 5, "day of month 'L': expected 1 to 31"),
    ("0 9 1,2,x * *", 9, "day of month 'x': expected 1 to 31"),
    ("TZ=Asia/Tokyo  0 9 * * mon,fry", 28, "day of week 'fry': expected 0 to 7"),
    ("? * * * *", 1, "minute '?': expected *"),
    ("1- * * * *", 1, "minute '1-': expected *"),
    ("1, * * * *", 3, "minute '': expected *"),
    ("-1 * * * *", 1, "minute '-1': expected *"),
    ("*/0 * * * *", 1, "minute '*/0': expected a step, a whole number from 1, after '/'"),
    ("*/ * * * *", 1, "expected a step, a whole number from 1, after '/'"),
    ("*/5/5 * * * *", 1, "expected a step, a whole number from 1, after '/'"),
    ("* 22-6 * * *", 3, "hour '22-6': the range ends before it begins; write two, with a comma"),
    ("* * * * fri-sun", 9, "day of week 'fri-sun': the range ends before it begins"),
    ("\u0663 * * * *", 1, "minute '\u0663': expected *"),
    ("0 0 30 2 *", 5, "no date ever matches: the months 2 have no day 30"),
    ("0 0 31 2,4,6,9,11 *", 5, "no date ever matches: the months 2,4,6,9,11 have no day 31"),
    ("TZ=Europe/Pariss 0 0 * * *", 4, "unknown time zone 'Europe/Pariss': did you mean 'Europe/Paris'?"),
    ("TZ=europe/paris 0 0 * * *", 4, "did you mean 'Europe/Paris'?"),
    ("TZ= 0 0 * * *", 4, "unknown time zone '': expected an IANA name such as 'Europe/Paris'"),
    ("TZ=/etc/passwd 0 0 * * *", 4, "unknown time zone"),
    ("TZ=a\0b 0 0 * * *", 4, "unknown time zone"),
    (" " * 250 + "* * * * *", 256, "a cron has at most 255 characters, got 259"),
]


@pytest.mark.parametrize(("text", "column", "words"), REFUSED, ids=[repr(row[0][:30]) for row in REFUSED])
def test_a_wrong_cron_is_refused_with_its_place(text: str, column: int, words: str) -> None:
    with pytest.raises(CronError) as raised:
        next_after(text, "UTC", 0)
    assert str(raised.value).startswith(f"column {column}: ")
    assert words in raised.value.reason


def test_a_wrong_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown time zone 'Mars/Base'"):
        next_after("* * * * *", "Mars/Base", 0)


@given(st.lists(st.sampled_from([*"0159*/-,? @", "mon", "jan", "TZ=", "UTC ", "* "]), max_size=20).map("".join))
def test_any_text_is_taken_or_refused_with_a_place_in_it(text: str) -> None:
    try:
        cron = parse(text)
    except CronError as error:
        refused = error
    else:
        assert parse(f"TZ={cron.zone} {cron.fields}") == cron
        assert next_after(text, "UTC", 0) is not None
        return
    assert 0 <= refused.offset <= len(text)
