"""R: ours beside an earlier revision of it: `BASE=REV make bench`. That one comes with its own contenders."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator

from .figures import Bar, Rounds, Section, percentile, table
from .plan import Plan
from .processes import DISK, HERE, MEMORY, OURS, ROOT, Tree, Worker, in_turns, say, workers
from .sequential import IN_MEMORY, PAUSE
from .sleepers import due_at_once

BASE = "base"
PAIR = (OURS, BASE)
LIMITS = {
    "CPU of a step, files in memory": 0.5,
    "CPU of a run of 5 steps in B": 0.75,
    "C, p50": 0.85,
}
AT_LEAST = 1.3
"""Runs a second of B and of E, to the earlier revision's."""


def beside_base(plan: Plan) -> Section:
    """R."""
    revision = os.environ["BASE"]
    with _checked_out(revision) as base:
        trees = {OURS: HERE, BASE: base}
        found = {
            "CPU of a step, files in memory": _steps(plan, trees),
            "CPU of a run of 5 steps in B": (crowds := _crowds(plan, trees))[0],
            "B, runs/s": crowds[1],
            "C, p50": _latencies(plan, trees),
            "E, runs/s": _sleepers(plan, trees),
        }
    units = ["µs", "µs", "", "ms", ""]
    rows = [
        [f"{what}, {unit}" if unit else what, rounds.of(OURS), rounds.of(BASE), rounds.ratio(OURS, BASE)]
        for (what, rounds), unit in zip(found.items(), units, strict=True)
    ]
    text = (
        f"`BASE={revision}`: that revision in a worktree of its own, with its own contenders, in turns with ours; both "
        "in the same environment.\n\n"
    )
    bars = [
        Bar(
            f"{what}, ours ÷ base",
            rounds.ratio(OURS, BASE).median,
            LIMITS.get(what, AT_LEAST),
            " ×",
            what not in LIMITS,
        )
        for what, rounds in found.items()
    ]
    return Section("R. Beside an earlier revision", text + table(["", "ours", "base", "ours ÷ base"], rows), bars)


@contextlib.contextmanager
def _checked_out(revision: str) -> Generator[Tree]:
    """A worktree of the revision. It has no environment: its modules are found before those that are installed."""
    DISK.mkdir(parents=True, exist_ok=True)
    path = DISK / f"base-{os.getpid()}"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", path, revision], cwd=ROOT, check=True)
    try:
        yield Tree(path, sources=path / "src")
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", path], cwd=ROOT, check=True)


def _steps(plan: Plan, trees: dict[str, Tree]) -> Rounds:
    def one(worker: Worker) -> dict[str, float]:
        with worker.turn() as ask:
            before = _cpu(ask("threads"))
            ask("sequence", steps=IN_MEMORY, repeats=1)
            return {worker.name: 1e6 * (_cpu(ask("threads")) - before) / IN_MEMORY}

    say("R: steps in memory")
    with workers(PAIR, parent=MEMORY if MEMORY.is_dir() else DISK, trees=trees) as pair:
        for worker in pair:
            with worker.turn() as ask:
                ask("sequence", steps=plan.warm_up, repeats=1)
        return Rounds(in_turns(plan.sequence_rounds, pair, one))


def _cpu(threads: dict[str, list[float]]) -> float:
    return sum(total for total, *_ in threads.values())


def _crowds(plan: Plan, trees: dict[str, Tree]) -> tuple[Rounds, Rounds]:
    """CPU of a run, and runs a second."""

    def one(worker: Worker) -> dict[str, float]:
        with worker.turn() as ask:
            ask("crowd", runs=plan.crowd_callers, callers=plan.crowd_callers)
            seconds, cpu = ask("crowd", runs=plan.crowd_runs, callers=plan.crowd_callers)
        return {worker.name: 1e6 * cpu / plan.crowd_runs, f"{worker.name}-rate": plan.crowd_runs / seconds}

    say("R: many runs at once")
    with workers(PAIR, trees=trees) as pair:
        values = in_turns(plan.crowd_rounds, pair, one)
    return Rounds(values), Rounds([{name: value[f"{name}-rate"] for name in PAIR} for value in values])


def _latencies(plan: Plan, trees: dict[str, Tree]) -> Rounds:
    def one(worker: Worker) -> dict[str, float]:
        with worker.turn() as ask:
            taken = ask("latencies", count=plan.latency_samples, pause=PAUSE)
        return {worker.name: 1000 * percentile(taken, 0.5)}

    say("R: one step when idle")
    with workers(PAIR, trees=trees) as pair:
        return Rounds(in_turns(plan.latency_rounds, pair, one))


def _sleepers(plan: Plan, trees: dict[str, Tree]) -> Rounds:
    def one(name: str) -> dict[str, float]:
        say(f"R: {plan.sleepers:,} runs fall due within a second: {name}")
        return {name: plan.sleepers / due_at_once(plan, trees[name])["drained"]}

    return Rounds(in_turns(plan.base_due_rounds, PAIR, one))
