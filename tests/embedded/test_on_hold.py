"""Runs on hold, through the engine: they stay RUNNING, say why, take no slot, and go on when code that fits is back."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path

import pytest

import inngest
from inngest import Rule
from inngest.engine.domain import holding
from inngest.errors import RunCancelledError, RunNotFoundError
from tests.embedded import databases
from tests.embedded.shop import TRIGGER, Shop
from tests.embedded.stage import Stage, until_held
from tests.wall_clock import WallClock

HOUR = 3_600_000


async def until_recorded(engine: inngest.Engine, run_id: str) -> None:
    """Something is recorded of a run."""
    while not (await engine.run(run_id)).steps:  # noqa: ASYNC110 - the engine tells nobody
        await asyncio.sleep(0.01)


@pytest.fixture
async def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def test_a_run_on_hold_says_why_and_goes_on_after_a_rollback(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = await shop.begun()
    with caplog.at_level(logging.WARNING):
        async with shop.engine("charge card", "ship") as (engine, _):
            run = await until_held(engine, run_id, times=2)
            assert (run.status, shop.did, run.attempts) == ("RUNNING", [], ())
            assert run.hold is not None
            assert (run.hold.sign, run.hold.step, run.hold.call) == ("called", "charge", "charge card")
            found = await engine.explain(run_id)
            assert found.reasons[0].rule == Rule.ON_HOLD or found.reasons[1].rule == Rule.ON_HOLD
            with pytest.raises(
                TimeoutError, match='on hold: step "charge" was recorded, and the code calls "charge card"'
            ):
                await engine.wait(run_id, timeout=1)
    told = [one for one in caplog.messages if "is on hold" in one]
    assert len(told) == 1, told
    assert f"inngest release {run_id}" in told[0]
    async with shop.engine("charge", "ship") as (engine, _):
        assert await engine.wait(run_id) == ["charge", "ship"]
        run = await engine.run(run_id)
        assert (shop.did, run.hold, run.follows) == (["ship"], None, False)


async def test_a_worker_that_starts_after_the_hold_enters_at_once_whatever_the_delay(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortest, run_id = holding.SHORTEST, await shop.begun()
    monkeypatch.setattr(holding, "SHORTEST", holding.LONGEST)  # as after many holds
    async with shop.engine("charge card", "ship") as (bad, _):
        await until_held(bad, run_id)
        # Once code has fitted it, the run is for all: if the bad worker is quicker then, it is held for the first time.
        monkeypatch.setattr(holding, "SHORTEST", shortest)
        async with shop.engine("charge", "ship") as (good, _):
            assert await good.wait(run_id) == ["charge", "ship"]
    assert shop.did == ["ship"]


async def test_a_run_on_hold_keeps_no_slot_while_it_replays(shop: Shop) -> None:
    limit = {"concurrency": [inngest.Concurrency(limit=1)]}
    run_id = await shop.begun(**limit)
    async with shop.engine("charge card", "ship", **limit) as (engine, order):
        await until_held(engine, run_id)
        for _ in range(3):  # the only slot is free, also while the other run is entered
            assert await engine.invoke(order) == ["charge card", "ship"]
        await until_held(engine, run_id, times=2)
    async with shop.engine("charge", "ship", **limit) as (engine, order):
        assert await engine.wait(run_id) == ["charge", "ship"]
        assert await engine.invoke(order) == ["charge", "ship"]


async def test_release_has_a_run_follow_the_code_there_is_for_ever(shop: Shop) -> None:
    run_id = await shop.begun()
    async with shop.engine("check", "charge", "wait") as (engine, _):
        await until_held(engine, run_id)
        assert await engine.release(run_id)
        await shop.until("wait")
    assert shop.did == ["check", "wait"]
    async with shop.engine("ship") as (engine, _):  # by default it would be put on hold
        assert await engine.wait(run_id) == ["ship"]
        run = await engine.run(run_id)
        assert (run.follows, run.unasked) == (True, ("charge", "check"))
        assert not await engine.release(run_id)


async def test_a_function_that_follows_is_never_put_on_hold(shop: Shop) -> None:
    run_id = await shop.begun()
    async with shop.engine("check", "ship", "charge", on_change="follow") as (engine, _):
        assert await engine.wait(run_id) == ["check", "ship", "charge"]
        run = await engine.run(run_id)
    assert (shop.did, run.follows, run.unasked) == (["check", "ship"], True, ())


async def test_a_function_that_follows_and_did_not_change_strays_not(shop: Shop) -> None:
    run_id = await shop.begun()
    async with shop.engine("charge", "ship", on_change="follow") as (engine, _):
        assert await engine.wait(run_id) == ["charge", "ship"]
        assert not (await engine.run(run_id)).follows


async def test_a_run_on_hold_can_be_cancelled(shop: Shop) -> None:
    run_id = await shop.begun()
    async with shop.engine("charge card", "ship") as (engine, _):
        await until_held(engine, run_id)
        assert await engine.cancel(run_id)
        assert (await engine.run(run_id)).hold is None
        with pytest.raises(RunCancelledError):
            await engine.wait(run_id)


async def test_retry_now_tries_what_waits_for_its_next_attempt(tmp_path: Path) -> None:
    client, tries = inngest.Inngest(app_id="app"), []

    @client.create_function(fn_id="f", trigger=TRIGGER)
    async def function(ctx: inngest.Context) -> str:
        def flaky() -> str:
            tries.append(1)
            if len(tries) == 1:
                raise inngest.RetryAfterError("later", 3_600_000)
            return "done"

        return await ctx.step.run("flaky", flaky)

    async with inngest.Engine([function], database=databases.url_in(tmp_path)) as engine:
        await engine.send(inngest.Event(name="app/start"))
        (run,) = await engine.runs()
        await until_recorded(engine, run.id)
        assert await engine.retry_now(run.id)
        assert await engine.wait(run.id) == "done"
        assert not await engine.retry_now(run.id)
        with pytest.raises(RunNotFoundError):
            await engine.retry_now("01J00000000000000000000000")
        with pytest.raises(RunNotFoundError):
            await engine.release("01J00000000000000000000000")


async def test_retry_now_reaches_a_run_that_executes(tmp_path: Path) -> None:
    client, tries, may_end = inngest.Inngest(app_id="app"), [], asyncio.Event()

    @client.create_function(fn_id="f", trigger=TRIGGER)
    async def function(ctx: inngest.Context) -> list[object]:
        def flaky() -> str:
            tries.append(1)
            if len(tries) == 1:
                raise inngest.RetryAfterError("later", 3_600_000)
            may_end.set()
            return "done"

        return list(await asyncio.gather(ctx.step.run("flaky", flaky), ctx.step.run("long", may_end.wait)))

    async with inngest.Engine([function], database=databases.url_in(tmp_path)) as engine:
        await engine.send(inngest.Event(name="app/start"))
        (run,) = await engine.runs()
        await until_recorded(engine, run.id)
        assert await engine.retry_now(run.id)
        assert await engine.wait(run.id) == ["done", True]


async def test_retry_now_makes_one_attempt_of_a_run_that_executes(tmp_path: Path) -> None:
    client, tries, again = inngest.Inngest(app_id="app"), [], asyncio.Event()

    @client.create_function(fn_id="f", trigger=TRIGGER)
    async def function(ctx: inngest.Context) -> None:
        def flaky() -> None:
            tries.append(1)
            if len(tries) == 2:
                again.set()
            raise inngest.RetryAfterError("later", 3_600_000)

        await asyncio.gather(ctx.step.run("flaky", flaky), ctx.step.run("long", again.wait))

    async with inngest.Engine([function], database=databases.url_in(tmp_path)) as engine:
        await engine.send(inngest.Event(name="app/start"))
        (run,) = await engine.runs()
        await until_recorded(engine, run.id)
        assert await engine.retry_now(run.id)
        await again.wait()
        while rules := [reason.rule for reason in (await engine.explain(run.id)).reasons]:
            if inngest.Rule.EXECUTING not in rules:
                break
            await asyncio.sleep(0.01)
        assert (await engine.run(run.id)).ended_at is None
        assert len(tries) == 2


@pytest.mark.parametrize("executing", [True, False], ids=["while it executes", "while nobody has it"])
async def test_a_parent_that_waits_in_vain_is_told_that_its_child_is_on_hold(
    tmp_path: Path, wall: WallClock, executing: bool
) -> None:
    database, began = databases.url_in(tmp_path), asyncio.Event()

    def app(first: str) -> inngest.Inngest:
        client = inngest.Inngest(app_id="app")

        @client.create_function(fn_id="child", trigger=TRIGGER)
        def child(ctx: inngest.ContextSync) -> None:
            ctx.step.run(first, lambda: None)
            ctx.step.wait_for_event("go", event="app/go", timeout=24 * HOUR)

        @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="app/parent"))
        async def parent(ctx: inngest.Context) -> str:
            async def invokes() -> str:
                try:
                    await ctx.step.invoke_by_id("ask", function_id="child", timeout=HOUR)
                except inngest.StepError as error:
                    began.set()
                    return error.message
                return "answered"

            beside = [ctx.step.run("long", began.wait)] if executing else []
            answer, *_ = await asyncio.gather(invokes(), *beside)
            return str(answer)

        return client

    async with inngest.Engine(app("charge"), database=database, drain_timeout=100) as engine:
        await engine.send(inngest.Event(name="app/parent"))
        found: dict[str, str] = {}
        while len(found) < 2 or not (await engine.run(found["app-child"])).steps[1:]:
            found = {run.function_id: run.id for run in await engine.runs()}
            await asyncio.sleep(0.01)
    async with inngest.Engine(app("charge card"), database=database) as engine:
        await engine.send(inngest.Event(name="app/go"))
        await until_held(engine, found["app-child"])
        wall.forward(HOUR)
        told = await engine.wait(found["app-parent"])
        assert isinstance(told, str)
        assert f'run {found["app-child"]} is on hold, since step "charge" was recorded, and the code calls' in told
        (ask,) = [step for step in (await engine.run(found["app-parent"])).steps if step.id == "ask"]
        assert ask.error is not None
        assert ask.error.message == told


PROGRAM = """
import asyncio, os, sys
import inngest

client = inngest.Inngest(app_id="app")

@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="app/start"))
async def order(ctx):
    if sys.argv[3] == "die":
        os.kill(os.getpid(), 9)
    await ctx.step.run(sys.argv[2], lambda: None)
    return await ctx.step.run("ship", lambda: "shipped")

async def main():
    async with inngest.Engine(client, database=sys.argv[1], max_takeovers=2) as engine:
        (run,) = await engine.runs()
        print(await engine.wait(run.id))

asyncio.run(main())
"""


async def test_workers_that_die_while_it_replays_do_not_make_it_fail(shop: Shop) -> None:
    run_id = await shop.begun()
    async with shop.engine("charge card", "ship") as (engine, _):
        await until_held(engine, run_id)

    async def ran(step: str, how: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, shop.database, step, how, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode().strip()

    for _ in range(2):
        assert await ran("charge card", "die") == (-signal.SIGKILL, "")
    assert await ran("charge", "live") == (0, "shipped")


async def test_a_loop_that_stands_still_takes_no_patience(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another run's code blocks the loop, while a branch awaits something of its own before it comes to its step."""
    entries: list[int] = []

    async def body(ctx: inngest.Context) -> str:
        entries.append(len(entries))

        async def one() -> None:
            if len(entries) > 1:
                await asyncio.sleep(0.3)
            await ctx.step.run("first", lambda: None)

        async def two() -> None:
            if len(entries) == 1:
                await asyncio.Event().wait()
            asyncio.get_running_loop().call_later(0.05, time.sleep, 2)
            await ctx.step.run("second", lambda: None)

        await asyncio.gather(one(), two())
        return "done"

    stage = Stage(tmp_path, options={"drain_timeout": 0})
    function = stage.function(body)
    async with stage.engine(function) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs(event_id=event_id)
        await until_recorded(engine, run.id)
    async with stage.engine(function) as engine:
        assert await engine.wait(run.id) == "done"
    assert len(entries) == 2
    assert "on hold" not in caplog.text
