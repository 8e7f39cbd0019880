"""What fits: ids of functions are shortened before results are, and one screen has the times of one zone."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

import inngest
from inngest.cli import run_text
from inngest.cli.dev.log_output import ConsoleWriter
from inngest.errors import RunFailedError
from inngest.server import suggestions
from tests.embedded.stage import until_held

from .processes import inngest as run_inngest
from .test_terminal import Terminal

LONG = "reconcile-the-payments-of-all-branches-each-night"


def app(first: str) -> inngest.Inngest:
    """A function with a long id, whose first step is called so."""
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id=LONG, retries=0, trigger=inngest.TriggerEvent(event="shop/order.placed"))
    async def reconcile(ctx: inngest.Context) -> None:
        if ctx.event.data.get("fails"):
            raise ValueError("no receipt")
        await ctx.step.run(first, lambda: None)
        await ctx.step.wait_for_event("paid", event="shop/order.paid", timeout=3_600_000)

    return client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a run that failed, one on hold, and one whose function is paused, in this order."""
    path = tmp_path_factory.mktemp("narrow")

    async def make() -> None:
        async with inngest.Engine(app("charge"), database=path / "inngest.db") as engine:
            failing = await engine.start_run(f"shop-{LONG}", {"fails": True})
            with pytest.raises(RunFailedError):
                await engine.wait(failing)
            held = await engine.start_run(f"shop-{LONG}", {})
            while not (await engine.run(held)).steps:  # noqa: ASYNC110 - the engine tells nobody
                await asyncio.sleep(0.01)
        async with inngest.Engine(app("pay"), database=path / "inngest.db") as engine:
            await engine.send(inngest.Event(name="shop/order.paid"))
            await until_held(engine, held)
            await engine.pause(f"shop-{LONG}")
            await engine.start_run(f"shop-{LONG}", {})

    asyncio.run(make())
    return path


@pytest.mark.parametrize("columns", [80, 100])
def test_a_long_id_of_a_function_leaves_room_for_what_became_of_runs(folder: Path, columns: int) -> None:
    terminal = Terminal(folder, "runs", "--database", "inngest.db", COLUMNS=str(columns))
    assert terminal.exit_code() == 0
    head, paused, held, failed = terminal.plain.splitlines()
    assert max(map(len, (head, paused, held, failed))) <= columns
    assert head.split() == ["STATUS", "RUN", "FUNCTION", "CREATED", "TOOK", "RESULT"]
    assert re.search(r"  on hold: step", held)
    assert re.search(r" ms  ValueError: no", failed)
    assert re.search(r"  shop-[\w-]*…[\w-]*night  ", failed)


def test_the_middle_is_left_out() -> None:
    assert run_text.shortened("shop-fulfil", 11) == "shop-fulfil"
    assert run_text.shortened("shop-fulfil-order", 11) == "shop-…order"
    assert run_text.shortened("shop-fulfil-order", 12) == "shop-f…order"


def test_one_screen_has_the_times_of_one_zone(folder: Path) -> None:
    listed = run_inngest("runs", "--database", "inngest.db", "--json", cwd=folder).stdout
    run_id = re.findall(r'"id": "(\w+)"', listed)[0]
    arguments = ("run", run_id, "--database", "inngest.db")
    shown = run_inngest(*arguments, cwd=folder, TZ="Asia/Kolkata").stdout
    created = re.search(r"created (\S+ \d\d:\d\d):\S+ IST\n", shown)
    paused = re.search(r"paused since (\S+ \d\d:\d\d):\d\d IST", shown)
    assert created is not None, shown
    assert paused is not None, shown
    assert "UTC" not in shown
    why = run_inngest(*arguments, "--why", cwd=folder, TZ="Asia/Kolkata").stdout
    assert paused[0] in why
    assert " UTC" in run_inngest(*arguments, "--why", "--json", cwd=folder, TZ="Asia/Kolkata").stdout


def test_another_word_is_no_mistyped_one() -> None:
    assert suggestions.hint("order/paid", ["order/placed"]) == ""
    for mistyped in ("order/plced", "oder/placed", "order/palced", "order.placed", "orders/placed"):
        assert suggestions.hint(mistyped, ["order/placed"]) == "; did you mean order/placed?"


RUN = {"run_id": "01KAQ2V7W6T4M3N8S9E0R5Y1XZ", "function_id": "shop-order"}


def test_a_traceback_that_is_not_repeated_is_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    error = {"name": "OSError", "message": "down", "stack": "Traceback\n  line 1\nOSError: down"}
    write = ConsoleWriter()
    for attempt in (0, 1):
        write(
            {
                "type": "step.retrying",
                **RUN,
                "step": "a",
                "attempt": attempt,
                "max_attempts": 3,
                "delay": 0,
                "error": error,
            }
        )
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line == "OSError: down"] == ["OSError: down"]
    assert lines[-1] == "(the same traceback as before)"


def test_a_hold_is_told_in_two_short_lines(capsys: pytest.CaptureFixture[str]) -> None:
    text = 'step "charge" was recorded, and the code calls "pay" in its place.'
    ConsoleWriter()({"type": "run.held", **RUN, "text": text, "times": 1})
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(f"shop-order Y1XZ  on hold  {text}")
    assert second.strip() == "`inngest run --why Y1XZ` tells more; `inngest release Y1XZ` has it follow the new code"
