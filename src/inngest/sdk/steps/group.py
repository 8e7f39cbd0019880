"""`ctx.group`: branches of steps, of async and of plain functions."""

from __future__ import annotations

import enum
import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast, overload

from inngest.sdk.errors import StepArgumentError

from . import arguments
from .calls import LoopCaller, ThreadCaller, noted

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


class Group:
    """Groups of steps in an async function."""

    def __init__(self, caller: LoopCaller) -> None:
        self._caller = caller

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
        arguments.check_callables(callables)
        pace = ParallelMode(parallel_mode).value
        values = await self._caller.parallel(_branches("group.parallel", callables), pace)
        return cast("tuple[object, ...]", values)

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
        arguments.check_callables(callables, "group.race")
        if not callables:
            raise StepArgumentError("group.race: expected at least one function, got none")
        return cast("tuple[int, object]", await self._caller.race(_branches("group.race", callables)))


class GroupSync:
    """Groups of steps in a plain function."""

    def __init__(self, caller: ThreadCaller) -> None:
        self._caller = caller

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
        arguments.check_callables(callables)
        pace = ParallelMode(parallel_mode).value
        return cast("tuple[object, ...]", self._caller.parallel(callables, pace))

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
        arguments.check_callables(callables, "group.race")
        if not callables:
            raise StepArgumentError("group.race: expected at least one function, got none")
        return cast("tuple[int, object]", self._caller.race(callables))


def _branches(where: str, callables: Sequence[Branch[T]]) -> list[Callable[[], Awaitable[T]]]:
    return [functools.partial(_begin, f"{where}: callables[{index}]", one) for index, one in enumerate(callables)]


async def _begin(where: str, branch: Callable[[], Awaitable[T]]) -> T:
    """Call a branch in its own task, so that one that cannot be called leaves the others alone."""
    begun = branch()
    if not inspect.isawaitable(begun):
        raise StepArgumentError(f"{where} gave {begun!r}: expected an awaitable, such as a step's")
    return await begun
