"""Times and durations of expressions, exact to the nanosecond."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from .errors import EvaluationError

_SECOND = 1_000_000_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_FIRST = -62_135_596_800 * _SECOND
"""The beginning of the year 1, from which on there are times."""
_LAST = 253_402_300_800 * _SECOND - 1
"""The last nanosecond of the year 9999."""
_LONGEST = 315_576_000_000 * _SECOND
"""About 10,000 years: the longest duration, as in protobuf."""

_CLOCK = r"\d\d:\d\d:\d\d(?:\.\d{1,9})?"
_TIME = re.compile(rf"\d{{4}}-\d\d-\d\dT{_CLOCK}(?:Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_LOOSE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))? ?(Z|UTC|[+-]\d\d:?\d\d)?",
    re.ASCII | re.IGNORECASE,
)
_FRACTION = re.compile(r"\.(\d+)", re.ASCII)
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)
_PART = re.compile(r"(?:(\d+)(?:\.(\d*))?|\.(\d+))(ns|us|µs|μs|ms|w|d|h|m|s)", re.ASCII)
_NANOSECONDS = {
    "w": 604_800 * _SECOND,
    "d": 86_400 * _SECOND,
    "h": 3_600 * _SECOND,
    "m": 60 * _SECOND,
    "s": _SECOND,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ns": 1,
}
MAX_TEXT: Final = 100
"""Letters of a time or a duration."""


class Time(NamedTuple):
    """A moment. Moments are compared as their numbers are."""

    ns: int  # nanoseconds since 1970, UTC

    @property
    def whole(self) -> datetime.datetime:
        """The moment, without what is below a microsecond."""
        return _EPOCH + datetime.timedelta(microseconds=self.ns // 1_000)


class Duration(NamedTuple):
    """A length of time; it may be negative."""

    ns: int  # nanoseconds


def time_at(ns: int) -> Time:
    """The moment so many nanoseconds after the beginning of 1970.

    Raises:
        EvaluationError: it is not in the years 1 to 9999.
    """
    if _FIRST <= ns <= _LAST:
        return Time(ns)
    raise EvaluationError("a time has to be in the years 1 to 9999")


def duration_of(ns: int) -> Duration:
    """A duration of so many nanoseconds.

    Raises:
        EvaluationError: it is longer than 315,576,000,000 s, about 10,000 years.
    """
    if -_LONGEST <= ns <= _LONGEST:
        return Duration(ns)
    raise EvaluationError("a duration has at most 315,576,000,000 seconds")


def of_ms(milliseconds: float) -> Time:
    """A time from unix ms."""
    return _since_epoch(milliseconds, 1_000_000)


def of_seconds(seconds: float) -> Time:
    """A time from unix seconds."""
    return _since_epoch(seconds, _SECOND)


def _since_epoch(count: float, unit: int) -> Time:
    if isinstance(count, int):
        return time_at(count * unit)
    if not abs(count) < _LAST:  # what is larger, or no number, is no time
        return time_at(_LAST + 1)
    return time_at(int(count) * unit + round((count - int(count)) * unit))


def to_seconds(time: Time) -> int:
    """Whole unix seconds of a time."""
    return time.ns // _SECOND


def parse(text: str) -> Time:
    """A time from RFC 3339, with up to nine digits of the second's fraction.

    Raises:
        EvaluationError: no such text.
    """
    if len(text) <= MAX_TEXT and _TIME.fullmatch(text):
        return _from_iso(text)
    raise EvaluationError(f"expected a time such as '2026-01-31T09:30:00Z', got {_shown(text)}")


def parse_loosely(text: str) -> Time:
    """A time as people write it: a date, with or without time and offset; UTC if there is none.

    Raises:
        EvaluationError: no such text.
    """
    found = _LOOSE_TIME.fullmatch(text) if len(text) <= MAX_TEXT else None
    if found is None:
        raise EvaluationError(f"expected a date such as '2026-01-31' or '2026-01-31T09:30:00Z', got {_shown(text)}")
    day, clock, offset = found.groups()
    zone = "+00:00" if offset is None or offset.upper() in ("Z", "UTC") else offset
    return _from_iso(f"{day}T{clock or '00:00:00'}{zone}")


def _from_iso(text: str) -> Time:
    fraction = _FRACTION.search(text)
    whole = text if fraction is None else text.replace(fraction[0], "", 1)
    try:
        moment = datetime.datetime.fromisoformat(whole.upper())
    except ValueError as error:
        raise EvaluationError(f"no such time: {_shown(text)} ({error})") from None
    rest = 0 if fraction is None else int(fraction[1].ljust(9, "0"))
    return time_at((moment - _EPOCH) // datetime.timedelta(seconds=1) * _SECOND + rest)


def to_text(time: Time) -> str:
    """RFC 3339 of a time, with none, three, six or nine digits of the second's fraction."""
    return time.whole.isoformat(timespec="seconds").removesuffix("+00:00") + _fraction(time.ns % _SECOND) + "Z"


def _fraction(ns: int) -> str:
    if not ns:
        return ""
    digits = f"{ns:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"


def parse_duration(text: str) -> Duration:
    """A duration from texts such as `90s`, `1h30m`, `-5m`, `7d`: Go's units, and d and w.

    Raises:
        EvaluationError: no such text, longer than 315,576,000,000 s, or with a part of a nanosecond.
    """
    short = text[: MAX_TEXT + 1]
    negative = short.startswith("-")
    at = 1 if short[:1] in ("-", "+") else 0
    total = 0
    parts = 0
    while part := _PART.match(short, at):
        whole, fraction = part[1] or "", part[2] or part[3] or ""
        units, rest = divmod(int(whole + fraction) * _NANOSECONDS[part[4]], 10 ** len(fraction))
        if rest:
            raise EvaluationError(f"a duration is kept to the nanosecond, and {_shown(text)} has a part of one")
        total += units
        parts += 1
        at = part.end()
    if short in ("0", "-0", "+0"):
        return Duration(0)
    if not parts or at != len(short) or len(text) > MAX_TEXT:
        raise EvaluationError(f"expected a duration such as '90s', '1h30m' or '7d', got {_shown(text)}")
    return duration_of(-total if negative else total)


def duration_to_text(duration: Duration) -> str:
    """A duration in seconds, such as `5400s` or `0.500s`: exact."""
    whole, rest = divmod(abs(duration.ns), _SECOND)
    return f"{'-' if duration.ns < 0 else ''}{whole}{_fraction(rest)}s"


def _shown(text: str) -> str:
    return repr(text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…")


def zone(name: str) -> datetime.tzinfo:
    """A time zone from an IANA name or an offset such as `+05:30`.

    Raises:
        EvaluationError: no such zone.
    """
    if len(name) <= MAX_TEXT:
        if offset := _OFFSET.fullmatch(name):
            minutes = int(offset[2]) * 60 + int(offset[3])
            if minutes < 24 * 60:
                return datetime.timezone(datetime.timedelta(minutes=-minutes if offset[1] == "-" else minutes))
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise EvaluationError(f"unknown time zone {_shown(name)}: expected a name such as 'Europe/Paris', or '+05:30'")


FIELDS: Final[Mapping[str, Callable[[datetime.datetime], int]]] = {
    "getFullYear": lambda time: time.year,
    "getMonth": lambda time: time.month - 1,
    "getDate": lambda time: time.day,
    "getDayOfMonth": lambda time: time.day - 1,
    "getDayOfWeek": lambda time: time.isoweekday() % 7,
    "getDayOfYear": lambda time: time.timetuple().tm_yday - 1,
    "getHours": lambda time: time.hour,
    "getMinutes": lambda time: time.minute,
    "getSeconds": lambda time: time.second,
    "getMilliseconds": lambda time: time.microsecond // 1_000,
}
"""CEL's getters: months and days count from 0, except in getDate; the week begins with Sunday, 0."""

DURATION_FIELDS: Final[Mapping[str, Callable[[Duration], int]]] = {
    "getHours": lambda duration: _units(duration.ns, 3_600 * _SECOND),
    "getMinutes": lambda duration: _units(duration.ns, 60 * _SECOND),
    "getSeconds": lambda duration: _units(duration.ns, _SECOND),
    "getMilliseconds": lambda duration: _units(duration.ns - _SECOND * _units(duration.ns, _SECOND), 1_000_000),
}
"""The whole of a duration in a unit, towards zero; but of milliseconds only those over the last whole second."""


def _units(ns: int, unit: int) -> int:
    whole = abs(ns) // unit
    return whole if ns >= 0 else -whole
