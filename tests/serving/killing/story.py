"""One phase: runs go on while processes are killed and lines are cut; then all come to their end, and are judged."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from inngest import Run
from inngest.embedded.reader import Reader
from inngest.protocol.wire import signing
from tests import processes
from tests.processes import PATIENCE, Started

from . import app, judge, server
from .app import ENDINGS, EVENT, KINDS, REFUSED, SIGNING
from .judge import Judge
from .lines import CALLS, CHECKPOINTS, Lines
from .log import Log

PRELOADED = ("uvicorn", "aiohttp", "inngest.starlette", "inngest.cli.start.serving", "inngest.server.app")
TICK = 0.02
HEADS = ("phase", "runs", "steps", "kills", "cuts", "again, unrecorded", "again, recorded", "lost")
OVER = ("COMPLETED", "FAILED", "CANCELLED")


@dataclass(frozen=True)
class Row:
    """A phase in figures."""

    phase: str
    runs: int
    steps: int
    kills: int
    cuts: int
    again_unrecorded: int
    again_recorded: int
    lost: int


class Story:
    """A phase.

    Args:
        phase: its name, and the seed of what is left to chance.
        folder: an empty folder.
        servers: how many there are, on one database.
        share: of the lines that are cut; 0: processes are connected directly, unless there are several servers.
        after_requests: see `Lines`, of those to the app.
        plant: a planted bug of the servers; "" for none.
    """

    def __init__(
        self,
        phase: str,
        folder: Path,
        *,
        servers: int = 1,
        share: float = 0.0,
        after_requests: float = 0.0,
        plant: str = "",
    ) -> None:
        self.phase = phase
        self.chance = random.Random(phase)
        self.judge = Judge()
        self.kills = 0
        self.acked: list[str] = []
        self.lost: list[str] | None = None  # None: not judged yet
        self._folder = folder
        self._plant = plant
        self._log = Log(folder / "log.jsonl")
        self._ports = processes.free_ports(servers + 1)
        self._alive: dict[int, Started] = {}  # by place in _ports; the app is the last
        self.lines: list[Lines] = []
        self._to_app, self._to_server = self._ports[-1], self._ports[0]
        if servers > 1 or share or after_requests:
            to_app = Lines(self.chance, self._app_ports, share, CALLS, after_requests)
            self.lines = [to_app, Lines(self.chance, self._server_ports, share, CHECKPOINTS)]
            self._to_app, self._to_server = (lines.port for lines in self.lines)
        self._http = httpx.Client(timeout=PATIENCE, headers={"authorization": f"Bearer {signing.hashed(SIGNING)}"})

    # -- processes

    @property
    def app(self) -> int:
        """The place of the app."""
        return len(self._ports) - 1

    @property
    def servers(self) -> Sequence[int]:
        """The places of the servers."""
        return range(self.app)

    def is_alive(self, place: int) -> bool:
        """Whether a process runs."""
        return place in self._alive

    def _app_ports(self) -> list[int]:
        return [self._ports[self.app]] if self.app in self._alive else []

    def _server_ports(self) -> list[int]:
        return [self._ports[place] for place in list(self._alive) if place != self.app]

    def start(self, place: int) -> None:
        """Start a process, and wait until it answers."""
        port = self._ports[place]
        if place == self.app:
            server_url, origin = (f"http://127.0.0.1:{port}" for port in (self._to_server, self._to_app))
            started = processes.start(app.serve, self._folder, port, server_url, origin, bool(self._plant))
            started.expect("ready")
        else:
            url = f"http://127.0.0.1:{self._to_app}/api/inngest"
            started = processes.start(server.serve, self._folder, place, port, url, self._plant)
            self.until(lambda: self._answers(port), f"server {place} does not answer")
        self._alive[place] = started

    def begin(self) -> None:
        """Start all, and wait until the app has registered."""
        for place in (*self.servers, self.app):
            self.start(place)
        self.until(lambda: self._get(self._ports[0], "/v1/apps/kill/functions"), "the app does not register")

    def kill(self, place: int) -> None:
        """`kill -9`."""
        started = self._alive.pop(place)
        started.kill()
        started.close()
        self.kills += 1

    def _answers(self, port: int) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self._http.get(f"http://127.0.0.1:{port}/ready").status_code == 200
        return False

    def _get(self, port: int, path: str) -> object:
        answer = self._http.get(f"http://127.0.0.1:{port}{path}")
        return answer.json() if answer.status_code == 200 else None

    # -- runs

    def send(self, count: int) -> None:
        """Events that start so many runs, of each kind in turn; each is sent until it is acknowledged."""
        for _ in range(count):
            number = len(self.acked)
            kind, ending = KINDS[number % len(KINDS)], ENDINGS[number // len(KINDS) % len(ENDINGS)]
            key = f"{kind}{ending}-{number}"
            event = {"name": f"kill/{kind}{ending}", "id": key, "data": {"key": key}}
            self.until(lambda event=event: self._acknowledged(event), f"{key} is not acknowledged")  # type: ignore[misc]
            self.acked.append(key)

    def _acknowledged(self, event: object) -> bool:
        port = self._ports[self.chance.choice([place for place in self._alive if place != self.app])]
        with contextlib.suppress(httpx.TransportError):
            return self._http.post(f"http://127.0.0.1:{port}/e/{EVENT}", json=event).status_code == 200
        return False

    def go_on(self, lines: int) -> None:
        """Wait until steps have written so many more lines, or all runs are over."""
        wanted = self.judge.lines + lines
        self.until(lambda: self._read() >= wanted or not self._unfinished(), "nothing goes on")

    def _read(self) -> int:
        self.judge.note(self._log.new())
        return self.judge.lines

    def _unfinished(self) -> list[str]:
        return [run.id for run in self.runs() if run.status not in OVER]

    def runs(self) -> list[Run]:
        """All runs, as lists have them."""
        return Reader(self._folder / "i.db").runs(limit=10_000)

    def complete(self) -> None:
        """Kill and cut nothing more, and wait until all runs are over."""
        for lines in self.lines:
            lines.share = lines.after_requests = 0.0
        for place in (*self.servers, self.app):
            if place not in self._alive:
                self.start(place)
        self.until(lambda: not self._unfinished(), "runs do not end")

    def judged(self) -> list[str]:
        """What must not be."""
        self._read()
        reader = Reader(self._folder / "i.db")
        whole = [reader.run(run.id) for run in self.runs()]
        self.judge.compare(whole)
        self.lost = judge.lost(self.acked, whole)
        return [*self.judge.again, *self.judge.wrong, *self.lost, *self._reports()]

    def _reports(self) -> list[str]:
        """Tracebacks in the logs, but those of steps that fail at first."""
        found = []
        for log in sorted(self._folder.glob("*.log")):
            text = log.read_text()
            if text.count("Traceback") > text.count(f"\nConnectionError: {REFUSED}\n"):
                found.append(f"{log.name} has a traceback:\n{text}")
        return found

    def row(self) -> Row:
        """The figures."""
        steps = sum(bool(seen.tries) for seen in self.judge.steps.values())
        cuts = sum(sum(lines.cuts) for lines in self.lines)
        lost = self.acked if self.lost is None else self.lost
        found = (self.judge.unrecorded, len(self.judge.again), len(lost))
        return Row(self.phase, len(self.acked), steps, self.kills, cuts, *found)

    @staticmethod
    def until(true: Callable[[], object], otherwise: str) -> None:
        """Wait until something is so."""
        tick = threading.Event()
        for _ in range(int(PATIENCE * 2 / TICK)):
            if true():
                return
            tick.wait(TICK)
        raise AssertionError(otherwise)

    def close(self) -> None:
        """End everything."""
        for place in list(self._alive):
            self.kill(place)
        for lines in self.lines:
            lines.close()
        self._http.close()
        self._log.close()


@contextlib.contextmanager
def story(
    phase: str, folder: Path, *, servers: int = 1, share: float = 0.0, after_requests: float = 0.0, plant: str = ""
) -> Generator[Story]:
    """A phase, for a `with` block, whose processes it does not outlive."""
    told = Story(phase, folder, servers=servers, share=share, after_requests=after_requests, plant=plant)
    try:
        told.begin()
        yield told
    finally:
        told.close()
