"""A fleet: workers that share a PostgreSQL database, what happens to them and to it, and who judges it.

A round is an order of each kind, and a fault (`faults`). Nobody waits for time: a fault strikes when the ledger shows
that work is under way, and the next round begins when others have gone on with what was interrupted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from inngest import Run
from inngest.embedded.reader import Reader
from tests import postgres
from tests.clusters import Ballast, Cluster, Pooler
from tests.processes import PATIENCE

from . import limited, limits
from .account import Life
from .fleet_account import REBORN, FleetAccount
from .functions import KINDS, ONCE_KINDS
from .ledger import Ledger, Line
from .story import Story, Worker
from .worker import Hold, Meet, Order, Pause, Send
from .world import World

WORKERS = 4

LEASE = 5_000
"""Of each, in milliseconds of the server: longer than a busy machine keeps one of its processes waiting."""

SPEED = 30
"""Seconds that pass for the engines of a fleet in one second."""

ROUND = (*KINDS, *ONCE_KINDS, *(kind for kind, one in limited.KINDS.items() for _ in range(one.each)))
"""The kinds of the orders of a round."""

_FEW = ("sequential", "plain", "sequential")


@dataclass
class Place:
    """Where a fleet has its database.

    Attributes:
        cluster: the server that takes writes now.
        schema: of the engines.
        pooler: before that server, for one worker; None if there is none.
        standby: follows that server; None if none does.
        ballast: fills its disk; None if that is not in question.
    """

    cluster: Cluster
    schema: str
    pooler: Pooler | None = None
    standby: Cluster | None = None
    ballast: Ballast | None = None

    def __post_init__(self) -> None:
        servers = [self.cluster, *([] if self.standby is None else [self.standby])]
        hosts = ",".join(quote(str(one.server.folder), safe="") for one in servers)
        ports = ",".join(str(one.server.port) for one in servers)
        which = f"host={hosts}&port={ports}&target_session_attrs=read-write"
        self.url = f"postgresql://{postgres.USER}@/postgres?{which}&schema={self.schema}"

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Do something in the schema, beside the engines; its rows."""
        return self.cluster.server.execute(sql, schema=self.schema)


Tell = Callable[..., contextlib.AbstractContextManager["Fleet"]]
"""Tells a phase on a place, for a `with` block."""


@dataclass(frozen=True)
class FleetRow:
    """A phase in figures."""

    phase: str
    faults: int
    runs: int
    steps: int
    again_unrecorded: int
    begun_late: int
    declared_dead: int
    again_recorded: int
    lost: int
    exceeded: int
    slots_left: int


HEADS = (
    "phase",
    "faults",
    "runs",
    "steps",
    "again, unrecorded",
    "begun late",
    "declared dead",
    "again, recorded",
    "lost",
    "exceeded",
    "slots left",
)


class Fleet(Story):
    """A phase. Workers are in slots, of which the last one is behind the pooler, if there is one.

    Args:
        phase: its name, and the seed of what is left to chance.
        folder: an empty folder.
        ledger: in that folder.
        place: of the database.
        skews: seconds by which the clocks of the workers' machines are wrong, by slot.
    """

    def __init__(self, phase: str, folder: Path, ledger: Ledger, place: Place, *, skews: Sequence[int]) -> None:
        self.seen = FleetAccount()
        super().__init__(phase, folder, ledger, place.url, self.seen)
        self.place = place
        self.faults = 0
        self.logged: list[str] = []
        self.began = time.time_ns()
        self._skews = skews
        self._slots: dict[int, int] = {}  # of workers
        self._judged: limits.Limits | None = None
        self._is_paused = False
        self._started: set[int] = set()
        self._read: list[Run] | None = None

    # -- workers

    @property
    def workers(self) -> list[Worker]:
        """Those that live, by slot."""
        return sorted(self._alive.values(), key=lambda worker: self._slots[worker.number])

    def open(self) -> None:
        """Start one worker for each slot."""
        for slot in range(len(self._skews)):
            self.begin(slot)
        self._wait(lambda: len(self._started) == len(self._skews), lambda: f"only {self._started} have started")

    def begin(self, slot: int) -> Worker:
        """Start a worker in a slot. It sends again what nobody acknowledged."""
        pooler = self.place.pooler if slot == len(self._skews) - 1 else None
        url = self._database if pooler is None else pooler.server.url(schema=self.place.schema)
        world = World(self.began, SPEED, self._skews[slot], LEASE)
        worker = self._start([self._again()], url, world)
        self._slots[worker.number] = slot
        return worker

    def is_pooled(self, worker: Worker) -> bool:
        """Whether a worker is behind the pooler."""
        return self.place.pooler is not None and self._slots[worker.number] == len(self._skews) - 1

    def some(self, count: int, *, direct: bool = False) -> list[Worker]:
        """Some of the workers, by chance; with `direct` none that is behind the pooler."""
        return self.chance.sample([one for one in self.workers if not (direct and self.is_pooled(one))], count)

    def lose(self, *workers: Worker) -> None:
        """Kill workers; others are started in their slots."""
        lives, pids = [self._life(worker) for worker in workers], [worker.process.pid for worker in workers]
        for worker in workers:
            os.kill(worker.process.pid, signal.SIGKILL)
        gone = time.monotonic()
        for worker, life in zip(workers, lives, strict=True):
            self.seen.dies(life)
            self._alive.pop(worker.number)
            worker.process.join()
            worker.process.close()
        self._read_all()
        for worker, life in zip(workers, lives, strict=True):
            self.seen.goes(life, gone)
            self.begin(self._slots[worker.number])
        self._until_taken_over(pids)
        self._forget_returns(lives)

    def stop_still(self, worker: Worker) -> None:
        """Stop a worker, as it is, and wait until others have gone on with what it was doing."""
        life = self._life(worker)
        os.kill(worker.process.pid, signal.SIGSTOP)
        while _state(worker.process.pid) != "T":
            time.sleep(0.001)
        gone = time.monotonic()
        self._read_all()
        self.seen.goes(life, gone)
        self.seen.stands_still(life)
        self._until_taken_over([worker.process.pid])
        self._forget_returns([life])

    def go_on_with(self, worker: Worker) -> None:
        """Have it go on, until it has begun anew."""
        os.kill(worker.process.pid, signal.SIGCONT)
        worker.process.say(Hold(None))
        self.until_writes(worker, "anew")

    def _life(self, worker: Worker) -> int:
        return max(life for life in self.seen.lives if life % REBORN == worker.number)

    def _forget_returns(self, lives: Sequence[int]) -> None:
        """When nothing of theirs can be committed any more."""
        completed = {run for (run,) in self.place.execute("SELECT id FROM inngest_runs WHERE status = 'COMPLETED'")}
        for life in lives:
            self.seen.forget_returns(life, completed)

    # -- orders

    def order(self, *senders: Worker, kinds: Sequence[str] = ROUND) -> None:
        """New orders, one of each of these kinds, sent by some workers in parts."""
        orders = self.orders(kinds)
        self.chance.shuffle(orders)
        for place, sender in enumerate(senders):
            part = orders[place :: len(senders)]
            cancels = [Order("cancel", f"{one.key}/cancel") for one in part if one.kind == "cancelled"]
            self._orders += cancels
            batches = [part[at : at + 3] for at in range(0, len(part), 3)]
            sender.process.say(Send([*batches, cancels] if cancels else batches))

    def hold(self, worker: Worker) -> None:
        """Have handlers of a worker stay in, from some of those that begin now on."""
        worker.process.say(Hold(self.chance.randint(1, 4)))

    def meet(self, worker: Worker, what: str) -> None:
        """Have something happen to a transaction of a worker, and wait until it has."""
        worker.process.say(Meet(what))
        self.order(worker, kinds=_FEW)
        self.until_writes(worker, "mishap")

    def pause(self, *, on: bool) -> None:
        """Pause a function, or resume it."""
        if on is self._is_paused:
            return
        self._is_paused = on
        (worker,) = self.some(1)
        worker.process.say(Pause(on))
        self.until(lambda line: line.what == ("paused" if on else "resuming"))

    def _again(self) -> Send:
        return Send([[order] for order in self._orders if order.key not in self.seen.acked])

    # -- waiting

    def until(self, happens: Callable[[Line], bool]) -> Line:
        def is_it(line: Line) -> bool:
            if line.what == "logged":
                self.logged.append(str(line.value))
            elif line.what == "started":
                self._started.add(line.process)
            return happens(line)

        return super().until(is_it)

    def until_writes(self, worker: Worker, *what: str) -> Line:
        return self.until(lambda line: line.process % REBORN == worker.number and line.what in what)

    def until_lives(self, worker: Worker, lived: Callable[[Life], bool]) -> None:
        self.until(lambda _: lived(self.seen.lives[self._life(worker)]))

    def until_logged(self, words: str, since: int = 0) -> str:
        """Read until a worker has logged these words; what it logged.

        Args:
            words: a part of it.
            since: so many of what was logged before do not count.
        """
        found = [one for one in self.logged[since:] if words in one]
        if found:
            return found[0]
        return str(self.until(lambda line: line.what == "logged" and words in str(line.value)).value)

    def _until_taken_over(self, pids: Sequence[int]) -> None:
        """These processes were declared dead, and others have gone on with all that was interrupted."""
        alive = f"SELECT id FROM inngest_sessions WHERE pid IN ({', '.join(map(str, pids))})"
        self._wait(lambda: not self.place.execute(alive), lambda: f"{pids} are not declared dead")
        self._wait(lambda: not self.seen.left, lambda: f"nobody goes on with {self.seen.left}")

    def go_on(self, lines: int) -> None:
        """Read some lines."""
        left = iter(range(lines))
        self.until(lambda _: next(left, None) is None)

    def works(self, worker: Worker) -> None:
        """A worker records steps of new orders."""
        self.order(worker, kinds=_FEW)
        self.until_writes(worker, "got")

    def _wait(self, is_so: Callable[[], bool], trouble: Callable[[], str]) -> None:
        lines, since = self._lines, time.monotonic()
        marks = 0
        while not is_so():
            self._read_all()
            marks += 1
            if self._lines > lines + marks:
                lines, marks, since = self._lines, 0, time.monotonic()
            assert time.monotonic() - since < PATIENCE, f"{self.phase}: {trouble()}; logged {self.logged[-5:]}"
            time.sleep(0.05)

    def time(self) -> int:
        """The time of the engines (unix ms)."""
        return (self.began + (time.time_ns() - self.began) * SPEED) // 1_000_000

    # -- the end

    def complete(self) -> None:
        """Nothing happens any more: what was ordered comes to its end, and workers stop as they should."""
        self.pause(on=False)
        for worker in self.workers:
            worker.process.say(Hold(None))
        self.workers[0].process.say(self._again())
        self._wait(self._all_acked, lambda: "events are not acknowledged")
        self._wait(lambda: not self._unfinished(), lambda: f"these do not end: {self._unfinished()}")
        self._wait(lambda: len(self._sessions()) == len(self.workers), lambda: f"they live: {self._sessions()}")
        for worker in self.workers:
            self._stop(worker)

    def judge(self) -> list[str]:
        found = super().judge()
        self._judged = limits.judge(self.place.execute, self._recorded(), self.seen)
        return [*self.seen.wrongs(), *found, *self._judged.wrong]

    def figures(self) -> FleetRow:
        """The figures."""
        row, judged = self.row(), self._judged
        return FleetRow(
            phase=self.phase,
            faults=self.faults,
            runs=row.runs,
            steps=row.steps,
            again_unrecorded=row.again_unrecorded,
            begun_late=self.seen.late,
            declared_dead=self.seen.reborn,
            again_recorded=row.again_recorded,
            lost=row.lost,
            exceeded=-1 if judged is None else judged.exceeded,
            slots_left=-1 if judged is None else judged.slots_left,
        )

    def takeover_times(self) -> str:
        """How long it took until others went on with what was interrupted, in words."""
        took = sorted(self.seen.takeovers)
        if len(took) < 2:
            return f"{self.phase}: takeovers {took}"
        parts = statistics.quantiles(took, n=100, method="inclusive")
        return (
            f"{self.phase}: {len(took)} takeovers, p50 {parts[49]:.2f} s, p99 {parts[98]:.2f} s, most {took[-1]:.2f} s"
        )

    def clear(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGCONT)
        super().clear()

    def _unfinished(self) -> list[object]:
        runs = "SELECT id FROM inngest_runs WHERE ended_at IS NULL AND function_id <> 'kill-tick'"
        collecting = "SELECT kind FROM inngest_timers WHERE kind IN ('batch', 'debounce')"
        return [row[0] for row in (*self.place.execute(runs), *self.place.execute(collecting))]

    def _sessions(self) -> list[tuple[Any, ...]]:
        return self.place.execute("SELECT id, pid, ended FROM inngest_sessions")

    def _recorded(self) -> list[Run]:
        if self._read is None:
            reader = Reader(self._database)
            listed = [run.id for run in reader.runs(limit=100_000) if run.function_id != "kill-tick"]
            self._read = [reader.run(run) for run in listed]
        return self._read


def _state(pid: int) -> str:
    """What the system says of a process: T if it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
