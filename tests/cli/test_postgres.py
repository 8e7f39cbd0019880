"""The commands on a PostgreSQL database: `--database` takes its URL."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import inngest
from inngest.embedded.upkeep import Upkeep
from inngest.engine.store.schema import CURRENT
from tests import postgres

from . import processes
from .processes import PATIENCE
from .started import started


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of a schema that is not there yet."""
    server, schema = postgres.server(), "s" + uuid.uuid4().hex
    yield server.url(schema=schema)
    server.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def command(*arguments: str, database: str, cwd: Path) -> tuple[int, str, str]:
    """A command on the database: its code, and what it says."""
    ran = processes.inngest(*arguments, "--database", database, cwd=cwd)
    return ran.returncode, ran.stdout, ran.stderr


async def shop(database: str) -> None:
    """A run that has ended."""
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="pack", trigger=inngest.TriggerEvent(event="pack"))
    async def pack(ctx: inngest.Context) -> str:
        return await ctx.step.run("wrap", lambda: "wrapped")

    async with inngest.Engine(client, database=database) as engine:
        await engine.invoke(pack)


async def test_runs_are_listed_shown_and_started(database: str, tmp_path: Path) -> None:
    code, _, said = command("runs", database=database, cwd=tmp_path)
    assert (code, "no engine has ever used the database postgresql://" in said) == (3, True)
    await shop(database)
    code, listed, _ = command("runs", database=database, cwd=tmp_path)
    assert code == 0
    (_, line) = listed.splitlines()
    status, run, function, *_ = line.split()
    assert (status, function) == ("COMPLETED", "shop-pack")
    code, shown, _ = command("run", run[-6:], database=database, cwd=tmp_path)
    assert (code, "wrap" in shown) == (0, True)
    code, started_one, _ = command("invoke", "shop-pack", database=database, cwd=tmp_path)
    assert (code, "started shop-pack" in started_one) == (0, True)
    assert not os.listdir(tmp_path)  # no file is made


async def test_its_state_is_shown(database: str, tmp_path: Path) -> None:
    await shop(database)
    async with inngest.Engine([], database=database):
        code, shown, _ = await asyncio.to_thread(command, "db", "status", database=database, cwd=tmp_path)
        rows = dict(line.split(maxsplit=1) for line in shown.splitlines())
        assert (code, rows["schema"], rows["runs"].partition(";")[0]) == (0, CURRENT.revision, "1: 1 completed")
        assert rows["workers"].startswith(f"pid {os.getpid()} on ")
        assert (await asyncio.to_thread(Upkeep(database).workers)) == 1
    code, shown, _ = command("db", "status", "--json", database=database, cwd=tmp_path)
    told = json.loads(shown)
    assert (code, told["workers"], told["needs_migration"], told["bytes"] > 0) == (0, [], False, True)
    assert Upkeep(database).workers() == 0


async def test_an_older_schema_is_brought_up_to_date(database: str, tmp_path: Path) -> None:
    """What the revisions 0005 and 0006 add is not there."""
    await shop(database)
    name = database.partition("schema=")[2]
    postgres.server().execute(
        f"ALTER TABLE {name}.inngest_sessions DROP COLUMN beat_at, DROP COLUMN lease; "
        f"ALTER TABLE {name}.inngest_events DROP COLUMN erased_at; "
        f"ALTER TABLE {name}.inngest_runs DROP COLUMN erased_at; "
        f"DROP INDEX {name}.inngest_runs_by_function, {name}.inngest_runs_failed; "
        f"DROP TABLE {name}.inngest_outbox, {name}.inngest_audit; "
        f"UPDATE {name}.inngest_meta SET value = '0004' WHERE key IN ('revision', 'min_compatible')"
    )
    code, _, said = command("runs", database=database, cwd=tmp_path)
    assert (code, "has schema 0004, and this code reads 0006" in said) == (3, True), said
    code, shown, _ = command("db", "status", "--json", database=database, cwd=tmp_path)
    assert (code, json.loads(shown)["needs_migration"]) == (0, True)
    code, shown, said = command("db", "migrate", "--yes", database=database, cwd=tmp_path)
    assert (code, shown.endswith("from schema 0004 to 0006\n")) == (0, True), said
    await shop(database)
    code, shown, _ = command("db", "migrate", database=database, cwd=tmp_path)
    assert (code, shown.startswith("nothing to do: postgresql://")) == (0, True)


async def test_a_newer_schema_is_refused(database: str, tmp_path: Path) -> None:
    await shop(database)
    name = database.partition("schema=")[2]
    postgres.server().execute(
        f"UPDATE {name}.inngest_meta SET value = '0099' WHERE key IN ('revision', 'min_compatible')"
    )
    for asked in (("db", "status"), ("db", "migrate"), ("runs",)):
        code, _, said = command(*asked, database=database, cwd=tmp_path)
        assert (code, "has schema 0099, which needs code that knows at least 0099" in said) == (3, True), said
        assert "Traceback" not in said


def test_mistakes_are_said_without_the_password(tmp_path: Path) -> None:
    url = "postgresql://me:secret@/shop?host=/nowhere"
    code, out, said = command("runs", database=url, cwd=tmp_path)
    assert (code, out) == (3, "")
    assert "postgresql://me@/nowhere/shop cannot be reached" in said
    code, out, said = command("runs", database=f"{url}&colour=red", cwd=tmp_path)
    assert "invalid URI query parameter" in said
    assert "secret" not in said
    ran = processes.inngest("dev", "--lease", "1s", cwd=tmp_path)
    assert (ran.returncode, "--lease: expected 2 s to 5 min, got '1s'" in ran.stderr) == (2, True)


def test_a_server_runs_on_it_and_tells_no_password(database: str, tmp_path: Path) -> None:
    url = database.replace("postgres@", "postgres:secret@")
    with started(tmp_path, INNGEST_DATABASE=url, INNGEST_LEASE="5s") as server:
        assert httpx.post(f"{server.url}/e/event-key", json={"name": "a"}, timeout=PATIENCE).status_code == 200
        assert server.stop() == 0
        server.until("stopped")
    said = "".join(server.lines)
    assert "the database is postgresql://postgres@" in said
    assert "secret" not in said
    assert list(tmp_path.iterdir()) == []
