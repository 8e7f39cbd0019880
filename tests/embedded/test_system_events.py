"""What the engine says about runs, to functions and steps that listen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import RunCancelledError, RunFailedError
from tests.embedded.stage import Stage
from tests.embedded.test_cron import let_pass

FAILED, FINISHED, CANCELLED, INVOKED = (
    f"inngest/function.{what}" for what in ("failed", "finished", "cancelled", "invoked")
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class Ear:
    """A function that listens to events of the engine."""

    def __init__(self, stage: Stage, *names: str, fn_id: str = "ear", fails: bool = False) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.something = asyncio.Semaphore(0)
        self._fails = fails
        triggers = [inngest.TriggerEvent(event=name) for name in names]
        self.function = stage.client.create_function(fn_id=fn_id, trigger=triggers, retries=0)(self._listen)

    async def _listen(self, ctx: inngest.Context) -> None:
        self.heard.append((ctx.event.name, dict(ctx.event.data)))
        self.something.release()
        if self._fails:
            raise RuntimeError("deaf")

    async def hears(self, count: int) -> Sequence[tuple[str, Any]]:
        for _ in range(count):
            await self.something.acquire()
        return self.heard


async def fine(ctx: inngest.Context) -> object:
    return {"n": ctx.event.data.get("n")}


async def broken(ctx: inngest.Context) -> None:
    raise inngest.NonRetriableError("no stock")


async def endless(ctx: inngest.Context) -> None:
    await ctx.step.sleep("long", 3_600_000)


async def quiet(engine: inngest.Engine, function: inngest.Function[Any], runs: int) -> None:
    """All runs of a function have ended, and there are so many."""
    found = await engine.runs(function=function)
    for run in found:
        with pytest.raises(RunFailedError):
            await engine.wait(run.id)
    assert len(await engine.runs(function=function)) == runs


async def test_who_listens_hears_of_every_end(stage: Stage) -> None:
    ear = Ear(stage, FAILED, FINISHED, CANCELLED)
    done, bad, long = stage.function(fine, "done"), stage.function(broken, "bad"), stage.function(endless, "long")
    async with stage.engine(ear.function, done, bad, long) as engine:
        await engine.invoke(done, data={"n": 1})
        await ear.hears(1)
        with pytest.raises(RunFailedError) as failed:
            await engine.invoke(bad)
        await ear.hears(2)
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        (sleeping,) = await engine.runs(event_id=event_id, function=long)
        assert await engine.cancel(sleeping.id)
        await ear.hears(4)  # the event has started the others, too
    of: dict[tuple[str, str, str], Any] = {}
    for name, data in ear.heard:
        of.setdefault((name, data["function_id"], data["_inngest"]["status"]), data)
    assert of[FINISHED, "test-done", "Completed"]["result"] == {"n": 1}
    assert of[FAILED, "test-bad", "Failed"]["error"]["message"] == "no stock"
    assert of[FAILED, "test-bad", "Failed"]["run_id"] == failed.value.run_id
    assert of[FINISHED, "test-bad", "Failed"]["error"]["name"] == "NonRetriableError"
    cancelled = of[CANCELLED, "test-long", "Cancelled"]
    assert cancelled["run_id"] == sleeping.id
    assert cancelled["event"]["name"] == "test/start"
    assert "error" not in of[FINISHED, "test-long", "Cancelled"]


async def test_a_listener_that_fails_is_not_heard_of(stage: Stage) -> None:
    ear = Ear(stage, FAILED, FINISHED, fails=True)
    bad = stage.function(broken, "bad")
    async with stage.engine(ear.function, bad) as engine:
        with pytest.raises(RunFailedError):
            await engine.invoke(bad)
        await ear.hears(2)
        await quiet(engine, ear.function, 2)


async def test_without_a_listener_only_bad_ends_are_stored(stage: Stage) -> None:
    done, bad = stage.function(fine, "done"), stage.function(broken, "bad")
    async with stage.engine(done, bad) as engine:
        await engine.invoke(done)
        with pytest.raises(RunFailedError):
            await engine.invoke(bad)

    ear = Ear(stage, "never")
    names: list[str] = []

    @stage.client.create_function(fn_id="look", trigger=inngest.TriggerEvent(event="look"))
    async def look(ctx: inngest.Context) -> None:
        for name in (FINISHED, FAILED):
            event = await ctx.step.wait_for_event(name, event=name, timeout=1, since=60_000)
            names.extend([] if event is None else [event.name])

    async with stage.engine(ear.function, look) as engine:
        await engine.invoke(look)
    assert names == [FAILED]


async def test_a_step_waits_for_the_end_of_a_run(stage: Stage) -> None:
    @stage.client.create_function(fn_id="watch", trigger=inngest.TriggerEvent(event="watch"))
    async def watch(ctx: inngest.Context) -> object:
        (event_id,) = await ctx.step.send_event("start", inngest.Event(name="test/start", data={"n": 5}))
        event = await ctx.step.wait_for_event(
            "end", event=FINISHED, timeout=60_000, if_exp="async.data.event.data.n == 5", since=60_000
        )
        assert event is not None
        return [event.data["result"], event_id != ""]

    gate = asyncio.Event()

    async def gated(ctx: inngest.Context) -> object:
        await gate.wait()
        return "over"

    function = stage.function(gated, "gated")
    async with stage.engine(watch, function) as engine:
        (event_id,) = await engine.send(inngest.Event(name="watch"))
        (run,) = await engine.runs(event_id=event_id)
        while "end" not in [step.id for step in (await engine.run(run.id)).steps]:  # noqa: ASYNC110 - it is recorded
            await asyncio.sleep(0)
        gate.set()
        assert await engine.wait(run.id) == ["over", True]


async def test_the_cancellation_of_one_run_cancels_another(stage: Stage) -> None:
    cancel = inngest.Cancel(event=CANCELLED, if_exp="async.data.event.data.order == event.data.order")
    first = stage.function(endless, "first")
    second = stage.function(endless, "second", cancel=[cancel])
    ear = Ear(stage, CANCELLED)
    async with stage.engine(first, second, ear.function) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start", data={"order": 1}))
        runs = {run.function_id: run.id for run in await engine.runs(event_id=event_id)}
        await engine.cancel(runs["test-first"])
        with pytest.raises(RunCancelledError):
            await engine.wait(runs["test-second"])
        await ear.hears(2)
    assert {data["function_id"] for _, data in ear.heard} == {"test-first", "test-second"}


async def test_who_listens_to_invocations_may_invoke(stage: Stage) -> None:
    done = stage.function(fine, "done")
    ran: list[Any] = []
    over = asyncio.Event()

    @stage.client.create_function(fn_id="audit", trigger=inngest.TriggerEvent(event=INVOKED))
    async def audit(ctx: inngest.Context) -> None:
        about: Any = ctx.event.data["_inngest"]
        ran.append(about["fn_id"])
        await ctx.step.invoke("again", function=done, data={"n": 2})
        over.set()

    async with stage.engine(done, audit) as engine:
        assert await engine.invoke(done, data={"n": 1}) == {"n": 1}
        await over.wait()
        assert len(await engine.runs(function=audit)) == 1
        assert len(await engine.runs(function=done)) == 2
    assert set(ran) == {"test-done"}


async def test_a_tick_is_heard(stage: Stage) -> None:
    ear = Ear(stage, "inngest/scheduled.timer")

    @stage.client.create_function(fn_id="due", trigger=inngest.TriggerCron(cron="* * * * *", catch_up="last"))
    async def due(ctx: inngest.Context) -> None: ...

    async with stage.engine(ear.function, due):
        pass
    let_pass(stage.folder / "inngest.db")
    async with stage.engine(ear.function, due):
        ((name, data),) = (await ear.hears(1))[:1]
    assert name == "inngest/scheduled.timer"
    assert data["cron"] == "* * * * *"


def test_other_names_of_the_engine_are_refused(stage: Stage) -> None:
    ear = Ear(stage, "inngest/function.done")
    with pytest.raises(inngest.errors.EngineConfigError) as refused:
        inngest.Engine([ear.function], database=stage.database)
    assert str(refused.value) == (
        "functions: 'test-ear' has TriggerEvent(event='inngest/function.done'), but events whose names begin with "
        "'inngest/' come from the engine, and it sends none with that name: expected one of inngest/function.failed, "
        "inngest/function.finished, inngest/function.cancelled, inngest/function.invoked, inngest/scheduled.timer"
    )
