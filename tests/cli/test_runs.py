"""`inngest runs` and `inngest run`: for people, for programs, and every mistake."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

import inngest

from .conftest import Command, Shop

UNKNOWN = "01KAQ2V7W6T4M3N8S9E0R5Y1XZ"


def test_runs_are_listed_newest_first(command: Command, shop: Shop) -> None:
    ran = command("runs", *shop.option)
    assert (ran.code, ran.err) == (0, "")
    head, *lines = ran.out.splitlines()
    assert head.split() == ["STATUS", "RUN", "FUNCTION", "CREATED", "TOOK", "RESULT"]
    assert [line.split()[:3] for line in lines] == [
        ["QUEUED", shop.queued, "shop-fulfil"],
        ["RUNNING", shop.sleeping, "shop-fulfil"],
        ["FAILED", shop.failed, "shop-refund"],
        ["COMPLETED", shop.completed, "shop-fulfil"],
    ]
    assert lines[2].endswith("ValueError: no receipt")
    assert lines[3].endswith('{"order": 1}')
    assert all(line == line.rstrip() for line in ran.out.splitlines())


def test_runs_as_json_have_stable_keys(command: Command, shop: Shop) -> None:
    found = command("runs", *shop.option, "--json").json
    assert set(found) == {"runs", "next_before", "apps_away"}
    assert found["next_before"] is None
    keys = {
        "id",
        "function_id",
        "status",
        "event_id",
        "created_at",
        "started_at",
        "ended_at",
        "output",
        "error",
        "hold",
        "origin_id",
        "erased_at",
        "unreadable",
    }
    assert all(set(run) == keys for run in found["runs"])
    queued, sleeping, failed, completed = found["runs"]
    assert (queued["status"], queued["started_at"], queued["ended_at"]) == ("QUEUED", None, None)
    assert (sleeping["status"], sleeping["ended_at"]) == ("RUNNING", None)
    assert (failed["status"], failed["error"]["name"], failed["error"]["message"]) == (
        "FAILED",
        "ValueError",
        "no receipt",
    )
    assert (completed["status"], completed["output"], completed["error"]) == ("COMPLETED", {"order": 1}, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", completed["created_at"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--status", "failed"), ["failed"]),
        (("--status", "RUNNING"), ["sleeping"]),
        (("--function", "shop-refund"), ["failed"]),
        (("--function", "shop-fulfil", "--limit", "2"), ["queued", "sleeping"]),
        (("--status", "cancelled"), []),
    ],
)
def test_filters(command: Command, shop: Shop, options: tuple[str, ...], expected: list[str]) -> None:
    found = command("runs", *shop.option, *options, "--json").json
    assert [run["id"] for run in found["runs"]] == [getattr(shop, name) for name in expected]


def test_pages_lead_on(command: Command, shop: Shop) -> None:
    first = command("runs", *shop.option, "--limit", "3", "--json").json
    assert first["next_before"] == shop.failed
    second = command("runs", *shop.option, "--limit", "3", "--before", first["next_before"], "--json").json
    assert [run["id"] for run in second["runs"]] == [shop.completed]
    assert second["next_before"] is None
    assert f"there are more: --before {shop.failed}" in command("runs", *shop.option, "--limit", "3").out


def test_runs_of_an_event(command: Command, shop: Shop) -> None:
    event_id = command("run", shop.failed, *shop.option, "--json").json["event_id"]
    found = command("runs", *shop.option, "--event", event_id.lower(), "--json").json
    assert [run["id"] for run in found["runs"]] == [shop.failed]
    assert command("runs", *shop.option, "--event", UNKNOWN).out == "no runs like that\n"


def test_a_run_shows_its_steps_attempts_times_and_result(command: Command, shop: Shop) -> None:
    ran = command("run", shop.completed, *shop.option)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == f"COMPLETED  shop-fulfil  {shop.completed}"
    assert re.fullmatch(r'event   shop/order.placed  [0-9A-Z]{26}  {"order": 1}', lines[1])
    assert re.fullmatch(r"created \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+", lines[2])
    assert re.fullmatch(r"started \+\d+ ms", lines[3])
    assert re.fullmatch(r"ended   \+[\d.]+ m?s", lines[4])
    steps = lines[lines.index("") + 1 :]
    assert re.fullmatch(r'✓ charge  \+\d+ ms  \d+ ms  {"cents": 4200, "note": "\[red\]é"}', steps[0])
    assert re.fullmatch(r"✓ cool off  \+\d+ ms  \d+ ms", steps[1])
    assert re.fullmatch(r'✓ mail  \+\d+ ms  \d+ ms  3 attempts  "sent"', steps[2])
    for number in (1, 2):
        attempt = rf"    attempt {number}  \+\d+ ms  \d+ ms  ConnectionError: smtp is \[down\]"
        assert re.fullmatch(attempt, steps[2 + number])
    assert re.fullmatch(r"    attempt 3  \+\d+ ms  \d+ ms  ok", steps[5])
    assert lines[-1] == 'result  {"order": 1}'


def test_a_failed_run_shows_the_attempts_of_its_body_and_its_traceback(command: Command, shop: Shop) -> None:
    out = command("run", shop.failed, *shop.option).out
    assert re.search(r"    body 1  \+\d+ ms  \d+ ms  ValueError: no receipt", out)
    assert "error   ValueError: no receipt" in out
    assert 'raise ValueError("no receipt")' in out
    assert "inngest/sdk" not in out


def test_a_sleeping_run_shows_when_it_goes_on(command: Command, shop: Shop) -> None:
    out = command("run", shop.sleeping, *shop.option).out
    assert re.search(r"… long  sleeps until \d\d:\d\d:\d\d \(in (23 h \d\d min|1 d)\)", out)


def test_a_run_as_json_has_everything(command: Command, shop: Shop) -> None:
    run = command("run", shop.completed.lower(), *shop.option, "--json").json
    assert run["event"]["name"] == "shop/order.placed"
    assert run["event"]["data"] == {"order": 1}
    assert [(step["id"], step["kind"], step["status"]) for step in run["steps"]] == [
        ("charge", "StepRun", "completed"),
        ("cool off", "Sleep", "completed"),
        ("mail", "StepRun", "completed"),
    ]
    attempts = run["steps"][2]["attempts"]
    assert [attempt["number"] for attempt in attempts] == [0, 1, 2]
    assert [attempt["error"] and attempt["error"]["name"] for attempt in attempts] == ["ConnectionError"] * 2 + [None]
    step_keys = {"id", "kind", "status", "started_at", "ended_at", "due_at", "attempts", "output", "error", "usage"}
    assert all(set(step) == {*step_keys, "kept"} for step in run["steps"])
    sleeping = command("run", shop.sleeping, *shop.option, "--json").json
    assert sleeping["steps"][-1]["status"] == "sleeping"
    assert sleeping["steps"][-1]["due_at"] is not None


def test_a_run_may_be_named_by_the_end_of_its_id(command: Command, shop: Shop) -> None:
    """The log of `inngest dev` shows four characters of it."""
    for length in (4, 10, 25):
        assert command("run", shop.failed[-length:].lower(), *shop.option, "--json").json["id"] == shop.failed
    assert command("run", shop.sleeping[-4:], *shop.option, "--why").out.splitlines()[0].endswith(shop.sleeping)
    page = command("runs", *shop.option, "--before", shop.failed[-4:], "--json").json
    assert [run["id"] for run in page["runs"]] == [shop.completed]


def test_an_end_that_several_ids_have_lists_them(command: Command, tmp_path: Path) -> None:
    """Ids end as chance has it: runs are copied until two of them end the same."""
    run_id = leave_a_sleeper(tmp_path)
    with sqlite3.connect(tmp_path / "sleeper.db") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(inngest_runs)") if row[1] != "id"]
        names = ", ".join(columns)
        other = f"{run_id[:10]}{'Z' * 12}{run_id[-4:]}"
        database.execute(f"INSERT INTO inngest_runs (id, {names}) SELECT ?, {names} FROM inngest_runs", (other,))
    database.close()
    ran = command("run", run_id[-4:], "--database", "sleeper.db")
    assert ran.code == 2
    problem, *listed = ran.err.splitlines()
    assert f"RUN: the ids of several runs end in {run_id[-4:]}: give more of it" in problem
    assert [line.split()[:2] for line in listed] == [[one, "looking-sleeper"] for one in sorted((other, run_id))[::-1]]
    assert all(re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", line) for line in listed)
    as_json = command("run", run_id[-4:], "--database", "sleeper.db", "--json").json
    assert {run["id"] for run in as_json["runs"]} == {run_id, other}
    assert command("run", run_id[-10:], "--database", "sleeper.db").code == 0


def test_a_run_whose_step_executes_shows_who_executes_it(command: Command, tmp_path: Path) -> None:
    """The step before it has slept long enough, and is recorded with the one that executes."""
    client = inngest.Inngest(app_id="looking")
    began, goes_on = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        assert goes_on.wait(60)

    @client.create_function(fn_id="napper", trigger=inngest.TriggerEvent(event="nap"))
    def napper(ctx: inngest.ContextSync) -> None:
        ctx.step.sleep("nap", 1)
        ctx.step.run("work", work)

    with inngest.Engine(client, database=f"sqlite:///{tmp_path}/inngest.db") as engine:
        (event_id,) = engine.send_sync(inngest.Event(name="nap"))
        assert began.wait(60)
        (run,) = engine.runs_sync(event_id=event_id)
        ran = command("run", run.id, "--database", "inngest.db")
        as_json = command("run", run.id, "--database", "inngest.db", "--json").json
        goes_on.set()
        engine.wait_sync(run.id)
    assert re.search(r"\nnow     It is executing on .*, and has recorded no step\.\n", ran.out)
    assert re.search(r"\n… nap  slept until \d\d:\d\d:\d\d\n", ran.out)
    assert as_json["executing"].startswith("It is executing on ")
    assert command("run", run.id, "--database", "inngest.db", "--json").json["executing"] is None
    assert "\nnow " not in command("run", run.id, "--database", "inngest.db").out


def test_without_runs(command: Command, tmp_path: Path, shop: Shop) -> None:
    assert command("runs", *shop.option, "--status", "cancelled").out == "no runs like that\n"


@pytest.mark.parametrize(
    ("arguments", "code", "text", "hint"),
    [
        (("run", "123"), 2, "RUN: '123' is not an id: expected 26 letters and digits", "`inngest runs` lists runs"),
        (("run", "abci"), 2, "or at least the last 4 of them", "`inngest runs` lists runs"),
        (("run", "zz-z"), 2, "RUN: 'zz-z' is not an id", ""),
        (
            ("run", UNKNOWN[2:]),
            3,
            f"no run whose id ends in {UNKNOWN[2:]} among the newest 10,000 in",
            "`inngest runs`",
        ),
        (("run", UNKNOWN), 3, f"there is no run {UNKNOWN} in", "`inngest runs` lists runs"),
        (
            ("runs", "--status", "done"),
            2,
            "--status: expected one of queued, running, completed, failed, cancelled",
            "",
        ),
        (("runs", "--event", "x"), 2, "--event: 'x' is not an id", ""),
        (("runs", "--before", "x"), 2, "--before: 'x' is not an id", ""),
        (("runs", "--limit", "0"), 2, "--limit: expected a whole number from 1 to 1,000, got '0'", ""),
        (
            ("runs", "--function", "nope"),
            3,
            "no function 'nope' is known in this database",
            "known are: shop-fulfil, shop-refund",
        ),
    ],
)
def test_mistakes_are_named(
    command: Command, shop: Shop, arguments: tuple[str, ...], code: int, text: str, hint: str
) -> None:
    ran = command(*arguments, *shop.option)
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err
    assert hint in ran.err
    as_json = command(*arguments, *shop.option, "--json")
    assert (as_json.code, as_json.err) == (code, "")
    assert text in as_json.json["error"]
    assert hint in (as_json.json["hint"] or "")


def test_a_missing_database_is_named(command: Command, tmp_path: Path) -> None:
    for arguments in (("runs",), ("run", UNKNOWN)):
        ran = command(*arguments)
        assert ran.code == 3
        assert "--database: .inngest/inngest.db cannot be read: there is no such file" in ran.err
        assert "run this where `inngest dev` runs" in ran.err
    assert "it is a folder" in command("runs", "--database", str(tmp_path)).err


def test_a_file_that_is_no_database_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello " * 1000)
    ran = command("runs", "--database", "text.db")
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert "text.db is not an SQLite database: name another file, or move this one away" in ran.err
    (tmp_path / "empty.db").touch()
    assert "no engine has ever used the database" in command("runs", "--database", "empty.db").err


@pytest.mark.parametrize("url", ["sqlite:///{path}"])
def test_a_database_may_be_a_url(command: Command, shop: Shop, url: str) -> None:
    assert command("runs", "--database", url.format(path=shop.path)).code == 0


@pytest.mark.parametrize("url", ["mysql:///shop", "sqlite:///", "sqlite:///:memory:"])
def test_another_url_is_refused(command: Command, url: str) -> None:
    ran = command("runs", "--database", url)
    assert ran.code == 2
    assert f"got {url!r}" in ran.err


def test_why_a_run_waits(command: Command, tmp_path: Path) -> None:
    run_id = leave_a_sleeper(tmp_path)
    ran = command("run", run_id, "--why", "--database", "sleeper.db")
    assert ran.code == 0
    assert 'sleeping  Step "rest" sleeps. Until 2' in ran.out
    reason = command("run", run_id, "--why", "--database", "sleeper.db", "--json").json["reasons"][-1]
    assert (reason["rule"], reason["step"]) == ("sleeping", "rest")
    assert command("run", UNKNOWN, "--why", "--database", "sleeper.db").code == 3


def leave_a_sleeper(folder: Path) -> str:
    client = inngest.Inngest(app_id="looking")

    @client.create_function(fn_id="sleeper", trigger=inngest.TriggerEvent(event="sleep"))
    def sleeper(ctx: inngest.ContextSync) -> None:
        ctx.step.sleep("rest", 3_600_000)

    with inngest.Engine(client, database=f"sqlite:///{folder}/sleeper.db") as engine:
        (event_id,) = engine.send_sync(inngest.Event(name="sleep"))
        (run,) = engine.runs_sync(event_id=event_id)
        while not engine.run_sync(run.id).steps:
            pass
    return run.id


def test_a_run_shows_what_it_deferred(command: Command, tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="looking")

    @client.create_function(fn_id="tidy", trigger=inngest.TriggerEvent(event="never"))
    def tidy(ctx: inngest.ContextSync) -> None: ...

    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="order"))
    def order(ctx: inngest.ContextSync) -> None:
        ctx.defer("clean up", function=tidy, data={"draft": 7})
        ctx.defer("undo", function=tidy).abort()

    with inngest.Engine(client, database=f"sqlite:///{tmp_path}/deferred.db") as engine:
        engine.invoke_sync(order)
        (run,) = engine.runs_sync(function=order)
    lines = command("run", run.id, "--database", "deferred.db").out.splitlines()
    assert '→ clean up  looking-tidy  scheduled  {"draft": 7}' in lines
    assert "- undo  looking-tidy  aborted" in lines
    first, second = command("run", run.id, "--database", "deferred.db", "--json").json["defers"]
    assert (first["id"], first["function_id"], first["data"], first["status"]) == (
        "clean up",
        "looking-tidy",
        {"draft": 7},
        "scheduled",
    )
    assert set(first) == {"id", "function_id", "data", "status", "created_at", "error"}
    assert second["status"] == "aborted"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE inngest_runs SET status = 'HALTED', attempt = 'some' WHERE id = ?", "status is 'HALTED'"),
        ("UPDATE inngest_runs SET output = '{' WHERE id = ?", "its result: JSONDecodeError"),
        ("UPDATE inngest_steps SET kind = 'Rest' WHERE run_id = ?", "'Rest' is not a valid Opcode"),
        ("UPDATE inngest_steps SET ended_at = 'later' WHERE run_id = ?", "ended_at is 'later'"),
        ("DELETE FROM inngest_events WHERE id = (SELECT event_id FROM inngest_runs WHERE id = ?)", "is not there"),
    ],
)
def test_a_damaged_run_is_shown_as_far_as_it_can_be_read(
    command: Command, shop: Shop, damage: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.db"
    shutil.copy(shop.path, path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage, (shop.completed,))
    option = ("--database", str(path))
    ran = command("run", shop.completed, *option)
    assert (ran.code, ran.err) == (0, "")
    assert "shop-fulfil" in ran.out
    assert told in ran.out
    assert any(told in text for text in command("run", shop.completed, *option, "--json").json["unreadable"])
    assert command("run", shop.completed, *option, "--why").code == 0
    listed = command("runs", *option)
    assert (listed.code, listed.err) == (0, "")
    assert shop.completed in listed.out
