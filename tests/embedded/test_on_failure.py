"""Handlers of failures: what they are told, and how often they and their steps are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

import inngest
from inngest.errors import RunFailedError

from .stage import Stage


class CardRefused(ValueError):
    """A user's own."""


class Refuses:
    """A handler that fails so often."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise CardRefused("not now")
        return "paid"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_on_failure_is_told_of_the_event_and_the_error(stage: Stage) -> None:
    told: list[inngest.Event] = []

    async def on_failure(ctx: inngest.Context) -> str:
        told.append(ctx.event)
        return await ctx.step.run("refund", lambda: "paid")

    async def body(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("stolen card")

    function = stage.function(body, on_failure=on_failure, retries=2)
    async with stage.engine(function) as engine:
        (event_id,) = await stage.client.send(inngest.Event(name="test/start", data={"order": 42}))
        (failed,) = await engine.runs(event_id=event_id)
        with pytest.raises(RunFailedError):
            await engine.wait(failed.id)
        (handled,) = await engine.runs(function="test-f-failure")
        assert await engine.wait(handled.id) == "paid"
    (event,) = told
    assert event.name == "inngest/function.failed"
    original, error = event.data["event"], event.data["error"]
    assert isinstance(original, dict)
    assert isinstance(error, dict)
    assert (original["name"], original["data"], original["id"]) == ("test/start", {"order": 42}, event_id)
    assert (error["name"], error["message"]) == ("NonRetriableError", "stolen card")
    assert (event.data["function_id"], event.data["run_id"]) == ("test-f", failed.id)


async def test_a_handler_of_failures_is_tried_once(stage: Stage) -> None:
    handler = Refuses(5)

    async def on_failure(ctx: inngest.Context) -> str:
        return await ctx.step.run("refund", handler)

    async def body(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("stolen card")

    function = stage.function(body, on_failure=on_failure, retries=2)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError):
            await engine.invoke(function)
        (handled,) = await engine.runs(function="test-f-failure")
        with pytest.raises(RunFailedError, match="not now"):
            await engine.wait(handled.id)
    assert handler.calls == 1


async def test_a_step_of_a_handler_of_failures_may_be_tried_again(stage: Stage) -> None:
    handler = Refuses(3)

    async def on_failure(ctx: inngest.Context) -> object:
        return await ctx.step.options(retries=5).run("page", handler)

    async def body(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("stolen card")

    function = stage.function(body, on_failure=on_failure, retries=2)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError):
            await engine.invoke(function)
        (handled,) = await engine.runs(function="test-f-failure")
        await engine.wait(handled.id)
    assert handler.calls == 4


async def test_on_failure_of_a_plain_function_is_plain(stage: Stage) -> None:
    def on_failure(ctx: inngest.ContextSync) -> str:
        return ctx.step.run("refund", lambda: "refunded")

    def body(ctx: inngest.ContextSync) -> None:
        raise inngest.NonRetriableError("stop")

    function = stage.function(body, on_failure=on_failure)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError):
            await engine.invoke(function)
        (handled,) = await engine.runs(function="test-f-failure")
        assert await engine.wait(handled.id) == "refunded"
