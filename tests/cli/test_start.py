"""`inngest start`: the server for production, as a process."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx

from inngest import Engine
from inngest.embedded.engine import host_of
from inngest.protocol import steps
from inngest.protocol.wire import signing

from .processes import PATIENCE, inngest, with_files
from .small_app import SmallApp, small_app
from .started import KEYS, SIGNING, started


def test_without_keys_it_does_not_start(tmp_path: Path) -> None:
    ran = inngest("start", cwd=tmp_path)
    assert ran.returncode == 2
    assert "a signing key is needed" in ran.stderr
    assert "INNGEST_SIGNING_KEY" in ran.stderr
    ran = inngest("start", "--json", cwd=tmp_path, INNGEST_SIGNING_KEY=SIGNING)
    assert (ran.returncode, json.loads(ran.stdout)["error"][:26]) == (2, "an event key is needed: wh")
    assert list(tmp_path.iterdir()) == []


def test_keys_open_what_they_are_for_and_are_never_told(tmp_path: Path) -> None:
    with started(tmp_path) as server, httpx.Client(base_url=server.url, timeout=PATIENCE) as http:
        assert http.get("/health").status_code == 200
        assert http.get("/ready").headers["x-inngest-server-kind"] == "cloud"
        assert http.post("/e/another", json={"name": "a"}).status_code == 401
        sent = http.post("/e/event-key", json={"name": "a"})
        assert sent.status_code == 200
        path = f"/v1/events/{sent.json()['ids'][0]}/runs"
        assert http.get(path).status_code == 401
        bearer = {"authorization": f"Bearer {signing.hashed(SIGNING)}"}
        assert http.get(path, headers=bearer).json()["data"] == []
        assert http.get(path, headers={**bearer, "host": "evil.test"}).status_code == 200
        assert server.stop() == 0
        server.until("stopped")
    said = "".join(server.lines)
    for secret in (SIGNING, signing.hashed(SIGNING), "event-key"):
        assert secret not in said


def test_it_listens_on_this_machine_unless_told_otherwise(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        assert server.url.startswith("http://127.0.0.1:")
    with started(tmp_path, INNGEST_HOST="0.0.0.0") as server:
        assert httpx.get(f"{server.url}/health", timeout=PATIENCE).status_code == 200


def test_settings_of_the_file_are_found_from_a_folder_below(tmp_path: Path) -> None:
    (tmp_path / "inngest.toml").write_text("database = 'kept/here.db'\n[event_key]\nshop = 'k2'\n")
    folder = tmp_path / "below"
    folder.mkdir()
    with started(folder, INNGEST_EVENT_KEY="") as server:
        assert httpx.post(f"{server.url}/e/k2", json={"name": "a"}, timeout=PATIENCE).status_code == 200
    assert (folder / "kept" / "here.db").exists()


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        port = server.url.rpartition(":")[2]
        ran = inngest("start", "--port", port, cwd=tmp_path, **KEYS)
    assert ran.returncode == 3
    assert f"--port: {port} is in use at 127.0.0.1" in ran.stderr


def test_the_limit_of_open_files_is_raised_as_far_as_it_is_needed(tmp_path: Path) -> None:
    with started(tmp_path, before=with_files("-Sn 256")) as server:
        said = "".join(server.lines)
        found = Path(f"/proc/{server.process.pid}/limits")
        if found.exists():
            (line,) = [line for line in found.read_text().splitlines() if line.startswith("Max open files")]
            assert line.split()[3] == "4352"
        server.stop()
    assert "files and connections open" not in said


def test_a_limit_of_open_files_that_is_too_low_is_told_with_its_mend(tmp_path: Path) -> None:
    with started(tmp_path, before=with_files("-n 512")) as server:
        (line,) = [json.loads(line) for line in server.lines if "files and connections open" in line]
        server.stop()
    assert line["level"] == "warning"
    assert line["message"] == (
        "this process may have 512 files and connections open, and a server with 2,048 calls of apps under way "
        "needs 4,352: raise the limit with `ulimit -n 4352`, or LimitNOFILE=4352 in a unit of systemd"
    )


def test_an_app_that_is_named_is_called_with_signed_requests(tmp_path: Path) -> None:
    with small_app(SmallApp(bearer=signing.hashed(SIGNING))) as app, started(tmp_path, "-u", app.url) as server:
        server.until("has registered with another server")
        assert app.puts == 1
        app.server = server.url
        # It is asked until it has registered.
        assert "app shop has registered 1 function" in server.until("app shop ")
        sent = httpx.post(f"{server.url}/e/event-key", json={"name": "shop/said"}, timeout=PATIENCE)
        assert sent.status_code == 200
        assert app.called.wait(PATIENCE)
        assert app.calls[0]["x-inngest-signature"].startswith("t=")
        assert server.stop() == 0


async def failure_of(folder: Path, event_id: str) -> str:
    """The message of the error with which the only run of an event ends."""
    async with Engine([], database=f"sqlite:///{folder}/.inngest/inngest.db") as engine:
        (run,) = await engine.runs(event_id=event_id)
        ended = await host_of(engine).end_of(run.id, PATIENCE)
    assert ended.error is not None
    return ended.error.message


def test_a_run_may_have_as_many_steps_as_the_settings_allow(tmp_path: Path) -> None:
    (tmp_path / "inngest.toml").write_text("max_steps = 1\n")
    reports = [[{"op": "StepRun", "id": steps.hash_step_id(one), "displayName": one, "data": 1}] for one in "ab"]
    answers = [(206, json.dumps(report).encode()) for report in reports]
    with (
        small_app(SmallApp(bearer=signing.hashed(SIGNING), answers=answers)) as app,
        started(tmp_path, "-u", app.url) as server,
    ):
        app.server = server.url
        server.until("app shop has registered")
        sent = httpx.post(f"{server.url}/e/event-key", json={"name": "shop/said"}, timeout=PATIENCE).json()
        error = asyncio.run(failure_of(tmp_path, sent["ids"][0]))
    assert error.startswith('the run has more than 1 steps, at step "b": raise max_steps')


def test_an_app_on_a_private_address_that_nobody_named_is_not_called(tmp_path: Path) -> None:
    """It may register, and the server says how to have it called."""
    with small_app(SmallApp(bearer=SIGNING)) as app, started(tmp_path) as server:
        app.server = server.url
        status, _ = app.register()
        assert status == 200
        httpx.post(f"{server.url}/e/event-key", json={"name": "shop/said"}, timeout=PATIENCE)
        assert f"--allow-host localhost:{app.port} " in server.until("--allow-host")
        assert app.calls == []


def test_an_app_without_the_key_does_not_register(tmp_path: Path) -> None:
    with started(tmp_path) as server, small_app(SmallApp(server=server.url, bearer="ff")) as app:
        assert app.register()[0] == 401
