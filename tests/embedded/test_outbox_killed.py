"""Crash points of the outbox: whoever is killed, and wherever, what was committed is sent, and starts its run once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest

import inngest
from inngest.engine.store import accepting, outbox
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from tests import processes
from tests.embedded import databases
from tests.embedded.orders import Orders, file_of, is_file, schema_of
from tests.embedded.stage import TRIGGER, Stage
from tests.embedded.test_transactions_killed import Killer

START = inngest.Event(name="test/start")

TAKING = ("before the take", "after the take", "before the runs", "before the commit", "after the commit")
SENDING = ("before the send", "after the send", "after the commit")


def connect(url: str) -> Any:
    """A connection of the driver. In other processes, too: those would start a server of their own for `postgres`."""
    return sqlite3.connect(file_of(url)) if is_file(url) else psycopg.connect(url.partition("&schema=")[0])


def write(connection: Any, table: str) -> int:
    """Add an order; how many there are then."""
    connection.execute(f"INSERT INTO {table} (number) VALUES (1)")
    (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found)


def table_of(url: str) -> str:
    """The table of orders."""
    return "orders" if is_file(url) else f"{schema_of(url)}.orders"


def function_of(url: str) -> inngest.Function[Any]:
    """Adds an order."""

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", write, table_of(url))

    client = inngest.Inngest(app_id="test", outbox=inngest.Outbox(url))
    return client.create_function(fn_id="f", trigger=TRIGGER)(body)


class Taking(Killer):
    """Kills a worker at a point of the transaction in which it accepts what was sent."""

    def __init__(self, point: str, url: str) -> None:
        super().__init__(point)
        self._takes = False
        kind: Any = SqliteDatabase if is_file(url) else PostgresDatabase
        take, commit = outbox.take, kind.commit

        def taking(*args: Any) -> Any:
            self._takes = bool(args[0].execute(outbox.LOCK, {"count": 1}).fetchone())
            self.when("before the take")
            taken = take(*args)
            self.when("after the take")
            return taken

        def committing(*args: Any) -> None:
            self.when("before the commit")
            commit(*args)
            self.when("after the commit")

        starting: Any = accepting
        outbox.take = taking  # type: ignore[assignment]
        kind.commit = committing
        starting.insert_starts = self.around(starting.insert_starts, "before the runs", "")

    def when(self, point: str) -> None:
        """The code is there, with something that was sent."""
        if self._takes:
            self.at(point)


def worker(talk: processes.Talk, url: str, point: str) -> None:
    """Waits for what is sent, and is killed when it accepts it."""
    Taking(point, url)
    with inngest.Engine([function_of(url)], database=url, lease=2_000):
        talk.say("ready")
        talk.hear()


def sender(talk: processes.Talk, url: str, point: str) -> None:
    """Sends in a transaction, without an engine, and is killed."""
    killer, function = Killer(point), function_of(url)
    connection = connect(url)
    write(connection, table_of(url))
    killer.at("before the send")
    function.client.send_sync(START, connection=connection)
    killer.at("after the send")
    connection.commit()
    killer.at("after the commit")


@pytest.mark.parametrize("point", TAKING)
async def test_a_worker_that_is_killed_as_it_takes_leaves_it_or_has_started_it(tmp_path: Path, point: str) -> None:
    url = Stage(tmp_path).database
    orders = Orders(url)
    async with inngest.Engine([function_of(url)], database=url):
        pass
    connection = connect(url)
    with processes.started(worker, url, point) as killed, contextlib.closing(connection):
        assert killed.hear() == "ready"
        (event_id,) = await function_of(url).client.send(START, connection=connection)
        connection.commit()
        assert killed.join() == -signal.SIGKILL
    left = databases.execute(tmp_path, "SELECT id FROM inngest_outbox")
    stored = databases.execute(tmp_path, "SELECT event_id FROM inngest_runs")
    happened = point == "after the commit"
    assert (left, stored) == (([], [(event_id,)]) if happened else ([(event_id,)], []))
    function = function_of(url)
    async with inngest.Engine([function], database=url, lease=2_000) as engine:
        while not (runs := await engine.runs(event_id=event_id)):  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.01)
        assert [await engine.wait(run.id) for run in runs] == [1]
    assert databases.execute(tmp_path, "SELECT id FROM inngest_outbox") == []
    assert orders.count() == 1


@pytest.mark.parametrize("point", SENDING)
async def test_a_sender_that_is_killed_has_sent_what_it_committed(tmp_path: Path, point: str) -> None:
    url = Stage(tmp_path).database
    orders = Orders(url)
    async with inngest.Engine([function_of(url)], database=url):
        pass
    with processes.started(sender, url, point) as killed:
        assert killed.join() == -signal.SIGKILL
    committed = point == "after the commit"
    assert len(databases.execute(tmp_path, "SELECT id FROM inngest_outbox")) == orders.count() == int(committed)
    function = function_of(url)
    async with inngest.Engine([function], database=url) as engine:
        await engine.invoke(function)
        while len(await engine.runs()) < 1 + int(committed):  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.01)
        for run in await engine.runs():
            await engine.wait(run.id)
        assert len(await engine.runs()) == 1 + int(committed)
    assert orders.count() == 1 + 2 * int(committed)
