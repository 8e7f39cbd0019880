"""An engine whose time is moved by hand: when all is quiet, and where the clock goes next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from inngest.embedded.engine_loop import EngineLoop
from inngest.embedded.errors import EngineStateError
from inngest.embedded.event_sink import EngineSink
from inngest.embedded.in_memory import InMemory, World, in_memory
from inngest.embedded.settings import Settings
from inngest.engine.domain.model import FunctionSpec
from inngest.protocol.opcodes import SentEvent
from inngest.runtime import clock as real_clock
from inngest.sdk.client import Inngest, bind, unbind
from inngest.sdk.function import location_of
from inngest.sdk.invocation.invocation import Invocation
from inngest.sdk.steps.current import RUNNING

from .connections import NoOutbox, NoTransactions
from .errors import BusyError, EndlessError
from .handlers import Handlers
from .logs import Logs

ENTRIES = 10_000
"""Entries into functions, or looks at what is due, without a move of the clock, that are taken for an endless loop."""


class Driven:
    """An engine while it lives. It is made on the event loop that it runs on.

    Args:
        settings: how it runs.
        specs: its functions, as the engine knows them.
        world: what there is around it.
        handlers: stand around the handlers of its steps.
        answer: sends what the test answers steps that have begun to wait; whether it has sent anything.
        timeout: real seconds that code has to come to its end, or to its next step.
        logs: hears what functions log.
    """

    def __init__(
        self,
        settings: Settings,
        specs: Sequence[FunctionSpec],
        world: World,
        handlers: Handlers,
        answer: Callable[[Callable[[Sequence[SentEvent]], Awaitable[object]]], Awaitable[bool]],
        timeout: float,
        logs: Logs,
    ) -> None:
        self.home = EngineLoop()
        self._stirred = asyncio.Event()
        self._handlers = handlers
        self._answer = answer
        self._timeout = timeout
        self._logs = logs
        self._settings = settings
        self.parts: InMemory = in_memory(settings, specs, world, self._stirred.set)
        self.service = self.parts.engine.service
        self.parts.engine.invoker.around_handlers = handlers.around
        self.parts.engine.invoker.transactions = NoTransactions
        handlers.attach(self.home.loop, self._stirred.set)
        self._sink = EngineSink(self.home, self.service, NoOutbox())
        self._bound: list[Inngest] = []
        self._turn = asyncio.Lock()  # several verbs may wait: one at a time moves the clock
        self._looks = 0  # since the clock was moved
        self.entries = 0  # likewise
        self._ended = False

    async def start(self) -> None:
        """Begin to work.

        Raises:
            EngineBindingError: a client runs in another engine of this process.
        """
        try:
            given = [*(one.client for one in self._settings.functions), *self._settings.clients]
            for client in {id(one): one for one in given}.values():
                assert isinstance(client, Inngest)
                bind(client, self._sink)
                self._bound.append(client)
            self._logs.attach(self._bound, (one.id for one in self._settings.functions))
            await self.service.prepare()
        except BaseException:
            self.end()
            raise
        self.service.work()
        self.home.ready = True

    def end(self) -> None:
        """Do nothing more, at once. Idempotent; from any thread, if the loop is closed."""
        if self._ended:
            return
        self._ended = True
        for client in self._bound:
            unbind(client, self._sink)
        self._bound.clear()
        self._logs.detach()
        self.home.ready = False
        self._handlers.end()
        service, gone = self.service, self.home.gone
        self.parts.engine.invoker.abandon()
        service.abandon()
        if not gone:
            service.forked()
            for task in service.executor.tasks:
                task.cancel()
        self.parts.engine.invoker.close(gone=gone)
        self.parts.database.end()

    @property
    def now(self) -> int:
        """Unix ms."""
        return self.parts.clock.now()

    # -- moving

    async def settle(self) -> None:
        """Wait until all is quiet. No time passes.

        Raises:
            BusyError: code did not come to its end, or to its next step.
            EndlessError: functions are entered again and again.
        """
        self._refuse_from_inside()
        async with self._turn:
            await self._quiet()

    async def to_next(self, limit: int) -> bool:
        """Move to the next time at which anything is due, and settle. False, and no time passes, if that is later than
        `limit` (unix ms), or never.
        """
        self._refuse_from_inside()
        async with self._turn:
            await self._quiet()
            due = self._next_due()
            if due is None or due > limit:
                return False
            await self._move_to(due)
            return True

    async def move_to(self, when: int) -> None:
        """Move to a time (unix ms), from due to due, and settle at each."""
        while await self.to_next(when):
            pass
        async with self._turn:
            await self._move_to(max(when, self.now))

    @property
    def pending(self) -> bool:
        """Whether anything comes by itself as time passes, but ticks of crons and looks at runs on hold."""
        return self.parts.database.upcoming(self.now) is not None or any(
            one.scheduler.waits_for_time for one in self._going()
        )

    @property
    def goes_on(self) -> bool:
        """Whether anything comes by itself as time passes, ticks of crons too."""
        return self.pending or self.parts.engine.store.timer_due is not None

    async def _move_to(self, when: int) -> None:
        if when > self.now:
            self.entries = self._looks = 0
        self.parts.clock.move_to(when)
        self.service.executor.request_claim()
        await self._quiet()

    def _next_due(self) -> int | None:
        now, upcoming = self.now, self.parts.database.upcoming(self.now)
        times = [self.parts.clock.next_due, self.parts.engine.store.timer_due, upcoming]
        return min((one for one in times if one is not None and one > now), default=None)

    # -- being quiet

    async def _quiet(self) -> None:
        while True:
            self._stirred.clear()
            await self._turns()
            if self.entries > ENTRIES or self._looks > ENTRIES:
                raise EndlessError(f"functions were entered {ENTRIES:,} times at one time: does one start itself?")
            if self.parts.executor.waiting:
                continue
            if not self.service.resting:
                await self._until_stirred("the engine itself")
                continue
            timer_due = self.parts.engine.store.timer_due
            if self.service.executor.ended_elsewhere or (timer_due is not None and timer_due <= self.now):
                self._looks += 1
                await self.service.look()
            elif (moving := next(self._moving(), None)) is not None:
                await self._until_stirred(moving)
            elif not await self._answer(self.service.intake.send):
                return

    async def _turns(self) -> None:
        """Let the loop do what it has to do."""
        idle = self.home.loop.create_future()
        self.parts.engine.invoker.idle.when_idle(lambda: _resolve(idle))
        await idle

    def _moving(self) -> Iterator[str]:
        """All that goes on by itself, in words: code that is neither blocked by the test, nor waits for time."""
        going = self._going()
        for one in going:
            active = [running for running in one.running.values() if running.active]
            free = [running for running in active if not self._handlers.is_blocked(running)]
            if free:
                yield f'the handler of step "{free[0].id}" of {one.function.id}'
            elif not active and not one.scheduler.waits_for_time:
                yield f"the code of {one.function.id} between its steps ({location_of(one.function.handler)})"
        if len(self.service.executor.tasks) > len(going):
            yield "a run that is about to begin, or to end"
        if self.service.gateway.tasks:
            yield "a request of a step"

    def _going(self) -> Sequence[Invocation]:
        return self.parts.engine.invoker.invocations()

    async def _until_stirred(self, moving: str) -> None:
        timer = real_clock.after(self._timeout, self._stirred.set)
        try:
            began = real_clock.monotonic()
            await self._stirred.wait()
        finally:
            timer.cancel()
        if real_clock.monotonic() - began >= self._timeout:
            raise BusyError(
                f"{moving} has not gone on for {self._timeout:g} real seconds, and no time passes while code runs: "
                "stub what takes so long, or give the engine a longer handler_timeout"
            )

    @staticmethod
    def _refuse_from_inside() -> None:
        if RUNNING.get() is not None:
            raise EngineStateError(
                "a verb of the test's engine was called in the handler of a step: it would wait for that handler. Call "
                "it in the test; a handler sends with its client"
            )


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
