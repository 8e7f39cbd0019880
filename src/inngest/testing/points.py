"""Points in the life of runs, for `Engine.run_until`."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, NamedTuple

from inngest.sdk.function import Function

from .runs import Run, Runs


class StepPoint(NamedTuple):
    """Before the handler of a step."""

    step: str
    function_id: str | None  # of any


class TimePoint(NamedTuple):
    """A time."""

    when: datetime.datetime


class RunsPoint(NamedTuple):
    """Something that the runs show."""

    name: str  # for people
    reached: Callable[[Runs], bool]


Point = StepPoint | TimePoint | RunsPoint | Callable[[], bool]
"""What `Engine.run_until` takes: one of `at`, or a function that says whether it is reached."""


class at:  # noqa: N801 - it is read as a word: run_until(at.step("charge"))
    """Points in the life of runs."""

    @staticmethod
    def step(step: str, *, of: Function[Any] | None = None) -> StepPoint:
        """Before the handler of this step begins; of any function, or of one. The next verb lets it begin."""
        return StepPoint(step, None if of is None else of.id)

    @staticmethod
    def waiting(step: str) -> RunsPoint:
        """When this step of any run sleeps, waits, or is between two attempts."""
        open_states = ("sleeping", "waiting", "retrying")

        def reached(runs: Runs) -> bool:
            records = [one.steps.get(step) for one in runs.all() if not one.ended]
            return any(one is not None and one.status in open_states for one in records)

        return RunsPoint(f'step "{step}" waits', reached)

    @staticmethod
    def ended(run: Run[Any]) -> RunsPoint:
        """When this run is over."""
        return RunsPoint("the run has ended", lambda _: run.ended)

    @staticmethod
    def time(when: datetime.datetime) -> TimePoint:
        """When it is this time."""
        return TimePoint(when)
