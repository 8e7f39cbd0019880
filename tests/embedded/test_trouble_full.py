"""The disk is full: it is said, nothing that happened is lost, nothing is half-applied, and with space all goes on."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest
from inngest.errors import RunNotFoundError, StoreError, StoreFullError
from tests import clusters, processes
from tests.embedded.troubles import LARGE, Complaints, Disk, Shop, integrity


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    handler = Complaints()
    yield handler
    handler.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch.setattr)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inngest.db"


async def test_what_a_step_did_is_recorded_when_there_is_space_again(
    path: Path, disk: Disk, complaints: Complaints
) -> None:
    shop = Shop()
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        done = asyncio.ensure_future(engine.invoke(shop.order))
        await shop.is_entered()
        disk.is_full()
        shop.open.set()
        told = await complaints.come("no space is left")
        assert told == (
            "the engine waits, and tries again every 1000 ms: "
            f"no space is left for {path}, nothing was written: free some on that disk"
        )
        (run,) = await engine.runs()  # reading goes on
        assert [(step.id, step.status) for step in (await engine.run(run.id)).steps] == [("first", "completed")]
        assert not done.done()
        disk.has_space()
        assert await done == len(LARGE)
        await complaints.come("the engine goes on: what failed works again")
    assert shop.packed == 1
    assert [told.split(":")[0] for told in complaints.told].count(
        "the engine waits, and tries again every 1000 ms"
    ) == 1
    assert integrity(path) == "ok"


async def test_an_event_that_finds_no_space_is_refused_whole(path: Path, disk: Disk) -> None:
    shop = Shop()
    shop.open.set()
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        disk.is_full()
        events = [inngest.Event(name="order"), inngest.Event(name="order", data={"note": LARGE})]
        for send in (engine.send(events), shop.client.send(events), engine.invoke(shop.order, data={"note": LARGE})):
            with pytest.raises(StoreFullError, match=f"no space is left for {path}, nothing was written"):
                await send
        assert await engine.runs() == []
        disk.has_space()
        await engine.send(events)
        runs = await engine.runs()
        assert [await engine.wait(run.id) for run in runs] == [len(LARGE)] * 2
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM inngest_events").fetchone() == (2,)
    connection.close()


async def test_an_engine_that_stops_without_space_says_what_it_could_not_write(
    path: Path, disk: Disk, complaints: Complaints
) -> None:
    shop = Shop()
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}", drain_timeout=0) as engine:
        (event_id,) = await engine.send(inngest.Event(name="order"))
        await shop.is_entered()
        disk.is_full()
        shop.open.set()
        await complaints.come("no space is left")
    told = await complaints.come("could not be written before the engine stopped")
    assert told == (
        f"1 runs could not be written before the engine stopped (no space is left for {path}, nothing was written: "
        "free some on that disk); they will go on from their last record"
    )
    disk.has_space()
    async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
        (run,) = await engine.runs(event_id=event_id)
        assert await engine.wait(run.id) == len(LARGE)
        assert [step.id for step in (await engine.run(run.id)).steps] == ["first", "pack"]
    assert shop.packed == 2  # it was not recorded the first time


async def test_a_database_that_cannot_be_created_is_not_half_there(path: Path, disk: Disk) -> None:
    shop = Shop()
    shop.open.set()
    disk.is_full()
    engine = inngest.Engine(shop.client, database=f"sqlite:///{path}")
    with pytest.raises(StoreFullError, match=f"no space is left for {path}, nothing was written: free some"):
        await engine.start()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    disk.has_space()
    async with engine:  # the same engine: it was not started
        assert await engine.invoke(shop.order) == len(LARGE)


async def test_a_disk_of_a_few_megabytes_is_full_and_has_space_again(complaints: Complaints) -> None:
    shop = Shop()
    with clusters.small_disk(4) as disk:
        if disk is None:
            pytest.skip("root alone may mount a disk")
        path, ballast = disk / "inngest.db", clusters.Ballast(disk)
        async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
            done = asyncio.ensure_future(engine.invoke(shop.order))
            await shop.is_entered()
            ballast.fill()
            shop.open.set()
            await complaints.come(f"no space is left for {path}, nothing was written: free some on that disk")
            with pytest.raises(StoreFullError):
                await engine.send(inngest.Event(name="order", data={"note": LARGE}))
            (run,) = await engine.runs()
            assert [step.id for step in (await engine.run(run.id)).steps] == ["first"]
            ballast.empty()
            assert await done == len(LARGE)
            await complaints.come("the engine goes on: what failed works again")
            assert await engine.invoke(shop.order) == len(LARGE)
        assert integrity(path) == "ok"
    assert shop.packed == 2  # of two runs


def runs_into_a_quota(talk: processes.Talk, path: Path) -> None:
    """The system itself refuses to let the files grow, as a quota does."""
    shop, complaints = Shop(), Complaints()

    async def main() -> None:
        async with inngest.Engine(shop.client, database=f"sqlite:///{path}") as engine:
            done = asyncio.ensure_future(engine.invoke(shop.order))
            await shop.is_entered()
            largest = max(file.stat().st_size for file in path.parent.iterdir())
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
            shop.open.set()
            talk.say(await complaints.come("tries again"))
            with pytest.raises(StoreError, match="cannot be read or written"):
                await engine.send(inngest.Event(name="note", data={"note": LARGE}))
            with pytest.raises(RunNotFoundError):
                await engine.run("nothing")  # reading goes on
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            talk.say((await done, shop.packed))

    asyncio.run(main())


def test_a_quota_is_a_full_disk_too(path: Path) -> None:
    with processes.started(runs_into_a_quota, path) as process:
        told = str(process.hear())
        assert f"{path} cannot be read or written (disk I/O error, SQLITE_IOERR_WRITE): see to its disk" in told
        process.expect((len(LARGE), 1))
        assert process.join() == 0
    assert integrity(path) == "ok"
