"""Cron schedules: five fields, with an optional time zone in front (server-semantics §9).

A day matches if its month does, and its day of the month and of the week; if both of these are restricted (neither is
`*`), one of them is enough, as in POSIX.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from dataclasses import dataclass
from typing import Final, NamedTuple

from .limits import MAX_CRON

YEARS: Final = 41
"""February 29 of one weekday comes again after at most 40 years."""

_DAY = datetime.timedelta(days=1)
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S*)\s*")
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


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule.

    Attributes:
        fields: as written: minute, hour, day of month, month, day of week.
        zone: IANA name of its time zone.
        minutes: the minutes of a day at which it ticks, from 0 to 1,439.
        days, months, weekdays: the days at which it ticks; the week begins with Sunday, 0.
        either_day: whether a day of the month or a day of the week is enough.
        steady: whether minute or hour begin with `*`: it means every so often, and not at a time of the day.
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
        """The first day at which it ticks, beginning with this one; None if there is none within 41 years."""
        last = min(day.year + YEARS, datetime.MAXYEAR - 1)
        while day.year <= last:
            if day.month not in self.months:
                day = (day.replace(day=1) + 31 * _DAY).replace(day=1)
            elif self.ticks_on(day):
                return day
            else:
                day += _DAY
        return None


def parse(text: str) -> Cron:
    """The schedule of a text such as `0 9 * * mon-fri` or `TZ=Europe/Paris 30 8 1 * *`.

    Raises:
        ValueError: says what is wrong with which part, and how to mend it.
    """
    if len(text) > MAX_CRON:
        raise ValueError(f"a cron has at most {MAX_CRON} characters, got {len(text)}")
    zone, fields = "UTC", text.strip()
    if prefix := _ZONE.match(fields):
        zone, fields = prefix[1], fields[prefix.end() :]
        zone_of(zone)
    parts = fields.split()
    if fields.startswith("@") or len(parts) != len(_FIELDS):
        raise ValueError(_not_five(text, fields, len(parts)))
    values = [_values(field, part) for field, part in zip(_FIELDS, parts, strict=True)]
    minutes, hours, days, months, weekdays = values
    cron = Cron(
        fields=fields,
        zone=zone,
        minutes=tuple(sorted(hour * 60 + minute for hour in hours for minute in minutes)),
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=not (_is_any(parts[2]) or _is_any(parts[4])),
        steady=_is_steady(parts[0]) or _is_steady(parts[1]),
    )
    if cron.day_from(datetime.date(2000, 1, 1)) is None:
        raise ValueError(f"no date ever matches {text!r}: the months {parts[3]} have no day {parts[2]}")
    return cron


def _not_five(text: str, fields: str, count: int) -> str:
    if fields.startswith("@"):
        same = _SAME_AS.get(fields.lower(), "*/5 * * * *")
        return f"expected five fields and no word such as {fields!r}: write {same!r}"
    seconds = ": seconds are not taken, leave out the first field" if count == len(_FIELDS) + 1 else ""
    return (
        "expected five fields (minute, hour, day of month, month, day of week), such as '0 9 * * mon-fri', "
        f"optionally after 'TZ=Area/City '; got {count} in {text!r}{seconds}"
    )


def _is_any(part: str) -> bool:
    return part in ("*", "?")


def _is_steady(part: str) -> bool:
    return part.startswith("*")


def _values(field: _Field, part: str) -> frozenset[int]:
    found: set[int] = set()
    for item in part.split(","):
        found.update(_range(field, item))
    return frozenset(found)


def _range(field: _Field, item: str) -> range:
    span, slash, step = item.partition("/")
    match = _PART.fullmatch(span)
    if match is None or (span == "?" and not field.name.startswith("day")):
        raise ValueError(f"{field.name} {item!r}: expected *, a number, a range such as 1-5, or a step such as */15")
    low, high = field.low, field.high
    if not match["all"]:
        low = _number(field, match["low"])
        high = _number(field, match["high"]) if match["high"] else field.high if slash else low
    if high < low:
        raise ValueError(f"{field.name} {item!r}: the range ends before it begins; write two, with a comma")
    if not slash:
        return range(low, high + 1)
    if not (step.isascii() and step.isdigit()) or not 1 <= int(step) <= field.high:
        raise ValueError(f"{field.name} {item!r}: expected a step from 1 to {field.high} after '/'")
    return range(low, high + 1, int(step))


def _number(field: _Field, word: str) -> int:
    if word.lower() in field.words:
        return field.low + field.words.index(word.lower())
    if not word.isdigit() or not field.low <= int(word) <= field.high:
        names = f" or {field.words[0]} to {field.words[-1]}" if field.words else ""
        raise ValueError(f"{field.name} {word!r}: expected {field.low} to {field.high}{names}")
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
