"""`kill -9`, and worse, for workers that share a PostgreSQL database: others take over what was theirs.

As in `test_kill`, a ledger outside of the engine says what handlers did. A worker that is gone is noticed when its
lease is over; one that stood still commits nothing after that, says so, and goes on as a new worker.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest
from tests import postgres, processes
from tests.embedded.kills.account import Life
from tests.embedded.kills.story import Tell

LEASE = 2_000


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of a schema that is not there yet."""
    server, schema = postgres.server(), "s" + uuid.uuid4().hex
    yield server.url(schema=schema)
    server.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
def kill_database(database: str) -> str:
    """The database of a phase."""
    return database


def test_two_of_three_workers_are_killed_again_and_again(tell: Tell) -> None:
    with tell("postgresql: two of three workers") as told:
        alive = [told.start() for _ in range(3)]
        while told.counted < 4:
            process = alive.pop(0)
            told.send(process, told.orders())
            lines = told.account.lives[process.number].lines + told.chance.randint(10, 60)

            def written(life: Life, lines: int = lines) -> bool:
                return life.lines >= lines

            told.until_lives(process, written)
            told.count(told.kill(process))
            alive.append(told.start())


def test_another_worker_takes_over_when_the_lease_is_over(tell: Tell) -> None:
    with tell("postgresql: beside another") as told:
        process, other = told.start(), told.start()
        while told.counted < 2:
            told.until(lambda line: line.what == "started") if told.counted == 0 else None
            told.send(process, told.orders(), hold=told.chance.randint(1, 8))
            told.until_writes(process, "held")
            life = told.kill(process)
            left = set(told.account.running(process.number))
            told.count(life, bool(left))
            while left:  # nobody is started meanwhile
                begun = told.until_writes(other, "begin")
                left.discard((begun.run, begun.step))
            process, other = other, told.start()


async def test_a_worker_that_died_with_a_server_whose_clock_was_ahead_is_taken_over(database: str) -> None:
    """A standby that was promoted has a clock of its own: the last beat of the dead is to come, by that."""
    sessions = f"{database.partition('schema=')[2]}.inngest_sessions"
    async with inngest.Engine([], database=database, lease=LEASE) as engine:
        with processes.started(works, database) as died:
            died.expect("ready")
            (event,) = await engine.send(inngest.Event(name="slow"))
            died.expect("first")
            died.kill()
            ahead = f"UPDATE {sessions} SET beat_at = beat_at + 3600000 WHERE pid = {died.pid}"
            postgres.server().execute(ahead)
        with processes.started(works, database) as other:
            other.expect("ready")
            other.expect("first")
            other.say("of the other")
            other.expect("second")
            (run,) = await engine.runs(event_id=event)
            assert await engine.wait(run.id) == "of the other"


class Slow:
    """A function of two steps; the first one says where it runs, and waits until it is told to go on."""

    def __init__(self, talk: processes.Talk) -> None:
        self._talk = talk
        self.client = inngest.Inngest(app_id="shop")
        self.slow = self.client.create_function(fn_id="slow", trigger=inngest.TriggerEvent(event="slow"))(self._slow)

    async def _slow(self, ctx: inngest.Context) -> str:
        first = await ctx.step.run("first", self._first)
        return first + await ctx.step.run("second", self._second)

    async def _first(self) -> str:
        self._talk.say("first")
        return str(await asyncio.to_thread(self._talk.hear))

    async def _second(self) -> str:
        self._talk.say("second")
        return ""


class _Told(logging.Handler):
    def __init__(self, talk: processes.Talk) -> None:
        super().__init__(logging.ERROR)
        self._talk = talk

    def emit(self, record: logging.LogRecord) -> None:
        if "was declared dead" in record.getMessage():
            self._talk.say("declared dead")


def works(talk: processes.Talk, database: str) -> None:
    """A worker, until it is killed."""

    async def main() -> None:
        logging.getLogger("inngest").addHandler(_Told(talk))
        async with inngest.Engine(Slow(talk).client, database=database, lease=LEASE):
            talk.say("ready")
            await asyncio.Event().wait()

    asyncio.run(main())


def works_aside(talk: processes.Talk, database: str, flag: Path) -> None:
    """A worker of a function with two branches; the second one begins its step when there is a file."""
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="slow", trigger=inngest.TriggerEvent(event="slow"))
    async def slow(ctx: inngest.Context) -> None:
        async def first() -> None:
            talk.say("first")
            await asyncio.to_thread(talk.hear)

        async def aside() -> None:
            while not flag.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
                await asyncio.sleep(0.01)
            await ctx.step.run("second", lambda: talk.say("second"))

        await asyncio.gather(ctx.step.run("first", first), aside())

    async def main() -> None:
        logging.getLogger("inngest").addHandler(_Told(talk))
        async with inngest.Engine(client, database=database, lease=LEASE):
            talk.say("ready")
            await asyncio.Event().wait()

    asyncio.run(main())


async def test_a_worker_that_stood_still_begins_nothing_that_others_have_taken_over(
    database: str, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    async with inngest.Engine([], database=database, lease=LEASE) as engine:
        with processes.started(works_aside, database, flag) as stopped:
            stopped.expect("ready")
            await engine.send(inngest.Event(name="slow"))
            stopped.expect("first")
            os.kill(stopped.pid, signal.SIGSTOP)
            flag.touch()
            with processes.started(works_aside, database, flag) as other:
                other.expect("ready")
                other.expect("first")
                other.expect("second")
                os.kill(stopped.pid, signal.SIGCONT)  # its second branch goes on, too
                stopped.expect("declared dead")
                other.say("go on")
                (run,) = await engine.runs()
                await engine.wait(run.id)
            (event,) = await engine.send(inngest.Event(name="slow"))  # it has turned for long
            stopped.expect("first")
            stopped.expect("second")
            stopped.say("go on")
            (run,) = await engine.runs(event_id=event)
            stopped.say("go on")  # the handler of the first run may hear one of the two
            await engine.wait(run.id)


async def test_a_worker_that_stood_still_commits_nothing_says_so_and_goes_on_as_another(database: str) -> None:
    async with inngest.Engine([], database=database, lease=LEASE) as engine:
        with processes.started(works, database) as stopped:
            stopped.expect("ready")
            (event,) = await engine.send(inngest.Event(name="slow"))
            stopped.expect("first")
            os.kill(stopped.pid, signal.SIGSTOP)
            stopped.say("of the one that stood still")  # it has its result as soon as it goes on
            with processes.started(works, database) as other:
                other.expect("ready")
                other.expect("first")  # it has taken over
                os.kill(stopped.pid, signal.SIGCONT)
                stopped.expect("declared dead")
                other.say("of the other")
                other.expect("second")
                (run,) = await engine.runs(event_id=event)
                assert await engine.wait(run.id) == "of the other"
            (event,) = await engine.send(inngest.Event(name="slow"))
            stopped.expect("first")  # nobody else is there
            stopped.say("again")
            stopped.expect("second")
            (run,) = await engine.runs(event_id=event)
            assert await engine.wait(run.id) == "again"
