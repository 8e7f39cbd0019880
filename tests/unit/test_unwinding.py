"""An invocation that is told to stop takes everything down, and keeps nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import inngest
from inngest.embedded.threads import FunctionThreads
from inngest.engine.system import SystemClock
from inngest.protocol.calls import Advice, Call, EventData, Recorded
from inngest.protocol.opcodes import Op
from inngest.sdk.conductor import Turns
from inngest.sdk.invoke import Entry


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
    entry = Entry(function, function.handler, call, recorder, SystemClock(loop), threads, Turns(loop))
    try:
        await asyncio.wait_for(entry.run(), 5)  # half of the time that code has for unwinding
    finally:
        threads.close()
    assert [op.op for op in recorder.asked] == ["Sleep"]
