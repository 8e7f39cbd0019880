"""A step that is called without `await` is not run: its function fails, by the step's name, and Python is silent."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import RunFailedError
from inngest.experimental import step as step_decorator
from inngest.experimental.ai import openai

from .stage import Stage, failure, message, until_held

Call = Callable[[inngest.Context], Coroutine[Any, Any, object]]


@inngest.Inngest(app_id="other").create_function(fn_id="other", trigger=inngest.TriggerEvent(event="other"))
async def other(ctx: inngest.Context) -> None:
    return None


MODEL = openai.Adapter(auth_key="k", model="m")
CALLS: dict[str, tuple[Call, str]] = {
    "run": (lambda ctx: ctx.step.run("charge", charge), "step.run"),
    "run with options": (lambda ctx: ctx.step.options(retries=2).run("charge", charge), "step.run"),
    "ai.wrap": (lambda ctx: ctx.step.ai.wrap("charge", charge), "step.ai.wrap"),
    "ai.infer": (lambda ctx: ctx.step.ai.infer("charge", adapter=MODEL, body={}), "step.ai.infer"),
    "fetch": (lambda ctx: ctx.step.fetch("charge", "http://127.0.0.1:9/"), "step.fetch"),
    "sleep": (lambda ctx: ctx.step.sleep("charge", 5), "step.sleep"),
    "named argument": (lambda ctx: ctx.step.sleep(step_id="charge", duration=5), "step.sleep"),
    "sleep_until": (lambda ctx: ctx.step.sleep_until("charge", datetime.datetime.now()), "step.sleep_until"),
    "send_event": (lambda ctx: ctx.step.send_event("charge", inngest.Event(name="a")), "step.send_event"),
    "invoke": (lambda ctx: ctx.step.invoke("charge", function=other), "step.invoke"),
    "invoke_by_id": (lambda ctx: ctx.step.invoke_by_id("charge", function_id="other"), "step.invoke_by_id"),
    "wait_for_event": (lambda ctx: ctx.step.wait_for_event("charge", event="a", timeout=5), "step.wait_for_event"),
    "wait_for_signal": (lambda ctx: ctx.step.wait_for_signal("charge", signal="a", timeout=5), "step.wait_for_signal"),
    "send_signal": (lambda ctx: ctx.step.send_signal("charge", "a"), "step.send_signal"),
}

ran: list[str] = []
entered: list[int] = []


async def charge() -> str:
    ran.append("charge")
    return "charged"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Python complains of no coroutine besides."""
    ran.clear()
    entered.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(one.message) for one in caught if "never awaited" in str(one.message)] == []


async def until_recorded(engine: inngest.Engine, run_id: str, steps: int) -> None:
    """Wait until so many steps are recorded, open ones too."""
    while True:
        if len((await engine.run(run_id)).steps) >= steps:
            return
        await asyncio.sleep(0.01)


def of(stage: Stage, call: Callable[[inngest.Context], object]) -> Callable[..., Awaitable[Any]]:
    async def body(ctx: inngest.Context) -> str:
        entered.append(ctx.attempt)
        call(ctx)
        return "ok"

    return lambda **options: stage.run(body, **options)


@pytest.mark.parametrize("kind", CALLS)
async def test_a_step_without_await_fails_the_function_by_name(stage: Stage, kind: str) -> None:
    call, method = CALLS[kind]
    run = await of(stage, call)(retries=3)
    assert failure(run) == ("StepNotAwaitedError", "step_not_awaited")
    said = f'step "charge" was called but never awaited, and did nothing: write `await ctx.{method}("charge", ...)`'
    assert message(run) == said
    assert (run.steps, ran, entered) == ((), [], [0])


@pytest.mark.parametrize("group", ["parallel", "race"])
async def test_so_does_a_group(stage: Stage, group: str) -> None:
    def call(ctx: inngest.Context) -> object:
        branches = (lambda: ctx.step.run("charge", charge),)
        return ctx.group.parallel(branches) if group == "parallel" else ctx.group.race(branches)

    run = await of(stage, call)()
    said = f"group.{group} was called but never awaited, and did nothing: write `await ctx.group.{group}(...)`"
    assert (failure(run)[0], message(run), ran) == ("StepNotAwaitedError", said, [])


async def test_so_does_a_step_of_the_decorator(stage: Stage) -> None:
    run = await of(stage, lambda _: step_decorator("charge")(charge)())()
    assert message(run).startswith('step "charge" was called but never awaited')


async def test_so_does_one_that_is_returned(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        return ctx.step.run("charge", charge)

    run = await stage.run(body)
    assert message(run).startswith('step "charge" was called but never awaited')


async def test_several_are_named(stage: Stage) -> None:
    def call(ctx: inngest.Context) -> object:
        return [*(ctx.step.run(f"item-{number}", charge) for number in range(6)), ctx.step.sleep("pause", 5)]

    run = await of(stage, call)()
    assert message(run) == (
        'step "item-0", step "item-1", step "item-2", step "item-3", step "item-4" and 2 more were called but never '
        "awaited, and did nothing: write `await ctx.step.run(...)`, `await ctx.step.sleep(...)`"
    )


async def test_one_that_is_called_before_the_function_waits_is_told_at_its_end(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        forgotten = ctx.step.run("charge", charge)
        await ctx.step.sleep("pause", 30)
        await ctx.step.run("ship", lambda: "shipped")
        return type(forgotten).__name__

    run = await stage.run(body)
    assert message(run).startswith('step "charge" was called but never awaited')
    assert ([one.id for one in run.steps], ran) == (["pause", "ship"], [])


async def test_of_a_function_that_raises_only_its_error_counts(stage: Stage) -> None:
    def call(ctx: inngest.Context) -> object:
        kept = ctx.step.run("charge", charge)
        raise ValueError(f"mine, beside a {type(kept).__name__}")

    run = await of(stage, call)(retries=0)
    assert (failure(run)[0], message(run)) == ("ValueError", "mine, beside a coroutine")


async def test_of_a_run_that_is_cancelled_nothing_is_told(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        kept = [ctx.step.run("charge", charge)]
        await ctx.step.wait_for_event("w", event="never", timeout=60_000)
        kept.clear()

    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        await until_recorded(engine, run.id, 1)
        await engine.cancel(run.id)
        assert (await engine.run(run.id)).status == "CANCELLED"


async def test_a_wrong_argument_is_told_where_the_step_is_awaited(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        call = ctx.step.wait_for_event("w", event="", timeout=5)
        try:
            await call
        except inngest.errors.StepArgumentError as error:
            return error.message
        return ""

    assert str((await stage.run(body)).output).startswith('step "w"')


async def test_calls_that_are_given_up_or_closed_are_not_forgotten(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ctx.step.run("never begun", charge), 0)
        task = asyncio.create_task(ctx.step.sleep("cancelled", 60_000))
        task.cancel()
        ctx.step.run("closed", charge).close()
        return "ok"

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", "ok")


async def test_what_a_task_has_is_the_matter_of_that_task(stage: Stage) -> None:
    """It ends with the function: what it was to do is not done."""

    async def body(ctx: inngest.Context) -> str:
        room = asyncio.Semaphore(1)

        async def when_there_is_room(call: Coroutine[Any, Any, object]) -> object:
            async with room:
                return await call

        async def declined() -> None:
            raise inngest.NonRetriableError("declined")

        calls = [ctx.step.run("first", declined), *(ctx.step.run(f"later-{number}", charge) for number in range(2))]
        try:
            await asyncio.gather(*(when_there_is_room(call) for call in calls))
        except inngest.StepError as error:
            return error.message
        return ""

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", "declined")


async def test_changed_code_that_forgot_the_await_waits_for_code_that_has_not(stage: Stage) -> None:
    """A run that is under way is put on hold, as for other changes, and not failed."""

    async def body(ctx: inngest.Context) -> str:
        await ctx.step.run("charge", charge)
        await ctx.step.wait_for_event("w", event="test/go", timeout=60_000)
        return "ok"

    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        await until_recorded(engine, run.id, 2)

    async def forgot(ctx: inngest.Context) -> str:
        ctx.step.run("charge", charge)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
        return "ok"

    changed = Stage(stage.folder).function(forgot)
    async with stage.engine(changed) as engine:
        await engine.send(inngest.Event(name="test/go"))
        assert (await until_held(engine, run.id)).status == "RUNNING"


async def test_a_plain_function_needs_no_await(stage: Stage) -> None:
    def body(ctx: inngest.ContextSync) -> str:
        ctx.step.run("charge", lambda: 1)
        ctx.step.sleep("pause", 1)
        return "ok"

    assert (await stage.run(body)).output == "ok"


async def test_the_error_of_invoke_names_the_step(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        ctx.step.run("charge", charge)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]

    function = stage.function(body)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError, match='StepNotAwaitedError: step "charge" was called but never awaited'):
            await engine.invoke(function)
