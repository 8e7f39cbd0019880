"""One database has one name: links and relative paths lead to the same file, and to the same locks."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest
from inngest.embedded.reader import Reader
from inngest.errors import StoreError
from tests import processes
from tests.embedded.troubles import Complaints, Shop


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    handler = Complaints()
    yield handler
    handler.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "real").mkdir()
    return tmp_path / "real" / "inngest.db"


def linked(path: Path, how: str) -> Path:
    """Another name of a database."""
    top = path.parent.parent
    if how == "a link to it":
        other = top / "other.db"
        other.symlink_to(path)
    elif how == "a link to its folder":
        (top / "folder").symlink_to(path.parent)
        other = top / "folder" / path.name
    elif how == "links to links":
        (top / "first").symlink_to(path.parent)
        (top / "second").symlink_to("first")
        other = top / "second" / "again.db"
        (path.parent / "again.db").symlink_to(path.name)
    else:
        other = path.parent / ".." / "real" / path.name
    return other


HOW = ["a link to it", "a link to its folder", "links to links", "dots"]


@pytest.mark.parametrize("how", HOW)
async def test_engines_know_each_other_by_any_name(path: Path, how: str, complaints: Complaints) -> None:
    one, two = Shop(), Shop()
    other = linked(path, how)
    async with inngest.Engine(one.client, database=f"sqlite:///{path}") as first:
        (event_id,) = await first.send(inngest.Event(name="order"))
        await one.is_entered()
        async with inngest.Engine(two.client, database=f"sqlite:///{other}") as second:
            (run,) = await second.runs(event_id=event_id)
            assert Reader(other).explain(run.id).reasons == (await second.explain(run.id)).reasons
            one.open.set()
            await second.wait(run.id)
    assert (one.packed, two.packed) == (1, 0)
    assert complaints.told == []
    assert [file.name for file in path.parent.parent.rglob("*-workers") if not file.is_symlink()] == [
        "inngest.db-workers"
    ]


async def test_a_relative_name_is_read_where_the_engine_was_made(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop()
    shop.open.set()
    monkeypatch.chdir(path.parent)
    engine = inngest.Engine(shop.client, database="sqlite:///inngest.db")
    monkeypatch.chdir(tmp_path)
    async with engine:
        await engine.invoke(shop.order)
    assert os.listdir(tmp_path) == ["real"]
    assert path.name in os.listdir(path.parent)


async def test_a_link_that_leads_elsewhere_meanwhile_is_noticed(path: Path, complaints: Complaints) -> None:
    """As of a deploy that lets `current` lead to the next release."""
    link = path.parent.parent / "current"
    (path.parent.parent / "next").mkdir()
    link.symlink_to("real")
    async with inngest.Engine(Shop().client, database=f"sqlite:///{link / path.name}"):
        link.unlink()
        link.symlink_to("next")
        told = await complaints.come("leads elsewhere now: nothing can be written")
        assert f"{link / path.name} led to {path} when it was opened" in told
        link.unlink()
        link.symlink_to("real")
        await complaints.come("the engine goes on")


async def test_a_file_with_two_names_that_are_no_links_gets_a_warning(path: Path, complaints: Complaints) -> None:
    sqlite3.connect(path).execute("CREATE TABLE mine (x)").connection.close()
    os.link(path, path.with_name("other.db"))
    async with inngest.Engine(Shop().client, database=f"sqlite:///{path}"):
        told = await complaints.come("hard links")
    assert told.startswith(f"{path} has 2 names (hard links). All processes must open it by the same one")
    assert len([one for one in complaints.told if "hard links" in one]) == 1


async def test_a_folder_of_locks_that_is_removed_comes_back_before_anyone_is_taken_for_dead(
    path: Path, complaints: Complaints
) -> None:
    one, two = Shop(), Shop()
    async with (
        inngest.Engine(one.client, database=f"sqlite:///{path}") as first,
        inngest.Engine(two.client, database=f"sqlite:///{path}"),
    ):
        (event_id,) = await first.send(inngest.Event(name="order"))
        await one.is_entered()
        shutil.rmtree(path.with_name("inngest.db-workers"))
        await complaints.come("was removed, and is there again")
        one.open.set()
        (run,) = await first.runs(event_id=event_id)
        await first.wait(run.id)
    assert (one.packed, two.packed) == (1, 0)
    assert not [told for told in complaints.told if "died" in told or "dead" in told]


async def test_a_folder_is_no_database_by_any_name(path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        await inngest.Engine(Shop().client, database=f"sqlite:///{path.parent}").start()
    with pytest.raises(StoreError, match="Is a directory"):
        Reader(path.parent).runs()


def opens_and_closes(talk: processes.Talk, path: Path) -> None:
    """Another program that looks into the database. Who closes it last removes what is beside it."""
    connection = sqlite3.connect(path)
    talk.say(connection.execute("SELECT count(*) FROM inngest_events").fetchone()[0])
    connection.close()


async def test_a_reader_in_the_process_of_an_engine_leaves_its_locks_alone(path: Path) -> None:
    async with inngest.Engine(Shop().client, database=f"sqlite:///{path}") as engine:
        await engine.send(inngest.Event(name="note"))
        Reader(path).runs()
        with processes.started(opens_and_closes, path) as process:
            process.expect(1)
            assert process.join() == 0
        await engine.send(inngest.Event(name="note"))
