"""An invocation that is told to stop takes everything down, and keeps nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import inngest
from inngest.protocol.calls import Advice, Call, EventData, Recorded
from inngest.protocol.opcodes import Memo, Op
from inngest.runtime.clock import SystemClock
from inngest.runtime.idle import LoopIdle
from inngest.runtime.threads import FunctionThreads
from inngest.sdk.invocation.enter import FunctionEntry


class Stopping:
    """Of another worker is the run, since a moment: the first record is told so."""

    slots = None

    def __init__(self) -> None:
        self.asked: list[Op] = []

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        self.asked += ops
        answer: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        answer.set_result(Recorded(Advice.STOP, ()))
        return answer


async def test_a_wait_that_is_recorded_too_late_does_not_hold_up_the_end() -> None:
    client = inngest.Inngest(app_id="app")

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="a"))
    async def function(ctx: inngest.Context) -> None:
        await asyncio.gather(ctx.step.run("long", asyncio.Event().wait), ctx.step.sleep("nap", 3_600_000))

    loop, recorder, threads = asyncio.get_running_loop(), Stopping(), FunctionThreads(1)
    call = Call("run", function.id, 0, 1, [EventData("id", "a", "{}", 0)], [], ())
    entry = FunctionEntry(function, function.handler, call, recorder, SystemClock(loop), threads, LoopIdle(loop))
    try:
        await asyncio.wait_for(entry.run(), 5)  # half of the time that code has for unwinding
    finally:
        threads.close()
    assert [op.op for op in recorder.asked] == ["Sleep"]


class Recording:
    """All is recorded at once, and goes on."""

    slots = None

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        answer: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        memos = [Memo(op.step, op.kind, seq, op.data, None, 1, op.attempt, 1) for seq, op in enumerate(ops)]
        answer.set_result(Recorded(Advice.GO_ON, memos))
        return answer


class Looking(inngest.Middleware):
    """Sees what is recorded, so that each memo passes it."""


async def test_a_handler_that_outlives_its_invocation_ends_with_it() -> None:
    client = inngest.Inngest(app_id="app", middleware=[Looking])
    began, may_end, unwound = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stubborn() -> int:
        began.set()
        while not may_end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await may_end.wait()
        return 1

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="a"))
    async def function(ctx: inngest.Context) -> None:
        try:
            await ctx.step.run("stubborn", stubborn)
        finally:
            unwound.set()

    loop, threads = asyncio.get_running_loop(), FunctionThreads(1)
    call = Call("run", function.id, 0, 1, [EventData("id", "a", "{}", 0)], [], ())
    entry = FunctionEntry(function, function.handler, call, Recording(), SystemClock(loop), threads, LoopIdle(loop))
    running = asyncio.ensure_future(entry.run())
    await began.wait()
    while not running.done():  # it waits a while for what it takes down, and longer each time it is told to stop
        running.cancel()
        await asyncio.sleep(0)
    may_end.set()
    try:
        await asyncio.wait_for(unwound.wait(), 5)
    finally:
        threads.close()
