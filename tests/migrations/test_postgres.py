"""A PostgreSQL database of an older schema is migrated as a file is: once, as a whole, or not at all.

The revision to come to is one that only the tests know; `test_stored.py` comes from those that were released.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import inngest
from inngest.engine.errors import StoreVersionError
from inngest.engine.store import schema
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.schema import CURRENT, Schema
from tests import postgres, processes
from tests.migrations import on_postgres, schemas, shop
from tests.migrations.test_at_once import at_once


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a schema that is not there yet; it is removed afterwards."""
    name = "s" + uuid.uuid4().hex
    yield name
    postgres.server().execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


def url_of(name: str) -> str:
    return postgres.server().url(schema=name)


def prepare(url: str, target: Schema = CURRENT) -> None:
    """Create or migrate the schema, as an engine does when it starts."""
    database = PostgresDatabase(url)
    with closing(database.connect()) as connection:
        schema.prepare(database, connection, target)


def described(name: str) -> list[tuple[object, ...]]:
    """The columns and indexes of a schema, and what it says of itself."""
    return [*shape(name), *postgres.server().execute(f"SELECT key, value FROM {name}.inngest_meta ORDER BY 1")]


def shape(name: str) -> list[tuple[object, ...]]:
    """The columns and indexes of a schema."""
    execute = postgres.server().execute
    columns = "table_name, column_name, data_type, collation_name, is_nullable, column_default"
    return [
        *execute(f"SELECT {columns} FROM information_schema.columns WHERE table_schema = '{name}' ORDER BY 1, 2"),
        *execute(f"SELECT indexdef FROM pg_indexes WHERE schemaname = '{name}' ORDER BY 1"),
    ]


async def used(url: str) -> None:
    """An engine with a function of an app has run on it."""
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="pack", trigger=inngest.TriggerEvent(event="pack"))
    async def pack(ctx: inngest.Context) -> str:
        return await ctx.step.run("wrap", lambda: "wrapped")

    async with inngest.Engine(client, database=url) as engine:
        assert await engine.invoke(pack) == "wrapped"


def migrates(talk: processes.Talk, url: str, folder: Path) -> None:
    target = schemas.next_schema(folder)
    talk.say("ready")
    talk.expect("go")
    prepare(url, target)
    talk.say("done")


async def test_several_processes_migrate_it_once_and_nothing_is_lost(name: str, tmp_path: Path) -> None:
    await used(url_of(name))
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    at_once(migrates, *[(url_of(name), folder) for folder in folders])
    execute = postgres.server().execute
    assert execute(f"SELECT value FROM {name}.inngest_meta WHERE key = 'revision'") == [("0007",)]
    assert execute(f"SELECT * FROM {name}.inngest_shops") == [("shop", 1)]
    assert execute(f"SELECT status, priority FROM {name}.inngest_runs") == [("COMPLETED", 0)]
    await used(url_of(name))  # code of the revision before goes on: the new one says that it may


def test_what_is_added_compares_texts_by_their_bytes_as_what_was_there(name: str, tmp_path: Path) -> None:
    prepare(url_of(name))
    prepare(url_of(name), schemas.next_schema(tmp_path))
    texts = f"SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_schema = '{name}'"
    assert postgres.server().execute(f"{texts} AND data_type = 'text'") == [("C",)]


def test_a_migration_that_fails_changes_nothing(name: str, tmp_path: Path) -> None:
    prepare(url_of(name))
    before = described(name)
    target = schemas.next_schema(tmp_path)
    with (target.versions / "0007_next.py").open("a", encoding="utf-8") as script:
        script.write('    op.execute("SELECT 1 / 0")\n')
    with pytest.raises(Exception, match="division by zero"):
        prepare(url_of(name), target)
    assert described(name) == before


def test_a_newer_one_is_refused(name: str, tmp_path: Path) -> None:
    prepare(url_of(name), schemas.next_schema(tmp_path, min_compatible="0007"))
    with pytest.raises(StoreVersionError, match="has schema 0007, which needs code that knows at least 0007"):
        prepare(url_of(name))


def test_a_stored_one_has_the_schema_of_a_new_one_when_it_is_migrated(name: str, tmp_path: Path) -> None:
    file = tmp_path / "stored.db"
    on_postgres.load(file, shop.load(on_postgres.REVISIONS[-1], file), name)
    other = f"{name}_new"
    try:
        for one in (name, other):
            prepare(url_of(one))
        migrated, new = ([str(row).replace(f"{one}.", "") for row in shape(one)] for one in (name, other))
    finally:
        postgres.server().execute(f"DROP SCHEMA IF EXISTS {other} CASCADE")
    assert migrated == new
