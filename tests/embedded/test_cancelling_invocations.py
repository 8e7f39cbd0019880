"""An invocation whose run was cancelled: what runs is told, and what it gives afterwards is not recorded."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

import inngest
from inngest.embedded.local_invoker import LocalInvoker
from inngest.protocol.calls import Advice, Call, EventData, Outcome, Recorded, Yielded
from inngest.protocol.opcodes import Op
from inngest.runtime.clock import SystemClock
from inngest.runtime.threads import FunctionThreads

TRIGGER = inngest.TriggerEvent(event="test/start")
CALL = Call("RUN", "test-f", 0, 5, [EventData("E", "test/start", "{}", 0)], (), ())


class Refusing:
    """The recorder of a run that is cancelled: nothing is recorded of it any more."""

    def __init__(self) -> None:
        self.offered: list[Op] = []
        self.slots = None

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        self.offered.extend(ops)
        future: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        future.set_result(Recorded(Advice.STOP, ()))
        return future


class Entered:
    """An invocation under way."""

    def __init__(self, invoker: LocalInvoker, recorder: Refusing, task: asyncio.Task[Outcome]) -> None:
        self.invoker = invoker
        self.recorder = recorder
        self.task = task

    @property
    def states(self) -> list[str]:
        return [one.state for one in self.invoker.running]


@asynccontextmanager
async def entered(body: Any) -> AsyncGenerator[Entered, None]:
    function = inngest.Inngest(app_id="test").create_function(fn_id="f", trigger=TRIGGER)(body)
    threads = FunctionThreads(4)
    invoker = LocalInvoker([function], SystemClock(asyncio.get_running_loop()), threads)
    recorder = Refusing()
    try:
        yield Entered(invoker, recorder, asyncio.ensure_future(invoker.invoke(CALL, recorder)))
    finally:
        threads.close()


async def test_an_async_handler_is_cancelled() -> None:
    began, seen = asyncio.Event(), list[str]()

    async def handler() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append(inngest.current_step().state)

    async def body(ctx: inngest.Context) -> None:
        try:
            await ctx.step.run("s", handler)
        finally:
            await ctx.step.run("release", print)  # not at the real end: it does nothing

    async with entered(body) as it:
        await began.wait()
        assert it.states == ["running"]
        it.invoker.cancel("RUN")
        assert isinstance(await it.task, Yielded)
        assert (seen, it.recorder.offered, it.states) == (["cancel requested"], [], [])


async def test_an_async_handler_that_ends_well_all_the_same_is_refused_without_delay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began = asyncio.Event()

    async def handler() -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert inngest.current_step().cancel_requested
        return "charged"

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("s", handler)

    async with entered(body) as it:
        await began.wait()
        with caplog.at_level(logging.WARNING, "inngest"):
            it.invoker.cancel("RUN")
            await it.task
        assert [op.data for op in it.recorder.offered] == ['"charged"']
    assert 'step "s" of test-f succeeded after its run was taken from it' in caplog.text
    assert "still unwinding" not in caplog.text


async def test_a_plain_handler_is_asked_and_left_behind() -> None:
    began, look, told = threading.Event(), threading.Event(), threading.Event()
    ended = threading.Event()

    def handler() -> None:
        running = inngest.current_step()
        began.set()
        look.wait()
        assert running.cancel_requested
        told.set()
        ended.wait()
        running.raise_if_cancelled()

    def body(ctx: inngest.ContextSync) -> None:
        try:
            ctx.step.run("s", handler)
        finally:
            unwound.set()

    unwound = threading.Event()
    async with entered(body) as it:
        await asyncio.to_thread(began.wait)
        it.invoker.cancel("RUN")
        await it.task  # its invocation is over, its handler is not
        assert it.states == ["cancel requested"]
        look.set()
        await asyncio.to_thread(told.wait)
        assert it.states == ["cancel delivered"]
        ended.set()
        await asyncio.to_thread(unwound.wait)
        assert (it.states, it.recorder.offered) == ([], [])


async def test_a_run_that_waits_is_taken_down() -> None:
    parked = asyncio.Event()

    async def body(ctx: inngest.Context) -> None:
        async def waits() -> None:
            parked.set()
            await asyncio.Event().wait()

        await asyncio.gather(ctx.step.sleep("nap", 60_000), waits())

    async with entered(body) as it:
        await parked.wait()
        it.invoker.cancel("RUN")
        await it.task
        it.invoker.cancel("RUN")  # again, and of what is gone: nothing


async def test_many_handlers_are_told_each_for_itself() -> None:
    began: list[str] = []
    all_began = asyncio.Event()

    async def body(ctx: inngest.Context) -> None:
        async def handler() -> None:
            began.append(inngest.current_step().id)
            if len(began) == 3:
                all_began.set()
            await asyncio.Event().wait()

        await asyncio.gather(*(ctx.step.run("s", handler) for _ in range(3)))

    async with entered(body) as it:
        await all_began.wait()
        assert it.states == ["running"] * 3
        assert began == ["s", "s:1", "s:2"]
        it.invoker.cancel("RUN")
        await it.task
        assert it.states == []
