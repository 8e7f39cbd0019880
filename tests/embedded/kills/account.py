"""What the ledger says, line by line, and what of it must not be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from inngest import Run, StepRecord

from .functions import INTERRUPTED, ONCE, told
from .ledger import Line
from .limited import OWN_RULES, kind_of


@dataclass
class Try:
    """One try of a handler."""

    process: int
    attempt: int
    end: str | None = None  # "end" or "fail"; None: it runs, or was cut off
    value: object = None


@dataclass
class StepSeen:
    """A step, as its handler and its body tell it."""

    tries: list[Try] = field(default_factory=list)
    recorded: bool = False  # the body went on from it, so the engine had said that it is recorded
    value: object = None  # that it went on with


@dataclass
class RunSeen:
    """A run, as its body tells it."""

    key: str
    steps: dict[str, StepSeen] = field(default_factory=lambda: defaultdict(StepSeen))
    returned_in: int | None = None  # the process

    @property
    def returned(self) -> bool:
        """Whether its body has returned, for all that is known."""
        return self.returned_in is not None


@dataclass
class Life:
    """What a process did."""

    found: frozenset[str]  # runs that were begun and not over when it was started
    began: list[tuple[str, str]] = field(default_factory=list)  # run and step of each handler
    lines: int = 0
    acked: int = 0  # events
    returned: int = 0  # bodies
    sending: set[str] = field(default_factory=set)  # keys of events that are sent, and not acknowledged
    over: bool = False  # it was killed, or stopped


class Account:
    """Reads lines in order, and finds what must not be."""

    def __init__(self) -> None:
        self.runs: dict[str, RunSeen] = {}
        self.lives: dict[int, Life] = {}
        self.acked: set[str] = set()
        self.wrong: list[str] = []
        self.again_unrecorded = 0  # tries of steps that had been tried, and were not recorded: their process died
        self.again_recorded = 0  # must not be
        self._run_of: dict[str, str] = {}  # by key

    # -- lives

    def born(self, process: int) -> None:
        """A process is started."""
        self.lives[process] = Life(frozenset(run for run, seen in self.runs.items() if not seen.returned))

    def dies(self, process: int) -> None:
        """A process is killed, or has stopped: what it was doing may be done by others now."""
        self.lives[process].over = True

    def forget_returns(self, process: int, completed: Collection[str]) -> None:
        """A process was killed: bodies that have returned in it must return again, unless their runs are recorded as
        completed. What has returned in a process that lives may be recorded a moment later.
        """
        for run_id, run in self.runs.items():
            if run.returned_in == process and run_id not in completed:
                run.returned_in = None

    def running(self, process: int) -> list[tuple[str, str]]:
        """Run and step of the handlers that have begun in a process and not ended, nor begun elsewhere since."""
        return [
            (run, step)
            for run, seen in self.runs.items()
            for step, of in seen.steps.items()
            if of.tries and of.tries[-1].process == process and of.tries[-1].end is None
        ]

    @property
    def unfinished(self) -> bool:
        """Whether a run was entered and has not returned."""
        return not all(run.returned for run in self.runs.values())

    def returned(self) -> set[str]:
        """Keys of the runs that have returned."""
        return {run.key for run in self.runs.values() if run.returned}

    @property
    def interrupted(self) -> int:
        """How many steps were cut that may run once only."""
        return sum(step.value == INTERRUPTED for run in self.runs.values() for step in run.steps.values())

    def steps(self) -> int:
        """How many steps have begun."""
        return sum(bool(step.tries) for run in self.runs.values() for step in run.steps.values())

    # -- lines

    def note(self, line: Line) -> None:
        """Read a line."""
        life = self.lives.get(line.process)
        if life is None:
            return  # the judge's own
        life.lines += 1
        match line.what:
            case "sending":
                life.sending.add(line.key)
            case "acked":
                life.sending.discard(line.key)
                life.acked += 1
                self.acked.add(line.key)
            case "enter":
                self._entered(line)
            case "begin":
                life.began.append((line.run, line.step))
                self._began(line)
            case "end" | "fail":
                one = self._step(line).tries[-1]
                one.end, one.value = line.what, line.value
            case "got":
                self._got(line)
            case "return":
                life.returned += 1
                self.runs[line.run].returned_in = line.process
            case _:
                pass

    def _entered(self, line: Line) -> None:
        other = self._run_of.setdefault(line.key, line.run)
        if other != line.run:
            self.wrong.append(f"{line.key}: has two runs, {other} and {line.run}")
        if line.attempt != 0:
            self.wrong.append(f"{line.key}: its body never failed, and was entered with attempt {line.attempt}")
        self.runs.setdefault(line.run, RunSeen(line.key))

    def _began(self, line: Line) -> None:
        step, name = self._step(line), f"{line.key} {line.step}"
        if step.tries:
            last = step.tries[-1]
            if line.step.startswith(ONCE):
                self.wrong.append(f"{name}: must run at most once, and began again after {last}")
            if step.recorded:
                self.again_recorded += 1
                self.wrong.append(f"{name}: was recorded, and began again")
            elif last.end != "fail":
                self.again_unrecorded += 1
            if last.end != "fail" and not self.lives[last.process].over:
                self._began_beside(last.process, f"{name}: began again, though process {last.process} lives")
            expected = {last.attempt + 1} if last.end == "fail" else {last.attempt}
            if last.end == "fail" and self.lives[last.process].over:
                expected.add(last.attempt)  # that it failed may not have been recorded
            if line.attempt not in expected:
                self.wrong.append(f"{name}: attempt {line.attempt} began after {last}")
        elif line.attempt != 0:
            self.wrong.append(f"{name}: began with attempt {line.attempt}")
        step.tries.append(Try(line.process, line.attempt))

    def _began_beside(self, process: int, wrong: str) -> None:
        """A step began again, though a process lives in which it has not ended."""
        self.wrong.append(wrong)

    def _got(self, line: Line) -> None:
        step, name = self._step(line), f"{line.key} {line.step}"
        if step.recorded and step.value != line.value:
            self.wrong.append(f"{name}: was recorded as {step.value!r}, and then as {line.value!r}")
        if line.step.startswith(ONCE) and line.value == INTERRUPTED:
            if not any(life.over for life in self.lives.values()) or not all(
                self.lives[one.process].over for one in step.tries
            ):
                self.wrong.append(f"{name}: was cut, though its process lives: {step.tries}")
        elif step.tries and line.value not in [one.value for one in step.tries if one.end == "end"]:
            self.wrong.append(f"{name}: went on with {line.value!r}, which no try of it gave: {step.tries}")
        step.recorded, step.value = True, line.value

    def _step(self, line: Line) -> StepSeen:
        return self.runs[line.run].steps[line.step]


FOLLOWS = {"telling": "told", "waiting": "asked", "invoking": "invoked"}
"""Kinds of runs that have others begin, and the kinds of these."""


def expected(acked: Iterable[str]) -> set[str]:
    """Keys of the runs that there must be: for what was acknowledged, and for what runs of these tell others."""
    keys = {key for key in acked if kind_of(key) not in OWN_RULES}
    return keys | {told(key, FOLLOWS[kind_of(key)]) for key in keys if kind_of(key) in FOLLOWS}


def lost(acked: Iterable[str], recorded: Sequence[Run]) -> list[str]:
    """Keys of events without a run that completed."""
    completed = {key_of(run) for run in recorded if run.status == "COMPLETED"}
    return sorted(expected(acked) - completed)


def key_of(run: Run) -> str:
    """The key of a run's event."""
    assert run.event is not None
    data = run.event["data"]
    assert isinstance(data, dict)
    return str(data["key"])


def differences(account: Account, recorded: Sequence[Run]) -> list[str]:
    """What the engine recorded and the ledger does not say, or the other way round; runs that are lost aside."""
    keys = [key_of(run) for run in recorded]
    found = [f"{key}: has {keys.count(key)} runs" for key in sorted(set(keys)) if keys.count(key) > 1]
    asked = expected(account.acked) | account.acked
    found += [f"{key}: nobody asked for this run" for key in sorted(set(keys) - asked)]
    unknown = account.runs.keys() - {run.id for run in recorded}
    found += [f"{account.runs[run].key}: the engine knows nothing of its run {run}" for run in sorted(unknown)]
    for run in recorded:
        if run.status != "COMPLETED":
            continue
        seen = account.runs.get(run.id, RunSeen(""))
        went_on = {step: of.value for step, of in seen.steps.items() if of.recorded}
        if run.output != went_on:
            found.append(f"{key_of(run)}: returned {run.output!r}, its body went on with {went_on!r}")
        found += [f"{key_of(run)} {text}" for step in run.steps for text in _of_step(step, seen.steps[step.id])]
    return found


def _of_step(step: StepRecord, seen: StepSeen) -> Iterable[str]:
    if step.kind != "StepRun":
        return
    cut = step.id.startswith(ONCE) and seen.value == INTERRUPTED
    if step.output != (None if cut else seen.value):
        yield f"{step.id}: recorded {step.output!r}, the body went on with {seen.value!r}"
    attempts = [(attempt.number, attempt.error is not None) for attempt in step.attempts]
    wanted = [(0, True), (1, False)] if step.id.startswith("flaky") else [(0, cut)]
    if attempts != wanted:
        yield f"{step.id}: the attempts should be {wanted}, whatever was killed; they are {attempts}"
