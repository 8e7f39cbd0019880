"""Cron schedules: five fields, with an optional time zone in front.

A day matches if its month does, and its day of the month and of the week; if both of these are restricted (neither has
a `*`), one of them is enough, as in POSIX.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Final, NamedTuple

MAX_CRON: Final = 255
"""Characters of a text."""

YEARS: Final = 8
"""February 29, the rarest of days, comes again after at most so many: 2100 has none."""

_DAY = datetime.timedelta(days=1)
_SOME_DAY = datetime.date(2000, 1, 1)
_ZONE = re.compile(r"\s*(?:CRON_)?TZ=(\S*)\s*")
_WORD = re.compile(r"\S+")
_PART = re.compile(r"(?P<all>[*?])|(?P<low>\w+)(?:-(?P<high>\w+))?", re.ASCII)
_SAME_AS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()  # names of its numbers, from `low`


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _WEEKDAYS),
)


class CronError(ValueError):
    """A cron that is refused. Its text names the place, what is wrong and how to mend it.

    Attributes:
        offset: where in the text, in characters from 0.
        reason: what is wrong, and what was expected.
    """

    def __init__(self, offset: int, reason: str) -> None:
        self.offset = offset
        self.reason = reason
        super().__init__(f"column {offset + 1}: {reason}")


class Cron(NamedTuple):
    """A schedule.

    Attributes:
        fields: as written: minute, hour, day of month, month, day of week, with one space between them.
        zone: IANA name of its time zone.
        minutes: the minutes of a day at which it ticks, from 0 to 1,439.
        days, months, weekdays: the days at which it ticks; the week begins with Sunday, 0.
        either_day: whether a day of the month or a day of the week is enough.
        steady: whether it ticks in every hour: it means every so often, and not at a time of the day.
    """

    fields: str
    zone: str
    minutes: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    steady: bool

    def ticks_on(self, day: datetime.date) -> bool:
        """Whether it ticks on a day."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either_day else in_month and in_week

    def day_from(self, day: datetime.date) -> datetime.date | None:
        """The first day at which it ticks, beginning with this one; None if there is none within 8 years."""
        last = min(day.year + YEARS, datetime.MAXYEAR - 1)
        while day.year <= last:
            if day.month not in self.months:
                day = (day.replace(day=1) + 31 * _DAY).replace(day=1)
            elif self.ticks_on(day):
                return day
            else:
                day += _DAY
        return None


def parse(text: str, timezone: str = "UTC") -> Cron:
    """The schedule of a text such as `0 9 * * mon-fri` or `TZ=Europe/Paris 30 8 1 * *`.

    Args:
        text: five fields, with an optional `TZ=Area/City ` or `CRON_TZ=Area/City ` in front; up to MAX_CRON characters.
        timezone: IANA name of the time zone if the text has none.

    Raises:
        CronError: says where it is wrong, and how to mend it.
        ValueError: there is no time zone of the name `timezone`.
    """
    if len(text) > MAX_CRON:
        raise CronError(MAX_CRON, f"a cron has at most {MAX_CRON} characters, got {len(text)}")
    start = 0
    if prefix := _ZONE.match(text):
        timezone, start = prefix[1], prefix.end()
    try:
        zone_of(timezone)
    except ValueError as error:
        if prefix is None:
            raise
        raise CronError(prefix.start(1), str(error)) from None
    parts = [(match.start(), match[0]) for match in _WORD.finditer(text, start)]
    if len(parts) != len(_FIELDS) or parts[0][1].startswith("@"):
        raise _not_five(text, start, parts)
    minutes, hours, days, months, weekdays = (_values(field, *part) for field, part in zip(_FIELDS, parts, strict=True))
    cron = Cron(
        fields=" ".join(part for _, part in parts),
        zone=timezone,
        minutes=tuple(sorted(hour * 60 + minute for hour in hours for minute in minutes)),
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=not (_is_any(parts[2][1]) or _is_any(parts[4][1])),
        steady=len(hours) == 24,
    )
    if cron.day_from(_SOME_DAY) is None:
        raise CronError(parts[2][0], f"no date ever matches: the months {parts[3][1]} have no day {parts[2][1]}")
    return cron


def _not_five(text: str, start: int, parts: list[tuple[int, str]]) -> CronError:
    """Why words that are not five are no cron."""
    offset = parts[0][0] if parts else start
    if not parts:
        found = "found none"
    elif (first := parts[0][1].lower()) == "@every":
        found = "found '@every': intervals are not taken, because they would begin with each start; write '*/5 * * * *'"
    elif first.startswith("@"):
        meant = _SAME_AS.get(first)
        found = f"found {first!r}: " + (f"write {meant!r}" if meant else "words are not taken")
    elif len(parts) > len(_FIELDS):
        offset = parts[len(_FIELDS)][0]
        seconds = "; seconds are not taken, leave out the first field" if len(parts) == len(_FIELDS) + 1 else ""
        found = f"found {len(parts)}{seconds}"
    else:
        offset, found = len(text), f"found {len(parts)}"
    return CronError(
        offset,
        "expected five fields (minute, hour, day of month, month, day of week), such as '0 9 * * mon-fri', "
        f"optionally after 'TZ=Area/City '; {found}",
    )


def _is_any(part: str) -> bool:
    """Whether a field restricts nothing: as other crons have it, one `*` in its list is enough, and `*/2` is none."""
    return any(item in ("*", "?", "*/1", "?/1") for item in part.split(","))


def _values(field: _Field, offset: int, part: str) -> frozenset[int]:
    found: set[int] = set()
    for item in part.split(","):
        try:
            found.update(_range(field, item))
        except ValueError as error:
            raise CronError(offset, f"{field.name} {item!r}: {error}") from None
        offset += len(item) + 1
    return frozenset(found)


def _range(field: _Field, item: str) -> range:
    span, slash, step = item.partition("/")
    match = _PART.fullmatch(span)
    if match is None or (span == "?" and not field.name.startswith("day")):
        raise ValueError("expected *, a number, a range such as 1-5, or a step such as */15")
    low, high = field.low, field.high
    if not match["all"]:
        low = _number(field, match["low"])
        high = _number(field, match["high"]) if match["high"] else _last(field) if slash else low
    if high < low:
        raise ValueError("the range ends before it begins; write two, with a comma")
    if not slash:
        return range(low, high + 1)
    if not (step.isascii() and step.isdigit()) or int(step) < 1:
        raise ValueError("expected a step, a whole number from 1, after '/'")
    return range(low, high + 1, int(step))


def _last(field: _Field) -> int:
    """Where a step without an end stops: of the week at Saturday, since 7 is its Sunday once more."""
    return len(field.words) - 1 if field.words and field.low == 0 else field.high


def _number(field: _Field, word: str) -> int:
    if word.lower() in field.words:
        return field.low + field.words.index(word.lower())
    if not word.isdigit() or not field.low <= int(word) <= field.high:
        names = f" or {field.words[0]} to {field.words[-1]}" if field.words else ""
        raise ValueError(f"expected {field.low} to {field.high}{names}")
    return int(word)


def zone_of(name: str) -> datetime.tzinfo:
    """A time zone.

    Raises:
        ValueError: there is none of this name.
    """
    if name == "UTC":
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    import difflib  # noqa: PLC0415 - for a message only

    known = {zone.lower(): zone for zone in zoneinfo.available_timezones()}
    close = difflib.get_close_matches(name.lower(), known, 1)
    mend = f"did you mean {known[close[0]]!r}?" if close else "expected an IANA name such as 'Europe/Paris'"
    raise ValueError(f"unknown time zone {name!r}: {mend}")
