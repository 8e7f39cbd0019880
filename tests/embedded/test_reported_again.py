"""A record whose answer is lost comes again: it is answered with what is stored, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

import inngest
from inngest.engine.owned_run import OwnedRun
from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Op, Opcode
from tests.embedded.stage import Stage


@pytest.fixture
def everything_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a recorder at the other end of a line; the second time with other results."""
    record = OwnedRun.record

    def twice(owned_run: OwnedRun, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        record(owned_run, ops)
        return record(
            owned_run, [op._replace(data='"second"') if op.op is Opcode.STEP_RUN and op.data else op for op in ops]
        )

    monkeypatch.setattr(OwnedRun, "record", twice)


@pytest.mark.usefixtures("everything_comes_again")
async def test_the_first_report_is_the_answer(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    heard: list[inngest.Event] = []
    calls = 0

    @stage.client.create_function(fn_id="hears", trigger=inngest.TriggerEvent(event="test/said"))
    async def hears(ctx: inngest.Context) -> None:
        heard.append(ctx.event)

    async def body(ctx: inngest.Context) -> object:
        nonlocal calls

        async def flaky() -> str:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise ValueError("not yet")
            return "mended"

        first = await ctx.step.run("first", lambda: "first")
        await ctx.step.sleep("sleep", 1)
        mended = await ctx.step.run("flaky", flaky)
        sent = await ctx.step.send_event("send", inngest.Event(name="test/said"))
        event = await ctx.step.wait_for_event("wait", event="test/never", timeout=1)
        both = await ctx.group.parallel(
            (lambda: ctx.step.run("a", lambda: "a"), lambda: ctx.step.run("b", lambda: "b"))
        )
        return [first, mended, len(sent), event, list(both)]

    function = stage.function(body)
    async with stage.engine(function, hears) as engine:
        assert await engine.invoke(function) == ["first", "mended", 1, None, ["a", "b"]]
        runs = await engine.runs()
        (run,) = [await engine.run(one.id) for one in runs if one.function_id == function.id]
        for one in runs:
            await engine.wait(one.id)
    assert [step.id for step in run.steps if step.id != "wait"] == ["first", "sleep", "flaky", "send", "a", "b"]
    assert len(heard) == 1
    assert calls == 2
