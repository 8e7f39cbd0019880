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
