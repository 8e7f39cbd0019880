"""Schedules of functions: which ticks start runs, and when the next one is. Pure.

A tick is a time that a cron expression names; it fires at that time and its jitter. Ticks that nobody could fire for
longer than GRACE were missed, and `catch_up` says what becomes of them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import NamedTuple

from inngest.cron.ticks import jittered, next_after, occurrences
from inngest.protocol.events import SCHEDULED

from .function_rules import Schedule
from .model import Event

GRACE = 30_000
"""Milliseconds by which a tick may be late and is still fired, whatever `catch_up` says: a restart takes so long."""


class Tick(NamedTuple):
    """A time at which a schedule fires."""

    scheduled_at: int  # unix ms
    fire_at: int  # the same, and its jitter


def first(schedule: Schedule, now: int) -> Tick | None:
    """The next tick; None if there is none until the end of the calendar."""
    found = next_after(schedule.cron, "UTC", now)
    return None if found is None else _tick(schedule, found)


def due(schedule: Schedule, armed: int, now: int) -> tuple[list[Tick], Tick | None]:
    """The ticks that start runs now, and the next one.

    Args:
        schedule: whose.
        armed: the tick (unix ms) that the timer was set for: the first that has not been seen to.
        now: unix ms.
    """
    following = next_after(schedule.cron, "UTC", armed)
    if armed <= now and (following is None or following > now):
        times = [armed]  # as nearly always: none was missed, and it is known already which one comes next
    else:
        times = occurrences(schedule.cron, "UTC", armed - 1, now, schedule.catch_up_limit)
        following = next_after(schedule.cron, "UTC", now)
    seen = [_tick(schedule, at) for at in times]
    fired = [tick for tick in seen if tick.fire_at <= now]
    late = [tick for tick in fired if tick.fire_at < now - GRACE]
    if late and schedule.catch_up == "none":
        fired = [tick for tick in fired if tick not in late]
    elif late and schedule.catch_up == "last":
        fired = fired[-1:]
    waiting = next((tick for tick in seen if tick.fire_at > now), None)
    return fired, waiting or (None if following is None else _tick(schedule, following))


def event_of(schedule: Schedule, tick: Tick, now: int, new_id: Callable[[int], str]) -> Event:
    """The event of a tick: `inngest/scheduled.timer`, with the schedule and the two times of the tick."""
    scheduled_at = _text(tick.scheduled_at)
    data = {"cron": schedule.cron, "scheduledAt": scheduled_at, "fireAt": _text(tick.fire_at)}
    return Event(new_id(now), SCHEDULED, json.dumps(data), tick.fire_at, scheduled_at, now)


def _tick(schedule: Schedule, scheduled_at: int) -> Tick:
    if not schedule.jitter:
        return Tick(scheduled_at, scheduled_at)
    following = next_after(schedule.cron, "UTC", scheduled_at)
    # A tick that fires after the next one would be fired again with it, or be taken for missed.
    longest = schedule.jitter if following is None else min(schedule.jitter, following - scheduled_at - 1)
    return Tick(scheduled_at, jittered(schedule.function_id, scheduled_at, longest))


def _text(ms: int) -> str:
    at = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
    return at.isoformat(timespec="milliseconds" if ms % 1000 else "seconds").replace("+00:00", "Z")
