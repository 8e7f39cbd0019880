"""An attempt that takes too long: async handlers are cancelled, plain ones are asked; and what is said of both."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import inngest
from inngest.errors import RunFailedError, StepTimeoutError

from .stage import Stage, step

SHORT = 30
"""Milliseconds: what is expected to run into it waits for ever."""
LONG = 60_000
FOREVER = threading.Event()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def pause() -> None:
    FOREVER.wait(0.001)


async def test_an_async_handler_is_cancelled_and_tried_again(stage: Stage) -> None:
    left: list[str] = []

    async def slow() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            left.append(inngest.current_step().state)
        raise AssertionError("it was not interrupted")

    async def body(ctx: inngest.Context) -> str:
        async def handler() -> str:
            return "in time" if ctx.attempt == 2 else await slow()

        return await ctx.step.options(timeout=SHORT).run("s", handler)

    run = await stage.run(body)
    assert (run.output, len(left)) == ("in time", 2)
    assert [one.error and one.error.name for one in step(run, "s").attempts] == [
        "StepTimeoutError",
        "StepTimeoutError",
        None,
    ]
    (error, *_) = [one.error for one in step(run, "s").attempts]
    assert error is not None
    assert (error.code, error.message) == ("step_timeout", f'step "s" did not end within {SHORT} ms')


async def test_a_step_that_is_always_late_fails_by_name(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.options(timeout=SHORT, retries=1).run("s", asyncio.Event().wait)
        except inngest.StepError as error:
            return error.name
        return "in time"

    run = await stage.run(body)
    assert (run.output, len(step(run, "s").attempts)) == ("StepTimeoutError", 2)


@pytest.mark.parametrize(("retry_on", "attempts"), [(TimeoutError, 2), (StepTimeoutError, 2), (KeyError, 1)])
async def test_a_timeout_is_retried_as_any_error(stage: Stage, retry_on: type[Exception], attempts: int) -> None:
    async def body(ctx: inngest.Context) -> None:
        with pytest.raises(inngest.StepError):
            await ctx.step.options(timeout=SHORT, retries=1, retry_on=retry_on).run("s", asyncio.Event().wait)

    run = await stage.run(body)
    assert len(step(run, "s").attempts) == attempts


async def test_a_handler_in_time_is_left_alone(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        async def handler() -> str:
            await asyncio.sleep(0)
            return inngest.current_step().state

        return await ctx.step.options(timeout=LONG).run("s", handler)

    assert (await stage.run(body)).output == "running"


async def test_the_code_after_a_timeout_is_not_cancelled(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> int:
        try:
            await ctx.step.options(timeout=SHORT, retries=0).run("s", asyncio.Event().wait)
        except inngest.StepError:
            await asyncio.sleep(0)  # outside steps: a cancellation that was left over would end it
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", 0)


async def test_who_gives_up_earlier_than_the_timeout_is_told_so(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        try:
            async with asyncio.timeout(None) as limit:

                async def handler() -> None:
                    limit.reschedule(asyncio.get_running_loop().time() + SHORT / 1000)
                    await asyncio.Event().wait()

                await ctx.step.options(timeout=LONG).run("s", handler)
        except TimeoutError as error:
            return type(error).__name__
        return "in time"

    run = await stage.run(body)
    assert (run.output, step(run, "s").status) == ("TimeoutError", "cancelled")


async def test_a_result_that_comes_late_is_a_result(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "done all the same"

    async def body(ctx: inngest.Context) -> str:
        return await ctx.step.options(timeout=SHORT).run("s", stubborn)

    with caplog.at_level(logging.WARNING, "inngest"):
        run = await stage.run(body)
    assert (run.output, len(step(run, "s").attempts)) == ("done all the same", 1)
    assert f'step "s" of test-f ended after its timeout of {SHORT} ms, and succeeded' in caplog.text


async def test_what_a_handler_makes_of_its_cancellation_is_its_error(stage: Stage) -> None:
    async def handler() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("half of it was sent") from None

    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.options(timeout=SHORT, retries=0).run("s", handler)
        except inngest.StepError as error:
            return f"{error.name}: {error.message}"
        return ""

    assert (await stage.run(body)).output == "ConnectionError: half of it was sent"


# -- plain handlers


async def test_a_plain_handler_that_looks_is_stopped_and_tried_again(stage: Stage) -> None:
    def handler() -> str:
        running = inngest.current_step()
        if running.attempt == 1:
            return f"{running.id} {running.state}"
        while True:
            running.raise_if_cancelled()
            pause()

    def body(ctx: inngest.ContextSync) -> str:
        return ctx.step.options(timeout=SHORT).run("s", handler)

    run = await stage.run(body)
    assert run.output == "s running"
    assert [one.error and one.error.name for one in step(run, "s").attempts] == ["StepTimeoutError", None]


async def test_a_plain_handler_may_end_early_by_itself(stage: Stage) -> None:
    def handler() -> list[str]:
        running, seen = inngest.current_step(), list[str]()
        while not seen or seen[-1] == "running":
            seen.append(str(running.state))
            pause()
        assert running.timeout_requested
        return [*seen[-1:], str(running.state)]

    def body(ctx: inngest.ContextSync) -> list[str]:
        return ctx.step.options(timeout=SHORT).run("s", handler)

    run = await stage.run(body)
    assert run.output == ["timeout requested", "timeout delivered"]


async def test_a_plain_handler_that_does_not_look_goes_on_and_everyone_can_see_it(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    look, on = threading.Event(), threading.Event()

    def handler() -> str:
        on.wait()  # deaf
        assert inngest.current_step().timeout_requested
        look.set()
        on.clear()
        on.wait()
        return "done all the same"

    def body(ctx: inngest.ContextSync) -> str:
        return ctx.step.options(timeout=SHORT).run("s", handler)

    function = stage.function(body)
    async with stage.engine(function) as engine:
        running = asyncio.ensure_future(engine.invoke(function))
        await until(lambda: [one.state for one in engine.running_steps] == ["timeout requested"])
        (seen,) = engine.running_steps
        assert (seen.function_id, seen.step, seen.attempt) == ("test-f", "s", 0)
        on.set()
        await until(look.is_set)
        assert [one.state for one in engine.running_steps] == ["timeout delivered"]
        with caplog.at_level(logging.WARNING, "inngest"):
            on.set()
            assert await running == "done all the same"
        assert engine.running_steps == []
    assert f"ended after its timeout of {SHORT} ms" in caplog.text


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until it holds: what is waited for happens in another thread."""
    while not condition():  # noqa: ASYNC110 - the passing of time, and a look from outside, set no event
        await asyncio.sleep(0.001)


async def test_a_plain_handler_of_an_async_function_can_look_too(stage: Stage) -> None:
    def handler() -> str:
        while not inngest.current_step().timeout_requested:
            pause()
        return "stopped"

    async def body(ctx: inngest.Context) -> str:
        return await ctx.step.options(timeout=SHORT).run("s", handler)

    assert (await stage.run(body)).output == "stopped"


async def test_a_thread_with_the_steps_context_sees_it(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        async def handler() -> str:
            return await asyncio.to_thread(lambda: inngest.current_step().id)

        return await ctx.step.run("s", handler)

    assert (await stage.run(body)).output == "s"


async def test_there_is_no_current_step_outside_of_a_handler(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        inngest.current_step()

    function = stage.function(body, retries=0)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError, match="LookupError: current_step: this code does not run in the handler"):
            await engine.invoke(function)
    with pytest.raises(LookupError):
        inngest.current_step()
