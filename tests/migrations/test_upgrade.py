"""A filled database comes to the next revision with everything in it; and what a version may open."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from pathlib import Path

import pytest

import inngest
from inngest.engine.store import tables
from inngest.engine.store.schema import CURRENT
from inngest.errors import RunFailedError, StoreCorruptError, StoreVersionError
from tests.migrations import schemas

TABLES = sorted(tables.metadata.tables)


class Orders:
    """A function, and how its second step behaves."""

    def __init__(self) -> None:
        self.charges: list[object] = []
        self.shipping = asyncio.Event()
        self.behaviour = "ship"
        client = inngest.Inngest(app_id="migrations")

        # The last one gives its slot back as the engine stops: its budget stays, whenever others are swept.
        @client.create_function(
            fn_id="order",
            trigger=inngest.TriggerEvent(event="order"),
            retries=1,
            concurrency=[inngest.Concurrency(limit=3)],
        )
        async def order(ctx: inngest.Context) -> object:
            await ctx.step.run("charge", lambda: self.charges.append(ctx.event.data["id"]))
            await ctx.step.send_event("tell", inngest.Event(name="told", id=f"told-{ctx.event.data['id']}"))
            await ctx.step.run("ship", self.ship)
            return ctx.event.data["id"]

        @client.create_function(
            fn_id="report",
            trigger=inngest.TriggerEvent(event="report"),
            concurrency=[inngest.Concurrency(limit=1)],
            throttle=inngest.Throttle(limit=1, period=3_600_000),
        )
        async def report(ctx: inngest.Context) -> None:
            return None

        @client.create_function(fn_id="payment", trigger=inngest.TriggerEvent(event="invoiced"))
        async def payment(ctx: inngest.Context) -> None:
            same = "event.data.id == async.data.id"
            await ctx.step.wait_for_event("paid", event="paid", timeout=3_600_000, if_exp=same)

        @client.create_function(fn_id="ask", trigger=inngest.TriggerEvent(event="ask"))
        async def ask(ctx: inngest.Context) -> None:
            await ctx.step.fetch("get", str(ctx.event.data["url"]))

        self.ask = ask
        self.order = order
        self.payment = payment
        self.report = report

        @client.create_function(
            fn_id="single",
            trigger=inngest.TriggerEvent(event="order"),
            rate_limit=inngest.RateLimit(limit=9, period=60_000),
            singleton=inngest.Singleton(mode="skip"),
            timeouts=inngest.Timeouts(finish=60_000),
        )
        async def single(ctx: inngest.Context) -> None: ...

        @client.create_function(
            fn_id="batch",
            trigger=inngest.TriggerEvent(event="order"),
            batch_events=inngest.Batch(max_size=9, timeout=60_000),
        )
        async def batch(ctx: inngest.Context) -> None: ...

        self.gated = [single, batch]

    async def ship(self) -> None:
        self.shipping.set()
        if self.behaviour == "fail":
            raise RuntimeError("no stock")
        if self.behaviour == "hang":
            await asyncio.Event().wait()

    def engine(self, path: Path) -> inngest.Engine:
        functions = [self.ask, self.order, self.payment, self.report, *self.gated]
        return inngest.Engine(functions, database=f"sqlite:///{path}", retry_interval=0, drain_timeout=0)


async def fill(path: Path) -> str:
    """Leave runs that completed, failed, wait, need wait no more, wait to begin, and are under way.

    The id of the last one's event.
    """
    orders = Orders()
    # The kernel accepts the connection, and nobody answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with orders.engine(path) as engine:
            assert await engine.invoke(orders.order, data={"id": 1}) == 1
            orders.behaviour = "fail"
            with pytest.raises(RunFailedError, match="no stock"):
                await engine.invoke(orders.order, data={"id": 2})
            await engine.invoke(orders.report)
            await engine.send(inngest.Event(name="report"))  # it waits for the next hour
            orders.behaviour = "hang"
            orders.shipping.clear()
            (event_id,) = await engine.send(inngest.Event(name="order", id="order-3", data={"id": 3}))
            await orders.shipping.wait()
            await engine.pause("migrations-batch")
            for number in (1, 2):
                (invoice,) = await engine.send(inngest.Event(name="invoiced", data={"id": number}))
                (run,) = await engine.runs(event_id=invoice)
                while not (await engine.run(run.id)).steps:  # noqa: ASYNC110 - it waits when its step is recorded
                    await asyncio.sleep(0)
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            (asked,) = await engine.send(inngest.Event(name="ask", data={"url": url}))
            (run,) = await engine.runs(event_id=asked)
            while not (await engine.run(run.id)).steps:  # noqa: ASYNC110 - it waits when its step is recorded
                await asyncio.sleep(0)
    async with inngest.Engine([], database=f"sqlite:///{path}") as sender:
        await sender.send(inngest.Event(name="paid", data={"id": 2}))
    return event_id


async def test_a_filled_database_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    await fill(path)
    columns = {
        table: ", ".join(f'"{column.name}"' for column in tables.metadata.tables[table].columns) for table in TABLES
    }
    before = {table: schemas.rows(path, table, columns[table]) for table in TABLES if table != "inngest_meta"}
    of_now = [
        "inngest_apps",
        "inngest_audit",
        "inngest_cancellations",
        "inngest_kept_slots",
        "inngest_metadata",
        "inngest_outbox",
        "inngest_parcels",
        "inngest_sessions",
        "inngest_troubles",
    ]  # of servers, of people, of living workers, and of what cannot be done
    assert [table for table, found in before.items() if not found] == of_now

    schemas.prepare(path, schemas.next_schema(tmp_path))

    assert {table: schemas.rows(path, table, columns[table]) for table in before} == before
    assert schemas.meta(path)["revision"] == "0007"
    assert schemas.rows(path, "inngest_shops") == [("migrations", 6)]
    assert set(schemas.rows(path, "inngest_runs", "priority")) == {(0,)}
    assert set(schemas.rows(path, "inngest_events", "source")) == {("unknown",)}


async def test_an_older_engine_goes_on_with_a_newer_schema_that_it_can_work_on(tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    event_id = await fill(path)
    schemas.prepare(path, schemas.next_schema(tmp_path, min_compatible="0006"))

    orders = Orders()
    async with orders.engine(path) as engine:
        (run,) = await engine.runs(event_id=event_id, function="migrations-order")
        assert await engine.wait(run.id) == 3
        assert orders.charges == []  # recorded before the migration

    assert schemas.meta(path)["revision"] == "0007"


async def test_a_schema_that_needs_newer_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    await fill(path)
    schemas.prepare(path, schemas.next_schema(tmp_path, min_compatible="0007"))
    before = path.read_bytes()

    with pytest.raises(StoreVersionError) as caught:
        await Orders().engine(path).start()

    assert str(caught.value) == (
        f"{path} has schema 0007, which needs code that knows at least 0007; this code knows 0006: "
        "upgrade pyngest, or name another database"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("DROP TABLE inngest_jobs", "has no table inngest_jobs"),
        ("DELETE FROM inngest_meta WHERE key = 'generation'", "has no generation in its table inngest_meta"),
        ("DELETE FROM inngest_meta WHERE key = 'revision'", "has no revision in its table inngest_meta"),
        (
            "UPDATE inngest_meta SET value = '' WHERE key = 'revision'",
            "has no revision in its table inngest_meta, but ''",
        ),
        ("UPDATE inngest_meta SET value = 'new' WHERE key = 'min_compatible'", "has no min_compatible .*, but 'new'"),
    ],
)
async def test_a_schema_with_a_hole_is_named(tmp_path: Path, damage: str, message: str) -> None:
    path = tmp_path / "inngest.db"
    schemas.prepare(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(damage)
    connection.close()

    with pytest.raises(StoreCorruptError, match=message) as caught:
        await inngest.Engine([], database=f"sqlite:///{path}").start()

    assert str(caught.value).startswith(str(path))


def test_scripts_follow_each_other(tmp_path: Path) -> None:
    target = schemas.next_schema(tmp_path)
    script = target.versions / "0007_next.py"
    script.write_text(script.read_text().replace('down_revision = "0006"', 'down_revision = "0000"'))
    schemas.prepare(tmp_path / "inngest.db")
    with pytest.raises(AssertionError, match="follows 0000, not 0006"):
        schemas.prepare(tmp_path / "inngest.db", target)


def test_the_current_schema_names_the_newest_script() -> None:
    newest = max(path.stem for path in CURRENT.versions.glob("[0-9]*.py"))
    assert newest.partition("_")[0] == CURRENT.revision
    assert CURRENT.min_compatible <= CURRENT.revision
