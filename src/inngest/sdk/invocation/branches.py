"""Branches of an invocation: groups of async functions, on the loop; who has lost a race, and who was given up.

A branch that has lost is cancelled, as asyncio does it. One thing asyncio leaves open: a step whose result is being
recorded takes the cancellation, and gives its value. The branch would go on with its next step then, so
the cancellation is owed to it, and delivered at that step, or wherever else it waits next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from logging import Logger

from inngest.runtime.careful import CarefulLogger
from inngest.runtime.raised import EscapedError, class_name_of, ends_the_task, message_of


class Callers:
    """Tasks that have called a step, while the code had not come to all that was recorded.

    A branch that was given up does not come to what it had recorded: that is no sign of change.
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], None] = {}
        self._body: asyncio.Task[object] | None = None
        self._gave_up = False

    def add(self, task: asyncio.Task[object] | None) -> None:
        """A task has called a step."""
        if task is not None:
            self._tasks[task] = None

    def body(self, task: asyncio.Task[object] | None) -> None:
        """The task of the body: no branch."""
        self._body = task

    def is_body(self, task: asyncio.Task[object] | None) -> bool:
        """Whether a task is the body's."""
        return task is not None and task is self._body

    def lost(self) -> None:
        """A branch has lost a race."""
        self._gave_up = True

    def gave_up(self) -> bool:
        """Whether a branch was given up: it lost a race, or was cancelled."""
        return self._gave_up or any(task.cancelled() or task.cancelling() for task in self._tasks)

    def are_left(self) -> bool:
        """Whether a branch that has called a step goes on."""
        return any(not task.done() for task in self._tasks if task is not self._body)

    def clear(self) -> None:
        """The invocation is over."""
        self._tasks.clear()
        self._body = None


class LosingBranches:
    """The branches of one invocation that have lost a race and not come to their end.

    Args:
        told: called when a branch has lost.
    """

    def __init__(self, told: Callable[[], object]) -> None:
        self._told = told
        self.tasks: dict[asyncio.Task[object] | None, bool] = {}  # whether a step took the cancellation

    def add(self, task: asyncio.Task[object]) -> None:
        """A branch has lost: cancel it."""
        self._told()
        self.tasks[task] = False
        task.add_done_callback(lambda task: self.tasks.pop(task, None))
        task.cancel()

    def kept_result(self, task: asyncio.Task[object] | None) -> None:
        """A step has given its value to a branch that was cancelled meanwhile."""
        if task is not None and task in self.tasks:
            self.tasks[task] = True
            task.get_loop().call_soon(self._deliver, task)

    def check(self, task: asyncio.Task[object] | None) -> None:
        """A branch calls a step.

        Raises:
            asyncio.CancelledError: it has lost, and was not told yet.
        """
        if task is not None and self.tasks.get(task):
            self.tasks[task] = False
            raise asyncio.CancelledError

    def _deliver(self, task: asyncio.Task[object]) -> None:
        if self.tasks.get(task):
            self.tasks[task] = False
            task.cancel()


async def parallel(callables: Sequence[Callable[[], Awaitable[object]]]) -> tuple[object, ...]:
    """Run branches until all have finished, also if the call is given up; their values."""
    tasks = [asyncio.ensure_future(branch_of(branch)) for branch in callables]
    if not tasks:
        return ()
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await until_done(tasks)  # a cancel scope cancels again and again
        raise
    return tuple(result_of(task) for task in tasks)


async def race(
    callables: Sequence[Callable[[], Awaitable[object]]], losing: LosingBranches, logger: Logger
) -> tuple[int, object]:
    """Run branches until one has finished, take down the others, and wait for them. Its index and value."""
    tasks = [asyncio.ensure_future(branch_of(branch)) for branch in callables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        await _take_down(tasks, losing)
        raise
    winner = next(index for index, task in enumerate(tasks) if task.done())
    await _take_down([task for task in tasks if not task.done()], losing)
    for index, task in enumerate(tasks):
        if index != winner and not task.cancelled() and (error := task.exception()) is not None:
            log_loser(logger, index, error)
    return winner, result_of(tasks[winner])


def log_loser(logger: Logger, index: int, error: BaseException) -> None:
    """An error of a branch that has lost changes nothing; somebody may want to know."""
    if isinstance(error, Exception):
        name, text = class_name_of(error), message_of(error)
        CarefulLogger(logger).warning("group.race: callables[%d] lost, and raised %s: %s", index, name, text)


async def branch_of(branch: Callable[[], Awaitable[object]]) -> object:
    """A branch of a group, to be a task of its own. An exception that would end the loop there is raised by
    `result_of`.
    """
    try:
        return await branch()
    except Exception:
        raise
    except BaseException as error:
        if ends_the_task(error):
            raise
        raise EscapedError(error) from error


def result_of(task: asyncio.Task[object]) -> object:
    """The result of a branch.

    Raises:
        BaseException: what it raised.
    """
    try:
        return task.result()
    except EscapedError as error:
        raise error.original from None


async def until_done(tasks: Sequence[asyncio.Task[object] | asyncio.Future[object]]) -> bool:
    """Wait for tasks, whoever gives up waiting meanwhile; whether somebody did."""
    again = False
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError:
            again = True
    return again


async def _take_down(tasks: Sequence[asyncio.Task[object]], losing: LosingBranches) -> None:
    """Cancel branches, and wait for them, whoever gives up waiting meanwhile: no branch outlives its group."""
    for task in tasks:
        losing.add(task)
    again = await until_done(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen
    if again:
        raise asyncio.CancelledError
