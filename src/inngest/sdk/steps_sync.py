"""`ctx.step` and `ctx.group` of plain functions: the same API, without await."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar, TypeVarTuple, cast, overload

from .events import Event, batch_of
from .serializers import Unset
from .steps import ParallelMode, StepRunner, check_callables, ms, not_a_function, unix_ms
from .steps_waiting_sync import WaitingStepsSync

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
Ts = TypeVarTuple("Ts")


class Portal(Protocol):
    """The way from a function's thread to its invocation on the loop."""

    @property
    def runner(self) -> StepRunner:
        """Runs steps on the loop; handlers come back to the thread that waits."""
        ...

    def call(self, step_id: str, coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the loop and wait; meanwhile run, here, the handlers it asks for."""
        ...

    def parallel(self, callables: Sequence[Callable[[], T]]) -> tuple[T, ...]:
        """Run branches in threads of their own and wait for all."""
        ...


class StepSync(WaitingStepsSync):
    """The durable steps of a plain function. See `Step` for what each does."""

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal)
        self._portal = portal

    def run(
        self,
        step_id: str,
        handler: Callable[[*Ts], T],
        *handler_args: *Ts,
        output_type: object = Unset,
    ) -> T:
        """Run a plain function durably: with retries of its own, and never again once its result is recorded.

        Args:
            step_id: unique within the function; a repeat (in a loop) is counted.
            handler: a plain function. It returns what JSON can hold. For keyword arguments use `functools.partial`.
            *handler_args: positional arguments of the handler.
            output_type: the type by which the client's serializer keeps the value; not used without a serializer.

        Returns:
            What the handler returned, as JSON (and the serializer) gives it back: the first time as on every replay.

        Raises:
            StepError: the handler failed for good.
        """
        if not callable(handler):
            raise not_a_function(f'step "{step_id}"', handler)
        runner = self._portal.runner
        value = self._portal.call(step_id, lambda: runner.run(step_id, handler, handler_args, output_type))
        return cast("T", value)

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
