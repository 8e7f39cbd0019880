"""Times and values as the kit tells them: days since the engine began, and short JSON."""

from __future__ import annotations

import json
import re

DAY = 86_400_000
"""Milliseconds."""

_UNITS = (("days", DAY), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1_000), ("milliseconds", 1))

_ID = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")

INTERNAL = "_inngest"
"""The member of an event's data that is the engine's."""

SHORT = 80
"""Letters of a value that are told."""


def moment(since: int) -> str:
    """A time, by the milliseconds since the engine began: `day 30 00:00`, with seconds if there are any."""
    day, clock = exact(since)
    clock = clock.removesuffix(".000")
    return f"day {day} {clock.removesuffix(':00')}"


def exact(since: int) -> tuple[int, str]:
    """The day, and the time of it with milliseconds."""
    day, rest = divmod(since, DAY)
    seconds, ms = divmod(rest, 1_000)
    return day, f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"


def delta(ms: int) -> str:
    """A duration as one writes it: `timedelta(days=7)`."""
    unit, length = next((one for one in _UNITS if ms % one[1] == 0), _UNITS[-1])
    return f"timedelta({unit}={ms // length})"


def shown(text: str | None) -> str:
    """A JSON text, as people write it, and short; without what the engine itself has put into an event."""
    value = json.loads(text or "null")
    if isinstance(value, dict):
        value.pop(INTERNAL, None)
    return short(json.dumps(value, ensure_ascii=False))


def short(text: str) -> str:
    """A JSON text, or a message, in one line and not too long. Ids that the engine made are masked."""
    line = _ID.sub("<id>", " ".join(text.split()))
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"
