"""`inngest worker`: functions run in processes that listen nowhere, as many as there are, on either database."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inngest import Engine
from inngest.cli import arguments
from inngest.embedded.engine import host_of
from inngest.protocol.wire import signing
from tests import postgres

from . import processes
from .gated import Gate
from .processes import PATIENCE, inngest
from .small_app import SmallApp, small_app
from .started import SIGNING, Logged, started


class Worker(Logged):
    """`inngest worker app.py`, with an address for probes."""

    def __init__(self, folder: Path, *arguments: str, **env: str) -> None:
        super().__init__(folder, "worker", "app.py", *arguments, "--health", "0", **env)
        said = self.until("telling at ").removeprefix("telling at ")
        self.url = said.partition("/health")[0]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """An app whose second step waits for the test."""
    return Gate(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, gate: Gate, schema: str) -> str:
    """A database that is not there yet."""
    return str(gate.folder / "work.db") if request.param == "sqlite" else postgres.server().url(schema=schema)


@pytest.fixture
def schema() -> Iterator[str]:
    """A schema of PostgreSQL that is not there yet."""
    schema = "s" + uuid.uuid4().hex
    yield schema
    postgres.server().execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    """The workers of a test, which are ended with it."""
    found: list[Worker] = []
    yield found
    for worker in found:
        worker.process.kill()
        worker.close()


def invoke(gate: Gate, database: str) -> str:
    """Start a run; its id."""
    ran = inngest("invoke", "shop-three", "--json", "--database", database, cwd=gate.folder)
    assert ran.returncode == 0, ran.stderr
    return str(json.loads(ran.stdout)["run"]["id"])


async def test_a_run_goes_on_in_another_worker_after_a_kill(gate: Gate, database: str, workers: list[Worker]) -> None:
    workers.append(Worker(gate.folder, INNGEST_DATABASE=database, INNGEST_LEASE="2s"))
    run = invoke(gate, database)
    gate.until_begun()
    workers.append(Worker(gate.folder, "--database", database, "--lease", "2s"))
    workers[0].process.send_signal(signal.SIGKILL)
    gate.until_begun()  # in the other one
    gate.open()
    async with Engine([], database=arguments.database_url(database)) as engine:
        ended = await host_of(engine).end_of(run, PATIENCE)
    assert ended.status.value == "COMPLETED"
    assert gate.ledger == ["one", "two", "two", "three"]


def test_a_worker_that_is_told_to_stop_lets_its_handler_end(gate: Gate, workers: list[Worker]) -> None:
    worker = Worker(gate.folder)
    workers.append(worker)
    assert httpx.get(f"{worker.url}/ready", timeout=PATIENCE).json() == {"status": 200, "message": "OK"}
    run = invoke(gate, ".inngest/inngest.db")
    gate.until_begun()
    worker.process.send_signal(signal.SIGTERM)
    worker.until("handlers that run have 30 s to end")
    unready = httpx.get(f"{worker.url}/ready", timeout=PATIENCE)
    assert (unready.status_code, unready.json()["message"]) == (503, "the engine starts, or stops")
    assert httpx.get(f"{worker.url}/health", timeout=PATIENCE).status_code == 200
    assert "inngest_runs_in_flight 1.0" in httpx.get(f"{worker.url}/metrics", timeout=PATIENCE).text
    assert httpx.get(f"{worker.url}/e/key", timeout=PATIENCE).status_code == 404  # nothing else is there
    gate.open()
    worker.until("stopped; runs that had not ended go on in another worker")
    assert worker.process.wait(PATIENCE) == 0
    shown = json.loads(inngest("run", run, "--json", cwd=gate.folder).stdout)
    assert [step["id"] for step in shown["steps"]] == ["one", "two"]
    assert gate.ledger == ["one", "two"]


@pytest.mark.parametrize("hangs_up", [False, True], ids=["no_answer", "no_connection"])
def test_a_worker_ends_though_its_database_does_not_answer(
    gate: Gate, workers: list[Worker], schema: str, *, hangs_up: bool
) -> None:
    server = postgres.server()
    url = server.url(schema=schema) + "&connect_timeout=0"  # the driver waits for as long as it takes
    worker = Worker(gate.folder, "--database", url, "--drain-timeout", "1s", "--lease", "2s")
    workers.append(worker)
    with postgres.frozen(server, hangs_up=hangs_up):
        if hangs_up:
            worker.until("was not told that this worker lives")
        unready = httpx.get(f"{worker.url}/ready", timeout=PATIENCE)
        assert unready.status_code == 503
        assert unready.json()["message"].startswith(("the database has not ", "postgresql://"))
        metrics = httpx.get(f"{worker.url}/metrics", timeout=PATIENCE).text
        assert "inngest_worker_ready 0.0" in metrics
        assert "inngest_queue_depth" not in metrics
        worker.process.send_signal(signal.SIGTERM)
        worker.until("s: the engine stops without it")
        worker.until("stopped; runs that had not ended go on in another worker")
        assert worker.process.wait(PATIENCE) == 0
    worker.close()
    assert "Traceback" not in "".join(worker.lines)


def test_a_worker_ends_though_what_its_handler_did_cannot_be_recorded(
    gate: Gate, workers: list[Worker], schema: str
) -> None:
    url = postgres.server().url(schema=schema)
    worker = Worker(gate.folder, "--database", url, "--drain-timeout", "1s")
    workers.append(worker)
    invoke(gate, url)
    gate.until_begun()
    with postgres.frozen(postgres.server()):
        worker.process.send_signal(signal.SIGTERM)
        worker.until("handlers that run have 1 s to end")
        gate.open()
        worker.until("s: the engine stops without it")
        assert worker.process.wait(PATIENCE) == 0


def test_a_function_of_an_app_is_taken_over_and_given_back(gate: Gate, database: str, workers: list[Worker]) -> None:
    with small_app(SmallApp(function="three", bearer=signing.hashed(SIGNING))) as app:
        allowed = ("--allow-host", f"localhost:{app.port}")
        with started(gate.folder, "--sdk-url", app.url, "--database", database, *allowed) as server:
            app.server = server.url
            httpx.put(app.url, timeout=PATIENCE)
            workers.append(Worker(gate.folder, "--database", database))
            said = "".join(workers[0].lines)
            assert f"functions that app shop serves at {app.url} run here from now on: shop-three. To give" in said
            assert httpx.put(app.url, timeout=PATIENCE).status_code == 200  # what the server says is no matter to it
            assert workers[0].stop() == 0
            run = invoke(gate, database)
            why = inngest("run", run, "--why", "--database", database, cwd=gate.folder).stdout
            assert f"if app shop is to serve it, have that register again (PUT {app.url})" in " ".join(why.split())
            assert not app.called.is_set()
            httpx.put(app.url, timeout=PATIENCE)
            assert app.called.wait(PATIENCE)
            workers.append(Worker(gate.folder, "--database", database))
            assert "run here from now on" in "".join(workers[1].lines)
            workers[1].stop()
            workers.append(Worker(gate.folder, "--database", database))
            assert "run here from now on" not in "".join(workers[2].lines)  # they did


async def test_a_run_may_have_as_many_steps_as_a_worker_allows(
    gate: Gate, database: str, workers: list[Worker]
) -> None:
    workers.append(Worker(gate.folder, "--database", database, INNGEST_MAX_STEPS="1"))
    run = invoke(gate, database)
    gate.until_begun()
    gate.open()
    async with Engine([], database=arguments.database_url(database)) as engine:
        ended = await host_of(engine).end_of(run, PATIENCE)
    assert ended.error is not None
    assert ended.error.message.startswith('the run has more than 1 steps, at step "two": raise max_steps (--max-steps)')
    assert gate.ledger == ["one", "two"]


def test_the_second_signal_ends_it_at_once(gate: Gate, workers: list[Worker]) -> None:
    worker = Worker(gate.folder)
    workers.append(worker)
    invoke(gate, ".inngest/inngest.db")
    gate.until_begun()
    worker.process.send_signal(signal.SIGTERM)
    worker.until("handlers that run have")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(PATIENCE) == 130


def test_a_log_that_the_code_sets_up_is_where_lines_go(gate: Gate) -> None:
    code = gate.app.read_text()
    gate.app.write_text(code + '\nimport logging\nlogging.basicConfig(format="mine %(message)s")\n')
    worker = subprocess.Popen(
        [processes.INNGEST, "worker", "app.py"],
        cwd=gate.folder,
        env=processes.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    with worker:
        line = worker.stderr.readline()
        worker.send_signal(signal.SIGTERM)
    assert line.startswith("mine running shop-three; the database is .inngest/inngest.db")
    assert worker.returncode == 0


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ([], 2, "Missing argument"),
        (["missing.py"], 2, "missing.py: there is no such file"),
        (["app.py:nobody"], 2, "expected an inngest.Inngest client, found nothing of that name"),
        (["broken.py"], 1, "broken.py cannot be loaded: RuntimeError: no key"),
        (["app.py", "--health", "here"], 2, "--health: 'here' is no address"),
        (["app.py", "--health", ":8080"], 2, "--health: ':8080' is no address"),
        (["app.py", "--health", "99999"], 2, "--health: '99999' is no address"),
        (["app.py", "--health", "9" * 5_000], 2, "--health: '9999"),
        (["app.py", "--database", f"postgresql://there:{'9' * 5_000}/x"], 2, "a port is a number from 1 to 65535"),
        (["app.py", "--max-runs-in-flight", "9" * 5_000], 2, "--max-runs-in-flight: expected a whole number from 1"),
        (["app.py", "--drain-timeout", "9" * 5_000 + "s"], 2, "--drain-timeout: expected"),
        (["app.py", "--lease", "1s"], 2, "--lease: expected 2 s to 5 min, got '1s'"),
        (["app.py", "--retention", "soon"], 2, "--retention: expected seconds"),
        (["app.py", "--retention", "100ms"], 2, "--retention: expected at least 1 s, such as 12h or 30d, or off"),
        (["app.py", "--drain-timeout", "soon"], 2, "--drain-timeout: expected seconds"),
        (["app.py", "--retry-interval", "25h"], 2, "--retry-interval: expected at most 24 h, got '25h'"),
        (["app.py", "--max-steps", "10001"], 2, "--max-steps: expected a whole number from 1 to 10,000, got '10001'"),
        (["app.py", "--max-runs-in-flight", "0"], 2, "--max-runs-in-flight: expected a whole number from 1"),
        (["app.py", "--thread-pool-size", "many"], 2, "--thread-pool-size: expected a whole number from 1"),
        (["app.py", "--database", "mysql://there"], 2, "--database: expected a file"),
        (["app.py", "--database", "postgresql://127.0.0.1:1/none"], 3, "postgresql://127.0.0.1:1/none"),
    ],
)
def test_a_mistake_is_told_with_its_mend(gate: Gate, given: list[str], code: int, said: str) -> None:
    (gate.folder / "broken.py").write_text('raise RuntimeError("no key")\n')
    ran = inngest("worker", *given, cwd=gate.folder)
    assert ran.returncode == code
    assert said in " ".join(ran.stderr.replace("│", " ").split())
    assert "/inngest/" not in ran.stderr  # no frame of ours


def test_a_port_of_probes_that_is_in_use_is_named_by_its_option(gate: Gate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = inngest("worker", "app.py", "--health", str(port), cwd=gate.folder)
    assert ran.returncode == 3
    assert f"--health: {port} is in use at 127.0.0.1: another server may be running" in ran.stderr
    assert "--health 0 takes any that is free" in ran.stderr
    ran = inngest("worker", "app.py", "--health", "nowhere.invalid:0", cwd=gate.folder)
    assert (ran.returncode, "--health: 'nowhere.invalid' is no address of this machine" in ran.stderr) == (2, True)
