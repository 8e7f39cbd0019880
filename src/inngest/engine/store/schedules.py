"""Timers of cron triggers: one per schedule, armed for its next tick."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from inngest.engine.domain import schedules, triggers
from inngest.engine.domain.function_rules import Schedule, rules_of
from inngest.engine.domain.model import Event, FunctionSpec
from inngest.engine.domain.schedules import Tick
from inngest.engine.domain.starts import Start

from . import cancelling
from .context import WriteContext
from .core import select, tables
from .statement import Statement, Transaction
from .timers import Timer, Timers

CRON = "cron"

AT_ONCE = 25
"""Ticks of a schedule that are fired in one transaction."""

UNFINISHED = Statement(
    "A tick finds those of its earlier runs that have not ended.",
    lambda words: select(tables.runs.c.id).where(
        words.any_of(tables.runs.c.id, "runs"), tables.runs.c.ended_at.is_(None)
    ),
)


def arm(timers: Timers, functions: Iterable[FunctionSpec], now: int, most: int) -> int:
    """See that each schedule has its timer. One that is there stays: it knows which ticks were missed.

    Arms `most` at once; how many it has armed.
    """
    armed = 0
    for function in functions:
        for schedule in rules_of(function.id, function.config).schedules:
            if armed == most or timers.has(CRON, schedule.key):
                continue
            first = schedules.first(schedule, now)
            armed += first is not None and timers.arm(CRON, schedule.key, first.fire_at, _payload(schedule, first, []))
    return armed


class Ticked(NamedTuple):
    """The ticks of a schedule that are due."""

    starts: Sequence[Start] = ()  # nothing of it is stored yet
    events: Sequence[Event] = ()  # nor this


def fire(context: WriteContext, timer: Timer, now: int) -> Ticked:
    """The runs of what is due of a schedule; and it is armed anew, if there still is such a schedule."""
    registry, ids = context.registry, context.ids
    function = registry.functions.get(timer.payload["function_id"])
    schedule = None if function is None else _found(function, timer.key)
    if function is None or schedule is None:
        return Ticked()
    ticks, following = schedules.due(schedule, timer.payload["scheduled_at"], now)
    if len(ticks) > AT_ONCE:  # the next page begins with the first that is left
        ticks, following = ticks[:AT_ONCE], ticks[AT_ONCE]
    running: list[str] = timer.payload["runs"]
    starts: list[Start] = []
    events: list[Event] = []
    for tick in ticks:
        if schedule.overlap != "allow":
            running = _unfinished(context, running) + [start.run.id for start in starts if start.run.id in running]
            if running and schedule.overlap == "skip":
                continue
            cancelling.cancel(context, running, "TriggerCron.overlap: the next tick has come", now)
            starts = [start for start in starts if start.run.id not in running]
        event = schedules.event_of(schedule, tick, now, ids.ulid)
        start = triggers.start(function, event, now, ids.ulid, paused=registry.paused.get(function.id))
        events.append(event)
        starts.append(start._replace(key="", due_at=now))  # a tick is fired once by its timer
        running = [start.run.id]
    _put(context.timers, schedule, following, running if schedule.overlap != "allow" else [])
    return Ticked(starts, events)


def _found(function: FunctionSpec, key: str) -> Schedule | None:
    return next((one for one in rules_of(function.id, function.config).schedules if one.key == key), None)


def _unfinished(tx: Transaction, run_ids: list[str]) -> list[str]:
    return [row[0] for row in tx.execute(UNFINISHED, {"runs": json.dumps(run_ids)}).fetchall()] if run_ids else []


def _put(timers: Timers, schedule: Schedule, tick: Tick | None, runs: list[str]) -> None:
    if tick is not None:
        timers.put(CRON, schedule.key, tick.fire_at, _payload(schedule, tick, runs))


def _payload(schedule: Schedule, tick: Tick, runs: list[str]) -> dict[str, object]:
    return {"function_id": schedule.function_id, "scheduled_at": tick.scheduled_at, "runs": runs}
