"""`transform_output` sees sleeps, waits and invocations before they are recorded, and may rewrite what is sent."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.protocol.opcodes import Opcode

from .stage import Stage, failure

SEEN: list[tuple[str, object, bool]] = []


class Seeing(inngest.MiddlewareSync):
    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        step = result.step
        if step is not None and step.op is not Opcode.STEP_RUN:
            SEEN.append((step.op.value, step.opts, result.has_output() and result.output is None))


class Sealing(inngest.MiddlewareSync):
    """Seals data of invocations, as middleware that encrypts does."""

    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        if result.step is not None and result.step.op is Opcode.INVOKE and result.step.opts is not None:
            opts: Any = result.step.opts
            opts["payload"]["data"]["secret"] = f"sealed {opts['payload']['data']['secret']}"


class Refusing(inngest.MiddlewareSync):
    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        if result.step is not None and result.step.op is Opcode.SLEEP:
            raise inngest.NonRetriableError("no sleep")


async def body(ctx: inngest.Context) -> None:
    await ctx.step.sleep("sleep", 1)
    await ctx.step.sleep("no time", 0)
    await ctx.step.sleep_until("until", datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC))
    await ctx.step.wait_for_event("event", event="never", if_exp="async.data.a == 1", timeout=1)
    await ctx.step.wait_for_signal("signal", signal="never", timeout=1)


def plain(ctx: inngest.ContextSync) -> None:
    ctx.step.sleep("sleep", 1)
    ctx.step.sleep("no time", 0)
    ctx.step.sleep_until("until", datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC))
    ctx.step.wait_for_event("event", event="never", if_exp="async.data.a == 1", timeout=1)
    ctx.step.wait_for_signal("signal", signal="never", timeout=1)


@pytest.mark.parametrize("handler", [body, plain], ids=["async", "plain"])
async def test_each_is_seen_once(tmp_path: Path, handler: Any) -> None:
    SEEN.clear()
    await Stage(tmp_path).run(handler, middleware=[Seeing])
    assert SEEN == [
        ("Sleep", {"duration": 1, "until": None}, True),
        ("Sleep", {"duration": 0, "until": None}, True),
        ("Sleep", {"duration": None, "until": 978_307_200_000}, True),
        ("WaitForEvent", {"event": "never", "if": "async.data.a == 1", "timeout": 1}, True),
        ("WaitForSignal", {"signal": "never", "timeout": 1}, True),
    ]


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_the_data_of_an_invocation_can_be_rewritten(tmp_path: Path, kind: str) -> None:
    stage = Stage(tmp_path)

    async def child(ctx: inngest.Context) -> object:
        return ctx.event.data["secret"]

    async def calls(ctx: inngest.Context) -> object:
        return await ctx.step.invoke("i", function=invoked, data={"secret": "x"})

    def calls_plainly(ctx: inngest.ContextSync) -> object:
        return ctx.step.invoke("i", function=invoked, data={"secret": "x"})

    invoked = stage.function(child, fn_id="child")
    function: Any = stage.function(calls if kind == "async" else calls_plainly, middleware=[Sealing])
    async with stage.engine(function, invoked) as engine:
        assert await engine.invoke(function) == "sealed x"


async def test_what_it_raises_fails_the_attempt(tmp_path: Path) -> None:
    run = await Stage(tmp_path).run(body, middleware=[Refusing], retries=3)
    assert failure(run) == ("NonRetriableError", "non_retriable_error")
    assert run.steps == ()
