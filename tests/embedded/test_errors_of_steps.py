"""What a step's call raises: a StepError that is also the NonRetriableError, or RetryAfterError, of its handler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import inngest
from inngest.errors import RunCancelledError, RunFailedError, RunNotCompletedError, RunSkippedError

from .stage import Stage, failure, step


class Declined(inngest.NonRetriableError):
    """A class of the user's."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def raising(error: Exception) -> Callable[[], None]:
    def handler() -> None:
        raise error

    return handler


@pytest.mark.parametrize("error", [inngest.NonRetriableError("no stock"), Declined("no stock")])
async def test_a_non_retriable_error_is_caught_by_its_class(stage: Stage, error: Exception) -> None:
    seen: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        try:
            await ctx.step.run("s", raising(error))
        except inngest.NonRetriableError as caught:
            seen.append((caught.message, caught.name, isinstance(caught, inngest.StepError)))
        await ctx.step.sleep("replay", 1)

    run = await stage.run(body)
    assert seen == [("no stock", type(error).__name__, True)] * 2
    assert len(step(run, "s").attempts) == 1


async def test_a_retry_after_error_is_caught_after_the_last_attempt(stage: Stage) -> None:
    seen: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        try:
            await ctx.step.run("s", raising(inngest.RetryAfterError("busy", 1)))
        except inngest.RetryAfterError as caught:
            seen.append((caught.message, caught.name, isinstance(caught, inngest.StepError)))
        await ctx.step.sleep("replay", 1)

    run = await stage.run(body, retries=2)
    assert seen == [("busy", "RetryAfterError", True)] * 2
    assert len(step(run, "s").attempts) == 3


@pytest.mark.parametrize("error", [inngest.NonRetriableError("x"), inngest.RetryAfterError("x", 1), ValueError("x")])
async def test_a_step_error_it_is_in_any_case(stage: Stage, error: Exception) -> None:
    def body(ctx: inngest.ContextSync) -> list[bool]:
        try:
            ctx.step.options(retries=0).run("s", raising(error))
        except inngest.StepError as caught:
            return [isinstance(caught, kind) for kind in (inngest.NonRetriableError, inngest.RetryAfterError)]
        return []

    run = await stage.run(body)
    assert run.output == [isinstance(error, kind) for kind in (inngest.NonRetriableError, inngest.RetryAfterError)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (inngest.NonRetriableError("x"), "non_retriable_error"),
        (inngest.RetryAfterError("x", 1), "step_errored"),
        (ValueError("x"), "step_errored"),
    ],
)
async def test_one_that_nobody_catches_fails_the_run_at_once(stage: Stage, error: Exception, code: str) -> None:
    entries: list[int] = []

    async def body(ctx: inngest.Context) -> None:
        entries.append(1)
        await ctx.step.options(retries=0).run("s", raising(error))

    run = await stage.run(body, retries=3)
    assert failure(run) == (type(error).__name__, code)
    assert len(entries) == 1


async def test_of_an_invoked_function_it_is_a_step_error_alone(stage: Stage) -> None:
    async def child(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("no stock")

    async def body(ctx: inngest.Context) -> bool:
        try:
            await ctx.step.invoke("i", function=invoked)
        except inngest.StepError as caught:
            return isinstance(caught, inngest.NonRetriableError)
        return True

    invoked = stage.function(child, fn_id="child")
    function = stage.function(body)
    async with stage.engine(function, invoked) as engine:
        assert await engine.invoke(function) is False


async def test_a_run_that_has_no_result_says_why(stage: Stage) -> None:
    async def waits(ctx: inngest.Context) -> None:
        if ctx.event.data.get("fail"):
            raise inngest.NonRetriableError("no stock")
        await ctx.step.sleep("long", 3_600_000)

    function = stage.function(waits, singleton=inngest.Singleton(mode="skip"))
    async with stage.engine(function) as engine:
        with pytest.raises(RunNotCompletedError) as failed:
            await engine.invoke(function, data={"fail": True})
        (event_id,) = await stage.client.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs(event_id=event_id)
        with pytest.raises(RunNotCompletedError) as skipped:
            await engine.invoke(function)
        await engine.cancel(run.id)
        with pytest.raises(RunNotCompletedError) as cancelled:
            await engine.wait(run.id)
    found = {type(one.value): (one.value.status, one.value.reason) for one in (failed, skipped, cancelled)}
    assert found == {
        RunFailedError: ("FAILED", "NonRetriableError: no stock"),
        RunSkippedError: ("SKIPPED", f"singleton: run {run.id} has not ended"),
        RunCancelledError: ("CANCELLED", "cancelled by Engine.cancel"),
    }
    assert str(cancelled.value) == f"run {run.id} was cancelled: cancelled by Engine.cancel"
    assert cancelled.value.run_id == run.id
