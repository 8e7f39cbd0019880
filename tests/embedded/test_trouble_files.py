"""A file that may not be written, is no database, damaged, from the future, or gone: what is said, and what stays."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

import inngest
from inngest.embedded.engine import host_of
from inngest.errors import StoreCorruptError, StoreError, StoreVersionError
from tests import processes
from tests.embedded.troubles import LARGE, Complaints, Shop, integrity

NOBODY = 65534


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    handler = Complaints()
    yield handler
    handler.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder into which everyone may look. Those of pytest are shut again by each session of pytest that begins."""
    with tempfile.TemporaryDirectory(prefix="inngest-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "inngest.db"


async def fill(path: Path) -> str:
    """A database with a run that has completed; its id."""
    shop = Shop()
    shop.open.set()
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        await engine.invoke(shop.order)
        (run,) = await engine.runs()
    return run.id


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def write(path: Path, data: bytes) -> None:
    """What a file has in it from now on."""
    path.write_bytes(data)


# -- rights


def starts_unprivileged(talk: processes.Talk, path: Path) -> None:
    """What an engine says that is started by a user who is not root, and owns nothing."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    async def main() -> None:
        async with inngest.Engine(Shop().client, database=f"sqlite:///{path}") as engine:
            talk.say(f"started, with {len(await engine.runs())} runs")

    try:
        asyncio.run(main())
    except StoreError as error:
        talk.say((type(error).__name__, str(error).replace(f"uid {os.getuid()}", "uid 0")))


def said(path: Path) -> object:
    """What it says."""
    with processes.started(starts_unprivileged, path) as process:
        heard = process.hear()
        assert process.join() == 0
    return heard


def belongs_to_nobody(*paths: Path) -> None:
    """Files of the user who starts the engine. Who is not root is that user."""
    if os.getuid() == 0:
        for one in paths:
            os.chown(one, NOBODY, NOBODY)


async def test_a_file_that_may_not_be_written(folder: Path, path: Path) -> None:
    await fill(path)
    belongs_to_nobody(folder, folder / "inngest.db-workers")
    os.chmod(path, 0o444)
    before = contents(folder)
    assert said(path) == (
        "StoreReadOnlyError",
        f"this user (uid 0) may not read and write {path}: give it the right, or start as the user that owns the file",
    )
    assert contents(folder) == before
    os.chmod(path, 0o666)
    assert said(path) == "started, with 1 runs"


async def test_a_folder_that_may_not_be_written(folder: Path, path: Path) -> None:
    await fill(path)
    os.chmod(path, 0o666)
    os.chmod(folder, 0o555)
    before = contents(folder)
    assert said(path) == (
        "StoreReadOnlyError",
        f"this user (uid 0) may not write in the folder {folder}, where SQLite keeps files beside inngest.db: "
        f"give it the right, or name another database than {path}",
    )
    assert contents(folder) == before
    belongs_to_nobody(folder, folder / "inngest.db-workers")
    os.chmod(folder, 0o755)
    assert said(path) == "started, with 1 runs"


def test_a_folder_in_which_no_file_can_be_made(folder: Path, path: Path) -> None:
    os.chmod(folder, 0o555)
    kind, words = cast("tuple[str, str]", said(path))
    assert kind == "StoreReadOnlyError"
    assert f"may not write in the folder {folder}" in words
    assert contents(folder) == {}


@pytest.mark.parametrize("below", ["inngest.db", "deeper/inngest.db", "not/there/inngest.db"])
def test_a_folder_that_may_not_be_entered(folder: Path, below: str) -> None:
    inner = folder / "inner"
    (inner / "deeper").mkdir(parents=True)
    os.chmod(inner, 0o600)
    assert said(inner / below) == (
        "StoreReadOnlyError",
        f"this user (uid 0) may not enter the folder {inner}: "
        f"give it the right, or name another database than {inner / below}",
    )
    os.chmod(inner, 0o700)


async def test_locks_that_may_not_be_made(folder: Path, path: Path) -> None:
    await fill(path)
    workers = folder / "inngest.db-workers"
    workers.mkdir(exist_ok=True)
    belongs_to_nobody(folder, path)
    os.chmod(workers, 0o555)
    kind, words = cast("tuple[str, str]", said(path))
    assert kind == "StoreReadOnlyError"
    assert f"give it the right to read and write in {workers}" in words
    belongs_to_nobody(workers)
    os.chmod(workers, 0o755)
    assert said(path) == "started, with 1 runs"


# -- what is in the file


async def refusal(path: Path, kind: type[StoreError]) -> str:
    """What an engine says that cannot start; it changes nothing."""
    before = contents(path.parent)
    with pytest.raises(kind) as raised:
        await inngest.Engine(Shop().client, database=f"sqlite:///{path}").start()
    assert type(raised.value) is kind
    after = contents(path.parent)
    assert after[path.name] == before[path.name]
    assert set(after) <= {*before, f"{path.name}-wal", f"{path.name}-shm"}
    return str(raised.value)


async def test_a_file_that_is_no_database(path: Path) -> None:
    write(path, b"customer,amount\n" * 1_000)
    words = await refusal(path, StoreCorruptError)
    assert words == f"{path} is not an SQLite database: name another file, or move this one away"


async def test_an_empty_file_is_a_new_database(path: Path) -> None:
    write(path, b"")
    assert await fill(path)


async def test_a_database_of_an_application_is_shared(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (name TEXT)")
    connection.execute("INSERT INTO customers VALUES ('Ada')")
    connection.commit()
    await fill(path)
    assert connection.execute("SELECT name FROM customers").fetchall() == [("Ada",)]
    connection.close()


async def test_a_damaged_file(path: Path) -> None:
    await fill(path)
    whole = contents(path.parent)[path.name]
    write(path, whole[:4096] + b"\xff" * len(whole[4096:]))
    words = await refusal(path, StoreCorruptError)
    assert words.startswith(f"{path} is damaged (")
    assert words.endswith(
        "): keep a copy, then restore a backup, or save what can be read with `sqlite3 FILE .recover`"
    )
    write(path, whole)  # the backup
    async with inngest.Engine([], database=f"sqlite:///{path}") as engine:
        assert [run.status for run in await engine.runs()] == ["COMPLETED"]


async def test_a_file_of_which_the_end_is_missing(path: Path) -> None:
    await fill(path)
    write(path, contents(path.parent)[path.name][: 4096 * 3])
    words = await refusal(path, StoreCorruptError)
    assert words.startswith(f"{path} is damaged (")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("inngest_jobs", "it has no table inngest_jobs: restore a copy, or name another database"),
        ("inngest_meta", "already exists"),
    ],
)
async def test_a_table_that_is_missing(path: Path, table: str, words: str) -> None:
    await fill(path)
    change(path, f"DROP TABLE {table}")
    assert words in await refusal(path, StoreCorruptError if table == "inngest_jobs" else StoreError)


async def test_a_database_that_newer_code_changed(path: Path) -> None:
    await fill(path)
    change(path, "UPDATE inngest_meta SET value = '0099' WHERE key IN ('revision', 'min_compatible')")
    words = await refusal(path, StoreVersionError)
    assert words == (
        f"{path} has schema 0099, which needs code that knows at least 0099; this code knows 0006: "
        "upgrade pyngest, or name another database"
    )


async def test_newer_code_may_leave_a_database_that_this_code_can_use(path: Path) -> None:
    run_id = await fill(path)
    change(path, "UPDATE inngest_meta SET value = '0099' WHERE key = 'revision'")
    change(path, "ALTER TABLE inngest_runs ADD COLUMN mood TEXT")
    async with inngest.Engine([], database=f"sqlite:///{path}") as engine:
        assert (await engine.run(run_id)).status == "COMPLETED"
    assert await fill_again(path) == 2


async def fill_again(path: Path) -> int:
    shop = Shop()
    shop.open.set()
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        await engine.invoke(shop.order)
        return len(await engine.runs())


def change(path: Path, sql: str) -> None:
    """Change a database, as nobody should."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(sql)
    connection.close()


# -- while an engine runs


async def test_a_database_that_is_moved_away_and_back_loses_nothing(path: Path, complaints: Complaints) -> None:
    shop = Shop()
    aside = path.with_name("aside.db")
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        done = asyncio.ensure_future(engine.invoke(shop.order))
        await shop.is_entered()
        os.rename(path, aside)
        shop.open.set()
        told = await complaints.come("was removed, moved or replaced")
        assert f"{path} was removed, moved or replaced while it was open: nothing can be written. " in told
        assert "Put it back where it was" in told
        with pytest.raises(StoreError, match="was removed, moved or replaced"):
            await engine.send(inngest.Event(name="order"))
        os.rename(aside, path)
        assert await done == len(LARGE)
    assert shop.packed == 1
    assert integrity(path) == "ok"


async def test_a_database_that_is_deleted_is_not_written_into_the_void(path: Path, complaints: Complaints) -> None:
    shop = Shop()
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}", drain_timeout=0) as engine:
        await engine.send(inngest.Event(name="order"))
        await shop.is_entered()
        os.unlink(path)
        shop.open.set()
        while "was removed, moved or replaced" not in (host_of(engine).unready or ""):  # noqa: ASYNC110 - it is in no record
            await asyncio.sleep(0.01)  # others may complain before there is a result that waits to be recorded
    told = await complaints.come("could not be written before the engine stopped")
    assert "was removed, moved or replaced while it was open" in told
    assert await fill(path)  # and one can start again


async def test_a_database_that_is_replaced_is_left_alone(path: Path, complaints: Complaints) -> None:
    shop = Shop()
    other = path.with_name("other.db")
    await fill(other)
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}", drain_timeout=0) as engine:
        await engine.send(inngest.Event(name="order"))
        await shop.is_entered()
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink()
        other.replace(path)
        shop.open.set()
        await complaints.come("was removed, moved or replaced")
    async with inngest.Engine([], database=f"sqlite:///{path}") as engine:
        assert [run.status for run in await engine.runs()] == ["COMPLETED"]
    assert integrity(path) == "ok"
