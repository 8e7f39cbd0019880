"""Workers side by side on PostgreSQL, each with a code of its own: a run on hold, and one on which workers died, are
tried by who may.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

import inngest
from inngest import Rule
from inngest.engine.domain import holding
from inngest.engine.store import holding as stored_holding
from tests import postgres, processes
from tests.processes import Started, Talk

HOUR = 3_600_000


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of a schema that is not there yet."""
    server, schema = postgres.server(), "s" + uuid.uuid4().hex
    yield server.url(schema=schema)
    server.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


class Told(logging.Handler):
    """Says that a run was put on hold."""

    def __init__(self, talk: Talk) -> None:
        super().__init__(logging.WARNING)
        self._talk = talk
        logging.getLogger("inngest").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if "is on hold" in record.getMessage():
            self._talk.say("on hold")


def trigger(name: str) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=name)


def works(talk: Talk, database: str, name: str, steps: Sequence[str], places: int = 100) -> None:
    """A worker whose `order` has these steps, and waits for an event after the first. It says what it does; `busy` and
    `suspect` wait until they are told to go on.
    """
    client = inngest.Inngest(app_id="app")
    stored_holding.OTHERS_FIRST = HOUR
    holding.SHORTEST = 1

    async def until_told(what: str) -> None:
        talk.say(what)
        await asyncio.to_thread(talk.expect, what)

    def does(what: str) -> str:
        talk.say(what)
        return what

    @client.create_function(fn_id="order", trigger=trigger("order"))
    async def order(ctx: inngest.Context) -> list[str]:
        talk.say("enters")
        first = await ctx.step.run(steps[0], does, steps[0])
        await ctx.step.wait_for_event("wait", event="go", timeout=HOUR)
        return [first, *[await ctx.step.run(step, does, step) for step in steps[1:]]]

    @client.create_function(fn_id=f"busy-{name}", trigger=trigger(f"busy/{name}"))
    async def busy(ctx: inngest.Context) -> None:
        await ctx.step.run("busy", until_told, "busy")

    @client.create_function(fn_id=f"quick-{name}", trigger=trigger(f"quick/{name}"))
    async def quick(ctx: inngest.Context) -> None:
        await ctx.step.run("quick", does, "quick")

    @client.create_function(fn_id="suspect", trigger=trigger("suspect"))
    async def suspect(ctx: inngest.Context) -> None:
        await ctx.step.run("suspect", until_told, "suspect")

    async def main() -> None:
        Told(talk)
        # A worker of a whole app would have the others' functions forgotten.
        functions = [order, busy, quick, suspect]
        async with inngest.Engine(functions, database=database, lease=2_000, max_runs_in_flight=places):
            talk.say("ready")
            await asyncio.Event().wait()

    asyncio.run(main())


async def send(engine: inngest.Engine, name: str) -> inngest.Run:
    """Send an event; the run that it starts."""
    (event,) = await engine.send(inngest.Event(name=name))
    (run,) = await engine.runs(event_id=event)
    return run


async def expect(worker: Started, *messages: str) -> None:
    """These messages come next from a worker."""
    for message in messages:
        await asyncio.to_thread(worker.expect, message)


async def test_who_put_a_run_on_hold_leaves_it_to_workers_with_other_code(database: str) -> None:
    """Old and new code are side by side, and the old one is busy while the run goes on."""
    async with inngest.Engine([], database=database, lease=2_000) as engine:
        with ExitStack() as stack:
            old = stack.enter_context(processes.started(works, database, "old", ("charge", "ship"), 1))
            await expect(old, "ready")
            run = await send(engine, "order")
            await expect(old, "enters", "charge")
            await until(engine, run, Rule.EVENT)
            await send(engine, "busy/old")
            await expect(old, "busy")
            new = stack.enter_context(processes.started(works, database, "new", ("charge card", "ship")))
            await expect(new, "ready")
            await engine.send(inngest.Event(name="go"))
            await expect(new, "enters", "on hold")
            for _ in range(3):  # it is due again at once, and this worker looks for work each time
                await send(engine, "quick/new")
                await expect(new, "quick")
            old.say("busy")
            await expect(old, "enters")
            while (said := await asyncio.to_thread(old.hear)) == "enters":  # to replay only, and then to go on
                pass
            assert said == "ship"
            assert await engine.wait(run.id) == ["charge", "ship"]
            await send(engine, "quick/new")
            await expect(new, "quick")  # nothing else is said before


async def test_a_run_on_which_workers_died_is_tried_alone_in_one_of_four(database: str) -> None:
    names = ("a", "b", "c", "d")
    schema = database.partition("schema=")[2]
    async with inngest.Engine([], database=database, lease=2_000) as engine:
        with ExitStack() as stack:
            workers = {name: stack.enter_context(processes.started(works, database, name, ("only",))) for name in names}
            for name, worker in workers.items():
                await expect(worker, "ready")
                await send(engine, f"busy/{name}")
                await expect(worker, "busy")
            await engine.pause("app-suspect")  # it must not begin before workers have died on it
            suspects = [await send(engine, "suspect") for _ in range(2)]
            for sql in ("inngest_jobs SET queue_class = 1", "inngest_runs SET takeovers = 3"):
                where = "function_id = 'app-suspect'"
                postgres.server().execute(f"UPDATE {schema}.{sql} WHERE {where}")
            await engine.resume("app-suspect")
            for run in suspects:
                await until(engine, run, Rule.ALONE)
            for name in ("b", "d"):  # each of them has one
                workers[name].say("busy")
                await expect(workers[name], "suspect")
                await send(engine, f"quick/{name}")
            for name in ("b", "d"):  # alone: nothing is said before
                workers[name].say("suspect")
                await expect(workers[name], "quick")
            for run in suspects:
                await engine.wait(run.id)
            for name in ("a", "c"):
                workers[name].say("busy")
                await send(engine, f"quick/{name}")
                await expect(workers[name], "quick")  # it was told of no suspect


async def until(engine: inngest.Engine, run: inngest.Run, rule: Rule) -> None:
    """A run waits, or is kept waiting, for this reason."""
    while rule not in [one.rule for one in (await engine.explain(run.id)).reasons]:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
