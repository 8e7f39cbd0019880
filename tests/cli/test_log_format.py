"""`--log-format`, and what lines of JSON say, for each command that runs long; and `inngest start --traces`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from inngest.protocol import traces
from inngest.protocol.wire import signing

from .gated import Gate
from .processes import INNGEST, PATIENCE, environment, inngest
from .small_app import SmallApp, small_app
from .started import KEYS, SIGNING, started

APP = """
import logging
import inngest

client = inngest.Inngest(app_id="shop")
SHOP = logging.getLogger("shop.orders")
SHOP.setLevel(logging.INFO)


@client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="pay"))
def pay(ctx: inngest.ContextSync) -> None:
    ctx.step.run("charge", lambda: SHOP.info("charging"))
"""


def line_of(process: subprocess.Popen[str], stream: Any, message: str) -> dict[str, Any]:
    """The next line with a message; then the process is told to stop."""
    for text in stream:
        line: dict[str, Any] = json.loads(text)
        if line.get("message") == message:
            process.send_signal(signal.SIGTERM)
            return line
    raise AssertionError(f"nothing said {message!r}")


def check(line: dict[str, Any], run_id: str) -> None:
    """It is the line of the step's handler."""
    expected = {
        "level": "info",
        "logger": "shop.orders",
        "run_id": run_id,
        "function_id": "shop-pay",
        "step": "charge",
        "attempt": 0,
        "trace_id": traces.of_run(run_id, None).trace,
    }
    assert {name: line[name] for name in expected} == expected


@pytest.mark.parametrize("given", [["--log-format", "json"], ["--json"], []])
def test_a_worker_writes_json(tmp_path: Path, given: list[str]) -> None:
    (tmp_path / "app.py").write_text(APP)
    env = environment(**({} if given else {"INNGEST_LOG_FORMAT": "json"}))
    command = [INNGEST, "worker", "app.py", *given]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stderr is not None
        assert "running shop-pay" in json.loads(worker.stderr.readline())["message"]
        ran = inngest("invoke", "shop-pay", "--json", cwd=tmp_path)
        line = line_of(worker, worker.stderr, "charging")
        assert all(json.loads(text) for text in worker.stderr)
    check(line, json.loads(ran.stdout)["run"]["id"])


@pytest.mark.parametrize("given", [["--log-format", "json"], []])
def test_the_development_server_writes_records(tmp_path: Path, given: list[str]) -> None:
    (tmp_path / "app.py").write_text(APP)
    env = environment(**({} if given else {"INNGEST_LOG_FORMAT": "json"}))
    command = [INNGEST, "dev", "app.py", "--port", "0", "--no-reload", *given]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        serving = next(line for line in map(json.loads, server.stdout) if line["type"] == "serving")
        sent = inngest("send", "pay", "--url", serving["url"], "--json", cwd=tmp_path)
        line = line_of(server, server.stdout, "charging")
        assert all(json.loads(text)["type"] for text in server.stdout)
    assert line["type"] == "log"
    check(line, json.loads(sent.stdout)["started"][0]["id"])


@pytest.mark.parametrize("given", [["--log-format", "json"], []])
def test_the_server_writes_json(tmp_path: Path, given: list[str]) -> None:
    env = environment(**KEYS, **({} if given else {"INNGEST_LOG_FORMAT": "json"}))
    command = [INNGEST, "start", "--port", "0", *given]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = json.loads(server.stderr.readline())
        server.send_signal(signal.SIGTERM)
        assert all(json.loads(text) for text in server.stderr)
        assert server.wait(PATIENCE) == 0
    assert (line["level"], line["logger"]) == ("info", "inngest.server")


@pytest.mark.parametrize("command", [["worker", "app.py"], ["dev", "app.py"], ["start"]])
@pytest.mark.parametrize("given", [["--log-format", "xml"], []])
def test_another_format_is_refused(gate: Gate, command: list[str], given: list[str]) -> None:
    env = {**KEYS, **({} if given else {"INNGEST_LOG_FORMAT": "xml"})}
    ran = inngest(*command, *given, cwd=gate.folder, **env)
    assert ran.returncode == 2
    place = "INNGEST_LOG_FORMAT" if command == ["start"] and not given else "--log-format"
    assert f"{place}: expected text or json, got 'xml'" in ran.stderr


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_spans_that_nobody_takes_are_a_mistake(tmp_path: Path) -> None:
    ran = inngest("start", "--port", "0", "--traces", cwd=tmp_path, **KEYS)
    assert ran.returncode == 2
    assert "--traces: provider: none is set for this process yet" in ran.stderr
    assert "opentelemetry-instrument inngest start" in ran.stderr


INSTRUMENTED = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

told = open("spans", "w", buffering=1)
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(
    SimpleSpanProcessor(
        ConsoleSpanExporter(out=told, formatter=lambda span: f"{span.name} {span.context.trace_id:032x}\\n")
    )
)
del sys.argv[:1]
from inngest_command import main
sys.exit(main())
"""
"""What `opentelemetry-instrument` does: the provider is set before the command begins."""


def test_a_server_makes_spans_with_the_provider_that_is_set(tmp_path: Path) -> None:
    program = tmp_path / "instrumented.py"
    program.write_text(INSTRUMENTED)
    with (
        small_app(SmallApp(bearer=signing.hashed(SIGNING))) as app,
        started(tmp_path, "--traces", "-u", app.url, before=[sys.executable, str(program)]) as server,
    ):
        app.server = server.url
        server.until("app shop has registered")
        sent = httpx.post(f"{server.url}/e/event-key", json={"name": "shop/said"}, timeout=PATIENCE).json()
        server.until("ended: completed")
        assert server.stop() == 0
    trace = app.calls[0]["traceparent"].split("-")[1]
    assert sent["status"] == 200
    lines = (tmp_path / "spans").read_text().splitlines()
    assert sorted(lines) == [f"shop-greet {trace}", f"shop-greet invocation {trace}"]
