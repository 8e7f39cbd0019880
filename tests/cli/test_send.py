"""`inngest send`: what it sends, what it waits for, and every mistake."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Command
from .gated import Gate
from .processes import INNGEST, PATIENCE, DevServer, environment

APP = """
import inngest

client = inngest.Inngest(app_id="shop")


@client.create_function(fn_id="echo", trigger=inngest.TriggerEvent(event="shop/said"))
async def echo(ctx: inngest.Context) -> object:
    return {"id": ctx.event.id, "data": ctx.event.data}


@client.create_function(
    fn_id="news", trigger=inngest.TriggerEvent(event="news/*", expression="event.data.important == true")
)
async def news(ctx: inngest.Context) -> None: ...


@client.create_function(
    fn_id="index", trigger=inngest.TriggerEvent(event="kept/index"), debounce=inngest.Debounce(period=3_600_000)
)
async def index(ctx: inngest.Context) -> None: ...


@client.create_function(
    fn_id="clicks", trigger=inngest.TriggerEvent(event="kept/clicked"), batch_events=inngest.Batch(max_size=9)
)
async def clicks(ctx: inngest.Context) -> None: ...


@client.create_function(
    fn_id="mail",
    trigger=inngest.TriggerEvent(event="kept/mail"),
    rate_limit=inngest.RateLimit(limit=1, period=3_600_000),
)
async def mail(ctx: inngest.Context) -> None: ...


@client.create_function(fn_id="once", trigger=inngest.TriggerEvent(event="kept/once"), idempotency="event.data.order")
async def once(ctx: inngest.Context) -> None: ...


@client.create_function(fn_id="rest", trigger=inngest.TriggerEvent(event="kept/rest"))
async def rest(ctx: inngest.Context) -> None: ...


@client.create_function(
    fn_id="parcel",
    trigger=inngest.TriggerEvent(event="parcel/sent"),
    cancel=[inngest.Cancel(event="parcel/lost", if_exp="event.data.number == async.data.number")],
)
async def parcel(ctx: inngest.Context) -> None:
    await ctx.step.wait_for_event(
        "arrival", event="parcel/arrived", timeout=3_600_000, if_exp="event.data.number == async.data.number"
    )


@client.create_function(fn_id="refuse", retries=0, trigger=inngest.TriggerEvent(event="shop/refused"))
async def refuse(ctx: inngest.Context) -> None:
    raise ValueError("no stock")


@client.create_function(fn_id="doze", trigger=inngest.TriggerEvent(event="shop/dozed"))
async def doze(ctx: inngest.Context) -> None:
    await ctx.step.sleep("long", 86_400_000)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    folder = tmp_path_factory.mktemp("send")
    (folder / "app.py").write_text(APP)
    with DevServer(folder, "app.py", "--no-reload") as server:
        server.serving()
        yield server


def test_it_says_the_events_id(command: Command, server: DevServer) -> None:
    ran = command("send", "shop/said", '{"word": "hello"}', "--url", server.url)
    assert (ran.code, ran.err) == (0, "")
    word, name, event_id = ran.out.split()
    assert (word, name) == ("sent", "shop/said")
    event = server.expect("event", event_id=event_id)
    assert (event["name"], event["data"]) == ("shop/said", {"word": "hello"})


def test_an_empty_id_is_no_id(command: Command, server: DevServer) -> None:
    ran = command("send", "shop/said", "--id", "", "--url", server.url)
    assert (ran.code, "--id: expected a text that is not empty, got ''" in ran.err) == (2, True)


def test_who_waits_no_longer_is_told_what_goes_on(server: DevServer) -> None:
    send = [INNGEST, "send", "shop/dozed", "--url", server.url, "--wait"]
    heeds = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    waiting = subprocess.Popen(
        [sys.executable, "-c", heeds, *send],  # what a shell starts in the background ignores it
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout is not None
    event_id = waiting.stdout.readline().split()[2]
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=PATIENCE)
    told = f"the runs go on; `inngest runs --event {event_id}` shows where they are\n"
    assert (waiting.returncode, err) == (130, told)


def test_as_json(command: Command, server: DevServer) -> None:
    found = command("send", "shop/said", "--url", server.url, "--json").json
    assert set(found) == {"event_id", "name", "started", "woken", "warning"}
    assert [run["function_id"] for run in found["started"]] == ["shop-echo"]
    assert found["warning"] is None
    assert server.expect("event", event_id=found["event_id"])["data"] == {}


def test_data_from_a_file_or_the_standard_input(command: Command, server: DevServer, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"word": "é"}', encoding="utf-8")
    for arguments, stdin in ((("@data.json",), ""), (("-",), '{"word": "é"}')):
        found = command("send", "shop/said", *arguments, "--url", server.url, "--wait", "--json", stdin=stdin).json
        assert found["runs"][0]["output"]["data"] == {"word": "é"}


def test_waiting_prints_the_results(command: Command, server: DevServer) -> None:
    ran = command("send", "shop/said", '{"n": 1}', "--id", "mine", "--url", server.url, "--wait")
    assert (ran.code, ran.err) == (0, "")
    sent, result = ran.out.splitlines()
    assert sent.startswith("sent shop/said  ")
    assert result.startswith("✓ shop-echo  ")
    assert result.endswith('{"id": "mine", "data": {"n": 1}}')


def test_waiting_as_json_has_the_runs(command: Command, server: DevServer) -> None:
    found = command("send", "shop/said", "--url", server.url, "--wait", "--json").json
    assert set(found) == {"event_id", "name", "runs", "woken", "kept_back"}
    (run,) = found["runs"]
    assert set(run) == {"id", "function_id", "status", "event_id", "started_at", "ended_at", "output", "error"}
    assert (run["function_id"], run["status"], run["event_id"]) == ("shop-echo", "COMPLETED", found["event_id"])


def test_a_failed_run_makes_it_fail(command: Command, server: DevServer) -> None:
    ran = command("send", "shop/refused", "--url", server.url, "--wait")
    assert ran.code == 1
    line, hint = ran.out.splitlines()[1:]
    assert line.startswith("✗ shop-refuse  ")
    assert line.endswith("ValueError: no stock")
    assert hint.strip() == f"inngest run {line.split()[2]}"
    as_json = command("send", "shop/refused", "--url", server.url, "--wait", "--json")
    assert as_json.code == 1
    (run,) = as_json.json["runs"]
    assert (run["status"], run["output"], run["error"]["name"]) == ("FAILED", None, "ValueError")


def test_an_event_that_starts_nothing_makes_waiting_fail(command: Command, server: DevServer) -> None:
    ran = command("send", "shop/unheard", "--url", server.url, "--wait")
    assert ran.code == 1
    assert "the event started no run: no function has the trigger 'shop/unheard'" in ran.err
    as_json = command("send", "shop/unheard", "--url", server.url, "--wait", "--json")
    assert (as_json.code, as_json.err, as_json.json["runs"]) == (1, "", [])
    assert as_json.json["error"] == "the event started no run: no function has the trigger 'shop/unheard'"
    assert as_json.json["hint"] == "it is stored"
    mistyped = command("send", "--json", "shop/sad", "--wait", "--url", server.url)
    assert mistyped.json["error"].endswith("; did you mean shop/said?")
    command("send", "shop/said", "--id", "twice", "--url", server.url)
    again = command("send", "shop/said", "--id", "twice", "--url", server.url, "--wait")
    assert (again.code, "an event with the id 'twice' came within the last 24 h" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("name", "data", "again", "rule", "text"),
    [
        ("kept/index", "{}", False, "debounce", "a debounce holds it"),
        ("kept/clicked", "{}", False, "batch", "a batch holds it, with 1 so far: its run begins when it is full"),
        ("news/sport", '{"important": false}', False, "condition", "the condition of its trigger is not true"),
        ("kept/mail", "{}", True, "rate_limit", "its rate limit is used up: 1 run has started within 1h"),
        ("kept/once", '{"order": 42}', True, "idempotency", "run RUN has the same idempotency key"),
    ],
)
def test_what_keeps_an_event_back_is_named(
    command: Command, server: DevServer, name: str, data: str, again: bool, rule: str, text: str
) -> None:
    options = (name, data, "--url", server.url)
    if again:
        (run,) = command("send", *options, "--wait", "--json").json["runs"]
        text = text.replace("RUN", run["id"])
    ran = command("send", *options, "--wait", "--json")
    assert (ran.code, ran.json["runs"]) == (1, [])
    assert (ran.json["error"], ran.json["hint"]) == ("the event started no run: it was kept back", "it is stored")
    (kept,) = ran.json["kept_back"]
    assert (kept["rule"], text in kept["text"]) == (rule, True)
    told = command("send", *options, "--wait")
    assert told.code == 1
    assert "kept back  shop-" in told.err
    assert "the event started no run: it was kept back" in told.err
    assert text.partition(", with")[0] in command("send", *options).err


@pytest.mark.parametrize("wait", [[], ["--wait"]], ids=["without --wait", "with --wait"])
@pytest.mark.parametrize(
    ("name", "what", "step"), [("parcel/arrived", "woke", "arrival"), ("parcel/lost", "cancelled", None)]
)
def test_whom_an_event_wakes_or_cancels_is_named(
    command: Command, server: DevServer, name: str, what: str, step: str | None, wait: list[str]
) -> None:
    """An event that starts no run, and does this, is what it was meant to be: no warning, and no failure."""
    database = str(server.folder / ".inngest" / "inngest.db")
    number = f"{name}{wait}"
    data = json.dumps({"number": number})

    def waiting() -> str:
        """A run that waits for it."""
        (started,) = command("send", "parcel/sent", data, "--url", server.url, "--json").json["started"]
        while not command("run", started["id"], "--database", database, "--json").json["steps"]:
            pass
        return str(started["id"])

    run_id = waiting()
    ran = command("send", name, data, "--url", server.url, *wait)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[1].split() == [what, "shop-parcel", run_id, *([step] if step else [])]
    run_id = waiting()
    as_json = command("send", name, data, "--url", server.url, "--json", *wait)
    expected = {"function_id": "shop-parcel", "run_id": run_id, "step": step, "cancelled": what == "cancelled"}
    assert (as_json.code, as_json.json["woken"]) == (0, [expected])


def test_a_run_that_waits_for_another_event_of_the_name_is_named(command: Command, server: DevServer) -> None:
    database = str(server.folder / ".inngest" / "inngest.db")
    (run,) = command("send", "parcel/sent", '{"number": 1}', "--url", server.url, "--json").json["started"]
    while not command("run", run["id"], "--database", database, "--json").json["steps"]:
        pass
    text = f"run {run['id']} waits for an event of this name, and did not take this one: its condition is not true for"
    ran = command("send", "parcel/arrived", '{"number": 2}', "--url", server.url)
    assert (ran.code, ran.out.count("\n")) == (0, 1)
    assert ran.err.startswith(f"warning: it starts no run now: shop-parcel: {text}")
    waited = command("send", "parcel/arrived", '{"number": 2}', "--url", server.url, "--wait")
    assert waited.code == 1
    assert waited.err.startswith(f"kept back  shop-parcel  {text}")
    command("cancel", run["id"], "--database", database, "--yes")


def test_a_run_that_waits_since_its_function_is_paused_says_so(command: Command, server: DevServer) -> None:
    database = ("--database", str(server.folder / ".inngest" / "inngest.db"))
    assert command("pause", "shop-rest", *database).code == 0
    ran = command("send", "kept/rest", "--url", server.url, "--wait", "--timeout", "0")
    assert ran.code == 4
    assert "kept back  shop-rest  the function is paused: its run waits for `inngest resume`" in ran.err
    assert command("resume", "shop-rest", *database).code == 0


def test_a_duplicate_names_the_first_run(command: Command, server: DevServer) -> None:
    options = ("shop/said", "{}", "--id", "the first", "--url", server.url, "--wait", "--json")
    (first,) = command("send", *options).json["runs"]
    (kept,) = command("send", *options).json["kept_back"]
    assert (kept["rule"], kept["run_id"]) == ("id", first["id"])
    assert kept["text"].endswith(f"it started run {first['id']}")


def test_a_mistyped_name_is_pointed_out_to_the_sender(command: Command, server: DevServer) -> None:
    """The event is accepted all the same: steps may wait for it, and functions that come."""
    ran = command("send", "shop/sad", "--url", server.url)
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    said = "it starts no run: no function has the trigger 'shop/sad'; did you mean shop/said?"
    assert ran.err == f"warning: {said}\n"
    as_json = command("send", "shop/sad", "--url", server.url, "--json")
    assert (as_json.code, as_json.err) == (0, "")
    assert (as_json.json["started"], as_json.json["warning"]) == ([], said)
    waited = command("send", "shop/sad", "--url", server.url, "--wait")
    assert "no function has the trigger 'shop/sad'; did you mean shop/said?" in waited.err
    unlike = command("send", "weather/changed", "--url", server.url)
    assert unlike.err == "warning: it starts no run: no function has the trigger 'weather/changed'\n"


def test_a_name_that_is_heard_is_not_pointed_out_though_it_starts_no_run(command: Command, server: DevServer) -> None:
    """As a second event with the same id, or one that a gate or a condition keeps back: that is said instead."""
    assert command("send", "shop/said", "--id", "heard twice", "--url", server.url).err == ""
    again = command("send", "shop/said", "--id", "heard twice", "--url", server.url).err
    assert "it starts no run now: shop-echo: an event with the id 'heard twice' came within the last 24 h" in again
    unmet = command("send", "news/any.thing", "--url", server.url).err
    assert (
        unmet == "warning: it starts no run now: shop-news: the condition of its trigger is not true for this event\n"
    )


def test_a_wait_may_end_before_the_runs(command: Command, server: DevServer) -> None:
    for limit, text in (("0", "0 ms"), ("300ms", "300 ms")):
        ran = command("send", "shop/dozed", "--url", server.url, "--wait", "--timeout", limit)
        assert ran.code == 4
        assert f"not done after {text}: shop-doze 01" in ran.err
    as_json = command("send", "shop/dozed", "--url", server.url, "--wait", "--timeout", "0", "--json")
    assert as_json.code == 4
    assert [run["function_id"] for run in as_json.json["runs"]] == ["shop-doze"]
    assert "the runs go on" in as_json.json["hint"]


def test_a_wait_outlives_the_server(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with DevServer(tmp_path, "app.py", "--no-reload") as server:
        server.serving()
        waiting = subprocess.Popen(
            [INNGEST, "send", "t/go", "--url", server.url, "--wait", "--json"],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        gate.until_begun()
        server.kill()
    with waiting, DevServer(tmp_path, "app.py", "--no-reload", port=int(server.url.rpartition(":")[2])):
        gate.until_begun()
        gate.open()
        out, _ = waiting.communicate(timeout=PATIENCE)
        assert [run["output"] for run in json.loads(out)["runs"]] == [["one", "two!", "three", "v1"]]
        assert waiting.returncode == 0
