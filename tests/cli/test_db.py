"""`inngest db`, beside an engine and without one; and the page about databases, as it is printed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import inngest
from inngest.engine.store.schema import CURRENT
from tests.migrations import shop

from .conftest import Command
from .test_control import Office
from .test_tutorial import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "database.md").read_text(encoding="utf-8")

client = inngest.Inngest(app_id="shop")


@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="shop/ordered"))
async def order(ctx: inngest.Context) -> str:
    await ctx.step.run("receipt", lambda: "r" * 10_000)
    await ctx.step.wait_for_event("paid", event="shop/paid", timeout=3_600_000)
    return await ctx.step.run("ship", lambda: "shipped")


@client.create_function(fn_id="hello", trigger=inngest.TriggerEvent(event="shop/hello"))
async def hello(ctx: inngest.Context) -> str:
    return await ctx.step.run("greet", lambda: "hello")


def engine_on(path: Path, retention: int | None = None) -> inngest.Engine:
    return inngest.Engine(client, database=path, retention=retention)


@pytest.fixture
async def office(tmp_path: Path, command: Command) -> AsyncGenerator[Office]:
    async with engine_on(tmp_path / "op.db") as engine:
        yield Office(engine, tmp_path / "op.db", command)


async def ordered(engine: inngest.Engine) -> str:
    """A run whose first step is recorded, and that waits."""
    (event_id,) = await engine.send(inngest.Event(name="shop/ordered"))
    (run,) = await engine.runs(event_id=event_id)
    while not (await engine.run(run.id)).steps[1:]:  # noqa: ASYNC110 - the engine tells nobody
        await asyncio.sleep(0.01)
    return run.id


async def test_the_status_is_the_one_of_the_page(office: Office) -> None:
    await office.engine.invoke(hello)
    await office.engine.invoke(hello)
    await ordered(office.engine)
    ran = await office.ran("db", "status")
    (printed, *_) = blocks("text", PAGE)
    assert (ran.code, ran.err) == (0, "")
    assert _without_figures(ran.out, str(office.path)) == _without_figures(printed, ".inngest/inngest.db")
    assert "3: 1 running, 2 completed" in ran.out
    assert f"schema    {CURRENT.revision}\n" in ran.out


def _without_figures(text: str, path: str) -> str:
    text = re.sub(r"pid \d+ on \S+", "pid N on HOST", text.replace(path, "FILE"))
    return re.sub(r"\d[\d.]* k?B|\d[\d.]* MB|[\d-]{10} [\d:]{5}", "N", re.sub(r"(steps|events) +\d+", r"\1 N", text))


async def test_the_status_for_programs(office: Office) -> None:
    await office.engine.invoke(hello)
    told = (await office.ran("db", "status", "--json")).json
    (worker,) = told.pop("workers")
    assert (worker["host"], worker["pid"]) == (socket.gethostname(), os.getpid())
    assert worker["functions"] == ["shop-hello", "shop-order"]
    assert told.pop("oldest_run").startswith("20")
    assert told.pop("wal_bytes") > 0
    assert told.pop("free_bytes") >= 0
    assert told.pop("bytes") == office.path.stat().st_size
    assert told == {
        "database": str(office.path),
        "schema": CURRENT.revision,
        "needs_migration": False,
        "runs": {"COMPLETED": 1},
        "steps": 1,
        "events": 1,
        "outbox": {"sends": 0, "aside": 0, "oldest": None, "trouble": None},
    }


async def test_the_status_shows_what_no_worker_has_accepted(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "op.db"
    async with engine_on(path):
        pass
    sender = inngest.Inngest(app_id="shop", outbox=inngest.Outbox(path))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        first, _ = [sender.send_sync(inngest.Event(name="shop/hello"), connection=connection)[0] for _ in range(2)]
        connection.execute("UPDATE inngest_outbox SET trouble = 'it is of a newer version' WHERE id = ?", [first])
    ran = await asyncio.to_thread(command, "db", "status", "--database", str(path))
    (line,) = [line for line in ran.out.splitlines() if line.startswith("outbox")]
    assert re.fullmatch(
        r"outbox +2 not accepted yet, since [\d-]{10} [\d:]{5}; 1 put aside: it is of a newer version", line
    )
    told = (await asyncio.to_thread(command, "db", "status", "--json", "--database", str(path))).json["outbox"]
    assert told.pop("oldest").startswith("20")
    assert told == {"sends": 2, "aside": 1, "trouble": "it is of a newer version"}


async def test_a_copy_that_is_made_while_an_engine_writes_goes_on_where_it_was(
    office: Office, tmp_path: Path, command: Command
) -> None:
    run_id = await ordered(office.engine)
    stop = asyncio.Event()

    async def write() -> int:
        count = 0
        while not stop.is_set():
            await office.engine.invoke(hello)
            count += 1
        return count

    writing = asyncio.create_task(write())
    target = tmp_path / "copy.db"
    ran = await office.ran("db", "backup", str(target))
    stop.set()
    written = await writing
    assert (ran.code, ran.out.startswith(f"copied  {office.path}  to {target}, ")) == (0, True), ran
    assert [name for name in os.listdir(tmp_path) if "copy.db" in name] == ["copy.db"]  # and no part of one
    await office.engine.stop()
    assert (await asyncio.to_thread(command, "db", "status", "--database", str(target), "--json")).json["workers"] == []
    async with engine_on(target) as copied:
        assert 1 <= len(await copied.runs(limit=1_000)) <= written + 1
        await copied.send(inngest.Event(name="shop/paid"))
        assert await copied.wait(run_id) == "shipped"
        assert (await copied.run(run_id)).steps[0].output == "r" * 10_000


async def test_a_copy_is_never_written_over_anything(office: Office, tmp_path: Path) -> None:
    await office.engine.invoke(hello)
    folder = tmp_path / "copies"
    folder.mkdir()
    told = (await office.ran("db", "backup", str(folder), "--json")).json
    (copy,) = folder.iterdir()
    assert re.fullmatch(r"op-\d{8}T\d{6}Z\.db", copy.name)
    assert told == {"database": str(office.path), "copy": str(copy), "bytes": copy.stat().st_size}
    assert copy.stat().st_mode == office.path.stat().st_mode
    before = copy.read_bytes()
    again = await office.ran("db", "backup", str(copy))
    assert (again.code, f"{copy} exists already, and is not overwritten" in again.err) == (3, True)
    assert (copy.read_bytes(), [path.name for path in folder.iterdir()]) == (before, [copy.name])
    nowhere = await office.ran("db", "backup", str(tmp_path / "gone" / "copy.db"))
    assert (nowhere.code, "expected a file in a folder that exists" in nowhere.err) == (2, True)


async def test_space_is_given_back(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "large.db"
    async with engine_on(path) as engine:
        for _ in range(20):
            run_id = await ordered(engine)
            await engine.send(inngest.Event(name="shop/paid"))
            await engine.wait(run_id)
    async with engine_on(path, retention=1_000) as engine:
        while await engine.runs():  # noqa: ASYNC110 - the engine tells nobody what it removes
            await asyncio.sleep(0.05)
        option = ("--database", str(path))
        free = (await asyncio.to_thread(command, "db", "status", "--json", *option)).json["free_bytes"]
        assert free > 100_000
        refused = await asyncio.to_thread(command, "db", "vacuum", *option)
        assert (refused.code, refused.err.splitlines()) == (
            1,
            [
                f"error: vacuum: a worker has {path} open, and it cannot write until all of the file is written anew",
                "stop the engines first (`inngest db status` names them), or add --yes",
            ],
        )
        sizes = (await asyncio.to_thread(command, "db", "vacuum", "--yes", "--json", *option)).json["bytes"]
        assert sizes["before"] - sizes["after"] > 100_000
        assert await engine.invoke(hello) == "hello"
    assert (await asyncio.to_thread(command, "db", "vacuum", *option)).out.startswith(f"vacuumed  {path}  from ")
    async with engine_on(path) as engine:
        assert await engine.invoke(hello) == "hello"


async def test_an_older_schema_is_shown_and_migrated(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "old.db"
    shop.load("0002", path)
    option = ("--database", str(path))
    shown = command("db", "status", *option).out
    assert "schema    0002\n" in shown
    assert "an older schema, which this version cannot read: `inngest db migrate` brings it up to date" in shown
    as_json = command("db", "status", "--json", *option).json
    assert (as_json["schema"], as_json["needs_migration"], "runs" in as_json) == ("0002", True, False)
    migrated = command("db", "migrate", *option)
    assert (migrated.code, migrated.out) == (0, f"migrated  {path}  from schema 0002 to {CURRENT.revision}\n")
    assert command("db", "status", "--json", *option).json["needs_migration"] is False
    again = command("db", "migrate", "--json", *option)
    assert again.json == {"database": str(path), "before": CURRENT.revision, "after": CURRENT.revision}


async def test_a_schema_is_not_migrated_under_living_workers(office: Office) -> None:
    assert (await office.ran("db", "migrate")).out.startswith("nothing to do: ")  # it is today's: nobody is in the way
    with sqlite3.connect(office.path) as connection:
        connection.execute("UPDATE inngest_meta SET value = '0003' WHERE key = 'revision'")
    refused = await office.ran("db", "migrate")
    with sqlite3.connect(office.path) as connection:
        connection.execute(f"UPDATE inngest_meta SET value = '{CURRENT.revision}' WHERE key = 'revision'")
    assert (refused.code, "migrate: a worker has" in refused.err) == (1, True)
    assert await office.engine.invoke(hello) == "hello"


COMMANDS = (("status",), ("backup", "copy.db"), ("migrate",), ("vacuum",))


@pytest.mark.parametrize("asked", COMMANDS, ids=lambda one: one[0])
def test_what_is_no_database_is_said_and_left_alone(tmp_path: Path, command: Command, asked: tuple[str, ...]) -> None:
    text, other, newer = tmp_path / "text.db", tmp_path / "other.db", tmp_path / "newer.db"
    text.write_text("not a database at all" * 100, encoding="utf-8")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (id)")
    shop.load("0003", newer)
    with sqlite3.connect(newer) as connection:
        connection.execute("UPDATE inngest_meta SET value = '9999'")
    for path, said in (
        (tmp_path / "gone.db", "there is no such file"),
        (text, "is not an SQLite database"),
        (other, "no engine has ever used the database"),
    ):
        before = path.read_bytes() if path.exists() else None
        ran = command("db", *asked, "--database", str(path))
        assert (ran.code, said in ran.err, ran.out) == (3, True, ""), ran
        assert (path.read_bytes() if path.exists() else None) == before
    ran = command("db", *asked, "--database", str(newer))
    if asked[0] in ("status", "migrate"):
        assert (ran.code, "needs code that knows at least 9999" in ran.err) == (3, True), ran
    else:
        assert ran.code == 0  # whoever has newer code reads the copy, and the file


def test_a_damaged_database_is_not_copied(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "old.db"
    shop.load("0003", path)
    with sqlite3.connect(path) as connection:
        named = "SELECT rootpage FROM sqlite_master WHERE name = 'inngest_events'"
        (page,) = connection.execute(named).fetchone()
    connection.close()
    content = bytearray(path.read_bytes())
    start = (page - 1) * 4_096
    content[start : start + 100] = b"\xff" * 100
    path.write_bytes(content)
    ran = command("db", "backup", "copy.db", "--database", str(path))
    assert (ran.code, "copy.db was not made, since the database is damaged" in ran.err) == (3, True), ran
    assert sorted(one.name for one in tmp_path.iterdir() if "copy" in one.name) == []


@pytest.mark.parametrize("asked", [("vacuum",), ("backup", "copy.db")], ids=lambda one: one[0])
def test_databases_of_postgresql_have_their_own_copies(command: Command, asked: tuple[str, ...]) -> None:
    ran = command("db", *asked, "--database", "postgresql://localhost/shop")
    said = f"`inngest db {asked[0]}` is for files of SQLite"
    assert (ran.code, said in ran.err, "pg_dump" in ran.err) == (2, True, True)
