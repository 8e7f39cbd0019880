"""`ctx.step` and `ctx.group` of plain functions: the same API, without await."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, overload

from inngest.sdk.events import Event, batch_of

from .options import DEFAULT
from .step import ParallelMode, StepRunner, check_callables, ms, unix_ms
from .step_run_sync import AISync, HandlerPortal, StepsThatRunSync
from .steps_requesting_sync import InferringSync, RequestingStepsSync
from .steps_waiting_sync import WaitingStepsSync

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")


class Portal(HandlerPortal, Protocol):
    """The way from a function's thread to its invocation on the loop."""

    @property
    def runner(self) -> StepRunner:
        """Runs steps on the loop; handlers come back to the thread that waits."""
        ...

    def parallel(self, callables: Sequence[Callable[[], T]]) -> tuple[T, ...]:
        """Run branches in threads of their own and wait for all."""
        ...

    def race(self, callables: Sequence[Callable[[], T]]) -> tuple[int, T]:
        """Run branches in threads of their own until one has finished."""
        ...


class ModelStepsSync(AISync, InferringSync):
    """Steps that call models: with code of your own, or by the engine."""

    def __init__(self, portal: Portal) -> None:
        AISync.__init__(self, portal, DEFAULT)
        InferringSync.__init__(self, portal)


class StepSync(StepsThatRunSync, WaitingStepsSync, RequestingStepsSync):
    """The durable steps of a plain function. See `Step` for what each does."""

    _portal: Portal

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal)
        WaitingStepsSync.__init__(self, portal)
        RequestingStepsSync.__init__(self, portal)

    @property
    def ai(self) -> ModelStepsSync:
        """Steps that call models."""
        return ModelStepsSync(self._portal)

    def sleep(self, step_id: str, duration: int | datetime.timedelta) -> None:
        """Sleep durably for milliseconds or a timedelta. See `Step.sleep`."""
        runner, length = self._portal.runner, ms(step_id, duration)
        self._portal.call(step_id, lambda: runner.sleep(step_id, duration=length, until=None))

    def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """Sleep durably until a time. See `Step.sleep_until`."""
        runner, when = self._portal.runner, unix_ms(step_id, until)
        self._portal.call(step_id, lambda: runner.sleep(step_id, duration=None, until=when))

    def send_event(self, step_id: str, events: Event | Sequence[Event]) -> list[str]:
        """Send events, once. See `Step.send_event`."""
        runner, batch = self._portal.runner, batch_of(events)
        return self._portal.call(step_id, lambda: runner.send_event(step_id, batch))


class GroupSync:
    """Groups of steps in a plain function."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    @overload
    def parallel(
        self,
        callables: tuple[Callable[[], T1]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1]: ...

    @overload
    def parallel(
        self,
        callables: tuple[Callable[[], T1], Callable[[], T2]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1, T2]: ...

    @overload
    def parallel(
        self,
        callables: tuple[Callable[[], T1], Callable[[], T2], Callable[[], T3]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1, T2, T3]: ...

    @overload
    def parallel(
        self,
        callables: tuple[Callable[[], T1], Callable[[], T2], Callable[[], T3], Callable[[], T4]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1, T2, T3, T4]: ...

    @overload
    def parallel(
        self,
        callables: tuple[Callable[[], T1], Callable[[], T2], Callable[[], T3], Callable[[], T4], Callable[[], T5]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T1, T2, T3, T4, T5]: ...

    @overload
    def parallel(
        self,
        callables: Sequence[Callable[[], T]],
        parallel_mode: ParallelMode = ...,
    ) -> tuple[T, ...]: ...

    def parallel(
        self,
        callables: Sequence[Callable[[], object]],
        parallel_mode: ParallelMode = ParallelMode.WAIT,
    ) -> tuple[object, ...]:
        """Run branches in threads and wait for all of them. Their handlers run concurrently; the code between steps
        runs one branch at a time, so that every replay goes the same way. See `Group.parallel`.
        """
        check_callables(callables)
        ParallelMode(parallel_mode)
        return self._portal.parallel(callables)

    @overload
    def race(self, callables: tuple[Callable[[], T1], Callable[[], T2]]) -> tuple[int, T1 | T2]: ...

    @overload
    def race(
        self, callables: tuple[Callable[[], T1], Callable[[], T2], Callable[[], T3]]
    ) -> tuple[int, T1 | T2 | T3]: ...

    @overload
    def race(
        self, callables: tuple[Callable[[], T1], Callable[[], T2], Callable[[], T3], Callable[[], T4]]
    ) -> tuple[int, T1 | T2 | T3 | T4]: ...

    @overload
    def race(
        self, callables: tuple[Callable[[], T1], Callable[[], T2], Callable[[], T3], Callable[[], T4], Callable[[], T5]]
    ) -> tuple[int, T1 | T2 | T3 | T4 | T5]: ...

    @overload
    def race(self, callables: Sequence[Callable[[], T]]) -> tuple[int, T]: ...

    def race(self, callables: Sequence[Callable[[], object]]) -> tuple[int, object]:
        """Run branches in threads until the first has finished; take down the others. See `Group.race`.

        A plain handler that runs in another branch is asked to stop, see `inngest.current_step()`; the call returns
        when it has ended.
        """
        check_callables(callables, "group.race")
        if not callables:
            raise TypeError("group.race: expected at least one function, got none")
        return self._portal.race(callables)
