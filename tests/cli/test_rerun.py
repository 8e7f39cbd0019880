"""`inngest rerun`, beside an engine and without one; and the page about reruns, as it is printed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import inngest
from inngest.errors import RunFailedError

from .conftest import Command
from .processes import PATIENCE, environment
from .test_control import Office
from .test_tutorial import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "rerun.md").read_text(encoding="utf-8")


class Bank:
    """Is closed until it is opened."""

    is_open = False


def charge(amount: int) -> str:
    if not Bank.is_open:
        raise ConnectionError("the bank is closed")
    return f"charged {amount}"


client = inngest.Inngest(app_id="shop")


@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="shop/ordered"), retries=0)
async def order(ctx: inngest.Context) -> object:
    await ctx.step.run("reserve", lambda: None)
    return await ctx.step.run("charge", charge, int(str(ctx.event.data["amount"])))


@pytest.fixture
async def office(tmp_path: Path, command: Command) -> AsyncGenerator[Office]:
    Bank.is_open = False
    async with inngest.Engine(client, database=tmp_path / "op.db") as engine:
        yield Office(engine, tmp_path / "op.db", command)


async def failed(office: Office, amount: int = 5) -> str:
    """A run that has failed."""
    with pytest.raises(RunFailedError) as caught:
        await office.engine.invoke(order, data={"amount": amount})
    return caught.value.run_id


async def test_a_run_goes_on_from_a_step(office: Office) -> None:
    run_id = await failed(office)
    Bank.is_open = True
    ran = await office.ran("rerun", run_id[-12:], "--from-step", "charge")
    (new,) = (await office.engine.run(run_id)).reruns
    assert (ran.code, ran.out, ran.err) == (0, f"{run_id}  rerun as {new}\n", "")
    assert await office.engine.wait(new) == "charged 5"
    shown = (await office.ran("run", new)).out
    assert f"rerun   of {run_id}, from step 'charge' on\n" in shown
    assert "✓ reserve  kept" in shown
    assert f"reruns  {new}\n" in (await office.ran("run", run_id)).out
    as_json = (await office.ran("run", new, "--json")).json
    assert (as_json["origin_id"], as_json["origin_step"], as_json["origin_input"]) == (run_id, "charge", None)
    assert [step["kept"] for step in as_json["steps"]] == [True, False]


async def test_arguments_and_data_are_replaced(office: Office) -> None:
    run_id = await failed(office)
    Bank.is_open = True
    for options, result in (
        (("--from-step", "charge", "--input", "[7]"), "charged 7"),
        (("--input", '{"amount": 8}'), "charged 8"),
    ):
        told = (await office.ran("rerun", run_id, *options, "--json")).json
        ((one,), warning) = told["runs"], told["warning"]
        assert (one["id"], one["why"], warning) == (run_id, None, None)
        assert await office.engine.wait(one["rerun"]) == result


async def test_many_are_rerun_by_a_filter_after_a_preview(office: Office) -> None:
    run_ids = [await failed(office, amount) for amount in (1, 2)]
    Bank.is_open = True
    await office.engine.invoke(order, data={"amount": 3})
    preview = await office.ran("rerun", "--function", "shop-order", "--preview")
    assert preview.code == 0
    assert preview.out.splitlines() == [
        *(f"{run_id}  shop-order  FAILED  ConnectionError: the bank is closed" for run_id in run_ids),
        "2 would be run again",
    ]
    as_json = (await office.ran("rerun", "--function", "shop-order", "--since", "1h", "--preview", "--json")).json
    assert [run["id"] for run in as_json["preview"]] == run_ids
    assert (await office.ran("rerun", "--function", "shop-order", "--since", "0", "--yes")).out == "0 rerun\n"
    refused = await office.ran("rerun", "--function", "shop-order")
    assert (refused.code, "2 runs would be meant, and nobody is asked here" in refused.err) == (2, True)
    assert len(await office.engine.runs()) == 3
    ran = await office.ran("rerun", "--function", "shop-order", "--yes")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "2 rerun")
    reruns = [(await office.engine.run(run_id)).reruns for run_id in run_ids]
    assert [await office.engine.wait(new) for (new,) in reruns] == ["charged 1", "charged 2"]
    completed = await office.ran("rerun", "--function", "shop-order", "--status", "completed", "--preview")
    assert completed.out.splitlines()[-1] == "3 would be run again"


async def test_what_cannot_be_is_said_of_each_run(office: Office) -> None:
    run_id = await failed(office)
    ran = await office.ran("rerun", run_id, "--from-step", "chrage")
    assert (ran.code, "has no step 'chrage': expected one of 'reserve', 'charge'" in ran.out) == (1, True)
    as_json = await office.ran("rerun", run_id, "--from-step", "charge", "--input", "{}", "--json")
    (one,) = as_json.json["runs"]
    assert (as_json.code, one["rerun"]) == (1, None)
    assert "input: expected a list of the step's arguments" in one["why"]
    for arguments, text in (
        ((), "rerun: expected ids of runs, or --function or --event"),
        ((run_id, "--since", "1h"), "rerun: expected ids of runs, or --function or --event"),
        ((run_id, "--input", "{"), "DATA is not JSON"),
        (("--function", "shop-order", "--status", "odd"), "--status: expected one of"),
        (("--function", "shop-order", "--since", "soon"), "--since: expected seconds, or a length of time"),
        (("--function", "shop-other"), "--function: no function 'shop-other' is known"),
    ):
        wrong = await office.ran("rerun", *arguments)
        assert (wrong.code != 0, text in wrong.err) == (True, True), wrong
    assert len(await office.engine.runs()) == 1


async def test_without_a_worker_it_waits_and_that_is_said(office: Office, command: Command) -> None:
    run_id = await failed(office)
    await office.engine.stop()
    ran = await asyncio.to_thread(command, "rerun", run_id, "--database", str(office.path), "--json")
    assert (ran.code, "shop-order" in ran.json["warning"]) == (0, True)
    Bank.is_open = True
    await office.engine.start()
    assert await office.engine.wait(ran.json["runs"][0]["rerun"]) == "charged 5"


def test_the_page_prints_what_it_says(tmp_path: Path) -> None:
    (code,), (printed,) = blocks("python", PAGE), blocks("text", PAGE)
    (tmp_path / "rerun.py").write_text(code, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "rerun.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, printed), ran.stderr
