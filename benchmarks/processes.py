"""Processes that are measured. Only one has the machine at a time: the others are stopped, not just idle."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

R = TypeVar("R")

ROOT = Path(__file__).parent.parent

DISK = ROOT / ".cache" / "benchmarks"
MEMORY = Path("/dev/shm")

PATIENCE = 600.0
"""Seconds after which a process that should have ended is taken to hang."""

OURS, FLOOR, DBOS, DBOS_WAL = "ours", "floor", "dbos", "dbos-wal"
TITLES = {OURS: "ours", FLOOR: "floor", DBOS: "DBOS, default", DBOS_WAL: "DBOS, WAL"}
EVERYONE = (FLOOR, OURS, DBOS_WAL, DBOS)


class Tree(NamedTuple):
    """A checkout whose contenders are measured."""

    root: Path
    sources: Path | None = None  # of its engine, if that is not the installed one

    def environment(self) -> dict[str, str]:
        """The variables of its processes."""
        found = dict(os.environ)
        return found if self.sources is None else {**found, "PYTHONPATH": str(self.sources)}


HERE = Tree(ROOT)


def say(text: str) -> None:
    """Tell a person who waits."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def folder(parent: Path = DISK) -> Generator[Path]:
    """A new folder, on the disk of the checkout: what is temporary elsewhere may be in memory, where a sync is free."""
    parent.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path)


class Worker:
    """A contender in its process, stopped until it is its turn.

    Args:
        name: which contender; several of one kind have different words behind a colon.
        database: a file that is not there yet, or the URL of a database of a server.
        watched: whether it looks at what it says to SQLite; its times are not to be compared then.
        stops: whether it is stopped while it does not have its turn; not if others need what it holds.
        tree: an earlier revision, whose own contender `ours` it is.
    """

    def __init__(
        self, name: str, database: Path | str, *, watched: bool = False, stops: bool = True, tree: Tree = HERE
    ) -> None:
        self.name = name
        self._stops = stops
        contender = name.partition(":")[0] if tree is HERE else OURS
        command = [sys.executable, "-m", "benchmarks.contenders.worker", contender, str(database)]
        self._process = subprocess.Popen(
            [*command, "--watched"] if watched else command,
            cwd=tree.root,
            env=tree.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> None:
        """Wait until it has started, and take its turn away."""
        if self.answer() != "ready":
            raise RuntimeError(f"{self.name} did not start")
        self._pause()

    def _pause(self) -> None:
        if self._stops:
            self._process.send_signal(signal.SIGSTOP)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @contextlib.contextmanager
    def turn(self) -> Generator[Callable[..., Any]]:
        """Let it run; yields what asks it."""
        self._process.send_signal(signal.SIGCONT)
        try:
            self.ask("latencies", count=3, pause=0.02)  # timers that fell due meanwhile fire now
            yield self.ask
        finally:
            self._pause()

    def ask_once(self, verb: str) -> Any:
        """Have it do something in a turn of its own."""
        with self.turn() as ask:
            return ask(verb)

    def ask(self, verb: str, **given: object) -> Any:
        """Have it do something; its answer."""
        self.begin(verb, **given)
        return self.answer()

    def begin(self, verb: str, **given: object) -> None:
        """Have it do something, beside others; `answer` waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"verb": verb, **given}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """What it answers to what was begun."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self._process.wait()}; what it said is above")
        return json.loads(line)

    def close(self) -> None:
        """Have it stop in order, and wait for that."""
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.close()
        if code := self._process.wait(timeout=60):
            raise RuntimeError(f"{self.name} ended with {code}; what it said is above")

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()  # also a stopped one
        self._process.wait()


@contextlib.contextmanager
def workers(
    names: Sequence[str], *, watched: bool = False, parent: Path = DISK, trees: Mapping[str, Tree] | None = None
) -> Generator[list[Worker]]:
    """Contenders with a new database each; `trees` are those of contenders that are not of this checkout."""
    with (
        folder(parent) as path,
        on_databases({name: path / f"{name}.db" for name in names}, watched=watched, trees=trees) as started,
    ):
        yield started


@contextlib.contextmanager
def on_databases(
    databases: Mapping[str, Path | str],
    *,
    watched: bool = False,
    stops: bool = True,
    trees: Mapping[str, Tree] | None = None,
) -> Generator[list[Worker]]:
    """Contenders, by name, with the database of each; `stops`: they are stopped while they do not have their turns."""
    with contextlib.ExitStack() as stack:
        started = []
        for name, database in databases.items():
            worker = Worker(name, database, watched=watched, stops=stops, tree=(trees or {}).get(name, HERE))
            stack.callback(worker.kill)
            started.append(worker)
        for worker in started:
            worker.ready()
        yield started
        for worker in started:
            worker.close()


def in_turns(rounds: int, contenders: Sequence[R], measure: Callable[[R], dict[str, float]]) -> list[dict[str, float]]:
    """Measure each in every round; each second round backwards, so that no one always comes after the same one."""
    found = []
    for number in range(rounds):
        values: dict[str, float] = {}
        for one in contenders if number % 2 == 0 else list(reversed(contenders)):
            values |= measure(one)
        found.append(values)
    return found


def output_of(*command: str, tree: Tree = HERE) -> str:
    """What a Python process prints that starts afresh, does its work and ends."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tree.root,
        env=tree.environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return done.stdout


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again until something holds.

    Raises:
        TimeoutError: it did not in so many seconds. Says what.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.005)
