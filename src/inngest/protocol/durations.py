"""Durations of the API (`int` ms or `timedelta`) and their text on the wire (`"90s"`, `"1w"`, Go's `"1h30m"`)."""

from __future__ import annotations

import datetime
import re

from . import limits

Duration = int | datetime.timedelta

_UNITS_MS = {
    "w": limits.WEEK,
    "d": limits.DAY,
    "h": limits.HOUR,
    "m": limits.MINUTE,
    "s": limits.SECOND,
    "ms": 1,
    "us": 1e-3,
    "µs": 1e-3,
    "ns": 1e-6,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|w|d|h|m|s)")


def to_ms(value: Duration) -> int:
    """Milliseconds of a duration, rounded to the nearest.

    Raises:
        TypeError: not an `int` or a `timedelta` (a `bool` is not a duration).
    """
    if isinstance(value, datetime.timedelta):
        return round(value / datetime.timedelta(milliseconds=1))
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected milliseconds as int, or a timedelta, got {type(value).__name__}")
    return value


def to_text(value: Duration) -> str:
    """Text of a duration in the single largest unit that divides it: 60 s is `1m`, 90 s is `90s`, 7 d is `1w`.

    Raises:
        ValueError: shorter than one second, or not a whole number of seconds.
        TypeError: not a duration.
    """
    ms = to_ms(value)
    if ms < limits.SECOND:
        raise ValueError(f"must be at least 1 second, got {ms} ms")
    if ms % limits.SECOND:
        raise ValueError(f"must be a whole number of seconds, got {ms} ms")
    for unit in ("w", "d", "h", "m"):
        if ms % _UNITS_MS[unit] == 0:
            return f"{int(ms // _UNITS_MS[unit])}{unit}"
    return f"{ms // limits.SECOND}s"


def parse(text: str) -> int:
    """Milliseconds of a duration text: units w, d, h, m, s and Go's ms, us, ns, in any sequence (`1h30m`).

    Raises:
        ValueError: no duration; says what was expected.
    """
    total = 0.0
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            break
        total += float(part[1]) * _UNITS_MS[part[2]]
        position = part.end()
    if not text or position != len(text):
        raise ValueError(f"expected a duration such as 30s, 5m, 1h30m or 7d, got {text!r}")
    return round(total)
