"""The steps of an invocation as `ctx.step` sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.steps import StepName
from inngest.sdk.events import Event
from inngest.sdk.serializers import Serializer, Unset, type_of
from inngest.sdk.steps.arguments import WaitRequest
from inngest.sdk.steps.options import DEFAULT, StepOptions
from inngest.sdk.steps.unawaited import MadeCalls
from inngest.sdk.work import Driver, Work

from . import race
from .invocation import Invocation


class _Attempts:
    """The attempts at a handler. One waits with each step that is recorded: one object instead of a closure's six."""

    __slots__ = ("_args", "_handler", "_invocation", "_options", "kept_as")

    def __init__(
        self,
        invocation: Invocation,
        handler: Callable[..., object],
        args: tuple[object, ...],
        options: StepOptions,
    ) -> None:
        self._invocation = invocation
        self._handler = handler
        self._args = args
        self.kept_as: object = Unset
        self._options = options

    def __call__(self, step: StepName, number: int) -> Work[Op]:
        invocation, options = self._invocation, self._options
        running = invocation.begins(step, number, options.timeout)
        return invocation.values.attempt(running, step, self._handle, self.kept_as, options)

    def _handle(self) -> object:
        return self._handler(*self._args)


class Runner:
    """The steps of one driver: the loop, or one thread."""

    def __init__(self, invocation: Invocation, driver: Driver) -> None:
        self._invocation = invocation
        self._driver = driver

    def run(
        self,
        step_id: str,
        handler: Callable[..., object],
        args: tuple[object, ...],
        output_type: object,
        options: StepOptions = DEFAULT,
    ) -> Coroutine[Any, Any, object]:
        """See `StepRunner.run`."""
        invocation = self._invocation
        attempts = _Attempts(invocation, handler, args, options)
        coroutine: Coroutine[Any, Any, object]
        if invocation.function.client.serializer is None:
            coroutine = invocation.step(self._driver, step_id, attempts, once=options.once)
        else:
            coroutine = self._run_typed(step_id, handler, attempts, output_type, options)
        invocation.made[attempts] = coroutine, options.kind or "step.run", step_id
        return coroutine

    async def _run_typed(
        self,
        step_id: str,
        handler: Callable[..., object],
        attempts: _Attempts,
        output_type: object,
        options: StepOptions,
    ) -> object:
        invocation = self._invocation
        invocation.made.pop(attempts, None)
        attempts.kept_as = type_of(invocation.function.client.serializer, output_type, handler)
        return await invocation.step(self._driver, step_id, attempts, attempts.kept_as, once=options.once)

    @property
    def made(self) -> MadeCalls:
        """Calls that were made, and have not begun."""
        return self._invocation.made

    async def sleep(self, step_id: str, *, duration: int | None, until: int | None) -> None:
        """See `StepRunner.sleep`."""
        await self._invocation.sleep(self._driver, step_id, duration, until)

    async def send_event(self, step_id: str, events: Sequence[Event]) -> list[str]:
        """See `StepRunner.send_event`."""
        invocation = self._invocation
        fresh = False

        def attempt(step: StepName, number: int) -> Work[Op]:
            nonlocal fresh
            fresh = True
            return invocation.values.sending(invocation.call.run_id, step, number, events)

        value = await invocation.step(self._driver, step_id, attempt)
        ids = [str(one) for one in value] if isinstance(value, list) else []
        if fresh and invocation.hooks:
            await self._driver.do(invocation.values.sent(ids))
        return ids

    @property
    def app_id(self) -> str:
        """The app of the function."""
        return self._invocation.function.client.app_id

    @property
    def serializer(self) -> Serializer | None:
        """The client's."""
        return self._invocation.function.client.serializer

    async def wait(self, step_id: str, waiting: WaitRequest) -> object:
        """See `WaitRunner.wait`."""
        wanted = waiting.target
        if waiting.ago is not None:
            wanted = wanted._replace(since=self._invocation.now - waiting.ago)
        return await self._invocation.wait(self._driver, step_id, waiting.kind, wanted, waiting.timeout)

    async def send_signal(self, step_id: str, signal: OpTarget) -> str | None:
        """See `WaitRunner.send_signal`."""
        value = await self._invocation.report(self._driver, step_id, Opcode.SEND_SIGNAL, signal)
        return None if value is None else str(value)

    async def parallel(self, callables: Sequence[Callable[[], Awaitable[object]]]) -> tuple[object, ...]:
        """See `StepRunner.parallel`. No branch outlives the call."""
        tasks = [asyncio.ensure_future(race.branch_of(branch)) for branch in callables]
        if not tasks:
            return ()
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await race.until_done(tasks)  # a cancel scope cancels again and again
            raise
        return tuple(race.result_of(task) for task in tasks)

    async def race(self, callables: Sequence[Callable[[], Awaitable[object]]]) -> tuple[int, object]:
        """See `StepRunner.race`. No branch outlives the call."""
        return await race.race(callables, self._invocation.losing, self._invocation.function.client.logger)
