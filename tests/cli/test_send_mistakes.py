"""`inngest send`: every mistake, and servers that are not ours or do not answer."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command

DEFAULT = "http://127.0.0.1:8288/"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("{x: 1}",), 2, "DATA is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (("[1]",), 2, "DATA is JSON, but not an object: [1]"),
        (("",), 2, "DATA is not JSON: Expecting value at line 1, column 1"),
        (("[" * 100_000,), 2, "DATA cannot be read as JSON"),
        (('{"x": NaN}',), 2, "the event cannot be sent: data is not JSON: $.x: nan is not a JSON number"),
        (("@gone.json",), 2, "@gone.json cannot be read: No such file or directory"),
        (("@.",), 2, "@. cannot be read: Is a directory"),
        (("@binary",), 2, "@binary is not UTF-8 text: byte 0"),
        (("{}", "--timeout", "5"), 2, "--timeout is how long --wait waits: give both"),
        (("{}", "--wait", "--timeout", "soon"), 2, "--timeout: expected seconds, or a length of time such as"),
        (("{}", "--wait", "--timeout", "-1"), 2, "--timeout: expected seconds"),
        (("{}", "--url", "nonsense"), 2, "--url: expected the address of a server"),
        (("{}", "--url", "http://[x"), 2, "--url: expected the address of a server"),
        (("{}", "--url", "ftp://127.0.0.1:1"), 2, "--url: expected the address of a server"),
        (("{}", "--url", "http://127.0.0.1:1"), 3, "no server answers at http://127.0.0.1:1 ("),
    ],
)
def test_mistakes_are_named(command: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, text: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    ran = command("send", "shop/said", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err
    as_json = command("send", "shop/said", *arguments, "--json")
    assert (as_json.code, as_json.err) == (code, "")
    assert text in as_json.json["error"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "event name is empty"),
        ("inngest/x", "event name is reserved"),
        ("x" * 513, "event name is 513 characters long"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_it_is_sent(command: Command, name: str, text: str) -> None:
    ran = command("send", name)
    assert ran.code == 2
    assert f"the event cannot be sent: {text}" in ran.err


def test_a_mistake_in_json_is_pointed_at(command: Command) -> None:
    lines = command("send", "a", '{"a": 1, b: 2}').err.splitlines()
    assert lines[1:3] == ['  {"a": 1, b: 2}', "           ^"]


class Foreign(http.server.BaseHTTPRequestHandler):
    """A server that is not ours."""

    status = 200
    body = b""
    paths: list[str]

    def do_POST(self) -> None:
        """Answer what the test says."""
        self.paths.append(self.path)
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def do_GET(self) -> None:
        """There are no runs."""
        self.send_response(404)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def foreign() -> Iterator[tuple[str, type[Foreign]]]:
    handler = type("Handler", (Foreign,), {"paths": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler
        server.shutdown()
        thread.join()


def test_a_refusal_is_shown_and_makes_it_fail(command: Command, foreign: tuple[str, type[Foreign]]) -> None:
    url, handler = foreign
    handler.status, handler.body = 401, b'{"ids": [], "status": 401, "error": "event key not found"}'
    ran = command("send", "a", "--url", url, "--key", "secret")
    assert (ran.code, handler.paths) == (1, ["/e/secret"])
    assert f"{url} refused the event: event key not found" in ran.err
    assert "set INNGEST_EVENT_KEY, or name the event key with --key" in ran.err
    handler.status, handler.body = 404, b"<html>nothing here"
    assert "the server answered 404 with something else than JSON" in command("send", "a", "--url", url).err


@pytest.mark.parametrize("arguments", [("send", "a"), ("api", "get", "/v1/events")])
def test_a_server_without_tls_that_is_asked_by_https_is_named(
    command: Command, foreign: tuple[str, type[Foreign]], arguments: tuple[str, ...]
) -> None:
    url, place = foreign[0].replace("http://", "https://"), foreign[0].removeprefix("http://")
    ran = command(*arguments, "--url", url, "--json")
    assert (ran.code, ran.err) == (3, "")
    told = f"no server answers at {url} ({place} speaks HTTP, not HTTPS: use http://{place})"
    assert ran.json["error"] == told
    assert ran.json["hint"] == "write the URL with http://; a proxy that speaks TLS has a port of its own"


def test_a_server_that_does_not_show_runs_cannot_be_waited_for(
    command: Command, foreign: tuple[str, type[Foreign]]
) -> None:
    url, handler = foreign
    handler.body = b'{"ids": ["01KAQ2V7W6T4M3N8S9E0R5Y1XZ"], "status": 200}'
    ran = command("send", "a", "--url", url, "--wait")
    assert ran.code == 3
    assert f"{url} has accepted the event, but does not show its runs (HTTP 404)" in ran.err
    assert "--wait needs `inngest dev`" in ran.err


def test_the_environment_says_where_to_and_with_which_key(
    command: Command, foreign: tuple[str, type[Foreign]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, handler = foreign
    handler.body = b'{"ids": ["01KAQ2V7W6T4M3N8S9E0R5Y1XZ"], "status": 200}'
    monkeypatch.setenv("INNGEST_DEV", url)
    monkeypatch.setenv("INNGEST_EVENT_KEY", "from-env")
    assert command("send", "a").code == 0
    assert handler.paths == ["/e/from-env"]
    found = command("send", "a", "--json").json
    assert (found["started"], found["warning"]) == (None, None)  # it does not tell


class Restarting(http.server.BaseHTTPRequestHandler):
    """A server that accepts an event, and then answers only now and then."""

    looks = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"ids": ["01KYQCVJ7X0000000000000000"], "status": 200})

    def do_GET(self) -> None:
        if not self.path.endswith("/runs"):
            self._answer({"data": []})
            return
        Restarting.looks += 1
        if Restarting.looks <= 3:
            self.send_error(503)
            return
        run = {
            "run_id": "01KYQCVJ7X0000000000000001",
            "function_id": "shop-echo",
            "status": "Completed",
            "event_id": "01KYQCVJ7X0000000000000000",
            "run_started_at": "2026-01-01T00:00:00Z",
            "ended_at": "2026-01-01T00:00:00Z",
            "output": 1,
        }
        self._answer({"data": [run]})

    def _answer(self, body: dict[str, object]) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.mark.parametrize("as_json", [False, True])
def test_who_waits_without_a_terminal_is_told_once_that_the_server_does_not_answer(
    command: Command, as_json: bool
) -> None:
    Restarting.looks = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Restarting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        ran = command("send", "shop/said", "--wait", "--url", url, *(["--json"] if as_json else []))
        server.shutdown()
    told = f"the server at {url} does not answer now; looking again for 30 s\n"
    assert (ran.code, ran.err) == (0, "" if as_json else told)
    assert Restarting.looks == 4


def test_who_sends_without_a_terminal_is_told_once_that_it_is_tried_again(command: Command) -> None:
    ran = command("send", "shop/said", "--url", "http://127.0.0.1:1")
    again, error, *_ = ran.err.splitlines()
    assert again.startswith("no server answers at http://127.0.0.1:1 (")
    assert again.endswith("; trying again")
    assert error.startswith("error: no server answers at http://127.0.0.1:1 (")
