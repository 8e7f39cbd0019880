"""`inngest api`: the REST API of a server on the command line."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from inngest.cli.app import app
from inngest.server.auth import Keys
from tests.processes import free_ports
from tests.server.on_socket import served

from .conftest import Command, Ran
from .processes import inngest as run_inngest

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
KEY = "signkey-prod-00112233445566778899aabbccddeeff"
NAMES = (
    "INNGEST_DEV",
    "INNGEST_BASE_URL",
    "INNGEST_API_BASE_URL",
    "INNGEST_API_KEY",
    "INNGEST_SIGNING_KEY",
    "INNGEST_ENV",
)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with served(tmp_path_factory.mktemp("api") / "i.db") as url:
        yield url


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with served(tmp_path_factory.mktemp("guarded") / "i.db", Keys([KEY], {"web": "web-key"})) as url:
        yield url


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def invoke(command: Command, url: str, *more: str) -> Ran:
    path = "/v2/apps/shop/functions/{function}/invoke"
    return command("api", "post", path, '{"data": {"n": 1}}', "-p", "function=echo", "--url", url, *more)


def test_a_function_is_invoked_and_its_run_read(command: Command, dev: str) -> None:
    started = invoke(command, dev, "--param", "wait=60s", "--json")
    assert (started.code, started.err) == (0, "")
    run_id = started.json["data"]["runId"]
    assert started.json["data"]["output"]["n"] == 1
    read = command(
        "api", "get", "/v2/runs/{run_id}", "-p", f"run_id={run_id}", "-p", "includeOutput=true", "--url", dev
    )
    assert read.code == 0
    assert json.loads(read.out)["data"]["output"]["n"] == 1
    assert '\n  "data": {\n' in read.out  # for people
    listed = command("api", "get", "v2/runs?limit=1", "-p", "status=COMPLETED", "--url", dev, "--json")
    assert [run["status"] for run in listed.json["data"]] == ["COMPLETED"]


def test_the_environment_names_the_server(command: Command, dev: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNGEST_DEV", dev)
    assert command("api", "get", "/v2/health", "--json").json["data"] == {"status": "ok"}


def test_a_body_comes_from_a_file_or_the_standard_input(command: Command, dev: str, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text('{"name": "shop/said", "data": {"by": "file"}}')
    sent = command("api", "post", "/v2/events", "@event.json", "--url", dev, "--json")
    event_id = sent.json["data"]["eventId"]
    found = command("api", "get", f"/v1/events/{event_id}", "--url", dev, "--json")
    assert found.json["data"]["data"] == {"by": "file"}
    piped = command("api", "post", "/v2/events", "-", "--url", dev, "--json", stdin='{"name": "shop/said"}')
    assert piped.code == 0


def test_something_is_ended_and_the_answer_is_empty(command: Command, dev: str) -> None:
    run_id = invoke(command, dev, "--json").json["data"]["runId"]
    assert command("api", "delete", f"/v1/runs/{run_id}", "--url", dev).out == "done\n"
    assert command("api", "delete", f"/v1/runs/{run_id}", "--url", dev, "--json").json is None


def test_what_there_is_is_listed(command: Command, dev: str) -> None:
    text = command("api", "list", "--url", dev).out
    assert "get    /v2/runs " in text
    assert "--param status" in text
    assert "DATA {data, idempotencyKey}" in text
    found = command("api", "list", "cancel", "--url", dev, "--json").json["operations"]
    assert {"method": "POST", "path": "/v2/runs/{run_id}/cancel"}.items() <= found[-1].items()
    (cancelling,) = [one for one in found if (one["method"], one["path"]) == ("POST", "/v1/cancellations")]
    assert "function_id*" in cancelling["body"]
    assert not any("insights" in one["path"] for one in found)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("get", f"/v2/runs/{UNKNOWN}"), 3, f"answered 404: there is no run '{UNKNOWN}'"),
        (("get", "/v2/nothing"), 3, "answered 404: there is nothing at /v2/nothing"),
        (("delete", "/v2/runs"), 1, "answered 405: DELETE is not for /v2/runs"),
        (
            ("get", "/v2/runs", "-p", "limit=0"),
            2,
            "answered 400: limit: expected a whole number from 1 to 100, got '0'",
        ),
        (("get", "/v1/events", "-p", "cursor=!"), 2, "answered 400: cursor: expected a cursor"),
        (("get", "/v2/insights/a"), 1, "answered 501: GET /v2/insights/a is not implemented by this server"),
    ],
)
def test_what_a_server_refuses_is_told(
    command: Command, dev: str, arguments: tuple[str, ...], code: int, text: str
) -> None:
    plain = command("api", *arguments, "--url", dev)
    assert (plain.code, plain.out) == (code, "")
    assert text in plain.err
    program = command("api", *arguments, "--url", dev, "--json")
    assert (program.code, program.err) == (code, "")
    assert text in program.json["error"]
    assert f"answered {program.json['status']}" in text
    assert program.json["answer"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("get", "/v1/events", "-p", "nam=paid"),
            "--param: GET /v1/events has no parameter 'nam'; it has limit, cursor, name, received_after, received_bef",
        ),
        (("get", "/v1/events?limit=1&colour=red"), "--param: GET /v1/events has no parameter 'colour'; it has limit, "),
        (
            ("get", "/v1/runs/{id}", "-p", f"id={UNKNOWN}", "-p", "includeOutput=1"),
            "--param: GET /v1/runs/{run_id} has no parameter 'includeOutput'; it has none",
        ),
        (
            ("post", "/v1/cancellations", "{}", "-p", "limit=1"),
            "--param: POST /v1/cancellations has no parameter 'limit'; it has none",
        ),
    ],
)
def test_parameters_that_version_1_ignores_are_refused(
    command: Command, dev: str, arguments: tuple[str, ...], text: str
) -> None:
    ran = command("api", *arguments, "--url", dev, "--json")
    assert (ran.code, ran.err) == (2, "")
    assert ran.json["error"].startswith(text)
    assert ran.json["hint"] == ("did you mean name?" if "nam=paid" in arguments else None)


def test_parameters_that_version_1_has_are_sent(command: Command, dev: str, strange: str) -> None:
    assert command("api", "get", "/v1/events", "-p", "limit=1", "-p", "name=none", "--url", dev, "--json").code == 0
    assert command("api", "get", "/v1/events", "-p", "limit=1", "--url", strange, "--json").json == []


def test_a_conflict_and_a_limit_are_told(command: Command, dev: str) -> None:
    path = "/v2/apps/shop/functions/echo/invoke"
    for expected in (0, 1):
        ran = command("api", "post", path, '{"idempotencyKey": "once"}', "--url", dev, "--json")
        assert ran.code == expected
    assert ran.json["status"] == 409
    assert ran.json["answer"]["errors"][0]["code"] == "idempotency_conflict"


def test_a_server_with_keys(command: Command, guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("api", "get", "/v2/apps", "--url", guarded)
    refused = command(*asked)
    assert refused.code == 1
    assert "answered 401: a signing key is required" in refused.err
    assert "--signing-key or in INNGEST_SIGNING_KEY" in refused.err
    wrong = command(*asked, "--signing-key", "ff")
    assert wrong.code == 1
    assert "answered 401: this server does not know the signing key" in wrong.err
    assert command(*asked, "--signing-key", KEY).code == 0
    monkeypatch.setenv("INNGEST_SIGNING_KEY", KEY)
    assert command(*asked).code == 0
    monkeypatch.setenv("INNGEST_API_KEY", "sk-inn-api-none")
    assert command(*asked).code == 1  # it comes before the signing key
    monkeypatch.setenv("INNGEST_API_KEY", KEY)
    monkeypatch.setenv("INNGEST_SIGNING_KEY", "ff")
    assert command(*asked).code == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("get", "http://localhost/v2/runs"), "PATH: expected a path such as /v2/runs, got 'http://localhost/v2/runs'"),
        (("get", "/v2/runs/{run_id}"), "PATH: /v2/runs/{run_id} has no value for run_id"),
        (("get", "/v2/runs", "-p", "status"), "--param: expected NAME=VALUE, such as status=FAILED, got 'status'"),
        (("get", "/v2/runs", "-p", "=x"), "--param: expected NAME=VALUE"),
        (("get", "/v2/runs", "--url", "nowhere"), "--url: expected the address of a server"),
        (("get", "/v2/runs", "--url", "http://[::1"), "--url: expected the address of a server"),
        (("get", "/v2/runs", "--timeout", "soon"), "--timeout: expected seconds"),
        (("get", "/v2/runs", "--signing-key", "signkey-prod-xyz"), "--signing-key: expected an even number"),
        (("get", "/v2/runs", "--signing-key", "a\nb"), "--signing-key: expected an even number"),
        (("post", "/v2/events", "{"), "DATA is not JSON"),
        (("post", "/v2/events", "@none"), "@none cannot be read"),
        (("post", "/v2/events", '{"x": NaN}'), "DATA: $.x: nan is not a JSON number"),
    ],
)
def test_a_mistake_is_named(command: Command, arguments: tuple[str, ...], text: str) -> None:
    ran = command("api", *arguments, "--json")
    assert (ran.code, ran.err) == (2, "")
    assert text in ran.json["error"]
    assert "xyz" not in ran.json["error"]


def test_a_server_that_is_not_there(command: Command) -> None:
    (port,) = free_ports(1)
    ran = command("api", "get", "/v2/runs", "--url", f"http://127.0.0.1:{port}")
    assert ran.code == 3
    assert f"no server answers at http://127.0.0.1:{port}" in ran.err
    assert "`inngest dev app.py`" in ran.err


class Strange(http.server.BaseHTTPRequestHandler):
    """A server of something else."""

    slow: threading.Event

    def do_GET(self) -> None:
        """Answer."""
        answers: dict[str, tuple[int, bytes]] = {
            "/page": (200, b"<html>"),
            "/moved": (307, b""),
            "/text": (500, b'"no"'),
            "/v2/openapi.json": (200, b'{"paths": []}'),
            "/v1/events?limit=1": (200, b"[]"),
        }
        if self.path == "/slow":
            self.slow.wait()
            return
        status, body = answers[self.path]
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-type", "text/html")
        self.send_header("location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def strange() -> Generator[str]:
    Strange.slow = slow = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Strange)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    slow.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("get", "/page"), 1, "answered 200 with something that is not JSON (text/html)"),
        (("get", "/moved"), 1, "answered 307: it is at /elsewhere, and redirects are not followed"),
        (("get", "/text"), 1, "answered 500: Internal Server Error"),
        (("get", "/slow", "--timeout", "10ms"), 4, "has not answered after 10 ms"),
        (("list",), 1, "the server has no OpenAPI document that can be read"),
    ],
)
def test_a_server_of_something_else(
    command: Command, strange: str, arguments: tuple[str, ...], code: int, text: str
) -> None:
    ran = command("api", *arguments, "--url", strange, "--json")
    assert (ran.code, ran.err) == (code, "")
    assert text in ran.json["error"]


def completions(line: str, folder: Path) -> set[str]:
    asked = {"_INNGEST_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    return set(run_inngest(cwd=folder, **asked).stdout.split("\n"))


def test_a_shell_completes_commands_and_paths(tmp_path: Path) -> None:
    assert completions("inngest api ", tmp_path) >= {"delete", "get", "list", "patch", "post"}
    paths = completions("inngest api get /v2/runs", tmp_path)
    assert {"/v2/runs", "/v2/runs/{run_id}", "/v2/runs/{run_id}/trace"} <= paths
    assert "/v2/runs/{run_id}/cancel" in completions("inngest api post /v2/runs", tmp_path)


def test_there_is_a_command_for_each_method() -> None:
    group: Any = typer.main.get_group(app).commands["api"]
    assert set(group.commands) == {"list", "get", "post", "patch", "delete"}
