"""A fresh schema, and one that was migrated from nothing, are the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inngest.engine.store import tables
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.migrations import upgrade
from inngest.engine.store.schema import CURRENT
from tests.migrations import schemas


def migrate_from_nothing(path: Path) -> None:
    database = SqliteDatabase(path)
    connection = database.connect()
    database.begin(connection)
    upgrade(connection, database.dialect, "", CURRENT.revision)
    database.commit(connection)
    connection.close()


def test_a_fresh_schema_and_a_migrated_one_are_equal(tmp_path: Path) -> None:
    schemas.prepare(tmp_path / "fresh.db")
    migrate_from_nothing(tmp_path / "migrated.db")

    fresh, migrated = schemas.describe(tmp_path / "fresh.db"), schemas.describe(tmp_path / "migrated.db")

    assert fresh.keys() == tables.metadata.tables.keys()
    for table in fresh:
        assert migrated[table] == fresh[table]
    assert migrated.keys() == fresh.keys()
    assert schemas.meta(tmp_path / "migrated.db")["generation"] == schemas.meta(tmp_path / "fresh.db")["generation"]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE inngest_runs ADD COLUMN more TEXT",
        "DROP INDEX inngest_runs_by_session",
        "DROP TABLE inngest_steps",
        "CREATE TABLE inngest_more (id TEXT)",
    ],
)
def test_a_difference_is_seen(tmp_path: Path, change: str) -> None:
    schemas.prepare(tmp_path / "one.db")
    schemas.prepare(tmp_path / "other.db")
    assert schemas.describe(tmp_path / "one.db") == schemas.describe(tmp_path / "other.db")

    SqliteDatabase(tmp_path / "other.db").connect().execute(change)

    assert schemas.describe(tmp_path / "one.db") != schemas.describe(tmp_path / "other.db")


def test_preparing_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    schemas.prepare(path)
    before = schemas.describe(path), schemas.meta(path)
    schemas.prepare(path)
    assert (schemas.describe(path), schemas.meta(path)) == before
    known = {"generation": "0", "retention_since": "0"}
    assert before[1] == {"revision": CURRENT.revision, "min_compatible": CURRENT.min_compatible, **known}


PROGRAM = """
import asyncio, sys
import inngest

client = inngest.Inngest(app_id="shop")


@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="order"))
async def order(ctx):
    return await ctx.step.run("pay", lambda: 1)


async def main():
    async with inngest.Engine(client, database=sys.argv[1]) as engine:
        run_id = await engine.start_run("shop-order", {})
        assert await engine.wait(run_id) == 1
        assert (await engine.run(run_id)).output == 1
        assert (await engine.runs())[0].id == run_id
        await engine.explain(run_id)


asyncio.run(main())
asyncio.run(main())
found = sorted({name.partition(".")[0] for name in sys.modules} & {"alembic", "sqlalchemy"})
assert not found, f"{found} were imported"
"""


def test_nothing_that_writes_statements_is_imported_when_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, f"sqlite:///{tmp_path}/inngest.db"], check=True, timeout=60)
