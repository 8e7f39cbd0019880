"""Code that cancels the task it runs in has failed; that is nobody's giving up (decision 0054)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.embedded.views import Run
from tests.embedded.stage import Stage, failure, step

Handler = Callable[[], Awaitable[object]]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def _errors(run: Run, step_id: str) -> list[str]:
    """Why the attempts at a step failed that did."""
    return [f"{one.error.name}: {one.error.message}" for one in step(run, step_id).attempts if one.error is not None]


def _cancel() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def _and_waits() -> object:
    _cancel()
    return await asyncio.sleep(0, "never")


async def _and_waits_for_nothing() -> object:
    _cancel()
    raise ValueError("it was cancelled, too")


async def _after_a_while() -> object:
    await asyncio.sleep(0)
    future = asyncio.get_running_loop().create_future()
    _cancel()
    return await future


async def _after_a_timeout() -> object:
    try:
        await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0.001)
    except TimeoutError:
        await asyncio.sleep(0)
    return await _and_waits()


async def _twice() -> object:
    try:
        return await _and_waits()
    finally:
        _cancel()


async def _by_a_future() -> object:
    class Odd:
        def __await__(self) -> Generator[Any, Any, None]:
            _cancel()
            return asyncio.sleep(0).__await__()

    return await Odd()  # type: ignore[func-returns-value]


HANDLERS: dict[str, tuple[Handler, str]] = {
    "waits": (_and_waits, "CancelledError: "),
    "raises": (_and_waits_for_nothing, "ValueError: it was cancelled, too"),
    "later": (_after_a_while, "CancelledError: "),
    "after a timeout": (_after_a_timeout, "CancelledError: "),
    "twice": (_twice, "CancelledError: "),
    "awaitable": (_by_a_future, "CancelledError: "),
}


@pytest.mark.parametrize("name", HANDLERS)
async def test_a_handler_that_cancels_its_own_task_has_failed(stage: Stage, name: str) -> None:
    handler, error = HANDLERS[name]
    tries: list[int] = []

    async def once() -> object:
        tries.append(len(tries))
        return await handler() if len(tries) == 1 else "done"

    async def body(ctx: inngest.Context) -> object:
        found = await ctx.step.run("work", once)
        await ctx.step.sleep("rest", 1)
        return found

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", "done")
    assert _errors(run, "work") == [error]


async def test_it_fails_for_good_under_its_own_name(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        with pytest.raises(inngest.StepError) as caught:
            await ctx.step.run("work", _and_waits)
        await ctx.step.sleep("rest", 1)
        return caught.value.name

    run = await stage.run(body, retries=0)
    assert run.output == "CancelledError"


@pytest.mark.parametrize("waits", [False, True])
async def test_a_handler_that_swallows_it_has_succeeded(stage: Stage, waits: bool) -> None:
    async def handler() -> str:
        _cancel()
        if waits:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        return "done"

    async def body(ctx: inngest.Context) -> object:
        found = await ctx.step.run("work", handler)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        await ctx.step.sleep("rest", 1)
        return found

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", "done")


async def test_a_plain_handler_that_cancels_the_task_and_raises_has_failed(stage: Stage) -> None:
    tries: list[int] = []

    def handler() -> str:
        tries.append(len(tries))
        if len(tries) == 1:
            _cancel()
            raise ValueError("it was cancelled, too")
        return "done"

    async def body(ctx: inngest.Context) -> object:
        found = await ctx.step.run("work", handler)
        await ctx.step.sleep("rest", 1)
        return found

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", "done")
    assert _errors(run, "work") == ["ValueError: it was cancelled, too"]


@pytest.mark.parametrize("group", ["gather", "parallel"])
async def test_a_branch_whose_handler_cancels_it_tries_again(stage: Stage, group: str) -> None:
    tries: list[int] = []

    async def once() -> object:
        tries.append(len(tries))
        return await _and_waits() if len(tries) == 1 else "done"

    async def body(ctx: inngest.Context) -> object:
        async def one() -> object:
            return await ctx.step.run("one", once)

        async def two() -> object:
            return await ctx.step.run("two", lambda: "two")

        if group == "gather":
            return await asyncio.gather(one(), two())
        return await ctx.group.parallel((one, two))

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", ["done", "two"])


async def test_who_gave_up_before_is_not_taken_for_a_handler_that_cancels_itself(stage: Stage) -> None:
    """The body has asked to be cancelled, and is told of it in the handler of a step."""

    async def wait() -> None:
        await asyncio.sleep(0)

    async def body(ctx: inngest.Context) -> object:
        _cancel()
        return await ctx.step.run("work", wait)

    run = await stage.run(body, retries=0)
    assert failure(run)[0] == "CancelledError"
    assert step(run, "work").status == "cancelled"


async def test_a_handler_that_raises_it_by_hand_after_a_scope_that_was_cancelled_has_failed(stage: Stage) -> None:
    """The scope has given up a step, and what cleans up after it is nobody's to cancel."""
    tries: list[int] = []

    async def clean() -> str:
        tries.append(len(tries))
        await asyncio.sleep(0)
        if len(tries) == 1:
            raise asyncio.CancelledError("by hand")
        return "clean"

    async def body(ctx: inngest.Context) -> object:
        found: object = None

        async def part() -> None:
            nonlocal found
            try:
                await ctx.step.run("never", asyncio.get_running_loop().create_future)
            except asyncio.CancelledError:
                found = await ctx.step.run("clean", clean)
                raise

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(part(), 0.01)
        await ctx.step.sleep("rest", 1)
        return found

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", "clean")
    assert _errors(run, "clean") == ["CancelledError: by hand"]


async def test_a_hook_that_cancels_the_task_fails_the_attempt(stage: Stage) -> None:
    tries: list[int] = []

    class Odd(inngest.Middleware):
        async def before_execution(self) -> None:
            tries.append(len(tries))
            if len(tries) == 1:
                await _and_waits()

    stage.client = inngest.Inngest(app_id="test", middleware=[Odd])

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("work", lambda: "done")

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", "done")
