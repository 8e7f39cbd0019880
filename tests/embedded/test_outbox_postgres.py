"""The outbox on PostgreSQL: async connections, rights, and transactions that have failed.

A file of its own: other stories of it are told on both kinds of databases.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import NullPool

import inngest
from inngest.errors import TransactionError
from tests import postgres
from tests.embedded.stage import Stage
from tests.embedded.test_outbox import PLACED, Shop, prepared, waiting

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
async def alchemy() -> AsyncGenerator[AsyncEngine]:
    """An async engine of SQLAlchemy."""

    async def connect() -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(postgres.server().conninfo)

    engine = create_async_engine("postgresql+psycopg://", async_creator=connect, poolclass=NullPool)
    yield engine
    await engine.dispose()


async def opened(kind: str, alchemy: AsyncEngine) -> Any:
    """An async connection of a library."""
    if kind == "psycopg":
        return await psycopg.AsyncConnection.connect(postgres.server().conninfo)
    if kind == "connection":
        return await alchemy.connect()
    if kind == "session":
        return AsyncSession(alchemy)
    return async_scoped_session(async_sessionmaker(alchemy), scopefunc=lambda: 1)


@pytest.mark.parametrize("kind", ["psycopg", "connection", "session", "scoped session"])
async def test_async_connections_send_in_their_transactions(stage: Stage, alchemy: AsyncEngine, kind: str) -> None:
    shop = Shop(stage)
    async with shop.open() as engine:
        connection = await opened(kind, alchemy)
        try:
            await shop.client.send(PLACED, connection=connection)
            await connection.rollback()
            (event_id,) = await shop.client.send(PLACED, connection=connection)
            assert waiting(stage) == 0
            await connection.commit()
        finally:
            await connection.close()
        assert await shop.seen.get() == event_id
        assert len(await engine.runs()) == 1


@pytest.mark.parametrize("kind", ["psycopg", "connection", "session"])
async def test_a_blocking_send_takes_no_async_connection(stage: Stage, alchemy: AsyncEngine, kind: str) -> None:
    shop = Shop(stage)
    async with shop.open():
        connection = await opened(kind, alchemy)
        try:
            with pytest.raises(TransactionError, match=r"it is an async one: use `await client\.send"):
                shop.client.send_sync(PLACED, connection=connection)
        finally:
            await connection.close()


async def test_an_async_connection_that_commits_by_itself_is_refused(stage: Stage, alchemy: AsyncEngine) -> None:
    shop = Shop(stage)
    async with shop.open():
        alone = alchemy.execution_options(isolation_level="AUTOCOMMIT")
        async with alone.connect() as connection:
            with pytest.raises(TransactionError, match=r"\(autocommit\)"):
                await shop.client.send(PLACED, connection=connection)
        async with await psycopg.AsyncConnection.connect(postgres.server().conninfo, autocommit=True) as plain:
            with pytest.raises(TransactionError, match=r"\(autocommit\)"):
                await shop.client.send(PLACED, connection=plain)
            async with plain.transaction():
                (event_id,) = await shop.client.send(PLACED, connection=plain)
        assert await shop.seen.get() == event_id


async def test_an_async_session_writes_and_sends_together(stage: Stage, alchemy: AsyncEngine) -> None:
    shop, table = Shop(stage), "t" + uuid.uuid4().hex
    postgres.server().execute(f"CREATE TABLE {table} (number INTEGER)")
    try:
        async with shop.open():
            async with AsyncSession(alchemy) as session, session.begin():
                await session.execute(text(f"INSERT INTO {table} VALUES (42)"))
                (event_id,) = await shop.client.send(PLACED, connection=session)
            assert await shop.seen.get() == event_id
        assert postgres.server().execute(f"SELECT number FROM {table}") == [(42,)]
    finally:
        postgres.server().execute(f"DROP TABLE {table}")


@pytest.mark.parametrize("here", [True, False], ids=["engine here", "no engine here"])
async def test_a_missing_right_is_said_as_the_statements_that_give_it(stage: Stage, here: bool) -> None:
    server, user = postgres.server(), "u" + uuid.uuid4().hex
    await prepared(stage)
    shop = Shop(stage)
    client = shop.client if here else inngest.Inngest(app_id="shop", outbox=inngest.Outbox(stage.database))
    server.execute(f"CREATE ROLE {user} LOGIN")
    conninfo = server.conninfo.replace(f"user={postgres.USER}", f"user={user}")
    rights = 3 if here else 2
    try:
        async with shop.open():
            for _ in range(rights):
                with psycopg.connect(conninfo) as connection, pytest.raises(TransactionError) as raised:
                    await client.send(PLACED, connection=connection)
                said = raised.value.message
                assert "its user lacks a right (permission denied for " in said
                grants = said.partition("): ")[2].split("; ")
                assert len(grants) == rights
                lacks = said.partition("permission denied for ")[2].split(")")[0].split()[-1]
                (grant,) = [one for one in grants if lacks in one.partition(" TO ")[0].replace("SCHEMA ", "")][:1]
                server.execute(grant)  # each error is about what is missing first
            with psycopg.connect(conninfo) as connection:
                (event_id,) = await client.send(PLACED, connection=connection)
            assert await shop.seen.get() == event_id
    finally:
        server.execute(f"DROP OWNED BY {user}")
        server.execute(f"DROP ROLE {user}")


async def test_an_error_of_the_users_stays_the_users(stage: Stage) -> None:
    shop = Shop(stage)
    async with shop.open():
        with psycopg.connect(postgres.server().conninfo) as connection:
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute("SELECT 1 FROM nowhere")
            with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                await shop.client.send(PLACED, connection=connection)
            connection.rollback()
            connection.execute("SELECT 1")
            with connection.transaction(force_rollback=True):  # a savepoint is undone, and what was sent in it
                await shop.client.send(PLACED, connection=connection)
            (event_id,) = await shop.client.send(PLACED, connection=connection)
            connection.commit()
        assert await shop.seen.get() == event_id
    assert shop.seen.empty()


async def test_a_pipeline_sends_in_its_transaction(stage: Stage) -> None:
    shop = Shop(stage)
    async with shop.open():
        with psycopg.connect(postgres.server().conninfo) as connection, connection.pipeline():
            connection.execute("SELECT 1")
            (event_id,) = shop.client.send_sync(PLACED, connection=connection)
        assert await shop.seen.get() == event_id
        async with await psycopg.AsyncConnection.connect(postgres.server().conninfo) as other, other.pipeline():
            (event_id,) = await shop.client.send(PLACED, connection=other)
        assert await shop.seen.get() == event_id
