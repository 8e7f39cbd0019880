"""`inngest dev -u URL`: apps register, their functions run, and what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from inngest.cli.http_server import HttpServer
from inngest.protocol import headers
from inngest.protocol.steps import hash_step_id
from inngest.runtime import http

from .gated import Gate
from .processes import DevServer, inngest, of_type, with_files
from .small_app import SmallApp, small_app

BUSY = {"name": "Busy", "message": "busy"}

CODE = """
import inngest

client = inngest.Inngest(app_id="local")

@client.create_function(fn_id="hear", trigger=inngest.TriggerEvent(event="shop/said"))
async def hear(ctx: inngest.Context) -> str:
    return "heard"
"""


def test_functions_of_an_app_run_beside_those_of_files(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CODE)
    with (
        small_app(SmallApp()) as app,
        DevServer(tmp_path, "app.py", "-u", app.url, "--poll-interval", "100ms") as server,
    ):
        server.serving()
        failed = server.expect("app.failed")
        assert failed["problems"] == [f"{app.url} has registered with another server"]
        assert failed["hint"] == f"set INNGEST_DEV={server.url} in the app's environment"
        app.server = server.url
        found = server.expect("app.registered")
        assert {name: found[name] for name in ("app", "url", "functions", "sdk")} == {
            "app": "shop",
            "url": app.url,
            "functions": 1,
            "sdk": "py:v0.0.1",
        }
        server.send("shop/said")
        ended = {(one := server.expect("run.completed"))["function_id"]: one["output"] for _ in range(2)}
        assert ended == {"shop-greet": "hello", "local-hear": "heard"}
        (run_id,) = {call["x-run-id"] for call in app.calls}
        assert {call["traceparent"] for call in app.calls} == {headers.of_run(run_id)["traceparent"]}
        assert {call["account-id"] for call in app.calls} == {headers.ACCOUNT_ID}
        assert "x-inngest-signature" not in app.calls[0]


def test_a_limit_of_open_files_that_is_too_low_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CODE)
    with DevServer(tmp_path, "app.py", before=with_files("-n 512")) as server:
        server.serving()
        (tmp_path / "app.py").write_text(CODE.replace("heard", "seen"))
        server.serving()
        assert server.stop() == 0
    (told,) = [one for one in of_type(server.records, "log") if "files and connections open" in one["message"]]
    assert (told["level"], told["message"][-63:]) == (
        "warning",
        "with `ulimit -n 4352`, or LimitNOFILE=4352 in a unit of systemd",
    )


def test_an_app_that_changes_or_goes_is_told_once(tmp_path: Path) -> None:
    app = SmallApp()
    with DevServer(tmp_path, "--no-discovery", "--poll-interval", "50ms", "-u", "localhost:1/api/inngest") as server:
        server.serving()
        failed = server.expect("app.failed", url="http://localhost:1/api/inngest")
        assert failed["problems"] == [
            "http://localhost:1/api/inngest does not answer: ConnectError: Connection refused"
        ]
        assert failed["hint"] == "start the app, or mend the URL"
    with small_app(app), DevServer(tmp_path, "--poll-interval", "50ms", "-u", app.url) as server:
        server.serving()
        app.server = server.url
        server.has_said("app.registered", app="shop")
        seen = app.puts
        app.event = "shop/shouted"
        server.expect("app.registered", modified=True)
        assert app.puts > seen
        app.event = ""
        wrong = server.expect("app.failed")
        assert "shop-greet" in wrong["problems"][0]
        assert wrong["hint"] == "mend the functions: nothing of the app was registered"
        app.event = "shop/shouted"
        server.expect("app.registered", modified=False)
    told = [record["type"] for record in server.records if record["type"].startswith("app.")]
    assert told.count("app.registered") == 3


def test_attempts_that_fail_in_an_app_are_told(tmp_path: Path) -> None:
    flaky = {"op": "StepError", "id": hash_step_id("flaky"), "displayName": "flaky", "error": BUSY}
    app = SmallApp(retries=2, answers=[(206, json.dumps([flaky]).encode()), (500, json.dumps(BUSY).encode())])
    options = ("--no-discovery", "--poll-interval", "50ms", "--retry-interval", "10ms")
    with small_app(app), DevServer(tmp_path, *options, "-u", app.url) as server:
        server.serving()
        app.server = server.url
        server.has_said("app.registered", app="shop")
        server.send("shop/said")
        server.expect("run.completed", output="hello")
        of_step, of_body = [one for one in server.records if one["type"] in ("step.retrying", "run.retrying")]
        assert (of_step["type"], of_step["step"], of_step["attempt"]) == ("step.retrying", "flaky", 0)
        assert (of_body["type"], of_body["attempt"]) == ("run.retrying", 1)
        for one in (of_step, of_body):
            assert (one["max_attempts"], one["delay"], one["error"]["message"]) == (3, 10, "busy")
        assert list(of_type(server.records, "log")) == []


def test_why_a_step_of_an_app_is_tried_again_is_shown_before_it_has_ended(tmp_path: Path) -> None:
    flaky = {"op": "StepError", "id": hash_step_id("flaky"), "displayName": "flaky", "error": BUSY}
    app = SmallApp(retries=2, answers=[(206, json.dumps([flaky]).encode())])
    options = ("--no-discovery", "--poll-interval", "50ms", "--retry-interval", "1h")
    with small_app(app), DevServer(tmp_path, *options, "-u", app.url) as server:
        server.serving()
        app.server = server.url
        server.has_said("app.registered", app="shop")
        server.send("shop/said")
        run_id = server.expect("step.retrying")["run_id"]
        (attempt,) = json.loads(inngest("run", run_id, "--json", cwd=tmp_path).stdout)["attempts"]
        assert (attempt["number"], attempt["step"], attempt["error"]["name"]) == (0, "flaky", "Busy")
        assert "\n    step flaky 1  +" in inngest("run", run_id, cwd=tmp_path).stdout
        assert (
            "One of its steps has failed once, with Busy: busy. Again at"
            in inngest("run", run_id, "--why", cwd=tmp_path).stdout
        )


def test_what_is_said_about_a_run_and_its_steps_is_shown(tmp_path: Path) -> None:
    told = {"kind": "inngest.experiment", "scope": "step", "op": "merge", "values": {"variant": "b"}}
    ran = {"op": "StepRun", "id": hash_step_id("pick"), "displayName": "pick", "data": 1, "metadata": [told]}
    app = SmallApp(answers=[(206, json.dumps([ran]).encode())])
    with small_app(app), DevServer(tmp_path, "--no-discovery", "--poll-interval", "50ms", "-u", app.url) as server:
        server.serving()
        app.server = server.url
        server.has_said("app.registered", app="shop")
        server.send("shop/said")
        run_id = server.expect("run.completed")["run_id"]
        scores = [{"name": "tone", "value": 0.5}, {"name": "fresh", "value": True, "stepId": "pick"}]
        scored = httpx.post(f"{server.url}/v2/runs/{run_id}/scores", json={"scores": scores})
        assert scored.status_code == 200, scored.text
        found = json.loads(inngest("run", run_id, "--json", cwd=tmp_path).stdout)["metadata"]
        assert [(one["kind"], one["step"], one["attempt"], one["values"]) for one in found] == [
            ("inngest.experiment", "pick", None, {"variant": "b"}),
            ("inngest.score", None, None, {"tone": {"value": 0.5}}),
            ("inngest.score", "pick", None, {"fresh": {"value": True}}),
        ]
        assert all(one["at"].endswith("Z") for one in found)
        lines = inngest("run", run_id, cwd=tmp_path).stdout.splitlines()
        assert 'said    inngest.score  {"tone": 0.5}' in lines
        begin = next(number for number, line in enumerate(lines) if line.startswith("✓ pick"))
        shown = ['    inngest.experiment  {"variant": "b"}', '    inngest.score  {"fresh": true}']
        assert lines[begin + 1 : begin + 3] == shown


def test_a_run_begins_once_however_often_its_app_is_called_in_vain(tmp_path: Path) -> None:
    app = SmallApp()
    with DevServer(tmp_path, "--no-discovery") as server:
        server.serving()
        with small_app(app):
            app.server = server.url
            assert app.register()[0] == 200
        server.send("shop/said")
        while not server.expect("log")["message"].startswith("app shop "):
            pass
        with small_app(app):
            ended = server.expect("run.completed", output="hello")
    told = [one for one in server.records if one["type"] in ("run.started", "run.resumed")]
    assert [(one["type"], one["restarted"]) for one in told] == [
        ("run.started", False),
        *[("run.resumed", False)] * (len(told) - 1),
    ]
    assert len(told) > 1
    assert {one["run_id"] for one in told} == {ended["run_id"]}


def test_connections_are_kept_for_longer_than_http_clients_keep_theirs() -> None:
    assert HttpServer(Starlette()).config.timeout_keep_alive > 60
    assert http.KEEP_ALIVE < 5, "frameworks of apps close idle connections after 5 s"


def test_a_person_reads_it_in_lines(tmp_path: Path) -> None:
    ran = inngest("dev", "-u", "ftp://x", cwd=tmp_path)
    assert ran.returncode == 2
    assert "--sdk-url: expected the URL at which an app serves its functions" in ran.stderr


UVLOOP = """
import asyncio
import pathlib


def new_event_loop():
    pathlib.Path("loop.txt").write_text("uvloop")
    return asyncio.new_event_loop()
"""


@pytest.mark.parametrize(("given", "is_used"), [(("--no-discovery",), True), (("app.py", "--no-reload"), False)])
def test_uvloop_is_used_while_no_code_of_users_runs(tmp_path: Path, given: tuple[str, ...], is_used: bool) -> None:
    """Decision 0062: what user code forks would keep the port."""
    Gate(tmp_path)  # writes app.py
    (tmp_path / "uvloop.py").write_text(UVLOOP)
    with DevServer(tmp_path, *given, before=("env", f"PYTHONPATH={tmp_path}")) as server:
        server.expect("serving")
    assert (tmp_path / "loop.txt").exists() == is_used
