"""`inngest.experimental.step`: steps anywhere below a function."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

import inngest
from inngest import experimental

from .stage import Stage, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@experimental.step("charge")
async def charge(order: int, *, cents: int = 100) -> dict[str, int]:
    """Take the money."""
    return {"order": order, "cents": cents}


@experimental.step("count")
def count(text: str) -> int:
    return len(text)


async def test_calls_are_steps_wherever_they_are_made(stage: Stage) -> None:
    async def deep_below() -> object:
        return [await charge(1), await charge(2, cents=5)]

    async def body(ctx: inngest.Context) -> object:
        first, second = await asyncio.gather(deep_below(), asyncio.ensure_future(charge(3)))
        await ctx.step.sleep("nap", 1)
        return [first, second]

    run = await stage.run(body)
    assert run.output == [[{"order": 1, "cents": 100}, {"order": 2, "cents": 5}], {"order": 3, "cents": 100}]
    assert sorted(one.id for one in run.steps) == ["charge", "charge:1", "charge:2", "nap"]


async def test_plain_functions_have_it_in_each_of_their_threads(stage: Stage) -> None:
    def body(ctx: inngest.ContextSync) -> object:
        return [count("a"), *ctx.group.parallel((lambda: count("bb"), lambda: count(text="ccc")))]

    run = await stage.run(body)
    assert run.output == [1, 2, 3]
    assert sorted(one.id for one in run.steps) == ["count", "count:1", "count:2"]


async def test_a_plain_function_gives_an_awaitable_in_an_async_one(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await cast("Any", count("abc"))

    run = await stage.run(body)
    assert (run.output, step(run, "count").status) == (3, "completed")


async def test_elsewhere_the_function_is_called_as_it_is() -> None:
    assert count("abc") == 3
    assert await charge(7) == {"order": 7, "cents": 100}
    assert (charge.__name__, charge.__doc__) == ("charge", "Take the money.")


async def test_each_run_has_steps_of_its_own(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> bool:
        return experimental.get_step_context() is ctx.step

    function = stage.function(body)
    async with stage.engine(function) as engine:
        assert await asyncio.gather(*(engine.invoke(function) for _ in range(3))) == [True, True, True]
    with pytest.raises(LookupError, match="does not run in a function"):
        experimental.get_step_context()


async def test_failure_handlers_have_theirs_too(stage: Stage) -> None:
    ended = asyncio.Event()

    async def body(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("no")

    async def on_failure(ctx: inngest.Context) -> None:
        await charge(1)
        ended.set()

    function = stage.function(body, on_failure=on_failure)
    async with stage.engine(function):
        await stage.client.send(inngest.Event(name="test/start"))
        await ended.wait()


async def test_steps_can_be_made_ambient_once() -> None:
    class Recording:
        def run(self, step_id: str, handler: Any) -> object:
            return step_id, handler()

    fake = cast("inngest.StepSync", Recording())
    with experimental.set_step_context(fake):
        assert experimental.get_step_context() is fake
        assert cast("Any", count("abc")) == ("count", 3)
        with pytest.raises(Exception, match="Step context already set"), experimental.set_step_context(fake):
            pass
    assert count("abc") == 3
