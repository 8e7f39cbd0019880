"""`client.send(events, connection=…)`: events are sent if and only if the transaction of the connection commits."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session, scoped_session, sessionmaker

import inngest
from inngest.engine import looks
from inngest.errors import EventInvalidError, FunctionConfigInvalidError, TransactionError
from tests import postgres
from tests.embedded import databases
from tests.embedded.event_api import event_api
from tests.embedded.orders import Orders, add, alchemy_of, driver_of, is_file, schema_of
from tests.embedded.stage import Stage

PLACED = inngest.Event(name="shop/order.placed", data={"order": 42})


class Shop:
    """A client with a function, which notes what it was started by.

    Args:
        stage: where its engines are.
        client: its own, else one without an outbox.
    """

    def __init__(self, stage: Stage, client: inngest.Inngest | None = None) -> None:
        self.client = client or inngest.Inngest(app_id="shop")
        self.seen: asyncio.Queue[str] = asyncio.Queue()
        self._stage = stage

        @self.client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="shop/order.placed"))
        async def pay(ctx: inngest.Context) -> None:
            self.seen.put_nowait(ctx.event.id)

        self.pay = pay

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[inngest.Engine]:
        """An engine runs."""
        async with self._stage.engine(self.pay) as engine:
            yield engine


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def orders(stage: Stage) -> Orders:
    return Orders(stage.database)


@pytest.fixture
def shop(stage: Stage) -> Shop:
    return Shop(stage)


def waiting(stage: Stage) -> int:
    """How many rows are in the outbox."""
    ((count,),) = databases.execute(stage.folder, "SELECT count(*) FROM inngest_outbox")
    return int(count)


def session_of(url: str) -> Session:
    """A session of SQLAlchemy."""
    return Session(alchemy_of(url))


OPENS: dict[str, Callable[[str], Any]] = {
    "driver": lambda url: driver_of(url)(),
    "sqlalchemy": lambda url: alchemy_of(url).connect(),
    "session": session_of,
    "scoped session": lambda url: scoped_session(sessionmaker(alchemy_of(url))),
}
"""From the URL of a database to a connection, which commits and rolls back by these names in each library."""


@pytest.fixture(params=OPENS)
def opens(request: pytest.FixtureRequest) -> Callable[[str], contextlib.AbstractContextManager[Any]]:
    @contextlib.contextmanager
    def opened(url: str) -> Generator[Any]:
        connection = OPENS[request.param](url)
        try:
            yield connection
        finally:
            connection.close()

    return opened


async def test_what_is_committed_is_sent_and_what_is_rolled_back_is_not(
    stage: Stage, orders: Orders, shop: Shop, opens: Any
) -> None:
    async with shop.open() as engine:
        with opens(stage.database) as connection:
            place(connection, orders)
            (lost,) = await shop.client.send(PLACED, connection=connection)
            connection.rollback()
            place(connection, orders)
            (event_id,) = await shop.client.send(PLACED, connection=connection)
            assert await engine.runs() == []
            assert waiting(stage) == 0  # for all others
            connection.commit()
            assert await shop.seen.get() == event_id
            (run,) = await engine.runs()
            assert run.event_id == event_id != lost
            assert orders.count() == 1
            connection.rollback()  # it changes nothing any more
    assert waiting(stage) == 0
    assert shop.seen.empty()


def place(connection: Any, orders: Orders) -> None:
    """Write something of one's own."""
    add(connection() if isinstance(connection, scoped_session) else connection, orders)


async def test_it_may_be_the_first_that_the_transaction_does(stage: Stage, shop: Shop, opens: Any) -> None:
    async with shop.open() as engine:
        with opens(stage.database) as connection:
            await shop.client.send(PLACED, connection=connection)
            connection.rollback()
            (event_id,) = await shop.client.send(PLACED, connection=connection)
            connection.commit()
        assert await shop.seen.get() == event_id
        assert len(await engine.runs()) == 1


async def test_the_blocking_twin_may_be_called_on_the_loop(stage: Stage, shop: Shop, opens: Any) -> None:
    async with shop.open():
        with opens(stage.database) as connection:
            ids = shop.client.send_sync([PLACED, PLACED], connection=connection)
            connection.commit()
        assert sorted([await shop.seen.get(), await shop.seen.get()]) == sorted(ids)


async def test_workers_hear_of_it_at_the_commit(
    stage: Stage, shop: Shop, opens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "MAX_WAIT_MS", 10**9)  # nobody looks without a reason
    async with shop.open() as engine:
        await engine.invoke(shop.pay)  # it has begun to look
        await shop.seen.get()
        with opens(stage.database) as connection:
            (event_id,) = await shop.client.send(PLACED, connection=connection)
            connection.commit()
        assert await shop.seen.get() == event_id


async def prepared(stage: Stage) -> None:
    """A database that an engine has used."""
    async with stage.engine():
        pass


async def test_a_process_without_an_engine_sends_to_those_that_come(stage: Stage, opens: Any) -> None:
    await prepared(stage)
    web = inngest.Inngest(app_id="shop", outbox=inngest.Outbox(stage.database))
    with opens(stage.database) as connection:
        (event_id,) = await web.send(PLACED, connection=connection)
        connection.commit()
    assert waiting(stage) == 1
    shop = Shop(stage, web)
    async with shop.open() as engine:
        assert await shop.seen.get() == event_id
        assert [run.event_id for run in await engine.runs()] == [event_id]
    assert waiting(stage) == 0


async def test_the_engine_of_this_process_comes_before_the_clients_outbox(stage: Stage, tmp_path: Path) -> None:
    shop = Shop(stage, inngest.Inngest(app_id="shop", outbox=inngest.Outbox(f"sqlite:///{tmp_path}/nowhere.db")))
    async with shop.open():
        with contextlib.closing(OPENS["driver"](stage.database)) as connection:
            (event_id,) = await shop.client.send(PLACED, connection=connection)
            connection.commit()
        assert await shop.seen.get() == event_id


async def test_several_workers_start_it_once(stage: Stage, shop: Shop) -> None:
    async with shop.open() as engine, stage.engine(), stage.engine():
        ids: list[str] = []
        with contextlib.closing(OPENS["driver"](stage.database)) as connection:
            for _ in range(60):
                ids += await shop.client.send([PLACED, PLACED], connection=connection)
                connection.commit()
        seen = [await shop.seen.get() for _ in ids]
        assert sorted(seen) == ids
        assert sorted(run.event_id for run in await engine.runs(limit=1_000)) == ids
    assert shop.seen.empty()


async def test_many_events_are_one_send(stage: Stage, shop: Shop, opens: Any) -> None:
    async with shop.open() as engine:
        with opens(stage.database) as connection:
            ids = await shop.client.send([PLACED] * 1_000, connection=connection)
            connection.rollback()
            ids = await shop.client.send([PLACED] * 1_000, connection=connection)
            connection.commit()
        assert sorted([await shop.seen.get() for _ in ids]) == ids
        assert len(set(ids)) == 1_000
        assert len(await engine.runs(limit=2_000)) == 1_000


async def test_what_cannot_be_sent_is_refused_before_anything_is_written(stage: Stage, shop: Shop, opens: Any) -> None:
    bad = inngest.Event(name="inngest/mine")
    async with shop.open() as engine:
        with opens(stage.database) as connection:
            with pytest.raises(EventInvalidError, match=r"events\[1\]"):
                await shop.client.send([PLACED, bad], connection=connection)
            with pytest.raises(EventInvalidError, match="at most 5000 are allowed"):
                await shop.client.send([PLACED] * 5_001, connection=connection)
            assert await shop.client.send([], connection=connection) == []
            connection.commit()
        assert waiting(stage) == 0
        assert await engine.runs() == []


async def test_middleware_sees_it_as_any_send(stage: Stage, shop: Shop) -> None:
    told: list[object] = []

    class Watch(inngest.Middleware):
        async def before_send_events(self, events: list[inngest.Event]) -> None:
            await asyncio.sleep(0)
            events[0].data = {"order": 43}
            told.append("before")

        async def after_send_events(self, result: inngest.SendEventsResult) -> None:
            await asyncio.sleep(0)
            told.append(result.ids)

    shop.client.add_middleware(Watch)
    async with shop.open() as engine:
        with contextlib.closing(OPENS["driver"](stage.database)) as connection:
            ids = await shop.client.send(PLACED, connection=connection)
            await shop.client.send(PLACED, connection=connection, skip_middleware=True)
            connection.commit()
        assert told == ["before", ids]
        found = [await shop.seen.get(), await shop.seen.get()]
        assert min(found) == ids[0]
        events = databases.execute(stage.folder, "SELECT data FROM inngest_events ORDER BY id")
        assert [data for (data,) in events] == ['{"order":43}', '{"order":42}']
        assert len(await engine.runs()) == 2


async def test_a_step_sends_in_its_transaction(stage: Stage, orders: Orders, shop: Shop) -> None:
    def book(connection: Any) -> list[str]:
        add(connection, orders)
        return shop.client.send_sync(PLACED, connection=connection)

    @shop.client.create_function(fn_id="book", trigger=inngest.TriggerEvent(event="shop/order.booked"))
    async def booking(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("book", book)

    async with stage.engine(shop.pay, booking) as engine:
        ids = await engine.invoke(booking)
        assert [await shop.seen.get()] == ids
        assert orders.count() == 1


ALONE: dict[str, Callable[[str], Any]] = {
    "driver": lambda url: (
        sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        if is_file(url)
        else psycopg.connect(postgres.server().conninfo, autocommit=True)
    ),
    "sqlalchemy": lambda url: alchemy_of(url, isolation_level="AUTOCOMMIT").connect(),
    "session": lambda url: Session(alchemy_of(url, isolation_level="AUTOCOMMIT")),
}
"""Connections that commit each statement by themselves."""


@pytest.mark.parametrize("library", ALONE)
async def test_a_connection_that_commits_by_itself_is_refused(stage: Stage, shop: Shop, library: str) -> None:
    async with shop.open() as engine:
        refused = pytest.raises(TransactionError, match=r"commits each statement by itself \(autocommit\)")
        with contextlib.closing(ALONE[library](stage.database)) as connection, refused:
            await shop.client.send(PLACED, connection=connection)
        assert waiting(stage) == 0
        assert await engine.runs() == []


async def test_one_that_commits_by_itself_is_taken_in_a_transaction(stage: Stage, shop: Shop) -> None:
    async with shop.open():
        with contextlib.closing(ALONE["driver"](stage.database)) as connection:
            connection.execute("BEGIN")
            await shop.client.send(PLACED, connection=connection)
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
            (event_id,) = await shop.client.send(PLACED, connection=connection)
            connection.execute("COMMIT")
        assert await shop.seen.get() == event_id


@pytest.fixture(params=[True, False], ids=["engine here", "no engine here"])
async def client(request: pytest.FixtureRequest, stage: Stage, shop: Shop) -> AsyncGenerator[inngest.Inngest]:
    """A client with an engine, or without one."""
    if request.param:
        async with shop.open():
            yield shop.client
    else:
        await prepared(stage)
        yield inngest.Inngest(app_id="shop", outbox=inngest.Outbox(stage.database))


async def test_another_database_is_refused_by_name(stage: Stage, client: inngest.Inngest, tmp_path: Path) -> None:
    other: Any
    if is_file(stage.database):
        async with inngest.Engine([], database=tmp_path / "other.db"):
            pass
        other, named = sqlite3.connect(tmp_path / "other.db"), "other.db"
    else:
        other = psycopg.connect(postgres.server().conninfo.replace("dbname=postgres", "dbname=template1"))
        named = "template1"
    with contextlib.closing(other):
        with pytest.raises(TransactionError, match=r"the engines' database is |it is not ") as raised:
            await client.send(PLACED, connection=other)
        other.commit()
    assert named in raised.value.message or "has no table" in raised.value.message
    assert stage.database.partition("?")[0].removeprefix("sqlite:///")[:20] in raised.value.message
    assert waiting(stage) == 0


async def test_a_database_of_another_kind_is_refused_by_name(stage: Stage, client: inngest.Inngest) -> None:
    other: Any
    if is_file(stage.database):
        other, named = psycopg.connect(postgres.server().conninfo), "a database of postgresql"
    else:
        other, named = sqlite3.connect(":memory:"), "a database of sqlite"
    with contextlib.closing(other), pytest.raises(TransactionError, match=named):
        await client.send(PLACED, connection=other)


async def test_a_database_that_no_engine_has_used_is_refused(stage: Stage) -> None:
    if is_file(stage.database):
        sqlite3.connect(stage.database.removeprefix("sqlite:///")).close()
    client = inngest.Inngest(app_id="shop", outbox=inngest.Outbox(stage.database))
    refused = pytest.raises(TransactionError, match=r"has no table \S*inngest_outbox.*inngest db migrate")
    with contextlib.closing(OPENS["driver"](stage.database)) as connection, refused:
        await client.send(PLACED, connection=connection)


WRONG: dict[str, tuple[Callable[[str], object], str]] = {
    "None": (lambda _: None, "expected a connection with a transaction of yours, got None"),
    "a number": (lambda _: 5, "a connection of Django, got a builtins.int"),
    "an engine": (alchemy_of, "a connection of Django, got a sqlalchemy.engine.base.Engine"),
    "a maker": (lambda url: sessionmaker(alchemy_of(url)), "a connection of Django, got a sqlalchemy.orm.session.sess"),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_what_is_no_connection_is_refused_by_name(stage: Stage, client: inngest.Inngest, kind: str) -> None:
    make, text = WRONG[kind]
    with pytest.raises(TransactionError, match=text):
        await client.send(PLACED, connection=make(stage.database))
    with pytest.raises(TransactionError, match=text):
        client.send_sync(PLACED, connection=make(stage.database))
    assert waiting(stage) == 0


async def test_over_http_there_is_no_transaction(stage: Stage) -> None:
    await prepared(stage)
    with event_api() as api:
        client = inngest.Inngest(app_id="shop", is_production=False, event_api_base_url=api.origin)
        with contextlib.closing(OPENS["driver"](stage.database)) as connection:
            with pytest.raises(TransactionError, match=r"outbox=inngest\.Outbox\(url\)"):
                await client.send(PLACED, connection=connection)
            with pytest.raises(TransactionError, match="what is sent over HTTP is in no transaction"):
                client.send_sync(PLACED, connection=connection)
        assert api.requests == []


@pytest.mark.parametrize("given", ["postgresql://app@db/shop", 5])
def test_an_outbox_is_made_of_a_url(given: Any) -> None:
    with pytest.raises(FunctionConfigInvalidError, match=r"outbox: expected inngest\.Outbox\("):
        inngest.Inngest(app_id="shop", outbox=given)


async def test_a_row_of_a_newer_version_waits_for_a_worker_that_knows_it(stage: Stage, shop: Shop) -> None:
    await prepared(stage)
    client = inngest.Inngest(app_id="shop", outbox=inngest.Outbox(stage.database))
    with contextlib.closing(OPENS["driver"](stage.database)) as connection:
        (bad,) = await client.send(PLACED, connection=connection)
        connection.commit()
        column = "inngest_outbox" if is_file(stage.database) else f"{schema_of(stage.database)}.inngest_outbox"
        connection.execute(f"UPDATE {column} SET events = replace(events, '\"ts\"', '\"new\"')")
        connection.commit()
        (good,) = await client.send(PLACED, connection=connection)
        connection.commit()
    async with shop.open():
        assert await shop.seen.get() == good
    ((row, why),) = databases.execute(stage.folder, "SELECT id, trouble FROM inngest_outbox")
    assert (row, why) == (bad, "events[0] has a member 'new': was it sent by a newer version?")
    databases.execute(stage.folder, "UPDATE inngest_outbox SET events = replace(events, '\"new\"', '\"ts\"')")
    async with shop.open():
        assert await shop.seen.get() == bad
    assert waiting(stage) == 0
