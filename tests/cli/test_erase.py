"""`inngest db erase` and `inngest db audit`, beside an engine that works, on files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import inngest
from tests.embedded.erasable import ANN, WHERE, Shop, ended, in_files, run_of, waits

from .conftest import Command
from .test_control import Office


@pytest.fixture
async def office(tmp_path: Path, command: Command) -> AsyncGenerator[Office]:
    async with Shop().engine(f"sqlite:///{tmp_path / 'op.db'}") as engine:
        yield Office(engine, tmp_path / "op.db", command)


async def test_it_says_what_is_meant_and_asks_before_it_erases(office: Office, tmp_path: Path) -> None:
    await run_of(office.engine, "order/fails", ANN)
    await ended(office.engine)
    meant = await office.ran("db", "erase", "--where", WHERE, "--preview")
    assert meant.code == 0
    assert "would be erased" in meant.out
    unasked = await office.ran("db", "erase", "--where", WHERE)
    assert (unasked.code, "nobody is asked here" in unasked.err, "add --yes" in unasked.err) == (2, True, True)
    assert in_files(tmp_path, ANN)
    done = await office.ran("db", "erase", "--where", WHERE, "--yes", "--actor", "ann's advocate", "--search", ANN)
    assert done.code == 0, done
    assert "erased    " in done.out
    assert f"{ANN!r} is still in" not in done.out
    assert in_files(tmp_path, ANN) == []
    listed = await office.ran("db", "audit")
    assert "ann's advocate" in listed.out
    assert 'event.data.user == "…"' in listed.out
    assert ANN not in listed.out


async def test_for_programs(office: Office) -> None:
    run_id = await run_of(office.engine, "order/fails", ANN)
    await ended(office.engine)
    meant = (await office.ran("db", "erase", "--where", WHERE, "--dry-run", "--json")).json["preview"]
    done = (await office.ran("db", "erase", "--where", WHERE, "--yes", "--json")).json
    assert {name: done[name] for name in meant if name != "left"} == {
        name: value for name, value in meant.items() if name != "left"
    }
    assert done["runs"] == 3  # it, and those that heard of its failure, and of its end
    assert any("copies of the database" in one for one in done["left"])
    (entry,) = (await office.ran("db", "audit", "--json")).json["audit"]
    assert (entry["id"], entry["action"], entry["detail"]["runs"]) == (done["audit_id"], "erase", 3)
    shown = (await office.ran("run", run_id, "--json")).json
    assert shown["erased_at"].startswith("20")
    assert shown["erased_by"] == entry["actor"]
    assert list(shown["event"]["data"]["_inngest"]) == ["erased"]
    assert shown["error"]["name"] == "DataErasedError"
    for_people = await office.ran("run", run_id)
    assert "erased  its data were erased on 20" in for_people.out
    assert "order/fails" in for_people.out
    assert "Its data were erased on" in (await office.ran("run", run_id, "--why")).out
    again = await office.ran("rerun", run_id)
    assert (again.code, "its data were erased on" in again.out) == (1, True)


async def test_what_goes_on_is_refused_or_cancelled(office: Office, tmp_path: Path) -> None:
    run_id = await run_of(office.engine, "sleep", ANN)
    await waits(office.engine, run_id)
    refused = await office.ran("db", "erase", "--where", WHERE, "--yes")
    assert refused.code == 1
    assert f"run {run_id} of shop-sleep is RUNNING" in refused.err
    assert "add --cancel" in refused.err
    told = (await office.ran("db", "erase", "--where", WHERE, "--yes", "--json")).json
    assert told["runs"] == [run_id]
    assert in_files(tmp_path, ANN)
    done = await office.ran("db", "erase", "--where", WHERE, "--yes", "--cancel", "--json")
    assert (done.code, run_id in done.json["cancelled"]) == (0, True)  # and who heard of that, if it was quick
    assert in_files(tmp_path, ANN) == []


async def test_a_wrong_condition_is_told_with_its_place(office: Office, command: Command) -> None:
    wrong = await office.ran("db", "erase", "--where", "event.data.user = 'a'", "--yes")
    assert wrong.code == 2
    assert "--where: line 1, column 17" in wrong.err
    nothing = await asyncio.to_thread(command, "db", "erase", "--where", "true", "--database", "gone.db")
    assert (nothing.code, "there is no such file" in nothing.err) == (3, True)
    assert json.loads((await office.ran("db", "audit", "--json")).out) == {"audit": []}


async def test_nothing_that_matches_is_noted_too(office: Office) -> None:
    done = await office.ran("db", "erase", "--where", "event.data.user == 'nobody'")
    assert (done.code, "0 events, 0 runs" in done.out) == (0, True)
    assert "0 events" in (await office.ran("db", "audit")).out


async def test_a_condition_that_nothing_matches_may_be_meant_otherwise(office: Office) -> None:
    await run_of(office.engine, "order/fails", ANN)
    await ended(office.engine)
    hint = 'nothing matches --where: texts have quotes, and "42" is not 42'
    wrong = await office.ran("db", "erase", "--where", "event.data.user == 42", "--preview")
    assert (wrong.code, hint in " ".join(wrong.err.split())) == (0, True)
    assert "0 events, 0 runs would be erased" in wrong.out
    wrong = await office.ran("db", "erase", "--where", "event.data.user == 42")
    assert (wrong.code, hint in " ".join(wrong.err.split())) == (0, True)
    right = await office.ran("db", "erase", "--where", WHERE, "--preview")
    assert (right.code, right.err) == (0, "")


async def test_where_else_it_is_is_told(office: Office) -> None:
    await office.engine.send(inngest.Event(name="unheard", data={"person": ANN}))
    done = await office.ran("db", "erase", "--where", WHERE, "--search", ANN)
    assert f"{ANN!r} is still in inngest_events.data (1)" in done.out


@pytest.mark.parametrize(("option", "text"), [("--actor", "\udcff"), ("--search", "\udcff"), ("--search", "")])
async def test_a_text_that_no_database_holds_is_refused(office: Office, option: str, text: str) -> None:
    refused = await office.ran("db", "erase", "--where", WHERE, "--yes", option, text)
    assert (refused.code, refused.err.startswith(f"error: {option}: ")) == (2, True)
    assert json.loads((await office.ran("db", "audit", "--json")).out) == {"audit": []}
