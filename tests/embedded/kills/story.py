"""One phase: processes are started and killed, what is left runs to its end, and the accounts are compared."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inngest import Run
from inngest.embedded.reader import Reader
from tests import processes

from . import account as accounts
from .account import Account, Life
from .functions import KINDS
from .ledger import Ledger, Line, ledger
from .worker import Command, Hold, Order, Send, Stop, work

CAP = 60
"""Kills after which a phase gives up reaching the number that must count."""


MANY = 200_000
"""Lines after which a phase is taken to go in circles."""


@dataclass(frozen=True)
class Row:
    """A phase in figures."""

    phase: str
    kills: int
    counted: int
    runs: int
    steps: int
    again_unrecorded: int
    again_recorded: int
    lost: int


@dataclass(frozen=True, eq=False)
class Worker:
    """A process that was started."""

    number: int  # from 1
    process: processes.Started


HEADS = ("phase", "kills", "counted", "runs", "steps", "again, unrecorded", "again, recorded", "lost")


class Story:
    """A phase.

    Args:
        phase: its name, and the seed of what is left to chance.
        folder: an empty folder.
        ledger: in that folder.
        database: the URL of the database of the workers.
        account: reads what they write; a new one if it is not given.
    """

    def __init__(self, phase: str, folder: Path, ledger: Ledger, database: str, account: Account | None = None) -> None:
        self.phase = phase
        self.chance = random.Random(phase)
        self.account = Account() if account is None else account
        self.kills = 0
        self.counted = 0
        self._folder = folder
        self._ledger = ledger
        self._database = database
        self._lines = 0
        self._lost: list[str] | None = None  # None: not judged yet
        self._orders: list[Order] = []
        self._alive: dict[int, Worker] = {}

    # -- processes

    def start(self, orders: Sequence[Order] = (), *, hold: int | None = None, batch: int = 1) -> Worker:
        """Start a worker. It sends again what nobody acknowledged, and then these orders."""
        return self._start([Hold(hold), self._send(orders, batch)], self._database)

    def _start(self, commands: Sequence[Command], database: str, *more: object) -> Worker:
        number = len(self.account.lives) + 1
        self.account.born(number)
        started = processes.start(work, self._folder, database, number, commands, *more)
        worker = self._alive[number] = Worker(number, started)
        return worker

    def send(self, worker: Worker, orders: Sequence[Order], *, hold: int | None = None) -> None:
        """Have a worker send orders, and hold its handlers from then on."""
        worker.process.say(Hold(hold))
        worker.process.say(self._send(orders, 1))

    def kill(self, worker: Worker) -> Life:
        """Kill a worker; what it did until then, all of it read."""
        assert self.kills < CAP, f"{self.phase}: only {self.counted} of {self.kills} kills count"
        self.account.dies(worker.number)
        self._alive.pop(worker.number)
        worker.process.kill()
        worker.process.close()
        self.kills += 1
        self._read_all()
        self.account.forget_returns(worker.number, {run.id for run in self._recorded() if run.status == "COMPLETED"})
        return self.account.lives[worker.number]

    def count(self, life: Life, *more: bool) -> None:
        """The kill counts if that worker had begun new work since its start, and if what the phase is about was so."""
        self.counted += bool(life.began) and all(more)

    def orders(self, kinds: Sequence[str] = KINDS) -> list[Order]:
        """New orders, one of each kind."""
        new = [Order(kind, f"{kind}-{len(self._orders) + number}") for number, kind in enumerate(kinds)]
        self._orders += new
        return new

    def _send(self, orders: Sequence[Order], batch: int) -> Send:
        given = {order.key for order in orders}
        again = [order for order in self._orders if order.key not in self.account.acked | given]
        all_of_them = [*again, *orders]
        return Send([all_of_them[at : at + batch] for at in range(0, len(all_of_them), batch)])

    # -- waiting

    def until(self, happens: Callable[[Line], bool]) -> Line:
        """Read until a line of which this is true."""
        while True:
            try:
                line = self._ledger.next()
            except TimeoutError as error:
                codes = {number: worker.process.process.exitcode for number, worker in self._alive.items()}
                raise AssertionError(f"{self.phase}: {error}; exit codes {codes}") from None
            self._lines += 1
            self.account.note(line)
            assert not self.account.wrong, f"{self.phase}: after {self.kills} kills: {self.account.wrong}"
            assert self._lines < MANY, f"{self.phase}: {self._lines} lines, and no end"
            if happens(line):
                return line

    def until_writes(self, worker: Worker, *what: str) -> Line:
        """Read until a worker has written such a line."""
        return self.until(lambda line: line.process == worker.number and line.what in what)

    def until_lives(self, worker: Worker, lived: Callable[[Life], bool]) -> None:
        """Read until this is true of a worker."""
        self.until(lambda _: lived(self.account.lives[worker.number]))

    # -- the end

    def complete(self) -> None:
        """Nobody is killed any more: what was ordered comes to its end, and processes stop as they should."""
        for worker in list(self._alive.values()):
            self._stop(worker)
        worker = self.start()
        ordered = accounts.expected(order.key for order in self._orders)
        self.until(lambda _: self._all_acked() and ordered <= self.account.returned())
        self._stop(worker)

    def judge(self) -> list[str]:
        """What is wrong; nothing if all is well."""
        recorded = self._recorded()
        self._lost = accounts.lost(self.account.acked, recorded)
        differences = accounts.differences(self.account, recorded)
        return [*differences, *(f"{key}: was acknowledged, and has no run that completed" for key in self._lost)]

    def row(self) -> Row:
        """The figures; until it is judged, lost is what has not come to its end."""
        account = self.account
        lost = accounts.expected(account.acked) - account.returned() if self._lost is None else self._lost
        return Row(
            phase=self.phase,
            kills=self.kills,
            counted=self.counted,
            runs=len(account.runs),
            steps=account.steps(),
            again_unrecorded=account.again_unrecorded,
            again_recorded=account.again_recorded,
            lost=len(lost),
        )

    def clear(self) -> None:
        """Nothing outlives the phase."""
        for worker in self._alive.values():
            worker.process.kill()
            worker.process.close()

    def _all_acked(self) -> bool:
        return all(order.key in self.account.acked for order in self._orders)

    def _stop(self, worker: Worker) -> None:
        worker.process.say(Stop())
        code = worker.process.join()
        assert code == 0, f"worker {worker.number} ended with {code}"
        self._alive.pop(worker.number)
        self.account.dies(worker.number)
        worker.process.close()
        self._read_all()

    def _read_all(self) -> None:
        """Read all that was written until now."""
        self._ledger.mark()
        self.until(lambda line: line.what == "mark")

    def _recorded(self) -> list[Run]:
        reader = Reader(self._database)
        return [reader.run(run.id) for run in reader.runs(limit=100_000)]


@contextlib.contextmanager
def story(phase: str, folder: Path, database: str | None = None) -> Generator[Story]:
    """A phase, for a `with` block; its database is a file in the folder, or that of a URL."""
    with ledger(folder / "ledger") as opened:
        told = Story(phase, folder, opened, database or f"sqlite:///{folder}/inngest.db")
        try:
            yield told
        finally:
            told.clear()


Tell = Callable[[str], contextlib.AbstractContextManager[Story]]
"""Tells a phase, for a `with` block."""
