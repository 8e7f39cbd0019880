"""Times and durations of expressions: `datetime` in UTC, `timedelta`, to the microsecond."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Final

from .errors import EvaluationError

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_LOOSE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))? ?(Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|w|d|h|m|s)", re.ASCII)
_MICROSECONDS = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
    "µs": 1,
    "μs": 1,
    "ns": 1e-3,
}
MAX_TEXT: Final = 100
"""Letters of a time or a duration."""


def of_ms(milliseconds: float) -> datetime.datetime:
    """A time from unix ms."""
    return _since_epoch(milliseconds, datetime.timedelta(milliseconds=1))


def of_seconds(seconds: float) -> datetime.datetime:
    """A time from unix seconds."""
    return _since_epoch(seconds, datetime.timedelta(seconds=1))


def _since_epoch(count: float, unit: datetime.timedelta) -> datetime.datetime:
    try:
        return _EPOCH + count * unit
    except OverflowError:
        raise EvaluationError("a time has to be in the years 1 to 9999") from None


def to_seconds(time: datetime.datetime) -> int:
    """Whole unix seconds of a time."""
    return (time - _EPOCH) // datetime.timedelta(seconds=1)


def parse(text: str) -> datetime.datetime:
    """A time from RFC 3339.

    Raises:
        EvaluationError: no such text.
    """
    if len(text) <= MAX_TEXT and _TIME.fullmatch(text):
        return _from_iso(text)
    raise EvaluationError(f"expected a time such as '2026-01-31T09:30:00Z', got {_shown(text)}")


def parse_loosely(text: str) -> datetime.datetime:
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


def _from_iso(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text.upper()).astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"no such time: {_shown(text)} ({error})") from None


def to_text(time: datetime.datetime) -> str:
    """RFC 3339 of a time, with none, three or six digits of the second's fraction."""
    return time.isoformat(timespec="seconds").removesuffix("+00:00") + _fraction(time.microsecond) + "Z"


def _fraction(microseconds: int) -> str:
    return f".{microseconds:06}".removesuffix("000").removesuffix(".000")


def parse_duration(text: str) -> datetime.timedelta:
    """A duration from texts such as `90s`, `1h30m`, `-5m`, `7d`: Go's units, and d and w.

    Raises:
        EvaluationError: no such text.
    """
    short = text[: MAX_TEXT + 1]
    negative = short.startswith("-")
    at = 1 if short[:1] in ("-", "+") else 0
    total = 0.0
    parts = 0
    while part := _PART.match(short, at):
        total += float(part[1]) * _MICROSECONDS[part[2]]
        parts += 1
        at = part.end()
    if short in ("0", "-0", "+0"):
        return datetime.timedelta()
    if not parts or at != len(short) or len(text) > MAX_TEXT:
        raise EvaluationError(f"expected a duration such as '90s', '1h30m' or '7d', got {_shown(text)}")
    try:
        return datetime.timedelta(microseconds=-total if negative else total)
    except OverflowError:
        raise EvaluationError(f"a duration has to be under 999,999,999 days, got {_shown(text)}") from None


def duration_to_text(duration: datetime.timedelta) -> str:
    """A duration in seconds, such as `5400s` or `0.500s`."""
    microseconds = duration // _MICROSECOND
    whole, rest = divmod(abs(microseconds), 1_000_000)
    return f"{'-' if microseconds < 0 else ''}{whole}{_fraction(rest)}s"


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

DURATION_FIELDS: Final[Mapping[str, Callable[[datetime.timedelta], int]]] = {
    "getHours": lambda duration: _units(duration, 3_600_000_000),
    "getMinutes": lambda duration: _units(duration, 60_000_000),
    "getSeconds": lambda duration: _units(duration, 1_000_000),
    "getMilliseconds": lambda duration: _units(
        duration - datetime.timedelta(seconds=_units(duration, 1_000_000)), 1_000
    ),
}
"""The whole of a duration in a unit, towards zero; but of milliseconds only those over the last whole second."""


def _units(duration: datetime.timedelta, unit: int) -> int:
    microseconds = duration // _MICROSECOND
    whole = abs(microseconds) // unit
    return whole if microseconds >= 0 else -whole
