"""What SQLite keeps beside a database is removed beside a running engine: nothing is acknowledged that is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Connection
from inngest.errors import StoreError
from tests.embedded.troubles import LARGE, Complaints, Shop, integrity

SIDES = ["-wal", "-shm"]


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    handler = Complaints()
    yield handler
    handler.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inngest.db"


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.open.set()
    return shop


def events_in(path: Path) -> set[str]:
    """Ids of the events that a new process finds."""
    connection = sqlite3.connect(path)
    found = {str(row[0]) for row in connection.execute("SELECT id FROM inngest_events")}
    connection.close()
    return found


@pytest.mark.parametrize("side", SIDES)
async def test_a_file_that_is_removed_is_noticed_and_what_was_acknowledged_is_saved(
    path: Path, shop: Shop, side: str
) -> None:
    beside = path.with_name(path.name + side)
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        acknowledged = set(await engine.send([inngest.Event(name="note") for _ in range(3)]))
        await engine.invoke(shop.order)
        beside.unlink()
        with pytest.raises(StoreError, match="was removed, moved or replaced while") as raised:
            await engine.send(inngest.Event(name="note"))
        assert str(raised.value).startswith(f"{beside} was removed, moved or replaced while {path} was open")
        assert "do not kill them: the last one to stop saves what was in that file" in str(raised.value)
    found = events_in(path)
    assert acknowledged < found
    assert len(found) == len(acknowledged) + 1  # and that of the invocation
    assert integrity(path) == "ok"


@pytest.mark.parametrize("side", SIDES)
async def test_an_engine_that_writes_nothing_notices_too(
    path: Path, shop: Shop, side: str, complaints: Complaints
) -> None:
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}"):
        path.with_name(path.name + side).unlink()
        await complaints.come(f"{side} was removed, moved or replaced while")


@pytest.mark.parametrize("side", SIDES)
async def test_a_file_that_is_put_back_is_taken(path: Path, side: str, complaints: Complaints) -> None:
    shop = Shop()
    beside, aside = path.with_name(path.name + side), path.with_name("aside")
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        done = asyncio.ensure_future(engine.invoke(shop.order))
        await shop.is_entered()
        os.rename(beside, aside)
        shop.open.set()
        await complaints.come("was removed, moved or replaced while")
        assert not done.done()
        os.rename(aside, beside)
        assert await done == len(LARGE)
        await complaints.come("the engine goes on")
    assert shop.packed == 1
    assert integrity(path) == "ok"


async def test_a_file_that_another_replaced_is_noticed(path: Path, shop: Shop) -> None:
    """As a script does that restores a backup."""
    beside = path.with_name(f"{path.name}-wal")
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        await engine.send(inngest.Event(name="note"))
        shutil.copy(beside, path.with_name("copy"))
        path.with_name("copy").replace(beside)
        with pytest.raises(StoreError, match="-wal was removed, moved or replaced"):
            await engine.send(inngest.Event(name="note"))
        path.with_name(f"{path.name}-wal").unlink()  # or SQLite would take it for its own


@pytest.mark.parametrize("side", ["", *SIDES])
async def test_what_is_removed_during_a_commit_is_acknowledged_when_it_is_back(
    path: Path, shop: Shop, side: str, complaints: Complaints, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, aside = path.with_name(path.name + side), path.with_name("aside")
    has_written, armed = SqliteDatabase.has_written, [True]

    def moving(database: SqliteDatabase, connection: Connection) -> bool:
        """It is asked last before the COMMIT."""
        found = has_written(database, connection)
        if found and armed:
            armed.clear()
            os.rename(beside, aside)
        return found

    async with inngest.Engine([], database=f"sqlite:///{path}") as engine:
        await engine.send(inngest.Event(name="note"))
        monkeypatch.setattr(SqliteDatabase, "has_written", moving)
        sending = asyncio.ensure_future(engine.send(inngest.Event(name="note")))
        await complaints.come("was removed, moved or replaced while")
        assert not sending.done()
        os.rename(aside, beside)
        (event_id,) = await sending
    assert event_id in events_in(path)
    assert len(events_in(path)) == 2
