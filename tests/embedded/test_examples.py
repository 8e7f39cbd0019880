"""The examples run as their texts say."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import inngest
from tests.house.tree import ROOT

SCRIPT = ROOT / "examples" / "script.py"
UNKNOWN = "01KAQ2V7W6T4M3N8S9E0R5Y1XZ"
MONTHS = ["January", "February", "March", "April"]
PATIENCE = 60.0


@pytest.fixture
def fastapi(tmp_path: Path) -> Iterator[httpx.Client]:
    """The application in a process, served by uvicorn on a socket that is open already: nobody has to wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        command = ["-m", "uvicorn", "examples.fastapi_app:app", "--fd", str(sock.fileno())]
        server = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=with_database(tmp_path), pass_fds=[sock.fileno()]
        )
        with httpx.Client(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", timeout=PATIENCE) as http:
            yield http
        server.send_signal(signal.SIGINT)
        assert server.wait(PATIENCE) == 0


def with_database(folder: Path) -> dict[str, str]:
    return {**os.environ, "DATABASE": f"sqlite:///{folder}/shop.db"}


def test_fastapi(fastapi: httpx.Client) -> None:
    placed = fastapi.post("/orders", params={"item": "apple"})
    assert placed.status_code == 202
    order = placed.json()["order"]
    assert fastapi.get(f"/orders/{order}/result").json() == {"receipt": "120 cents", "parcel": "one apple"}
    assert fastapi.get(f"/orders/{order}").json() == {
        "status": "COMPLETED",
        "done": ["charge", "pack", "ship"],
        "result": {"receipt": "120 cents", "parcel": "one apple"},
        "error": None,
    }
    bad = fastapi.post("/orders", params={"item": "stone"}).json()["order"]
    refused = fastapi.get(f"/orders/{bad}/result")
    assert (refused.status_code, refused.json()["detail"]) == (409, "we do not sell stone")
    assert fastapi.get(f"/orders/{UNKNOWN}").status_code == 404
    assert fastapi.get(f"/orders/{UNKNOWN}/result").status_code == 404


def test_flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE", f"sqlite:///{tmp_path}/shop.db")
    from examples import flask_app

    http = flask_app.create_app().test_client()
    placed = http.post("/orders", query_string={"item": "pear"})
    assert placed.status_code == 202
    order = placed.get_json()["order"]
    done = http.get(f"/orders/{order}/result")
    assert done.get_json() == {"result": {"receipt": "150 cents", "parcel": "one pear"}}
    bad = http.post("/orders", query_string={"item": "stone"}).get_json()["order"]
    refused = http.get(f"/orders/{bad}/result")
    assert (refused.status_code, refused.get_json()["error"]) == (409, "we do not sell stone")
    assert http.get(f"/orders/{UNKNOWN}/result").status_code == 404
    flask_app.stop()


def test_workers_that_a_server_forks_go_on_with_runs_before_any_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE", f"sqlite:///{tmp_path}/shop.db")
    from examples import flask_app

    page = (ROOT / "docs/howto/web-application.md").read_text(encoding="utf-8")
    (config,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def post_fork" in code]
    (tmp_path / "gunicorn.conf.py").write_text(config)
    with inngest.Engine(flask_app.client, database=tmp_path / "shop.db", drain_timeout=0) as engine:
        (event_id,) = engine.send_sync(inngest.Event(name="shop/order.placed", data={"item": "pear"}))
        (run,) = engine.runs_sync(event_id=event_id)

    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "--preload"]
    config_of = ["--config", str(tmp_path / "gunicorn.conf.py"), "examples.flask_app:app"]
    server = subprocess.Popen([*command, *config_of], cwd=ROOT, env=with_database(tmp_path), stderr=subprocess.DEVNULL)
    try:
        with inngest.Engine([], database=tmp_path / "shop.db") as reader:
            assert reader.wait_sync(run.id, timeout=60_000) == {"receipt": "150 cents", "parcel": "one pear"}
    finally:
        server.terminate()
        assert server.wait(PATIENCE) == 0


def test_the_script_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    env = {**os.environ, "SECONDS_PER_MONTH": "0.2"}
    first = subprocess.Popen([sys.executable, SCRIPT], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    with first:
        lines = [first.stdout.readline() for _ in range(3)]
        first.send_signal(signal.SIGKILL)
        lines += first.stdout.readlines()  # it went on for a moment
    begun = [line for line in lines if line.startswith("adding up")]
    assert begun == [f"adding up {month} …\n" for month in MONTHS][: len(begun)]
    other = subprocess.check_output(
        [sys.executable, SCRIPT, "2026"], cwd=tmp_path, env=env, text=True, timeout=PATIENCE
    )
    assert (len(other.splitlines()), other.splitlines()[-1]) == (5, "the report of 2026: 25")
    second = subprocess.check_output([sys.executable, SCRIPT], cwd=tmp_path, env=env, text=True, timeout=PATIENCE)
    *again, report = second.splitlines()
    left = [f"adding up {month} …" for month in MONTHS]
    assert again in (left[len(begun) - 1 :], left[len(begun) :])  # the last may be recorded
    assert report == "the report of 2025: 25"
