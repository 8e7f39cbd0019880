"""What is not history goes with its cause: after runs of all kinds and their retention, the file is as it began."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import sqlite3
import time
from pathlib import Path

import inngest
from inngest.errors import RunCancelledError, RunFailedError
from tests.migrations.shop import later

SECOND, MINUTE = 1_000, 60_000
DAY = datetime.timedelta(days=1)
client = inngest.Inngest(app_id="mixed")


@client.create_function(
    fn_id="limited",
    trigger=inngest.TriggerEvent(event="limited"),
    concurrency=[inngest.Concurrency(limit=1, key="event.data.user")],
    throttle=inngest.Throttle(limit=100, period=MINUTE, key="event.data.user"),
    priority=inngest.Priority(run="event.data.rank"),
    retries=0,
)
async def limited(ctx: inngest.Context) -> object:
    return await ctx.step.run("work", lambda: ctx.event.data["user"])


@client.create_function(
    fn_id="timed",
    trigger=inngest.TriggerEvent(event="timed"),
    timeouts=inngest.Timeouts(start=3_600_000, finish=3_600_000),
    cancel=[inngest.Cancel(event="timed/stop", if_exp="event.data.number == async.data.number")],
)
async def timed(ctx: inngest.Context) -> object:
    number = ctx.event.data["number"]
    same = f"async.data.n{number} == event.data.number"
    found = await ctx.step.wait_for_event("wait", event=f"done/{number}", timeout=3_600_000, if_exp=same)
    return found is not None


@client.create_function(
    fn_id="batched",
    trigger=inngest.TriggerEvent(event="batched"),
    batch_events=inngest.Batch(max_size=2, timeout=MINUTE, key="event.data.key"),
)
async def batched(ctx: inngest.Context) -> int:
    return len(ctx.events)


@client.create_function(fn_id="once", trigger=inngest.TriggerEvent(event="once"), idempotency="event.data.key")
async def once(ctx: inngest.Context) -> None: ...


@client.create_function(
    fn_id="rated",
    trigger=inngest.TriggerEvent(event="rated"),
    rate_limit=inngest.RateLimit(limit=1, period=MINUTE, key="event.data.user"),
)
async def rated(ctx: inngest.Context) -> None: ...


@client.create_function(
    fn_id="bounced",
    trigger=inngest.TriggerEvent(event="bounced"),
    debounce=inngest.Debounce(period=SECOND, key="event.data.user"),
    singleton=inngest.Singleton(mode="skip", key="event.data.user"),
)
async def bounced(ctx: inngest.Context) -> None: ...


@client.create_function(fn_id="failing", trigger=inngest.TriggerEvent(event="failing"), retries=0)
async def failing(ctx: inngest.Context) -> None:
    await ctx.step.wait_for_signal("signal", signal=f"go-{ctx.run_id}", timeout=SECOND * 3_600)
    await ctx.step.invoke("child", function=limited, data={"user": ctx.run_id, "rank": 1})
    raise RuntimeError("no stock")


FUNCTIONS = [limited, timed, batched, once, rated, bounced, failing]
HISTORY = {"inngest_functions", "inngest_meta"}


def rows(path: Path) -> dict[str, int]:
    """How many rows there are, by table."""
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    connection.close()
    return {name: count for name, count in found.items() if name not in HISTORY}


def used(path: Path) -> int:
    """Bytes of the file that hold something, once what is in the log is in the file."""
    connection = sqlite3.connect(path)
    (blocked, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert not blocked
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    connection.close()
    return int((pages - free) * size)


async def work(path: Path, count: int) -> None:
    """Runs of all kinds, all of which end but those of batches and debounces that wait."""
    async with inngest.Engine(FUNCTIONS, database=f"sqlite:///{path}", durability="normal") as engine:
        numbers = range(count)
        await engine.send([inngest.Event(name="timed", data={"number": number}) for number in numbers])
        await engine.send([inngest.Event(name="failing") for _ in numbers])
        for name in ("limited", "batched", "once", "rated", "bounced"):
            users = [{"user": f"{number}", "rank": number, "key": number % 3} for number in numbers]
            await engine.send([inngest.Event(name=name, data=data) for data in users for _ in range(2)])
        for run in await engine.runs(function=failing, limit=1_000):
            while await engine.send_signal(f"go-{run.id}", "go") is None:  # noqa: ASYNC110 - until it waits
                await asyncio.sleep(0)
            await _ends(engine, run.id)
        for number in numbers:
            if number % 2:
                await engine.send(inngest.Event(name="timed/stop", data={"number": number}))
            else:
                await engine.send(inngest.Event(name=f"done/{number}", data={f"n{number}": number}))
        for run in await engine.runs(limit=1_000):
            if run.ended_at is None:
                await _ends(engine, run.id)


async def _ends(engine: inngest.Engine, run_id: str) -> None:
    with contextlib.suppress(RunFailedError, RunCancelledError):
        await engine.wait(run_id)


async def test_nothing_is_left_of_what_has_ended_but_history(tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    await work(path, 12)
    left = {name for name, count in rows(path).items() if count}
    # What keys, limits and starts in time are counted by goes with that time; the rest has gone with its cause.
    by_time = {"inngest_idempotency", "inngest_rates", "inngest_throttles", "inngest_singletons", "inngest_budgets"}
    pending = {"inngest_timers", "inngest_batches", "inngest_writers"}  # the last writer goes when the next begins
    history = {"inngest_events", "inngest_runs", "inngest_steps", "inngest_attempts", "inngest_woken"}
    assert left <= by_time | pending | history, left
    assert _timers(path) <= {"batch", "debounce"}


def _timers(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    kinds = {row[0] for row in connection.execute("SELECT DISTINCT kind FROM inngest_timers")}
    connection.close()
    return kinds


async def test_after_the_retention_the_file_is_as_it_began(tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    async with inngest.Engine(FUNCTIONS, database=f"sqlite:///{path}", durability="normal"):
        pass
    first, small = rows(path), used(path)
    await work(path, 12)
    assert sum(rows(path).values()) > 300
    assert used(path) > small
    stored_at = time.time_ns() // 1_000_000
    with later(stored_at):  # two days after: what was collected starts its runs, and they end
        async with inngest.Engine(FUNCTIONS, database=f"sqlite:///{path}") as engine:
            while _timers(path):  # noqa: ASYNC110 - they fall due by themselves
                await asyncio.sleep(0)
            for run in await engine.runs(limit=1_000):
                if run.ended_at is None:
                    await _ends(engine, run.id)
    with later(stored_at + 2 * 86_400_000):
        async with inngest.Engine(FUNCTIONS, database=f"sqlite:///{path}", retention=DAY):
            while await asyncio.to_thread(rows, path) != first | {"inngest_sessions": 1}:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)
    assert rows(path) == first
    assert used(path) == small
