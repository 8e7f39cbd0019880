"""Requests outlive the process that makes them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import inngest
from inngest.experimental.ai import openai
from tests import processes
from tests.embedded import databases

from . import answering as providers
from .answering import Answer, answering

KEY = "sk-1"


def client_of(url: str) -> inngest.Inngest:
    """The functions that all workers have."""
    client = inngest.Inngest(app_id="requests")
    adapter = openai.Adapter(auth_key=KEY, model="m", base_url=f"{url}/v1")

    @client.create_function(fn_id="fetches", trigger=inngest.TriggerEvent(event="fetch"))
    async def fetches(ctx: inngest.Context) -> object:
        return (await ctx.step.fetch("get", url)).body

    @client.create_function(fn_id="infers", trigger=inngest.TriggerEvent(event="infer"))
    async def infers(ctx: inngest.Context) -> object:
        await ctx.step.run("first", lambda: None)
        return (await ctx.step.ai.infer("ask", adapter=adapter, body={}))["choices"][0]["message"]["content"]

    return client


def works(talk: processes.Talk, database: str, url: str) -> None:
    """A worker, until it is told to stop, or killed."""

    async def main() -> None:
        async with inngest.Engine(client_of(url), database=database, drain_timeout=0):
            talk.say("ready")
            assert await asyncio.to_thread(talk.hear) == "stop"

    asyncio.run(main())


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


@pytest.mark.parametrize("how", ["killed", "stopped"])
@pytest.mark.parametrize("event", ["fetch", "infer"])
async def test_another_worker_makes_the_request_again(database: str, event: str, how: str) -> None:
    """Also where it has a key, which the dead one alone knew: the run is entered again, and tells it."""
    with answering(Answer(held=True), providers.openai("hello")) as server:
        with processes.started(works, database, server.url) as worker:
            await asyncio.to_thread(worker.expect, "ready")
            async with inngest.Engine([], database=database) as script:
                (event_id,) = await script.send(inngest.Event(name=event))
                await asyncio.to_thread(server.came.acquire)
                (run,) = await script.runs(event_id=event_id)
                async with inngest.Engine(client_of(server.url), database=database):
                    waiting = asyncio.ensure_future(script.wait(run.id))
                    if how == "killed":
                        await asyncio.to_thread(worker.kill)
                    else:
                        worker.say("stop")
                        assert await asyncio.to_thread(worker.join) == 0
                    result = await waiting
                found = await script.run(run.id)
        assert len(server.requests) == 2
    assert "hello" in str(result)
    attempts = [attempt.number for one in found.steps if one.id in ("get", "ask") for attempt in one.attempts]
    assert attempts == [0]  # a crash is no attempt
    if event == "infer":
        assert [one.headers["authorization"] for one in server.requests] == [f"Bearer {KEY}"] * 2


other = inngest.Inngest(app_id="other")


@other.create_function(fn_id="unrelated", trigger=inngest.TriggerEvent(event="unrelated"))
async def unrelated(ctx: inngest.Context) -> None:
    """Something else."""


async def test_a_worker_with_other_functions_makes_requests_without_keys(database: str) -> None:
    with answering(Answer(held=True), "hello") as server, processes.started(works, database, server.url) as worker:
        await asyncio.to_thread(worker.expect, "ready")
        async with inngest.Engine(other, database=database) as script:
            (event_id,) = await script.send(inngest.Event(name="fetch"))
            await asyncio.to_thread(server.came.acquire)
            (run,) = await script.runs(event_id=event_id)
            await asyncio.to_thread(worker.kill)
            await asyncio.to_thread(server.came.acquire)
            async with inngest.Engine(client_of(server.url), database=database) as engine:
                assert await engine.wait(run.id) == "hello"
        assert len(server.requests) == 2


async def test_a_request_is_there_after_everything_has_stopped(database: str) -> None:
    with answering(Answer(held=True), "hello") as server:
        async with inngest.Engine(client_of(server.url), database=database, drain_timeout=0) as engine:
            (event_id,) = await engine.send(inngest.Event(name="fetch"))
            await asyncio.to_thread(server.came.acquire)
        async with inngest.Engine(client_of(server.url), database=database) as engine:
            (run,) = await engine.runs(event_id=event_id)
            assert await engine.wait(run.id) == "hello"


async def test_stopping_waits_for_answers(database: str) -> None:
    """Within the drain timeout: a request that was sent is not sent twice for nothing."""
    with answering(Answer("hello", held=True)) as server:
        engine = inngest.Engine(client_of(server.url), database=database, drain_timeout=60_000)
        await engine.start()
        (event_id,) = await engine.send(inngest.Event(name="fetch"))
        await asyncio.to_thread(server.came.acquire)
        stopping = asyncio.ensure_future(engine.stop())
        server.released.set()
        await stopping
        async with inngest.Engine(client_of(server.url), database=database) as engine:
            (run,) = await engine.runs(event_id=event_id)
            assert await engine.wait(run.id) == "hello"
        assert len(server.requests) == 1
