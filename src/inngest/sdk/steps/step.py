"""`ctx.step` and `ctx.group` of async functions. Thin: they name the step and hand it to the invocation."""

from __future__ import annotations

import datetime
import enum
import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar, overload

from inngest.protocol import durations
from inngest.sdk.events import Event, batch_of

from .options import DEFAULT
from .step_run import AI, HandlerRunner, StepsThatRun, not_a_function
from .steps_requesting import Inferring, RequestingSteps
from .steps_waiting import WaitingSteps, WaitRunner
from .unawaited import noted

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")

Branch = Callable[[], Awaitable[T]]


class ParallelMode(enum.Enum):
    """How a server paces the branches of `group.parallel`; in process all branches run concurrently either way."""

    WAIT = "wait"
    RACE = "race"


class StepRunner(HandlerRunner, WaitRunner, Protocol):
    """What steps need of their invocation. Every method is a coroutine on the invocation's loop."""

    async def sleep(self, step_id: str, *, duration: int | None, until: int | None) -> None:
        """A `step.sleep` (milliseconds) or `step.sleep_until` (unix ms)."""
        ...

    async def send_event(self, step_id: str, events: Sequence[Event]) -> list[str]:
        """A `step.send_event`."""
        ...

    async def parallel(self, callables: Sequence[Callable[[], Awaitable[object]]]) -> tuple[object, ...]:
        """A `group.parallel`."""
        ...

    async def race(self, callables: Sequence[Callable[[], Awaitable[object]]]) -> tuple[int, object]:
        """A `group.race`."""
        ...


def unix_ms(step_id: str, until: datetime.datetime) -> int:
    """Unix ms of a datetime; a naive one is taken as local time.

    Raises:
        TypeError: not a datetime. Names the step.
    """
    if not isinstance(until, datetime.datetime):
        raise TypeError(f'step "{step_id}": sleep_until expects a datetime, got {type(until).__name__}')
    return round(until.timestamp() * 1000)


def ms(step_id: str, duration: durations.Duration) -> int:
    """Milliseconds of a duration.

    Raises:
        TypeError: not a duration. Names the step.
    """
    try:
        return durations.to_ms(duration)
    except TypeError as error:
        raise TypeError(f'step "{step_id}": {error}') from None


def check_callables(callables: object, where: str = "group.parallel") -> None:
    """What a group takes.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(callables, tuple | list):
        raise TypeError(f"{where}: expected a tuple of functions without arguments, got {callables!r}")
    for index, branch in enumerate(callables):
        if not callable(branch):
            raise not_a_function(f"{where}: callables[{index}]", branch)


class ModelSteps(AI, Inferring):
    """Steps that call models: with code of your own, or by the engine."""

    _runner: StepRunner

    def __init__(self, runner: StepRunner) -> None:
        AI.__init__(self, runner, DEFAULT)
        Inferring.__init__(self, runner)


class Step(StepsThatRun, WaitingSteps, RequestingSteps):
    """The durable steps of an async function."""

    _runner: StepRunner

    def __init__(self, runner: StepRunner) -> None:
        super().__init__(runner)
        WaitingSteps.__init__(self, runner)
        RequestingSteps.__init__(self, runner)

    @property
    def ai(self) -> ModelSteps:
        """Steps that call models."""
        return ModelSteps(self._runner)

    @noted("step.sleep")
    async def sleep(self, step_id: str, duration: int | datetime.timedelta) -> None:
        """Sleep durably: the run is a row meanwhile, not a coroutine.

        Args:
            step_id: unique within the function.
            duration: milliseconds or timedelta, at most 366 days; zero or less does not sleep.

        Raises:
            TimeoutTooLongError: longer than 366 days.
        """
        await self._runner.sleep(step_id, duration=ms(step_id, duration), until=None)

    @noted("step.sleep_until")
    async def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """Sleep durably until a time.

        Args:
            step_id: unique within the function.
            until: a naive datetime is taken as local time; a time in the past does not sleep.

        Raises:
            TimeoutTooLongError: more than 366 days ahead.
        """
        await self._runner.sleep(step_id, duration=None, until=unix_ms(step_id, until))

    @noted("step.send_event")
    async def send_event(self, step_id: str, events: Event | Sequence[Event]) -> list[str]:
        """Send events, once: they are stored in the same transaction as the step's result.

        Args:
            step_id: unique within the function.
            events: one or several.

        Returns:
            The events' ids, in order.

        Raises:
            StepError: an event cannot be accepted; none was stored.
        """
        return await self._runner.send_event(step_id, batch_of(events))


class Group:
    """Groups of steps in an async function."""

    def __init__(self, runner: StepRunner) -> None:
        self._runner = runner

    @overload
    async def parallel(
        self,
        callables: tuple[Branch[T1]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1]: ...

    @overload
    async def parallel(
        self,
        callables: tuple[Branch[T1], Branch[T2]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1, T2]: ...

    @overload
    async def parallel(
        self,
        callables: tuple[Branch[T1], Branch[T2], Branch[T3]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1, T2, T3]: ...

    @overload
    async def parallel(
        self,
        callables: tuple[Branch[T1], Branch[T2], Branch[T3], Branch[T4]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1, T2, T3, T4]: ...

    @overload
    async def parallel(
        self,
        callables: tuple[Branch[T1], Branch[T2], Branch[T3], Branch[T4], Branch[T5]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1, T2, T3, T4, T5]: ...

    @overload
    async def parallel(
        self,
        callables: Sequence[Branch[T]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T, ...]: ...

    @noted("group.parallel")
    async def parallel(
        self,
        callables: Sequence[Branch[object]],
        parallel_mode: ParallelMode = ParallelMode.WAIT,
    ) -> tuple[object, ...]:
        """Run branches concurrently and wait for all of them.

        Args:
            callables: functions without arguments, each of which may call several steps.
            parallel_mode: how a server paces them; both modes wait for all results.

        Returns:
            The branches' results, in order.

        Raises:
            StepError: a step of a branch failed for good and the branch did not catch it. Raised when all branches
                have come to their end; of several errors, that of the first branch in order.
        """
        check_callables(callables)
        ParallelMode(parallel_mode)
        return await self._runner.parallel(_branches("group.parallel", callables))

    @overload
    async def race(self, callables: tuple[Branch[T1], Branch[T2]]) -> tuple[int, T1 | T2]: ...

    @overload
    async def race(self, callables: tuple[Branch[T1], Branch[T2], Branch[T3]]) -> tuple[int, T1 | T2 | T3]: ...

    @overload
    async def race(
        self, callables: tuple[Branch[T1], Branch[T2], Branch[T3], Branch[T4]]
    ) -> tuple[int, T1 | T2 | T3 | T4]: ...

    @overload
    async def race(
        self, callables: tuple[Branch[T1], Branch[T2], Branch[T3], Branch[T4], Branch[T5]]
    ) -> tuple[int, T1 | T2 | T3 | T4 | T5]: ...

    @overload
    async def race(self, callables: Sequence[Branch[T]]) -> tuple[int, T]: ...

    @noted("group.race")
    async def race(self, callables: Sequence[Branch[object]]) -> tuple[int, object]:
        """Run branches concurrently until the first has finished; take down the others.

        The branch that finishes first wins, also in every replay. The others are cancelled: their waits and sleeps are
        closed, a handler that runs is cancelled, and their `finally` blocks run, steps in them too. A step whose
        handler had returned is recorded; its branch ends after it.

        Args:
            callables: functions without arguments, each of which may call several steps. At least one.

        Returns:
            The index of the branch that won, and its result. When all others have come to their end.

        Raises:
            StepError: the branch that finished first failed, and did not catch it.
        """
        check_callables(callables, "group.race")
        if not callables:
            raise TypeError("group.race: expected at least one function, got none")
        return await self._runner.race(_branches("group.race", callables))


def _branches(where: str, callables: Sequence[Branch[T]]) -> list[Callable[[], Awaitable[T]]]:
    return [functools.partial(_begin, f"{where}: callables[{index}]", one) for index, one in enumerate(callables)]


async def _begin(where: str, branch: Callable[[], Awaitable[T]]) -> T:
    """Call a branch in its own task, so that one that cannot be called leaves the others alone."""
    begun = branch()
    if not inspect.isawaitable(begun):
        raise TypeError(f"{where} gave {begun!r}: expected an awaitable, such as a step's")
    return await begun
