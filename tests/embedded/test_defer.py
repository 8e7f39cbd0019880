"""`ctx.defer`: functions that start when the run has ended, once, whatever happened to it before."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import Run, RunStatus
from inngest.errors import RunCancelledError, RunFailedError

from .defers import Cleaner, the_run, told
from .reentry import after_each_crash
from .stage import Stage

LONG = 60_000
"""Milliseconds that no test waits for."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


# -- what starts, and when


async def test_it_starts_when_the_run_has_ended(stage: Stage) -> None:
    cleaner = Cleaner(stage)

    async def body(ctx: inngest.Context) -> str:
        ctx.defer("tidy", function=cleaner.function, data={"order": 7})
        await ctx.step.run("work", lambda: None)
        assert cleaner.seen == []
        return "done"

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        assert await engine.invoke(function) == "done"
        assert await cleaner.starts(1) == [{"order": 7}]
        run, child = await the_run(engine, function), await the_run(engine, cleaner.function)
    (record,) = run.defers
    assert (record.id, record.function_id, record.data, record.status) == (
        "tidy",
        "test-clean",
        {"order": 7},
        "scheduled",
    )
    assert [one.id for one in run.steps] == ["work"]
    assert child.event is not None
    assert child.event["name"] == "inngest/deferred.schedule"
    about = cleaner.seen[0]["_inngest"]
    assert (about["fn_id"], about["name"], about["source_fn_id"], about["source_run_id"]) == (
        "test-clean",
        "tidy",
        "test-f",
        run.id,
    )


async def test_in_a_plain_function(stage: Stage) -> None:
    cleaner = Cleaner(stage)

    def body(ctx: inngest.ContextSync) -> str:
        first = ctx.defer("tidy", function=cleaner.function, data={"n": 0})
        ctx.step.run("work", lambda: None)
        ctx.defer("tidy", function="test-clean", data={"n": 1})
        first.abort()
        return "done"

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        assert await engine.invoke(function) == "done"
        assert await cleaner.starts(1) == [{"n": 1}]
        assert told(await the_run(engine, function)) == [("tidy", "aborted"), ("tidy:1", "scheduled")]


async def test_one_of_another_app_by_its_id(stage: Stage) -> None:
    other = Stage(stage.folder, inngest.Inngest(app_id="other"))
    cleaner = Cleaner(other)

    async def body(ctx: inngest.Context) -> None:
        ctx.defer("tidy", function="other-clean")

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        await engine.invoke(function)
        assert await cleaner.starts(1) == [{}]


async def test_a_run_without_steps_defers_too(stage: Stage) -> None:
    cleaner = Cleaner(stage)

    async def body(ctx: inngest.Context) -> None:
        for number in range(3):
            ctx.defer("tidy", function=cleaner.function, data={"n": number})

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        await engine.invoke(function)
        assert sorted(one["n"] for one in await cleaner.starts(3)) == [0, 1, 2]
        run = await the_run(engine, function)
    assert told(run) == [("tidy", "scheduled"), ("tidy:1", "scheduled"), ("tidy:2", "scheduled")]


async def test_in_branches_ids_are_counted_as_those_of_steps_are(stage: Stage) -> None:
    def body(ctx: inngest.ContextSync) -> object:
        first_is_over = threading.Event()  # or each run would have an order of its own

        def branch(name: str, wait: Callable[[], object]) -> None:
            ctx.step.run(name, lambda: wait() and None)
            ctx.defer("tidy", function="test-clean", data={"of": name})
            first_is_over.set()
            ctx.step.run("tidy", lambda: None)

        return ctx.group.parallel(
            (lambda: branch("a", lambda: None), lambda: branch("b", lambda: first_is_over.wait(10)))
        )

    async def async_body(ctx: inngest.Context) -> None:
        async def branch(name: str) -> None:
            await ctx.step.run(name, lambda: None)
            ctx.defer("tidy", function="test-clean", data={"of": name})
            await ctx.step.run("tidy", lambda: None)

        await asyncio.gather(branch("a"), branch("b"))

    for one in (body, async_body):
        _, steps = await after_each_crash(one)
        assert steps == ["a", "b", "tidy:1", "tidy:3"]


async def test_what_a_branch_deferred_that_lost_a_race_starts(stage: Stage) -> None:
    cleaner = Cleaner(stage)

    async def body(ctx: inngest.Context) -> object:
        async def loser() -> None:
            ctx.defer("before", function=cleaner.function, data={"n": 1})
            try:
                await ctx.step.sleep("nap", LONG)
            finally:
                ctx.defer("after", function=cleaner.function, data={"n": 2})

        return await ctx.group.race((loser, lambda: ctx.step.run("quick", lambda: "won")))

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        assert await engine.invoke(function) == [1, "won"]
        assert sorted(one["n"] for one in await cleaner.starts(2)) == [1, 2]
    await after_each_crash(body)


async def test_its_failure_is_nothing_to_the_run(stage: Stage) -> None:
    cleaner = Cleaner(stage, fails=True)

    async def body(ctx: inngest.Context) -> str:
        ctx.defer("tidy", function=cleaner.function)
        return "done"

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        assert await engine.invoke(function) == "done"
        await cleaner.starts(1)
        with pytest.raises(RunFailedError):
            await engine.wait((await the_run(engine, cleaner.function)).id)
        assert (await the_run(engine, function)).status is RunStatus.COMPLETED


async def test_a_deferred_function_may_defer(stage: Stage) -> None:
    cleaner = Cleaner(stage)

    async def relay(ctx: inngest.Context) -> None:
        ctx.defer("next", function=cleaner.function, data={"hop": 2})

    relays = stage.client.create_function(fn_id="relay", trigger=inngest.TriggerEvent(event="test/never"))(relay)

    async def body(ctx: inngest.Context) -> None:
        ctx.defer("next", function=relays, data={"hop": 1})

    function = stage.function(body)
    async with stage.engine(function, relays, cleaner.function) as engine:
        await engine.invoke(function)
        assert await cleaner.starts(1) == [{"hop": 2}]


# -- how the run ends


async def test_a_run_that_fails_starts_what_it_deferred(stage: Stage) -> None:
    cleaner, told_of = Cleaner(stage), Cleaner(stage, "told")

    async def body(ctx: inngest.Context) -> None:
        ctx.defer("tidy", function=cleaner.function, data={"attempt": ctx.attempt})
        raise OSError("no disk")

    async def on_failure(ctx: inngest.Context) -> None:
        ctx.defer("tell", function=told_of.function, data={"of": str(ctx.event.data["run_id"])})

    function = stage.function(body, retries=1, on_failure=on_failure)
    async with stage.engine(function, cleaner.function, told_of.function) as engine:
        with pytest.raises(RunFailedError) as failed:
            await engine.invoke(function)
        assert await cleaner.starts(1) == [{"attempt": 0}]
        assert await told_of.starts(1) == [{"of": failed.value.run_id}]
        assert told(await engine.run(failed.value.run_id)) == [("tidy", "scheduled")]


async def test_a_run_that_is_cancelled_starts_nothing(stage: Stage) -> None:
    cleaner = Cleaner(stage)
    sleeping = asyncio.Event()

    async def body(ctx: inngest.Context) -> None:
        ctx.defer("tidy", function=cleaner.function)
        await ctx.step.run("begun", sleeping.set)
        await ctx.step.sleep("nap", LONG)

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        running = asyncio.ensure_future(engine.invoke(function))
        await sleeping.wait()
        run = await the_run(engine, function)
        assert told(run) in ([], [("tidy", "deferred")])  # it is recorded with the step, which may be on its way
        while not (await engine.run(run.id)).steps:  # noqa: ASYNC110 - until it is recorded
            await asyncio.sleep(0.001)
        await engine.cancel(run.id)
        with pytest.raises(RunCancelledError):
            await running
        assert told(await engine.run(run.id)) == [("tidy", "dropped")]
        assert await engine.runs(function=cleaner.function) == []
        other = stage.client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="x"))(_nothing)
    async with stage.engine(function, cleaner.function, other) as engine:
        await engine.invoke(other)
        assert cleaner.seen == []


async def _nothing(ctx: inngest.Context) -> None: ...


async def test_a_run_that_sleeps_keeps_what_it_deferred_across_engines(stage: Stage) -> None:
    cleaner = Cleaner(stage)
    go = stage.folder / "go"

    async def body(ctx: inngest.Context) -> str:
        ctx.defer("kept", function=cleaner.function, data={"calls": len(calls)})
        dropped = ctx.defer("dropped", function=cleaner.function)
        calls.append("entered")
        await ctx.step.run("work", lambda: None)
        dropped.abort()
        await ctx.step.sleep("nap", 1)
        await ctx.step.wait_for_signal("go", signal="go", timeout=LONG)
        go.touch()
        return "done"

    calls: list[str] = []
    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        run = await the_run(engine, function)
        while step_status(await engine.run(run.id), "go") != "waiting":  # noqa: ASYNC110 - until it is recorded
            await asyncio.sleep(0.001)
        assert told(await engine.run(run.id)) == [("kept", "deferred"), ("dropped", "aborted")]
        explained = await engine.explain(run.id)
        assert {reason.step for reason in explained.reasons} == {"go"}
    async with stage.engine(function, cleaner.function) as engine:
        assert await stage.client.send_signal("go") == run.id
        assert await engine.wait(run.id) == "done"
        assert await cleaner.starts(1) == [{"calls": 0}]
        assert told(await engine.run(run.id)) == [("kept", "scheduled"), ("dropped", "aborted")]
        assert len(await engine.runs(function=cleaner.function)) == 1
    assert go.exists()
    assert len(calls) > 1


def step_status(run: Run, step_id: str) -> str | None:
    return next((one.status for one in run.steps if one.id == step_id), None)


async def test_an_unknown_function_is_told_of_and_nothing_else(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    cleaner = Cleaner(stage)

    async def body(ctx: inngest.Context) -> str:
        ctx.defer("lost", function="test-nobody", data={"n": 1})
        ctx.defer("tidy", function=cleaner.function)
        return "done"

    function = stage.function(body)
    with caplog.at_level(logging.WARNING, "inngest"):
        async with stage.engine(function, cleaner.function) as engine:
            assert await engine.invoke(function) == "done"
            await cleaner.starts(1)
            run = await the_run(engine, function)
            assert len(await engine.runs()) == 2
    assert told(run) == [("lost", "scheduled"), ("tidy", "scheduled")]
    (warning,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert warning == f"run {run.id} has deferred test-nobody, which no app has registered: it does not start"


async def test_those_who_listen_hear_of_it_and_not_of_what_they_defer_themselves(stage: Stage) -> None:
    cleaner = Cleaner(stage)
    heard: list[str] = []
    first = asyncio.Event()

    @stage.client.create_function(fn_id="ear", trigger=inngest.TriggerEvent(event="inngest/deferred.schedule"))
    async def ear(ctx: inngest.Context) -> None:
        about: Any = ctx.event.data["_inngest"]
        heard.append(about["name"])
        ctx.defer("again", function=cleaner.function)
        first.set()

    async def body(ctx: inngest.Context) -> None:
        ctx.defer("tidy", function=cleaner.function)

    function = stage.function(body)
    async with stage.engine(function, cleaner.function, ear) as engine:
        await engine.invoke(function)
        await cleaner.starts(2)
        await engine.wait((await the_run(engine, ear)).id)
    assert heard == ["tidy"]


# -- aborting


async def test_an_abort_counts_once_and_in_every_replay(stage: Stage) -> None:
    cleaner = Cleaner(stage)

    async def body(ctx: inngest.Context) -> None:
        undo = ctx.defer("undo", function=cleaner.function)
        await ctx.step.run("work", lambda: None)
        undo.abort()
        undo.abort()
        await ctx.step.sleep("nap", 1)
        undo.abort()

    function = stage.function(body)
    async with stage.engine(function, cleaner.function) as engine:
        await engine.invoke(function)
        assert told(await the_run(engine, function)) == [("undo", "aborted")]
        assert await engine.runs(function=cleaner.function) == []
    await after_each_crash(body)


async def test_after_the_end_it_is_too_late(stage: Stage) -> None:
    kept: list[inngest.Deferred] = []
    contexts: list[inngest.Context] = []

    async def body(ctx: inngest.Context) -> None:
        kept.append(ctx.defer("tidy", function="test-nobody"))
        contexts.append(ctx)

    await stage.run(body)
    with pytest.raises(inngest.errors.StepOutsideError, match="after its function had ended"):
        kept[0].abort()
    with pytest.raises(inngest.errors.StepOutsideError, match="after its function had ended"):
        contexts[0].defer("late", function="test-nobody")


async def test_what_unwinds_because_it_waits_defers_and_aborts_nothing(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        undo = ctx.defer("undo", function="test-nobody")
        try:
            await ctx.step.sleep("nap", 1)
            ctx.defer("through", function="test-nobody")
        finally:
            ctx.defer("last", function="test-nobody")
            undo.abort()

    run = await stage.run(body)
    assert told(run) == [("undo", "aborted"), ("through", "scheduled"), ("last", "scheduled")]
