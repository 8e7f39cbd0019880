"""`ctx.defer` in replays, in the wrong place, and at its limits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import RunStatus

from .defers import Cleaner, told
from .reentry import Memory, after_each_crash, deferred
from .stage import Stage, failure, message, step

LONG = 60_000
"""Milliseconds that no test waits for."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


# -- replay


async def test_it_is_the_same_after_each_crash() -> None:
    async def body(ctx: inngest.Context) -> str:
        first = ctx.defer("d", function="test-x", data={"n": 1})
        await ctx.step.run("a", lambda: None)
        ctx.defer("d", function="test-x", data={"n": 2})
        await ctx.step.sleep("nap", 1)
        first.abort()
        await asyncio.gather(ctx.step.run("b", lambda: None), ctx.step.sleep("other nap", 1))
        ctx.defer("last", function="test-x")
        return "done"

    def plain(ctx: inngest.ContextSync) -> str:
        first = ctx.defer("d", function="test-x", data={"n": 1})
        ctx.step.run("a", lambda: None)
        ctx.defer("d", function="test-x", data={"n": 2})
        ctx.step.sleep("nap", 1)
        first.abort()
        ctx.group.parallel((lambda: ctx.step.run("b", lambda: None), lambda: ctx.step.sleep("other nap", 1)))
        ctx.defer("last", function="test-x")
        return "done"

    for one in (body, plain):
        memory = Memory()
        assert await memory.until_done(one) == "done"
        assert deferred(memory) == [("d", '{"n":1}', True), ("d:1", '{"n":2}', False), ("last", "{}", False)]
        await after_each_crash(one)


async def test_the_first_data_stand(stage: Stage) -> None:
    cleaner = Cleaner(stage)
    entered: list[int] = []

    async def body(ctx: inngest.Context) -> None:
        entered.append(len(entered))
        ctx.defer("tidy", function=cleaner.function, data={"n": entered[-1]})
        if not entered[-1]:
            raise OSError

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        await engine.invoke(function)
        assert await cleaner.starts(1) == [{"n": 0}]
    assert entered == [0, 1]


async def test_what_changed_code_defers_no_more_starts_all_the_same(stage: Stage) -> None:
    cleaner = Cleaner(stage)

    async def body(ctx: inngest.Context) -> None:
        if ctx.attempt == 0:
            ctx.defer("tidy", function=cleaner.function)
            raise OSError

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        await engine.invoke(function)
        await cleaner.starts(1)


@pytest.mark.parametrize("defers_first", [True, False])
async def test_a_step_in_its_place_is_changed_code(stage: Stage, defers_first: bool) -> None:
    async def body(ctx: inngest.Context) -> None:
        again = ctx.attempt > 0 or "once" in done
        if again == defers_first:
            await ctx.step.run("x", lambda: None)
        else:
            ctx.defer("x", function="test-nobody")
        done.append("once")
        raise inngest.RetryAfterError("again", 0)

    done: list[str] = []
    run = await stage.held(body, retries=1)
    was, now = ("DeferAdd", "StepRun") if defers_first else ("StepRun", "DeferAdd")
    assert run.hold is not None
    assert run.hold.text == f'step "x" is of another kind: it was recorded as {was}, and is now {now}.'


# -- misuse


async def test_inside_a_handler_it_is_an_error(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        undo = ctx.defer("undo", function="test-nobody")
        await ctx.step.run("outer", lambda: ctx.defer("inner", function="test-nobody").id)
        undo.abort()

    def plain(ctx: inngest.ContextSync) -> None:
        undo = ctx.defer("undo", function="test-nobody")
        ctx.step.run("outer", undo.abort)

    for one, inner in ((body, "inner"), (plain, "undo")):
        memory = Stage(stage.folder / inner)
        memory.folder.mkdir()
        run = await memory.run(one)
        assert failure(run)[0] == "NestedStepError"
        assert f'ctx.defer "{inner}" was called in the handler of step "outer"' in message(run)
        assert told(run) == [("undo", "scheduled")]


async def test_in_another_thread_of_an_async_function_it_is_an_error(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        await asyncio.to_thread(lambda: ctx.defer("tidy", function="test-nobody"))

    run = await stage.run(body)
    assert failure(run)[0] == "StepOutsideError"
    assert "in a thread that is not its function's" in message(run)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"function": 7}, "function: expected a function made by create_function, or the id of one as text, got 7"),
        ({"function": ""}, "function: expected a function made by create_function, or the id of one as text, got ''"),
        ({"function": "test-x", "data": [1]}, "data: expected a mapping, got [1]"),
        ({"function": "test-x", "data": {"a": object()}}, "data is not JSON: $.a: "),
    ],
)
async def test_wrong_arguments_are_told_of(stage: Stage, arguments: dict[str, Any], expected: str) -> None:
    async def body(ctx: inngest.Context) -> None:
        ctx.defer("tidy", **arguments)

    run = await stage.run(body)
    assert failure(run) == ("StepArgumentError", "step_argument")
    assert message(run).startswith(f'defer "tidy": {expected}')
    assert run.attempts == ()


# -- limits


async def test_no_more_than_twenty(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        for _ in range(20):
            ctx.defer("tidy", function="test-nobody").abort()
        await ctx.step.sleep("nap", 1)
        try:
            ctx.defer("tidy", function="test-nobody")
        except inngest.errors.DeferRejectedError as error:
            return f"{error.reason}: {error}"
        return "not refused"

    run = await stage.run(body)
    assert run.output == (
        'per_run_count: defer "tidy:20": the run has deferred 20 functions, those that were aborted too, and may not '
        "defer more: defer one function that does the work of several"
    )
    assert len(run.defers) == 20


async def test_no_more_than_four_megabytes_each(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        ctx.defer("large", function="test-nobody", data={"text": "x" * (4 * 1024 * 1024 - 11)})
        ctx.defer("too large", function="test-nobody", data={"text": "x" * (4 * 1024 * 1024 - 10)})

    run = await stage.run(body)
    assert failure(run) == ("DeferRejectedError", "defer_rejected")
    assert message(run) == (
        'defer "too large": its data are 4,194,305 bytes of JSON; at most 4,194,304 are allowed: keep large values '
        "elsewhere, and hand over references to them"
    )
    assert [one.id for one in run.defers] == ["large"]
    assert run.attempts == ()


async def test_no_more_than_four_megabytes_together_and_the_same_in_each_replay(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> list[str]:
        refused: list[str] = []
        for number in range(4):
            try:
                ctx.defer(f"d-{number}", function="test-nobody", data={"text": "x" * 1_500_000})
            except inngest.errors.DeferRejectedError as error:
                refused.append(f"{error.reason}: {error}")
            await ctx.step.run(f"s-{number}", lambda: None)
        return refused

    run = await stage.run(body)
    assert isinstance(run.output, list)
    assert [str(one).partition(":")[0] for one in run.output] == ["aggregate_size"] * 2
    assert "are 4,500,033 bytes of JSON; at most 4,194,304 are allowed" in str(run.output[0])
    assert [one.id for one in run.defers] == ["d-0", "d-1"]
    await after_each_crash(body)


async def test_they_are_no_steps_of_the_limit_on_steps(stage: Stage) -> None:
    stage.options["max_steps"] = 1

    async def body(ctx: inngest.Context) -> None:
        for _ in range(5):
            ctx.defer("tidy", function="test-nobody")
        await ctx.step.run("only", lambda: None)

    run = await stage.run(body)
    assert (run.status, len(run.defers), step(run, "only").status) == (RunStatus.COMPLETED, 5, "completed")
