"""The commands on a PostgreSQL database: `--database` takes its URL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import inngest
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
