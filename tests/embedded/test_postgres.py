"""The door to PostgreSQL: what is wrong with a database is said in one sentence, and engines share one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

import inngest
from inngest.embedded.reader import Reader
from inngest.engine.store.dialects.postgres.database import PostgresConnection
from inngest.errors import EngineConfigError, StoreBusyError, StoreError, StoreReadOnlyError, StoreVersionError
from tests import postgres, processes
from tests.embedded.test_several_engines import Shop
from tests.wall_clock import WallClock


@pytest.fixture
def schema() -> Iterator[str]:
    """The name of a schema that is not there yet; it is removed afterwards."""
    name = "s" + uuid.uuid4().hex
    yield name
    postgres.server().execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture
def user() -> Iterator[str]:
    """A user without rights."""
    name = "u" + uuid.uuid4().hex
    postgres.server().execute(f"CREATE ROLE {name} LOGIN")
    yield name
    postgres.server().execute(f"DROP OWNED BY {name}")
    postgres.server().execute(f"DROP ROLE {name}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://host:port/shop", "a port is a number from 1 to 65535, got .port."),
        ("postgresql://host/shop?colour=red", 'invalid URI query parameter: "colour"'),
        ("postgresql://user:se%cret@host/shop", "; invalid percent-encoded token$"),
        ("postgresql://host/shop?schema=", "a schema's name has 1 to 63 bytes"),
        ("postgresql://host/shop?schema=pg_shop", "does not begin with pg_, got 'pg_shop'"),
        ("postgres://host/shop?schema=a&schema=b", "got schema twice: a, b"),
        ("postgresql://host/shop?guards=none", "guards=none needs isolation=serializable"),
        ("postgresql://host/shop?guards=tables", "expected guards=advisory or rows or none, got 'tables'"),
        ("postgresql://host/shop?isolation=snapshot", "isolation=read-committed or serializable, got 'snapshot'"),
        ("postgresql://host/shop?wake=push", "expected wake=listen or poll, got 'push'"),
        ("postgresql://host/shop?index=", "expected index=full or plain, got ''"),
        ("postgresql://host/shop?index=async", "it is for schemas that are made by hand"),
        ("mysql://host/shop", "'mysql' is not supported, only SQLite and PostgreSQL are"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(EngineConfigError, match=said) as caught:
        inngest.Engine([], database=url)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("lease", [1_999, 300_001, "15s", -1])
def test_a_lease_has_bounds(lease: object) -> None:
    with pytest.raises(EngineConfigError, match="lease: "):
        inngest.Engine([], lease=lease)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_without_its_driver_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("inngest.engine.store.dialects.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(EngineConfigError, match=r'pip install "pyngest\[postgres\]"'):
        inngest.Engine([], database="postgresql://host/shop")


async def refusal(url: str) -> StoreError:
    """Why an engine does not start."""
    with pytest.raises(StoreError) as caught:
        async with inngest.Engine([], database=url):
            raise AssertionError("it has started")
    return caught.value


async def test_a_server_that_cannot_be_reached_is_named() -> None:
    error = await refusal("postgresql://me:secret@/shop?host=/nowhere")
    assert isinstance(error, StoreBusyError)
    assert str(error).startswith("postgresql://me@/nowhere/shop cannot be reached (")
    assert str(error).endswith("see whether the server runs, and to the URL")
    assert "secret" not in str(error)


async def test_a_database_that_is_not_there_is_named() -> None:
    error = await refusal(postgres.server().url("shop"))
    assert str(error).endswith('database "shop" does not exist: create it (createdb), or name another one')


async def test_a_wrong_password_is_said() -> None:
    server, name = postgres.server(), postgres.WITH_PASSWORD
    server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right'")
    try:
        error = await refusal(server.url(user=f"{name}:wrong"))
    finally:
        server.execute(f"DROP ROLE {name}")
    assert str(error).endswith("see to the user and the password in the URL, PGPASSWORD or ~/.pgpass")
    assert "wrong" not in str(error)


async def test_a_missing_right_is_said_as_the_statement_that_gives_it(schema: str, user: str) -> None:
    server = postgres.server()
    url = server.url(user=user, schema=schema)
    said: list[str] = []
    for right in (f"CREATE SCHEMA {schema}", f"GRANT USAGE ON SCHEMA {schema} TO {user}", ""):
        error = await refusal(url)
        assert isinstance(error, StoreReadOnlyError)
        said.append(str(error).partition(": permission denied for ")[2])
        if right:
            server.execute(right)
    async with inngest.Engine([], database=server.url(schema=schema)):
        pass
    said.append(str(await refusal(url)).partition(": permission denied for ")[2])
    of_schema = f"schema {schema}: GRANT USAGE, CREATE ON SCHEMA {schema} TO its user"
    assert said == [
        f"database postgres: GRANT CREATE ON DATABASE postgres TO its user, or CREATE SCHEMA {schema} "
        "AUTHORIZATION its user",
        of_schema,
        of_schema,
        f"table inngest_meta: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO its user",
    ]
    server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {user}")
    async with inngest.Engine([], database=url) as engine:
        assert await engine.runs() == []


async def test_a_newer_schema_is_refused(schema: str) -> None:
    server = postgres.server()
    url = server.url(schema=schema)
    async with inngest.Engine([], database=url):
        pass
    server.execute(f"UPDATE {schema}.inngest_meta SET value = '0099' WHERE key IN ('revision', 'min_compatible')")
    error = await refusal(url)
    assert isinstance(error, StoreVersionError)
    assert "has schema 0099, which needs code that knows at least 0099" in str(error)


async def test_engines_of_several_schemas_know_nothing_of_each_other(schema: str) -> None:
    server, shop = postgres.server(), Shop()
    first = inngest.Engine(shop.client, database=server.url(schema=schema))
    async with first:
        assert await first.invoke(shop.pack, data={"number": 1}) == 1
    other = "s" + uuid.uuid4().hex
    async with inngest.Engine(shop.client, database=server.url(schema=other)) as second:
        assert await second.runs() == []
        assert await second.invoke(shop.pack, data={"number": 2}) == 2
    server.execute(f"DROP SCHEMA {other} CASCADE")
    assert [run.output for run in Reader(server.url(schema=schema)).runs()] == [1]


def opens(talk: processes.Talk, url: str) -> None:
    """An engine, from its start to its stop, when it is told so."""

    async def main() -> None:
        talk.say("here")
        talk.expect("open")
        async with inngest.Engine([], database=url):
            talk.say("opened")

    asyncio.run(main())


def test_several_processes_create_the_schema_once(schema: str) -> None:
    url = postgres.server().url(schema=schema)
    started = [processes.start(opens, url) for _ in range(4)]
    for process in started:
        process.expect("here")
    for process in started:
        process.say("open")
    for process in started:
        process.expect("opened")
        assert process.join() == 0
    found = postgres.server().execute(f"SELECT count(*) FROM {schema}.inngest_meta WHERE key = 'revision'")
    assert found == [(1,)]


async def test_it_goes_on_when_the_server_ends_its_connections(schema: str) -> None:
    """As when the server is started anew: nobody who sends, reads or runs is told of it."""
    server, shop = postgres.server(), Shop()
    async with inngest.Engine(shop.client, database=server.url(schema=schema)) as engine:
        assert await engine.invoke(shop.pack, data={"number": 1}) == 1
        for number in range(2, 5):
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'inngest'")
            assert await engine.invoke(shop.pack, data={"number": number}) == number
            assert len(await engine.runs()) == number


async def test_it_goes_on_when_it_has_no_descriptor_for_a_connection_for_a_while(
    schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose commit came just then does not fail by that."""
    server, shop = postgres.server(), Shop()
    connect = psycopg.Connection.connect
    failed: list[object] = []

    def fails(*given: Any, **named: Any) -> Any:
        if len(failed) < 4:  # of the writer, and of the thread that tells that this worker lives
            failed.append(given)
            raise OSError(errno.EMFILE, "Too many open files")
        return connect(*given, **named)

    async with inngest.Engine(shop.client, database=server.url(schema=schema)) as engine:
        assert await engine.invoke(shop.pack, data={"number": 1}) == 1
        monkeypatch.setattr(PostgresConnection, "connect", fails)
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'inngest'")
        assert await engine.invoke(shop.pack, data={"number": 2}) == 2
    assert len(failed) == 4


async def test_an_engine_starts_though_it_loses_its_connection_meanwhile(schema: str) -> None:
    """As when the server is started anew while workers start."""
    server = postgres.server()
    async with inngest.Engine([], database=server.url(schema=schema)):
        pass
    with psycopg.connect(server.conninfo) as other:
        other.execute(f"LOCK TABLE {schema}.inngest_meta".encode())  # as one that migrates it
        engine = inngest.Engine([], database=server.url(schema=schema))
        starting = asyncio.ensure_future(engine.start())
        waits = "SELECT pid FROM pg_stat_activity WHERE application_name = 'inngest' AND wait_event_type = 'Lock'"
        while not (found := server.execute(waits)):  # noqa: ASYNC110 - the server is asked
            await asyncio.sleep(0.01)
        ((pid,),) = found
        assert server.execute(f"SELECT pg_terminate_backend({pid})") == [(True,)]
    await starting
    await engine.stop()


async def test_a_worker_is_heard_from_its_begin_on_by_the_clock_of_the_server(
    schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of engines may be ahead of that: it goes on from what they had before the server was another."""
    server = postgres.server()
    async with inngest.Engine([], database=server.url(schema=schema)):
        pass
    server.execute(
        f"ALTER TABLE {schema}.inngest_sessions ADD CHECK (beat_at < extract(epoch FROM now()) * 1000 + 60000)"
    )
    WallClock(monkeypatch).forward(3_600_000)
    async with inngest.Engine([], database=server.url(schema=schema)) as engine:
        assert await engine.runs() == []


async def test_no_transaction_waits_or_rests_for_as_long_as_a_lease(schema: str) -> None:
    """A transaction that is stopped in its middle would hold its locks for ever."""
    server = postgres.server()
    async with inngest.Engine([], database=server.url(schema=schema), lease=3_000) as engine:
        await engine.send(inngest.Event(name="noted"))
        with psycopg.connect(server.conninfo) as other:
            other.execute(f"LOCK TABLE {schema}.inngest_events".encode())
            sending = asyncio.ensure_future(engine.send(inngest.Event(name="noted")))
            waits = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'inngest' AND wait_event_type = 'Lock'"
            while not server.execute(waits):  # noqa: ASYNC110 - the server is asked
                await asyncio.sleep(0.01)
            while server.execute(waits):  # noqa: ASYNC110 - until its patience ends
                await asyncio.sleep(0.01)
        await sending


async def test_through_a_pooler_it_looks_for_what_others_did(schema: str, caplog: pytest.LogCaptureFixture) -> None:
    """PgBouncer lends a connection for one transaction: nothing is heard there, and no statement stays prepared."""
    url, shop = postgres.pooler().url(schema=schema), Shop()
    async with inngest.Engine([], database=url) as sender, inngest.Engine(shop.client, database=url) as worker:
        assert "does not pass on what others notify (is it PgBouncer, in transaction mode?)" in caplog.text
        for number in range(8):  # more often than a statement is executed before it is prepared
            (event,) = await sender.send(inngest.Event(name="pack", data={"number": number}))
            (run,) = await sender.runs(event_id=event)
            assert await sender.wait(run.id) == number
        assert await worker.invoke(shop.pack, data={"number": 9}) == 9
    assert [run.output for run in Reader(url).runs()] == [9, *reversed(range(8))]


async def test_through_a_pooler_it_leaves_no_setting_to_others(schema: str) -> None:
    """What is set on a connection that PgBouncer lends stays for whoever is lent it next."""
    server, shop = postgres.pooler(), Shop()
    async with inngest.Engine(shop.client, database=server.url(schema=schema), lease=2_000) as engine:
        for number in range(3):
            assert await engine.invoke(shop.pack, data={"number": number}) == number
        with contextlib.ExitStack() as stack:
            set_to: set[object] = set()
            for _ in range(10):  # as many transactions at a time need all connections that there are
                found = f"host={server.folder} port={server.port} user={postgres.USER} dbname=postgres"
                lent = stack.enter_context(psycopg.connect(found, prepare_threshold=None))
                set_to |= set(lent.execute("SHOW statement_timeout").fetchall())
    assert set_to == {("0",)}
