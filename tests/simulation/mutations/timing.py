"""Bugs in what time it is, most for worlds in which the wall clock is set by hours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from unittest import mock

from inngest.engine.domain.advance import outcomes
from inngest.engine.domain.advance.draft import Draft
from inngest.engine.domain.model import Released
from inngest.engine.store import timers, times
from inngest.engine.store.sql import SqlStore
from inngest.protocol.calls import Yielded
from inngest.runtime.steady import Steady
from tests.simulation.ports import SimClock

from .planting import plant


@plant("P6", "hours")
def _time_stands_still_when_the_wall_clock_is_set_back() -> Iterator[AbstractContextManager[object]]:
    greatest: dict[Steady, int] = {}

    def at(steady: Steady, wall: int, monotonic: int) -> int:
        greatest[steady] = max(wall, greatest.get(steady, 0))
        return greatest[steady]

    yield mock.patch.object(Steady, "at", at)
    yield mock.patch.object(SimClock, "at_least", return_value=True)


@plant("P6", "hours")
def _an_engine_starts_by_the_wall_clock() -> Iterator[AbstractContextManager[object]]:
    async def unknown(_: SqlStore) -> int:
        return 0

    yield mock.patch.object(SqlStore, "greatest_time", unknown)


@plant("P6", "hours")
def _the_time_is_not_kept() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(times.Keeper, "keep")


@plant("P6", "momentary")
def _a_sleep_that_is_over_before_it_is_recorded_wakes_nobody() -> Iterator[AbstractContextManager[object]]:
    def yielded(draft: Draft, outcome: Yielded) -> None:
        draft.transition = Released(draft.now if outcome.at_once else draft.next_due(outcome.unreached))

    yield mock.patch.object(outcomes, "yielded", yielded)


@plant("P1", "timers", "gated", "clockwork", finders=("gates", "ticks", "P1", "P6"))
def _a_look_takes_all_timers_before_it_does_the_first() -> Iterator[AbstractContextManager[object]]:
    take_due = timers.Timers.take_due

    def at_once(of: timers.Timers, now: int, count: int, only: str | None = None) -> Iterator[timers.Timer]:
        return iter(list(take_due(of, now, count, only)))

    yield mock.patch.object(timers.Timers, "take_due", at_once)
