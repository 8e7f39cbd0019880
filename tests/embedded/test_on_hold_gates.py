"""What else stands between a run and its end applies to one on hold, too: pauses, time limits, singletons, cancels."""

from __future__ import annotations

from pathlib import Path

import pytest

import inngest
from inngest import Rule
from inngest.errors import RunCancelledError, RunSkippedError
from tests.embedded.shop import Shop
from tests.embedded.stage import message, until_held
from tests.wall_clock import WallClock

HOUR = 3_600_000
OLD, NEW = ("charge", "ship"), ("charge card", "ship")


@pytest.fixture
async def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def test_a_function_that_is_paused_is_not_entered_though_a_worker_has_started(
    shop: Shop, wall: WallClock
) -> None:
    run_id = await shop.begun()
    async with shop.engine(*NEW) as (engine, order):
        await until_held(engine, run_id)
        await engine.pause(order)
    async with shop.engine(*OLD) as (engine, order):
        wall.forward(HOUR)
        with pytest.raises(TimeoutError, match="on hold"):
            await engine.wait(run_id, timeout=500)
        assert shop.did == []
        assert {reason.rule for reason in (await engine.explain(run_id)).reasons} >= {Rule.ON_HOLD, Rule.PAUSED}
        await engine.resume(order)
        assert await engine.wait(run_id) == list(OLD)


async def test_it_is_cancelled_when_its_time_to_finish_is_over(shop: Shop, wall: WallClock) -> None:
    timeouts = inngest.Timeouts(finish=HOUR)
    run_id = await shop.begun(timeouts=timeouts)
    async with shop.engine(*NEW, timeouts=timeouts) as (engine, _):
        await until_held(engine, run_id)
        wall.forward(HOUR)
        with pytest.raises(RunCancelledError):
            await engine.wait(run_id)
        run = await engine.run(run_id)
        assert message(run) == "timeouts.finish: it has not ended within 1h"
        assert (run.hold, shop.did) == (None, [])


async def test_it_has_begun_so_that_its_time_to_start_is_no_matter(shop: Shop, wall: WallClock) -> None:
    timeouts = inngest.Timeouts(start=HOUR)
    run_id = await shop.begun(timeouts=timeouts)
    async with shop.engine(*NEW, timeouts=timeouts) as (engine, _):
        await until_held(engine, run_id)
        wall.forward(HOUR)
        await until_held(engine, run_id, times=2)
    async with shop.engine(*OLD, timeouts=timeouts) as (engine, _):
        assert await engine.wait(run_id) == list(OLD)


async def test_another_run_of_a_singleton_is_skipped_meanwhile(shop: Shop) -> None:
    singleton = inngest.Singleton(mode="skip")
    run_id = await shop.begun(singleton=singleton)
    async with shop.engine(*NEW, singleton=singleton) as (engine, order):
        await until_held(engine, run_id)
        with pytest.raises(RunSkippedError, match=f"singleton: run {run_id} has not ended"):
            await engine.invoke(order)
    assert shop.did == []


async def test_another_run_of_a_singleton_takes_its_place(shop: Shop) -> None:
    singleton = inngest.Singleton(mode="cancel")
    run_id = await shop.begun(singleton=singleton)
    async with shop.engine(*NEW, singleton=singleton) as (engine, order):
        await until_held(engine, run_id)
        assert await engine.invoke(order) == list(NEW)
        run = await engine.run(run_id)
        assert (run.status, run.hold) == ("CANCELLED", None)
        assert message(run).endswith("takes its place")


async def test_an_event_cancels_it(shop: Shop) -> None:
    cancel = [inngest.Cancel(event="app/stop")]
    run_id = await shop.begun(cancel=cancel)
    async with shop.engine(*NEW, cancel=cancel) as (engine, _):
        await until_held(engine, run_id)
        await engine.send(inngest.Event(name="app/stop"))
        with pytest.raises(RunCancelledError):
            await engine.wait(run_id)
    async with shop.engine(*OLD, cancel=cancel) as (engine, order):
        assert await engine.invoke(order) == list(OLD)
        assert (await engine.run(run_id)).status == "CANCELLED"
