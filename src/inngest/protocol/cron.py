"""Cron expressions: five fields, with an optional time zone in front (server-semantics §9)."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import NamedTuple

_ZONE = re.compile(r"(?:CRON_)?TZ=(\S*)\s+")
_SOME_DAY = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


class Cron(NamedTuple):
    """A schedule."""

    fields: str  # minute, hour, day of month, month, day of week
    zone: str  # IANA name


def parse(text: str) -> Cron:
    """The schedule of an expression such as `0 9 * * mon-fri` or `TZ=Europe/Paris 30 8 1 * *`.

    Raises:
        ValueError: says what is wrong with which part.
    """
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - most processes have no schedule

    zone, fields = "UTC", text.strip()
    if prefix := _ZONE.match(fields):
        zone, fields = prefix[1], fields[prefix.end() :]
        _check_zone(zone)
    count = len(fields.split())
    if fields.startswith("@") or count != 5:
        raise ValueError(
            "expected five fields (minute, hour, day of month, month, day of week), such as '0 9 * * mon-fri', "
            f"optionally after 'TZ=Area/City '; got {text!r}"
        )
    try:
        next(CronSim(fields, _SOME_DAY))
    except CronSimError as error:
        reason = str(error)
        raise ValueError(f"{reason[:1].lower()}{reason[1:]} in {text!r}") from None
    except StopIteration:
        raise ValueError(f"no date ever matches {text!r}") from None
    return Cron(fields, zone)


def _check_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}: expected an IANA name such as 'Europe/Paris'") from None
