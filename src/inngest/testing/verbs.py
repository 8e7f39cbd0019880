"""The verbs of a test's engine: what happens, and how time passes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from inngest.embedded import arguments, results
from inngest.embedded.errors import EngineConfigError
from inngest.protocol import durations
from inngest.sdk.events import Event, batch_of, to_sent
from inngest.sdk.function import Function
from inngest.sdk.steps.arguments import sent_signal

from .blocks import Block
from .driving import Driven
from .errors import NotReachedError
from .expect import state_of
from .life import Life, ms_of
from .model_stubs import ModelStubs
from .moments import moment
from .points import Point, RunsPoint, StepPoint, TimePoint
from .runs import Facts, Run, Runs
from .stubs import step_matcher

T = TypeVar("T")

WITHIN = datetime.timedelta(days=400)
"""How far verbs move the clock at most, if nobody says: further than any step may sleep or wait."""


class Idle(NamedTuple):
    """Nothing goes on by itself any more, as `Engine.run_until_idle` found it."""

    now: datetime.datetime  # aware, UTC
    unfinished: tuple[Run[Any], ...]  # wait for something from outside, are blocked or on hold


class Verbs:
    """See the module.

    Args:
        life: the engine, from its first verb to its end.
    """

    def __init__(self, life: Life) -> None:
        self._life = life
        self._facts = Facts(life.read, life.story, life.functions, life.began_at, life.logs)
        self._held: list[Block] = []  # of points, where runs stand until the next verb
        self.http = life.http
        self.ai = ModelStubs(life.http)
        self.runs = Runs(self._facts)

    async def _begin(self) -> Driven:
        """For a verb: the engine, where nothing stands at a point any more."""
        driven = await self._life.driven()
        held, self._held = self._held, []
        for block in held:
            self._life.handlers.remove_block(block)
        return driven

    # -- what happens

    async def send(self, events: Event | list[Event], *, settle: bool = True) -> list[str]:
        """Send events, and wait until all that follows at once has happened.

        Args:
            events: one or several.
            settle: False returns as soon as they are stored.

        Returns:
            Their ids, in order.

        Raises:
            EventInvalidError: an event cannot be accepted; none was stored.
        """
        sent = to_sent(batch_of(events))
        driven = await self._begin()
        ids = await driven.service.intake.send(sent)
        if settle:
            await self._settled(driven)
        return ids

    async def begin(self, fn: Function[T], *, data: Mapping[str, object] | None = None) -> Run[T]:
        """Start a run of a function, whatever its triggers, and wait until it waits, or has ended. No time passes.

        Args:
            fn: one of the engine's functions.
            data: the event's data.

        Returns:
            The run.

        Raises:
            EngineConfigError: an argument is wrong.
        """
        function_id = arguments.function_id_of(fn)
        text = arguments.data_of(data, fn.client.serializer)
        driven = await self._begin()
        started = await results.start(driven.service, function_id, text)
        await self._settled(driven)
        return Run(self._facts, started.id)

    async def invoke(
        self, fn: Function[T], *, data: Mapping[str, object] | None = None, within: datetime.timedelta = WITHIN
    ) -> T:
        """Start a run of a function, whatever its triggers, and move the clock until it has ended.

        Args:
            fn: one of the engine's functions.
            data: the event's data.
            within: how far the clock is moved at most.

        Returns:
            What it returned.

        Raises:
            RunFailedError: it failed.
            RunCancelledError: it was cancelled.
            RunSkippedError: it was not begun.
            NotReachedError: it did not end: it waits for something from outside, or for longer.
        """
        limit = self._limit(within)
        run = await self.begin(fn, data=data)
        await self._until(await self._begin(), f"the end of {fn.id}", lambda: run.ended, limit)
        return run.output

    async def cancel(self, run: Run[Any]) -> bool:
        """Cancel a run; whether it had not ended. See `inngest.Engine.cancel`."""
        driven = await self._begin()
        cancelled = await results.known(run.id, driven.service.control.cancel(run.id, "cancelled by Engine.cancel"))
        await self._settled(driven)
        return cancelled

    async def send_signal(self, signal: str, data: object = None) -> str | None:
        """Give a signal to the run that waits for it; that run's id, or None. See `inngest.Engine.send_signal`."""
        sent = sent_signal("send_signal", signal, data, None)
        driven = await self._begin()
        woken = await driven.service.control.signal(sent.name, sent.data)
        await self._settled(driven)
        return woken

    async def pause(self, fn: Function[Any], *, on_event: Literal["queue", "skip"] = "queue") -> None:
        """Have no run of a function begin or go on, until `resume`. See `inngest.Engine.pause`."""
        if on_event not in ("queue", "skip"):
            raise EngineConfigError(f'on_event: expected "queue" or "skip", got {on_event!r}')
        driven = await self._begin()
        await driven.service.control.pause(arguments.function_id_of(fn), on_event)
        await self._settled(driven)

    async def resume(self, fn: Function[Any]) -> None:
        """Have the runs of a function begin and go on again."""
        driven = await self._begin()
        await driven.service.control.resume(arguments.function_id_of(fn))
        await self._settled(driven)

    async def rerun(self, run: Run[T], from_step: str | None = None, input: object = None) -> Run[T]:
        """Run a run again; the new run. See `inngest.Engine.rerun`."""
        how = arguments.rerun_of(from_step, input)
        driven = await self._begin()
        found = await results.rerun(driven.service, run.id, how)
        await self._settled(driven)
        return Run(self._facts, found.id)

    # -- time

    @property
    def now(self) -> datetime.datetime:
        """The time by its clock; aware, UTC."""
        return datetime.datetime.fromtimestamp(self._life.now / 1000, datetime.UTC)

    async def settle(self) -> None:
        """Wait until all is quiet: functions wait, or have ended. No time passes.

        Raises:
            BusyError: code did not come to its end, or to its next step, within `handler_timeout`.
            EndlessError: functions are entered again and again, and no time passes.
        """
        await self._settled(await self._begin())

    async def advance(self, by: datetime.timedelta) -> None:
        """Move the clock, from one thing that is due to the next: steps go on, crons tick.

        Args:
            by: how far, over 0.
        """
        await self.advance_to(self.now + datetime.timedelta(milliseconds=_length("by", by)))

    async def advance_to(self, when: datetime.datetime) -> None:
        """Move the clock to a time, which is aware and not before now. See `advance`."""
        until = ms_of("when", when)
        if until < self._life.now:
            raise EngineConfigError(f"when: expected a time that is not before now, {self.now}, got {when}")
        driven = await self._begin()
        await driven.move_to(until)
        self.http.check()

    async def run_until_idle(self, *, within: datetime.timedelta = WITHIN) -> Idle:
        """Move the clock until nothing comes by itself any more, but ticks of crons.

        A run that waits for something from outside, and has no time limit, does not keep it, nor one that is blocked or
        on hold.

        Args:
            within: how far the clock is moved at most.

        Returns:
            What is left.

        Raises:
            NotReachedError: something is due later still.
        """
        limit = self._limit(within)
        driven = await self._begin()
        await self._settled(driven)
        while driven.pending:
            if not await driven.to_next(limit):
                raise NotReachedError(self._not_reached("the time at which nothing is due any more", limit))
            self.http.check()
        return Idle(self.now, tuple(one for one in self.runs.all() if not one.ended))

    async def run_until(self, point: Point, *, within: datetime.timedelta = WITHIN) -> None:
        """Move the clock until a point is reached: one of `inngest.testing.at`, or a function that says whether it is.

        Args:
            point: the point.
            within: how far the clock is moved at most.

        Raises:
            NotReachedError: nothing goes on by itself any more, or the time is over, and it was not reached.
        """
        if isinstance(point, TimePoint):
            await self.advance_to(point.when)
            return
        limit = self._limit(within)
        driven = await self._begin()
        if isinstance(point, StepPoint):
            matches = step_matcher(point.function_id, point.step, None)
            block = self._life.handlers.add_block(Block(matches))
            self._held.append(block)
            await self._until(driven, f'step "{point.step}"', lambda: block.reached, limit)
        elif isinstance(point, RunsPoint):
            await self._until(driven, point.name, lambda: point.reached(self.runs), limit)
        elif callable(point):
            await self._until(driven, getattr(point, "__name__", "the point"), point, limit)
        else:
            raise EngineConfigError(f"point: expected one of inngest.testing.at, or a function, got {point!r}")

    async def _settled(self, driven: Driven) -> None:
        await driven.settle()
        self.http.check()

    async def _until(self, driven: Driven, name: str, reached: Callable[[], bool], limit: int) -> None:
        await self._settled(driven)
        while not reached():
            if not driven.goes_on or not await driven.to_next(limit):
                raise NotReachedError(self._not_reached(name, limit))
            self.http.check()

    def _limit(self, within: datetime.timedelta) -> int:
        return self._life.now + _length("within", within)

    def _not_reached(self, name: str, limit: int) -> str:
        now, until = (moment(one - self._life.began_at) for one in (self._life.now, limit))
        lines = [f"{name} was not reached by {now}; the clock may be moved until {until}"]
        for run in self.runs.all():
            record = run.record
            if record.ended_at is None:
                is_now, goes_on = state_of(self._facts, record)
                lines.append(f"  {record.function_id}  {is_now}")
                if goes_on is not None:
                    lines.append(f"  goes on   {goes_on}")
        return "\n".join(lines)


def _length(name: str, value: object) -> int:
    """Milliseconds of a duration that is an argument.

    Raises:
        EngineConfigError: it is none, or not over 0.
    """
    if not isinstance(value, datetime.timedelta) or value <= datetime.timedelta(0):
        raise EngineConfigError(f"{name}: expected a timedelta over 0, got {value!r}")
    return durations.to_ms(value)
