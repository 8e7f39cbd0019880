"""`inngest dev` shows what others do to runs: that they are cancelled, by whomever, released, or tried again."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from inngest.cli.dev.log_output import ConsoleWriter

from .processes import DevServer, inngest

APP = """
import asyncio
import pathlib
import inngest

client = inngest.Inngest(app_id="shop")
HOUR = 3_600_000
NAME = "charge"
TRIES = iter(range(9))


def on(event: str) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=event)


LOST = inngest.Cancel(event="order/lost", if_exp="event.data.number == async.data.number")


@client.create_function(fn_id="order", trigger=on("order/placed"), cancel=[LOST])
async def order(ctx: inngest.Context) -> None:
    await ctx.step.run(NAME, lambda: None)
    await ctx.step.wait_for_event("paid", event="order/paid", timeout=HOUR)


@client.create_function(fn_id="busy", trigger=on("busy/began"))
async def busy(ctx: inngest.Context) -> None:
    await ctx.step.run("forever", asyncio.Event().wait)


@client.create_function(fn_id="hurried", trigger=on("hurried/began"), timeouts=inngest.Timeouts(finish=1_000))
async def hurried(ctx: inngest.Context) -> None:
    await ctx.step.sleep("long", HOUR)


@client.create_function(fn_id="alone", trigger=on("alone/began"), singleton=inngest.Singleton(mode="cancel"))
async def alone(ctx: inngest.Context) -> None:
    await ctx.step.sleep("long", HOUR)


def call() -> str:
    if next(TRIES) == 0:
        raise inngest.RetryAfterError("later", HOUR)
    return "done"


@client.create_function(fn_id="later", trigger=on("later/began"))
async def later(ctx: inngest.Context) -> None:
    await ctx.step.run("call", call)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    folder = tmp_path_factory.mktemp("people")
    (folder / "app.py").write_text(APP)
    with DevServer(folder, "app.py", "--no-reload") as dev:
        dev.serving()
        yield dev


def started(server: DevServer, event: str, data: dict[str, object] | None = None) -> str:
    """Send an event; the run that it starts."""
    event_id = server.send(event, data)
    run_id = server.expect("run.started", event_id=event_id)["run_id"]
    assert isinstance(run_id, str)
    return run_id


@pytest.mark.parametrize("event", ["order/placed", "busy/began"])
def test_a_run_that_is_cancelled_at_the_terminal_is_shown(server: DevServer, event: str) -> None:
    run_id = started(server, event)
    if event == "order/placed":
        server.expect("step.completed", run_id=run_id)
    assert inngest("cancel", run_id, cwd=server.folder).returncode == 0
    record = server.expect("run.cancelled", run_id=run_id)
    assert record["function_id"].startswith("shop-")
    assert (record["output"], record["error"]["name"]) == (None, "RunCancelledError")
    assert record["error"]["message"] == "cancelled by Engine.cancel"
    assert record["duration"] >= 0


def test_an_event_that_cancels_says_whom(server: DevServer) -> None:
    run_id = started(server, "order/placed", {"number": 7})
    server.expect("step.completed", run_id=run_id)
    event_id = server.send("order/lost", {"number": 7})
    assert server.expect("event", event_id=event_id)["woken"] == [{"run_id": run_id, "cancelled": True}]
    assert "(order/lost)" in server.expect("run.cancelled", run_id=run_id)["error"]["message"]


def test_an_event_that_wakes_says_whom(server: DevServer) -> None:
    run_id = started(server, "order/placed")
    server.expect("step.completed", run_id=run_id)
    while inngest("run", run_id, "--json", cwd=server.folder).stdout.count('"waiting"') == 0:
        pass
    event_id = server.send("order/paid")
    woken = server.expect("event", event_id=event_id)["woken"]
    assert {"run_id": run_id, "cancelled": False} in woken
    server.expect("run.completed", run_id=run_id)


def test_a_run_whose_time_is_over_is_shown(server: DevServer) -> None:
    run_id = started(server, "hurried/began")
    assert "finish" in server.expect("run.cancelled", run_id=run_id)["error"]["message"]


def test_a_run_that_a_newer_one_cancels_is_shown(server: DevServer) -> None:
    run_id = started(server, "alone/began")
    newer = server.send("alone/began")
    assert server.expect("run.cancelled")["run_id"] == run_id
    server.has_said("event", event_id=newer)


def test_a_run_that_is_tried_again_now_is_shown(server: DevServer) -> None:
    run_id = started(server, "later/began")
    server.expect("step.retrying", run_id=run_id)
    while inngest("retry-now", run_id, cwd=server.folder).returncode:
        pass
    assert server.expect("run.retried", run_id=run_id)["steps"] == ["call"]
    took = server.expect("run.completed", run_id=run_id)["duration"]
    run = json.loads(inngest("run", run_id, "--json", cwd=server.folder).stdout)
    times = [datetime.datetime.fromisoformat(run[name]) for name in ("started_at", "ended_at")]
    assert took == round((times[1] - times[0]) / datetime.timedelta(milliseconds=1))


def test_a_run_on_hold_that_is_released_is_shown(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    with DevServer(tmp_path, "app.py", "--no-reload") as server:
        server.serving()
        run_id = started(server, "order/placed")
        server.expect("step.completed", run_id=run_id)
        server.stop()
    (tmp_path / "app.py").write_text(APP.replace('NAME = "charge"', 'NAME = "pay"'))
    with DevServer(tmp_path, "app.py", "--no-reload") as server:
        server.serving()
        server.send("order/paid")
        server.expect("run.held", run_id=run_id)
        inngest("release", run_id, cwd=tmp_path)
        server.expect("run.released", run_id=run_id)
        assert not [one for one in server.records if one["type"] == "log"]  # the hold was told by its record
        server.expect("run.completed", run_id=run_id)


def test_a_run_that_is_released_before_it_is_on_hold_is_shown(server: DevServer) -> None:
    run_id = started(server, "order/placed")
    server.expect("step.completed", run_id=run_id)
    while inngest("run", run_id, "--json", cwd=server.folder).stdout.count('"waiting"') == 0:
        pass
    assert inngest("release", run_id, cwd=server.folder).returncode == 0
    server.send("order/paid")
    server.expect("run.released", run_id=run_id)
    server.expect("run.completed", run_id=run_id)


RUN = {"run_id": "01KAQ2V7W6T4M3N8S9E0R5Y1XZ", "function_id": "shop-order"}
WOKEN = [{"run_id": f"01KAQ2V7W6T4M3N8S9E0R5Y1X{end}", "cancelled": end != "5"} for end in "012345"]


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (
            {"type": "run.cancelled", **RUN, "error": {"name": "RunCancelledError", "message": "by Ada: enough"}},
            "shop-order Y1XZ  cancelled  by Ada: enough",
        ),
        (
            {"type": "run.cancelled", **RUN, "error": {"name": "RunCancelledError", "message": "cancelled by Ada"}},
            "shop-order Y1XZ  cancelled by Ada",
        ),
        ({"type": "run.released", **RUN}, "shop-order Y1XZ  released  it follows the code there is, for ever"),
        ({"type": "run.retried", **RUN, "steps": ["pay"]}, "shop-order Y1XZ  tried again  pay before its time"),
        ({"type": "run.retried", **RUN, "steps": []}, "shop-order Y1XZ  tried again  before its time"),
        (
            {"type": "event", "name": "order/lost", "event_id": "01E", "runs": [], "woken": WOKEN},
            "event  order/lost  01E  → wakes Y1X5, cancels Y1X0, Y1X1, Y1X2 and 2 more",
        ),
        ({"type": "event", "name": "a", "event_id": "01E", "runs": [], "woken": []}, "event  a  01E  starts no run"),
    ],
)
def test_a_line_says_so(capsys: pytest.CaptureFixture[str], record: dict[str, object], line: str) -> None:
    ConsoleWriter()({"at": 0, **record})
    assert capsys.readouterr().out.partition("  ")[2] == f"{line}\n"
