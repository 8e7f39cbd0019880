"""Plain functions wait for a thread in the queue, where they are in nobody's way and can be cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest
from tests.embedded import databases

SLOW = 20_000
"""Milliseconds after which a test that would hang fails."""


class Cast:
    """Functions whose plain ones wait until they are let go."""

    def __init__(self) -> None:
        self.client = inngest.Inngest(app_id="threads")
        self.go_on = threading.Event()
        self.began: list[str] = []
        self.blocker = self.plain("blocker")
        shared = [inngest.Concurrency(limit=1, key='"shared"', scope="env")]
        self.payer = self.plain("payer", concurrency=shared)

        @self.client.create_function(fn_id="quick", trigger=inngest.TriggerEvent(event="quick"), concurrency=shared)
        async def quick(ctx: inngest.Context) -> str:
            return await ctx.step.run("work", lambda: "done")

        self.quick = quick

    def plain(self, name: str, **options: Any) -> inngest.Function[object]:
        """A plain function that waits."""

        @self.client.create_function(fn_id=name, trigger=inngest.TriggerEvent(event=name), **options)
        def body(ctx: inngest.ContextSync) -> str:
            self.began.append(name)
            self.go_on.wait()
            return name

        return body


@pytest.fixture
def cast() -> Iterator[Cast]:
    cast = Cast()
    yield cast
    cast.go_on.set()


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def send(engine: inngest.Engine, name: str, count: int = 1) -> str:
    ids = await engine.send([inngest.Event(name=name) for _ in range(count)])
    (run,) = await engine.runs(event_id=ids[0])
    return run.id


async def test_a_plain_run_that_is_cancelled_while_it_waits_for_a_thread_never_begins(
    cast: Cast, database: str
) -> None:
    async with inngest.Engine(cast.client, database=database, thread_pool_size=1) as engine:
        blocker = await send(engine, "blocker")
        payer = await send(engine, "payer")
        assert (await engine.run(payer)).status == "QUEUED"
        assert await engine.cancel(payer)
        cast.go_on.set()
        await engine.wait(blocker, timeout=SLOW)
        await engine.invoke(cast.blocker, timeout=SLOW)
        assert cast.began == ["blocker", "blocker"]


async def test_plain_runs_that_wait_for_threads_hold_no_places(cast: Cast, database: str) -> None:
    async with inngest.Engine(
        cast.client, database=database, thread_pool_size=1, max_runs_in_flight=2, drain_timeout=SLOW
    ) as engine:
        last = await send(engine, "blocker", 20)
        assert await engine.invoke(cast.quick, timeout=SLOW) == "done"
        while not cast.began:  # its thread is given to it, and may come later than all of another run
            await engine.run(last)
        assert cast.began == ["blocker"]
        cast.go_on.set()
        await engine.wait(last, timeout=SLOW)


async def test_plain_runs_that_wait_for_threads_hold_no_slots(cast: Cast, database: str) -> None:
    async with inngest.Engine(cast.client, database=database, thread_pool_size=1) as engine:
        await send(engine, "blocker")
        payer = await send(engine, "payer")
        assert await engine.invoke(cast.quick, timeout=SLOW) == "done"
        cast.go_on.set()
        assert await engine.wait(payer, timeout=SLOW) == "payer"


async def test_all_of_them_run_in_the_end_one_at_a_time(cast: Cast, database: str) -> None:
    cast.go_on.set()
    async with inngest.Engine(cast.client, database=database, thread_pool_size=1, max_runs_in_flight=4) as engine:
        await engine.send([inngest.Event(name=name) for _ in range(20) for name in ("blocker", "quick", "payer")])
        for run in await engine.runs(limit=100):
            await engine.wait(run.id, timeout=SLOW)
        assert sorted(cast.began) == ["blocker"] * 20 + ["payer"] * 20


async def test_a_thread_that_has_not_returned_is_not_given_to_another_run(cast: Cast, database: str) -> None:
    async with inngest.Engine(cast.client, database=database, thread_pool_size=1) as engine:
        hanging = await send(engine, "blocker")
        while not cast.began:
            await engine.run(hanging)
        assert await engine.cancel(hanging)
        payer = await send(engine, "payer")
        assert await engine.invoke(cast.quick, timeout=SLOW) == "done"
        assert cast.began == ["blocker"]
        cast.go_on.set()
        assert await engine.wait(payer, timeout=SLOW) == "payer"
