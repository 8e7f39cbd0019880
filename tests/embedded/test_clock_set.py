"""The wall clock is set while an engine runs, or while none does: what waits goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

import pytest

import inngest
from inngest.embedded.engine import host_of
from inngest.embedded.reader import Reader
from inngest.runtime import clock
from inngest.sdk.invocation import scheduler
from tests.embedded import databases

HOUR = 3_600
LONG = 60_000
"""Milliseconds after which a test gives up: what it waits for would come an hour later, or never."""


class Wall:
    """The wall clock of this machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0  # s
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + self.ahead * 1_000_000_000)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


client = inngest.Inngest(app_id="clock")


@client.create_function(fn_id="sleeps", trigger=inngest.TriggerEvent(event="c/sleeps"))
async def sleeps(ctx: inngest.Context) -> str:
    await ctx.step.sleep("a while", 100)
    return "slept"


@client.create_function(fn_id="fails-once", retries=1, trigger=inngest.TriggerEvent(event="c/fails"))
async def fails_once(ctx: inngest.Context) -> int:
    def flaky() -> int:
        if inngest.current_step().attempt == 0:
            raise ValueError("once")
        return 1

    return await ctx.step.run("flaky", flaky)


def engine(path: Path, *functions: inngest.Function[object]) -> inngest.Engine:
    return inngest.Engine(functions or [sleeps, fails_once], database=databases.url_in(path), retry_interval=0.1)


async def test_a_clock_that_is_set_back_by_an_hour_changes_nothing(wall: Wall, tmp_path: Path) -> None:
    async with engine(tmp_path) as running:
        wall.ahead = -HOUR

        assert await running.invoke(sleeps, timeout=LONG) == "slept"
        assert await running.invoke(fails_once, timeout=LONG) == 1


async def test_what_another_process_sends_is_seen_after_the_clock_was_set_back(wall: Wall, tmp_path: Path) -> None:
    async with engine(tmp_path) as running:
        await running.invoke(sleeps)
        wall.ahead = -HOUR
        async with inngest.Engine([], database=databases.url_in(tmp_path)) as other:
            (event_id,) = await other.send(inngest.Event(name="c/sleeps"))
            (run,) = await other.runs(event_id=event_id)

            assert await running.wait(run.id, timeout=LONG) == "slept"


async def test_an_engine_goes_on_from_the_time_that_the_database_has_seen(
    wall: Wall, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine(tmp_path) as running:
        await running.send(inngest.Event(name="c/sleeps"))
        (run,) = await running.runs()
    wall.ahead = -HOUR
    caplog.set_level(logging.WARNING)

    async with engine(tmp_path) as running:
        assert await running.wait(run.id, timeout=LONG) == "slept"

    assert "was it set back?" in caplog.text


async def test_a_time_of_the_database_that_is_a_day_ahead_is_not_believed(
    wall: Wall, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wall.ahead = 25 * HOUR
    async with engine(tmp_path) as running:
        await running.invoke(sleeps)
    wall.ahead = 0

    async with engine(tmp_path) as running:
        await running.invoke(sleeps)
        assert host_of(running).now() <= time.time_ns() // 1_000_000
    assert "is not believed" in caplog.text
    caplog.clear()

    async with engine(tmp_path) as running:
        assert host_of(running).now() <= time.time_ns() // 1_000_000
    assert caplog.text == ""


async def test_a_clock_that_is_set_forward_ends_sleeps_and_no_handler(wall: Wall, tmp_path: Path) -> None:
    begun = asyncio.Event()
    go_on = asyncio.Event()

    async def slow() -> str:
        begun.set()
        await go_on.wait()
        return "in time"

    @client.create_function(fn_id="limited", retries=0, trigger=inngest.TriggerEvent(event="c/limited"))
    async def limited(ctx: inngest.Context) -> str:
        return await ctx.step.options(timeout=600_000).run("slow", slow)

    @client.create_function(fn_id="asks", retries=0, trigger=inngest.TriggerEvent(event="c/asks"))
    async def asks(ctx: inngest.Context) -> bool:
        def look() -> bool:
            wall.ahead += HOUR
            return inngest.current_step().timeout_requested

        return await ctx.step.options(timeout=600_000).run("look", look)

    async with engine(tmp_path, sleeps, limited, asks) as running:
        invoked = asyncio.create_task(running.invoke(limited, timeout=LONG))
        await begun.wait()
        wall.ahead += HOUR
        assert await running.invoke(sleeps, timeout=LONG) == "slept"
        go_on.set()

        assert await invoked == "in time"
        assert await running.invoke(asks, timeout=LONG) is False


async def test_a_reader_sees_what_is_due_by_the_time_of_the_engines(wall: Wall, tmp_path: Path) -> None:
    async with engine(tmp_path) as running:
        await running.invoke(sleeps)
        seen = host_of(running).now()
    wall.ahead = -HOUR

    reader = Reader(tmp_path / "inngest.db")
    assert seen - 2_000 <= reader.now() <= seen + 2_000


async def test_a_clock_that_is_set_forward_cuts_no_thread_off_that_is_about_to_call(
    wall: Wall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "PATIENCE", 1_000 * HOUR // 2)
    monkeypatch.setattr(clock, "LONGEST_SLEEP", 0.01)  # timers see that the clock was set before the nap below is over
    answered, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    @client.create_function(fn_id="threaded", retries=0, trigger=inngest.TriggerEvent(event="c/threaded"))
    def threaded(ctx: inngest.ContextSync) -> None:
        def branch() -> None:
            ctx.step.run("first", lambda: None)
            answered.set()
            go_on.wait(LONG)
            ctx.step.run("second", lambda: None)
            ended.set()

        thread = threading.Thread(target=branch)
        thread.start()
        ctx.step.sleep("a day", 24_000 * HOUR)
        thread.join()

    async with inngest.Engine([sleeps, threaded], database=databases.url_in(tmp_path), drain_timeout=0) as running:
        await running.send(inngest.Event(name="c/threaded"))
        assert await asyncio.to_thread(answered.wait, LONG // 1_000)
        await running.invoke(sleeps, timeout=LONG)
        wall.ahead += HOUR
        await running.invoke(sleeps, timeout=LONG)
        go_on.set()

        assert await asyncio.to_thread(ended.wait, LONG // 1_000)
