"""When a cron ticks. Times are unix ms; nothing here reads a clock.

A schedule of times of the day ticks once at each of them, whatever the clocks do. At a time that is left out when they
are put forward it ticks at the first instant after the gap, and several such times are one tick; at a time that comes
twice when they are put back it ticks the first time. A schedule that ticks in every hour means every so often and not a
time of the day: it goes on through both changes as if there were none.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from .expression import Cron, parse, zone_of

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE

_LOOK = 26 * HOUR
"""How often to look for changes of the clocks. No two of any zone ever came closer than three days; 26 divides 78."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MILLISECOND = datetime.timedelta(milliseconds=1)
_DAY = datetime.timedelta(days=1)


class _Piece(NamedTuple):
    """A time without change of the clocks, as a day sees it."""

    start: int
    end: int  # not included
    midnight: int  # when its clocks would show 00:00 of the day

    def ticks(self, minutes: tuple[int, ...], after: int) -> Iterator[tuple[int, int]]:
        """Its ticks later than a time, as minute of the day and unix ms."""
        first = max(after + 1, self.start) - self.midnight
        for index in range(bisect_left(minutes, -(-first // MINUTE)), len(minutes)):
            tick = self.midnight + minutes[index] * MINUTE
            if tick >= self.end:
                return
            yield minutes[index], tick


def next_after(expression: str, timezone: str, after_ms: int) -> int | None:
    """The first tick later than a time; None if the calendar ends before (the year 9999).

    Args:
        expression: five fields; a `TZ=Area/City ` in front of them goes before `timezone`.
        timezone: IANA name, such as `UTC`.
        after_ms: unix ms.

    Raises:
        CronError: a wrong expression. It says where, and how to mend it.
        ValueError: there is no such time zone.
    """
    cron = _parsed(expression, timezone)
    # Clocks that are put back over midnight give a day ticks that come after the first ones of the next day.
    day = cron.day_from(_day_of(cron, after_ms) - _DAY)
    while day is not None:
        tick = next(_ticks_of(cron, day, after_ms), None)
        if tick is not None:
            following = day + _DAY
            others = _ticks_of(cron, following, after_ms) if cron.ticks_on(following) else iter(())
            return min(tick, next(others, tick))
        day = cron.day_from(day + _DAY)
    return None


def occurrences(expression: str, timezone: str, after_ms: int, until_ms: int, limit: int) -> list[int]:
    """The ticks later than `after_ms` and not later than `until_ms`, in order; of more than `limit`, the last ones.

    So a limit of 1 gives the last tick that was missed. The cost grows with the limit, hardly with the time between.

    Args:
        expression: as of `next_after`.
        timezone: as of `next_after`.
        after_ms: unix ms, not included.
        until_ms: unix ms, included.
        limit: at most so many; 0 or less is none.

    Raises:
        CronError, ValueError: as `next_after`.
    """
    cron = _parsed(expression, timezone)
    if limit <= 0 or until_ms <= after_ms:
        return []
    found: set[int] = set()
    day, first = _day_of(cron, until_ms) + _DAY, _day_of(cron, after_ms) - _DAY
    while day >= first:
        if cron.ticks_on(day):
            enough = len(found) >= limit  # one day more, because the ticks of two days may be interleaved
            found.update(itertools.takewhile(lambda tick: tick <= until_ms, _ticks_of(cron, day, after_ms)))
            if enough:
                break
        day -= _DAY
    return sorted(found)[-limit:]


def jittered(seed: str, occurrence_ms: int, bound_ms: int) -> int:
    """When a tick fires: up to `bound_ms` later, and always the same for the same tick of the same seed.

    Different seeds, and different ticks of one, are spread evenly.

    Args:
        seed: what has the tick, such as the function's id.
        occurrence_ms: the tick, unix ms.
        bound_ms: the longest delay, in ms, included; 0 is no delay.
    """
    digest = hashlib.sha256(f"{seed}\0{occurrence_ms}".encode()).digest()
    return occurrence_ms + (int.from_bytes(digest[:8], "big") * (bound_ms + 1) >> 64)


_parsed = lru_cache(maxsize=4_096)(parse)


def _ticks_of(cron: Cron, day: datetime.date, after: int) -> Iterator[int]:
    """The ticks of a day that are later than a time, in order."""
    pieces = _pieces(cron.zone, day)
    if cron.steady or len(pieces) == 1:
        for piece in pieces:
            for _, tick in piece.ticks(cron.minutes, after):
                yield tick
    else:
        yield from (tick for tick in _ticks_at_changes(cron, pieces) if tick > after)


def _ticks_at_changes(cron: Cron, pieces: tuple[_Piece, ...]) -> list[int]:
    """The ticks of a day with changes of the clocks, of a schedule that is not steady: each minute counts once."""
    ticks: dict[int, int] = {}
    for piece in pieces:
        for minute, tick in piece.ticks(cron.minutes, piece.start - 1):
            ticks.setdefault(minute, tick)
    for before, after in itertools.pairwise(pieces):
        for minute in cron.minutes:
            if before.end <= before.midnight + minute * MINUTE and after.midnight + minute * MINUTE < after.start:
                ticks.setdefault(minute, after.start)
    return sorted(set(ticks.values()))


@lru_cache(maxsize=4_096)
def _pieces(zone: str, day: datetime.date) -> tuple[_Piece, ...]:
    """The times between changes of the clocks around a day, from before it begins to after it ends in any zone."""
    midnight = _to_ms(datetime.datetime.combine(day, datetime.time(), datetime.UTC))
    start, end = midnight - 27 * HOUR, midnight + 51 * HOUR
    offsets = [(time, _offset(zone, time)) for time in range(start, end + 1, _LOOK)]
    changes = [
        (_change(zone, before, after), offset)
        for (before, old), (after, offset) in itertools.pairwise(offsets)
        if old != offset
    ]
    begins = [(start, offsets[0][1]), *changes]
    ends = [*(time for time, _ in changes), end]
    return tuple(_Piece(begin, stop, midnight - offset) for (begin, offset), stop in zip(begins, ends, strict=True))


def _change(zone: str, before: int, after: int) -> int:
    """When the clocks were changed between two times, to the second."""
    offset = _offset(zone, after)
    while after - before > 1_000:
        middle = (before + after) // 2_000 * 1_000
        if _offset(zone, middle) == offset:
            after = middle
        else:
            before = middle
    return after


def _offset(zone: str, time: int) -> int:
    offset = (_EPOCH + time * _MILLISECOND).astimezone(zone_of(zone)).utcoffset()
    assert offset is not None  # the time is aware
    return offset // _MILLISECOND


def _day_of(cron: Cron, time: int) -> datetime.date:
    return (_EPOCH + time * _MILLISECOND).astimezone(zone_of(cron.zone)).date()


def _to_ms(time: datetime.datetime) -> int:
    return (time - _EPOCH) // _MILLISECOND
