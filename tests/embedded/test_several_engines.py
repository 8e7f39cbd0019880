"""Several engines on one file: workers of a web server, a script that only sends, an engine that reloads."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

import inngest
from inngest.engine import looks
from inngest.errors import EngineBindingError
from tests import processes
from tests.embedded import databases
from tests.processes import PATIENCE

WORKERS = 4
LONG = 3_600_000
"""Milliseconds between two looks of an engine: what is seen sooner was noticed."""


class Shop:
    """The functions that all workers have."""

    def __init__(self, talk: processes.Talk | None = None) -> None:
        self._talk = talk
        self.client = inngest.Inngest(app_id="shop")
        create = self.client.create_function
        self.pack = create(fn_id="pack", trigger=inngest.TriggerEvent(event="pack"))(self._pack)
        self.hold = create(fn_id="hold", trigger=inngest.TriggerEvent(event="hold"))(self._hold)

    async def _pack(self, ctx: inngest.Context) -> object:
        number = ctx.event.data["number"]
        await ctx.step.run("fetch", lambda: None)
        if self._talk is not None:
            await ctx.step.run("tell", self._talk.say, ("packed", number))
        return number

    async def _hold(self, ctx: inngest.Context) -> str:
        """Its first worker holds it until it is killed; the next one says what it sees."""
        await ctx.step.run("first", lambda: None)
        return await ctx.step.run("hold", self._begin)

    async def _begin(self) -> str:
        if self._talk is None:
            return "taken over"
        self._talk.say("held")
        await asyncio.Event().wait()
        raise AssertionError


def works(talk: processes.Talk, database: str) -> None:
    """A worker, until it is told to stop, or killed."""

    looks.MAX_WAIT_MS = LONG

    async def main() -> None:
        async with inngest.Engine(Shop(talk).client, database=database):
            talk.say("ready")
            assert await asyncio.to_thread(talk.hear) == "stop"

    asyncio.run(main())
    talk.say("stopped")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def test_four_workers_share_what_a_script_sends(database: str) -> None:
    total = 40
    with ExitStack() as stack:
        workers = [stack.enter_context(processes.started(works, database)) for _ in range(WORKERS)]
        for worker in workers:
            await asyncio.to_thread(worker.expect, "ready")
        async with inngest.Engine([], database=database) as script:
            ids = await script.send([inngest.Event(name="pack", data={"number": number}) for number in range(total)])
            results = await asyncio.gather(*(result_of(script, event_id) for event_id in ids))
            assert results == list(range(total))
            runs = await script.runs(limit=total + 1)
            assert [run.status for run in runs] == ["COMPLETED"] * total
        for worker in workers:
            worker.say("stop")
        packed = [number for worker in workers for number in all_packed(worker)]
        assert sorted(packed) == list(range(total))  # each once, whoever did it
        assert [worker.join() for worker in workers] == [0] * WORKERS


async def result_of(engine: inngest.Engine, event_id: str) -> object:
    """What the run of an event gives, wherever it runs."""
    (run,) = await engine.runs(event_id=event_id)
    return await engine.wait(run.id)


def all_packed(worker: processes.Started) -> list[int]:
    """What a worker packed until it stopped."""
    numbers: list[int] = []
    while (message := worker.hear()) != "stopped":
        numbers.append(cast("tuple[str, int]", message)[1])
    return numbers


async def test_a_killed_worker_is_taken_over_by_one_that_waits(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen by its lock, and not by a lease: whoever takes over logs it, and goes on from the last record."""
    monkeypatch.setattr(looks, "MAX_WAIT_MS", LONG)
    with processes.started(works, database) as worker:
        await asyncio.to_thread(worker.expect, "ready")
        async with inngest.Engine([], database=database) as script:
            (event_id,) = await script.send(inngest.Event(name="hold"))
            await asyncio.to_thread(worker.expect, "held")
            (run,) = await script.runs(event_id=event_id)
            async with inngest.Engine(Shop().client, database=database):
                waiting = asyncio.ensure_future(script.wait(run.id))
                assert (await script.run(run.id)).status == "RUNNING"
                await asyncio.to_thread(worker.kill)
                async with asyncio.timeout(PATIENCE):  # the longest pause of a loop would take longer
                    assert await waiting == "taken over"
            steps = (await script.run(run.id)).steps
    assert [(step.id, step.status) for step in steps] == [("first", "completed"), ("hold", "completed")]


async def test_an_event_that_another_process_sends_begins_and_its_end_is_seen(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither waits for the longest pause between two looks: both see that another process wrote."""
    monkeypatch.setattr(looks, "MAX_WAIT_MS", LONG)
    with processes.started(works, database) as worker:
        await asyncio.to_thread(worker.expect, "ready")
        async with inngest.Engine([], database=database) as script:
            for number in range(5):
                async with asyncio.timeout(PATIENCE):
                    (event_id,) = await script.send(inngest.Event(name="pack", data={"number": number}))
                    assert await result_of(script, event_id) == number
                    await asyncio.to_thread(worker.expect, ("packed", number))
        worker.say("stop")
        await asyncio.to_thread(worker.expect, "stopped")


async def test_an_engine_that_reloads_serves_what_its_app_has_now(database: str) -> None:
    """The next engine of the app starts before the last one has stopped, as at a deploy."""
    old, new = inngest.Inngest(app_id="shop"), inngest.Inngest(app_id="shop")

    @old.create_function(fn_id="gone", trigger=inngest.TriggerEvent(event="gone"))
    async def gone(ctx: inngest.Context) -> str:
        return "old"

    @old.create_function(fn_id="stays", trigger=inngest.TriggerEvent(event="stays"))
    async def stays(ctx: inngest.Context) -> str:
        return "old"

    @new.create_function(fn_id="stays", trigger=inngest.TriggerEvent(event="stays"))
    async def changed(ctx: inngest.Context) -> str:
        return "new"

    @new.create_function(fn_id="added", trigger=inngest.TriggerEvent(event="added"))
    async def added(ctx: inngest.Context) -> str:
        return "new"

    async def starts(engine: inngest.Engine, name: str) -> list[object]:
        (event_id,) = await engine.send(inngest.Event(name=name))
        return [await engine.wait(run.id) for run in await engine.runs(event_id=event_id)]

    async with inngest.Engine(old, database=database) as before:
        assert await starts(before, "gone") == ["old"]
        async with inngest.Engine(new, database=database) as after:
            assert await starts(after, "added") == ["new"]
            assert await starts(before, "gone") == ["old"]  # somebody serves it
            await before.stop()
            assert await starts(after, "stays") == ["new"]
    async with inngest.Engine(new, database=database) as engine:
        assert await starts(engine, "gone") == []
        assert await starts(engine, "stays") == ["new"]


async def test_two_engines_of_one_process_share_a_file(database: str) -> None:
    shops = [inngest.Inngest(app_id="left"), inngest.Inngest(app_id="right")]
    functions = [
        client.create_function(fn_id="double", trigger=inngest.TriggerEvent(event="both"))(double) for client in shops
    ]
    async with (
        inngest.Engine(shops[0], database=database) as left,
        inngest.Engine(shops[1], database=database) as right,
    ):
        assert await left.invoke(functions[0], data={"number": 1}) == 2
        assert await right.invoke(functions[1], data={"number": 2}) == 4
        assert await left.invoke(functions[1], data={"number": 3}) == 6  # the other one runs it
        (event_id,) = await right.send(inngest.Event(name="both", data={"number": 4}))
        runs = await left.runs(event_id=event_id)
        assert {run.function_id for run in runs} == {"left-double", "right-double"}
        assert [await left.wait(run.id) for run in runs] == [8, 8]


async def double(ctx: inngest.Context) -> int:
    number = cast("int", ctx.event.data["number"])
    return await ctx.step.run("double", lambda: number * 2)


async def test_a_client_in_two_engines_is_refused_by_name(database: str) -> None:
    """Also on another file: its `send` could go to one of them only. The first engine goes on."""
    shop = Shop()
    async with inngest.Engine(shop.client, database=database) as engine:
        other = inngest.Engine([shop.pack], database=database.replace("inngest.db", "other.db"))
        with pytest.raises(EngineBindingError, match='the client "shop" runs in another Engine of this process'):
            await other.start()
        assert await engine.invoke(shop.pack, data={"number": 1}) == 1
        await shop.client.send(inngest.Event(name="pack", data={"number": 2}))
        assert len(await engine.runs()) == 2
