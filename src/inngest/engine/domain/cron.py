"""When a cron ticks. Times are unix ms.

When clocks are put forward, a tick at a time of the day that is left out comes at once after the change; when they are
put back, a tick at a time that comes twice comes the first time. A steady schedule, whose minute or hour begins with
`*`, means every so often and not a time of the day: it follows the clock on the wall, with neither of the two.
"""

from __future__ import annotations

import datetime
import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from inngest.protocol.cron import Cron, zone_of

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE

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


def next_tick(cron: Cron, after: int) -> int | None:
    """The first tick later than a time; None if there is none within 41 years."""
    # Clocks that are put back over midnight give a day ticks that come after the first ones of the next day.
    day = cron.day_from(_day_of(cron, after) - _DAY)
    while day is not None:
        tick = next(_ticks_of(cron, day, after), None)
        if tick is not None:
            following = day + _DAY
            others = _ticks_of(cron, following, after) if cron.ticks_on(following) else iter(())
            return min(tick, next(others, tick))
        day = cron.day_from(day + _DAY)
    return None


def missed_ticks(cron: Cron, after: int, until: int, limit: int) -> list[int]:
    """The ticks later than `after` and not later than `until`, in order; of more than `limit`, the last ones."""
    found: set[int] = set()
    day, first = _day_of(cron, until) + _DAY, _day_of(cron, after) - _DAY
    while day >= first:
        if cron.ticks_on(day):
            enough = len(found) >= limit  # one day more, because the ticks of two days may be interleaved
            found.update(tick for tick in _ticks_of(cron, day, after) if tick <= until)
            if enough:
                break
        day -= _DAY
    return sorted(found)[-limit:] if limit > 0 else []


def jitter(function_id: str, tick: int, bound: int) -> int:
    """Milliseconds, from 0 to `bound`, by which a function's tick is delayed: always the same for the same tick.

    Different functions, and different ticks of one, are spread evenly.
    """
    digest = hashlib.sha256(f"{function_id}\0{tick}".encode()).digest()
    return int.from_bytes(digest[:8], "big") * (bound + 1) >> 64


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
    for before, after in zip(pieces, pieces[1:], strict=False):
        for minute in cron.minutes:
            if before.end <= before.midnight + minute * MINUTE and after.midnight + minute * MINUTE < after.start:
                ticks.setdefault(minute, after.start)
    return sorted(set(ticks.values()))


@lru_cache(maxsize=1_024)
def _pieces(zone: str, day: datetime.date) -> tuple[_Piece, ...]:
    """The times between changes of the clocks, from before a day began to after it ended, wherever its midnights are."""
    midnight = _to_ms(datetime.datetime.combine(day, datetime.time(), datetime.UTC))
    start, end = midnight - 27 * HOUR, midnight + 51 * HOUR
    offsets = [(time, _offset(zone, time)) for time in range(start, end + 1, HOUR)]
    changes = [
        (_change(zone, before, after), offset)
        for (before, old), (after, offset) in zip(offsets, offsets[1:], strict=False)
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
