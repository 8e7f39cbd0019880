"""Plain functions: their body runs in a thread, what decides about their steps runs on the loop.

A thread that calls a step waits on its mailbox. The loop sends back either a handler, to be run in the caller's own
thread, or the answer. So that every replay goes the same way, the code between steps runs in one thread at a time: the
scheduler does not give a turn while any thread is in its body.

Threads that the function has started itself may call steps too. Nobody sees what they do between calls, so the order of
theirs is their own matter; while such a call is open, the threads that are seen count as waiting for it.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

from inngest.protocol.opcodes import OpTarget
from inngest.protocol.steps import StepName
from inngest.runtime.ports import Mailbox, Threads
from inngest.runtime.raised import EscapedError, contained
from inngest.sdk.errors import EndOfInvocation, NestedStepError, StepOutsideError
from inngest.sdk.serializers import Serializer
from inngest.sdk.steps.calls import RACE, WAIT, StepRequest
from inngest.sdk.steps.current import RUNNING
from inngest.sdk.work import Work, drive_sync

from .branches import log_loser
from .invocation import Invocation

T = TypeVar("T")
R = TypeVar("R")

WAVE = 32
"""Branches of one `group.parallel` that are under way at a time. A constant, because the order in which branches
begin decides how repeated step ids are counted, in every replay alike."""

LISTEN = 1.0
"""Seconds after which a thread that the function has started itself looks whether the loop is still there."""


class _Answer:
    """Ends the wait of a thread."""

    def __init__(self, task: asyncio.Task[Any], lost: bool) -> None:
        self.task = task
        self.lost = lost  # the branch has lost a race: its code is unwound


class _Branch:
    """One thread of a plain function, and the place where work of its steps is done.

    Args:
        portal: the way to the loop.
        mailbox: where the thread waits.
        aside: the function has started the thread itself, and this is for one call.
    """

    def __init__(self, portal: SyncPortal, mailbox: Mailbox, *, aside: bool = False) -> None:
        self.portal = portal
        self.mailbox = mailbox
        self.aside = aside
        self.task: asyncio.Task[Any] | None = None  # its step, or group, on the loop
        self.inner: list[_Branch] = []  # the branches of its group
        self.lost = False  # it has lost a race, and was not told yet
        self._at_work = False  # its thread runs a handler
        self._when_free: Callable[[], object] | None = None  # to call when it does no more

    def lose(self) -> None:
        """Another branch has won: end its step as soon as may be, and then its code."""
        self.lost = True
        invocation = self.portal.invocation
        invocation.scheduler.callers.lost()
        for call in [call for call in invocation.scheduler.calls.values() if call.task is self.task]:
            invocation.abandon(call)
        for branch in self.inner:
            branch.lose()

    async def do(self, work: Work[R], task: asyncio.Task[Any] | None = None) -> R:
        """Have the thread, which waits for its step, do it."""
        result: asyncio.Future[R] = self.portal.loop.create_future()

        def job() -> None:
            try:
                if self.portal.invocation.scheduler.ending is not None:
                    work.close()
                    raise EndOfInvocation  # it was over before the thread had come here
                value = drive_sync(work)
            except BaseException as error:
                self.portal.post(self._back, _fail, result, error)
            else:
                self.portal.post(self._back, _succeed, result, value)

        self._at_work = True
        if self.aside:
            self.portal.begins()
        self.portal.threads.send(self.mailbox, job)
        return await result

    def when_free(self, call: Callable[[], object]) -> None:
        """Call back when the thread has returned from what it does."""
        if self._at_work:
            self._when_free = call
        else:
            call()

    def _back(self, conclude: Callable[..., object], *args: object) -> None:
        """The thread has returned from it."""
        self._at_work = False
        if self.aside:
            self.portal.returns(conclude, *args)
        else:
            conclude(*args)
        call, self._when_free = self._when_free, None
        if call is not None:
            call()


class SyncPortal:
    """The way between the threads of one invocation and the loop."""

    def __init__(self, invocation: Invocation, threads: Threads) -> None:
        self.invocation = invocation
        self.loop = invocation.loop
        self.threads = threads
        self._local = threading.local()
        self._thread = threading.get_ident()  # the loop's
        self._set: dict[contextvars.ContextVar[Any], Any] | None = {}  # what middleware sets, the body sees
        self._at_work = 0  # threads that have not returned
        self._returned: list[Callable[[], object]] = []  # to call when all have

    # -- on the loop

    async def body(self, handler: Callable[[], object]) -> object:
        """Run the function's body in a thread."""
        return await self._begin(handler)

    async def do(self, work: Work[R], task: asyncio.Task[Any] | None = None) -> R:
        """Do work outside of steps, such as middleware, in a thread of its own."""
        result: asyncio.Future[R] = self.loop.create_future()

        def job() -> None:
            try:
                value = self._in_context(lambda: drive_sync(work))
            except BaseException as error:
                self.post(self.returns, _fail, result, error)
            else:
                self.post(self.returns, _succeed, result, value)

        self.begins()
        self.threads.start(job)
        return await result

    def close(self) -> None:
        """The invocation is over: what it has set leads back to it, and would be garbage."""
        self._set = None

    def _in_context(self, work: Callable[[], T]) -> T:
        """Do work in this thread, with the context variables that work of the invocation has set before."""
        for variable, value in (self._set or {}).items():
            variable.set(value)
        before = contextvars.copy_context()
        try:
            return work()
        finally:
            after = contextvars.copy_context()
            if self._set is not None:
                changed = {name: value for name, value in after.items() if before.get(name, before) is not value}
                self._set = {**self._set, **changed}

    @property
    def at_work(self) -> bool:
        """Whether threads of it have not returned: nothing interrupts them, so they may outlive the invocation."""
        return self._at_work > 0

    def when_free(self, call: Callable[[], object]) -> None:
        """Call back on the loop when all its threads have returned."""
        if self._at_work:
            self._returned.append(call)
        else:
            call()

    def begins(self) -> None:
        """A thread begins to work for it."""
        self._at_work += 1

    def returns(self, conclude: Callable[..., object], *args: object) -> None:
        """A thread has returned."""
        self._at_work -= 1
        conclude(*args)
        if not self._at_work:
            returned, self._returned = self._returned, []
            for call in returned:
                call()

    def post(self, callback: Callable[..., object], *args: object) -> bool:
        """Call on the loop, from any thread; False if that is closed, which has no use for it."""
        try:
            self.loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return False
        return True

    def _begin(self, work: Callable[[], T], parent: _Branch | None = None) -> asyncio.Future[T]:
        """Start a thread in user code."""
        result: asyncio.Future[T] = self.loop.create_future()
        branch = _Branch(self, self.threads.mailbox())
        if parent is not None:
            parent.inner.append(branch)
            result.add_done_callback(lambda _: parent.inner.remove(branch))

        def main() -> None:
            self._local.branch = branch
            try:
                if self.invocation.scheduler.ending is not None:
                    raise EndOfInvocation  # it was over before the thread had come here
                value = self._in_context(work) if parent is None else work()
            except BaseException as error:
                self.post(self.returns, self._ended, result, None, contained(error))
            else:
                self.post(self.returns, self._ended, result, value, None)
            finally:
                del self._local.branch

        self.invocation.scheduler.enter()
        self.begins()
        self.threads.start(main, branch=parent is not None)
        return result

    def _ended(self, result: asyncio.Future[T], value: T, error: BaseException | None) -> None:
        self.invocation.scheduler.leave()
        if error is not None:
            _fail(result, error)
        else:
            _succeed(result, value)

    def _called(self, branch: _Branch, coroutine: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        if branch.aside:
            self.invocation.called_aside()
        else:
            self.invocation.scheduler.leave()
        task = branch.task = self.loop.create_task(coroutine())
        task.add_done_callback(lambda task: self._answered(branch, task))

    def _answered(self, branch: _Branch, task: asyncio.Task[Any]) -> None:
        if branch.aside:
            self.invocation.scheduler.leave_aside()
        else:
            self.invocation.scheduler.enter()
        branch.task = None
        lost, branch.lost = branch.lost, False
        if lost and not task.cancelled():
            task.exception()  # seen: nobody is told
        self.threads.send(branch.mailbox, _Answer(task, lost))

    async def _branches(self, parent: _Branch, callables: Sequence[Callable[[], T]]) -> tuple[T, ...]:
        """Begin the branches one by one, each when the one before has come to its first step; wait for all."""
        scheduler = self.invocation.scheduler
        begun: list[asyncio.Future[T]] = []
        for work in callables:
            while sum(not one.done() for one in begun) >= WAVE:
                await asyncio.wait([one for one in begun if not one.done()], return_when=asyncio.FIRST_COMPLETED)
            await scheduler.rest()
            if parent.lost:
                break
            begun.append(self._begin(work, parent))
        if begun:
            await asyncio.wait(begun)
            for one in begun:
                one.exception()  # seen, also those that are not raised below
        return tuple(one.result() for one in begun)

    async def _race(self, parent: _Branch, callables: Sequence[Callable[[], T]]) -> tuple[int, T]:
        """Begin the branches as `_branches` does, until one has finished; then take down the others."""
        begun: list[asyncio.Future[T]] = []
        for work in callables:
            await self.invocation.scheduler.rest()
            if parent.lost or any(one.done() for one in begun):
                break
            begun.append(self._begin(work, parent))
        if not begun:
            raise EndOfInvocation
        await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
        winner = next(index for index, one in enumerate(begun) if one.done())
        for branch in list(parent.inner):
            branch.lose()
        await asyncio.wait(begun)
        for index, one in enumerate(begun):
            error = one.exception()
            if index != winner and error is not None:
                log_loser(self.invocation.function.client.logger, index, error)
        return winner, begun[winner].result()

    # -- in a thread

    @property
    def app_id(self) -> str:
        """See `Caller.app_id`."""
        return self.invocation.app_id

    @property
    def serializer(self) -> Serializer | None:
        """See `Caller.serializer`."""
        return self.invocation.serializer

    @property
    def facts(self) -> Mapping[str, object]:
        """See `Caller.facts`."""
        return self.invocation.facts

    def step(self, request: StepRequest) -> object:
        """See `Caller.step`."""
        branch = self._branch(f'step "{request.step_id}"')
        return self.call(request.step_id, lambda: self.invocation.answer(branch, request))

    def defer(self, defer_id: str, target: OpTarget) -> StepName:
        """See `Caller.defer`: the thread does not touch what the loop reads."""

        async def defer() -> StepName:
            return self.invocation.defer(defer_id, target)

        return self.call(defer_id, defer, "ctx.defer")

    def abort(self, step: StepName) -> None:
        """See `Caller.abort`."""

        async def abort() -> None:
            self.invocation.abort(step)

        self.call(step.text, abort, "ctx.defer")

    def patched(self, patch_id: str) -> bool:
        """See `Caller.patched`."""

        async def patched() -> bool:
            return self.invocation.patched(patch_id)

        return self.call(patch_id, patched, "ctx.patched")

    def call(self, name: str, coroutine: Callable[[], Coroutine[Any, Any, T]], call: str = "step") -> T:
        """Run a coroutine on the loop and wait; meanwhile run here what it sends.

        Args:
            name: what the user has named: the id of a step, of a defer, of a change.
            coroutine: makes it.
            call: what the user has called.
        """
        branch = self._branch(f'{call} "{name}"')
        running = RUNNING.get()
        if running is not None and running.invocation is self.invocation:
            running.nested = NestedStepError(name, running.id, call)
            raise running.nested
        if not branch.aside:
            return self._wait(branch, coroutine)
        try:
            return self._wait(branch, coroutine)
        except EndOfInvocation:
            if threading.current_thread() is threading.main_thread():
                raise
            raise SystemExit(f"{call} {name!r} goes on with another entry into its function") from None
        finally:
            del self._local.branch  # a thread of theirs keeps nothing of it

    def _wait(self, branch: _Branch, coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if not self.post(self._called, branch, coroutine):
            raise EndOfInvocation
        while True:
            message = self._heard(branch.mailbox) if branch.aside else branch.mailbox.get()
            if isinstance(message, _Answer):
                if message.lost:
                    raise EndOfInvocation
                return cast("T", _result(message.task))
            assert callable(message)
            message()

    def _heard(self, mailbox: Mailbox) -> object:
        """The next message for a thread of theirs. A loop that closes drops what it has not come to; the process would
        wait for the thread at its exit.
        """
        while True:
            try:
                return mailbox.get(timeout=LISTEN)
            except queue.Empty:
                if self.loop.is_closed():
                    raise EndOfInvocation from None

    def parallel(self, callables: Sequence[Callable[[], T]], pace: str = WAIT) -> tuple[T, ...]:
        """Run branches in threads of their own and wait for all."""
        branch = self._branch("group.parallel")
        return self.call("group.parallel", lambda: self._branches(branch, self.invocation.grouped(callables, pace)))

    def race(self, callables: Sequence[Callable[[], T]]) -> tuple[int, T]:
        """Run branches in threads of their own until one has finished."""
        branch = self._branch("group.race")
        return self.call("group.race", lambda: self._race(branch, self.invocation.grouped(callables, RACE)))

    def _branch(self, what: str) -> _Branch:
        branch = getattr(self._local, "branch", None)
        if isinstance(branch, _Branch):
            return branch
        if threading.get_ident() == self._thread:
            raise StepOutsideError(
                f"{what} of a plain function was called in the thread of the engine's event loop, which must not wait"
            )
        branch = self._local.branch = _Branch(self, self.threads.mailbox(), aside=True)
        return branch


def _result(task: asyncio.Task[T]) -> T:
    if task.cancelled():
        raise EndOfInvocation
    try:
        return task.result()
    except EscapedError as error:  # of a branch: on the loop it would have ended that
        raise error.original from None


def _succeed(result: asyncio.Future[R], value: R) -> None:
    if not result.done():
        result.set_result(value)


def _fail(result: asyncio.Future[R], error: BaseException) -> None:
    if result.done():
        return
    if issubclass(type(error), StopIteration):  # a future cannot hold it
        error = RuntimeError(f"raised StopIteration: {error}")
    result.set_exception(error)
    result.exception()  # seen: who waited for it may have gone
