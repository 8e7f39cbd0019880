"""Durations of the API (`int` ms or `timedelta`) and their text on the wire (`"90s"`, `"1w"`, Go's `"1h30m"`)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from . import limits

Duration = int | datetime.timedelta

_UNITS = {
    "w": limits.WEEK * 1_000_000,
    "d": limits.DAY * 1_000_000,
    "h": limits.HOUR * 1_000_000,
    "m": limits.MINUTE * 1_000_000,
    "s": limits.SECOND * 1_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "ns": 1,
}
"""Nanoseconds: whole numbers, so that no duration is too long to be exact."""

_US = datetime.timedelta(microseconds=1)
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|w|d|h|m|s)")


def to_ms(value: Duration) -> int:
    """Milliseconds of a duration, rounded to the nearest.

    Raises:
        TypeError: not an `int` or a `timedelta` (a `bool` is not a duration).
    """
    if isinstance(value, datetime.timedelta):
        return (value // _US + 500) // 1000
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected milliseconds as int, or a timedelta, got {type(value).__name__}")
    return value


def to_text(value: Duration, units: Sequence[str] = ("w", "d", "h", "m")) -> str:
    """Text of a duration in the single largest unit that divides it: 60 s is `1m`, 90 s is `90s`, 7 d is `1w`.

    Args:
        value: the duration.
        units: which units over the second may be used, the largest first.

    Raises:
        ValueError: shorter than one second, or not a whole number of seconds.
        TypeError: not a duration.
    """
    ms = to_ms(value)
    if ms < limits.SECOND:
        raise ValueError(f"must be at least 1 second, got {ms} ms")
    if ms % limits.SECOND or (isinstance(value, datetime.timedelta) and value.microseconds):
        given = f"{value} ms" if isinstance(value, int) else repr(value)
        raise ValueError(f"must be a whole number of seconds, got {given}")
    for unit in units:
        if ms * 1_000_000 % _UNITS[unit] == 0:
            return f"{ms * 1_000_000 // _UNITS[unit]}{unit}"
    return f"{ms // limits.SECOND}s"


def parse(text: str) -> int:
    """Milliseconds of a duration text: units w, d, h, m, s and Go's ms, us, ns, in any sequence (`1h30m`).

    Raises:
        ValueError: no duration; says what was expected.
    """
    total = 0
    position = 0
    while part := _PART.match(text, position):
        whole, _, fraction = part[1].partition(".")
        total += int(whole + fraction) * _UNITS[part[2]] // 10 ** len(fraction)
        position = part.end()
    if not text or position != len(text):
        raise ValueError(f"expected a duration such as 30s, 5m, 1h30m or 7d, got {text!r}")
    return (total + 500_000) // 1_000_000
