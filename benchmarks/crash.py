"""D: runs are killed in the middle (`kill -9`), and taken up by the next process."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .contenders.ledger import Line, read
from .contenders.verbs import STEPS_OF_A_RUN
from .figures import Bar, Section, spread, table
from .plan import Plan
from .processes import DBOS_WAL, OURS, ROOT, TITLES, folder, in_turns, say, wait_until

SCRIPTS = {OURS: "crash_ours", DBOS_WAL: "crash_dbos"}
PATIENCE = 120.0
"""Seconds within which half of the steps must have been done, and the rest after the restart."""


@dataclass(frozen=True)
class Second:
    """What the second life of a process showed."""

    accepted: int  # runs that the first life had accepted
    done_before: int  # steps that had ended when the process was killed
    in_flight: int  # steps that had begun and not ended then
    lost: int  # accepted runs that never came to their end, or lack a step
    done_again: int  # steps that were recorded and began again all the same
    first: float  # seconds from the restart until the first step began
    beyond: float  # seconds from the restart until the last run had ended, less the steps it still had to do

    def figures(self, name: str) -> dict[str, float]:
        """By contender."""
        return {f"{name} {key}": value for key, value in vars(self).items()}


def killed(plan: Plan) -> Section:
    """D."""

    def one(name: str) -> dict[str, float]:
        say(f"D: {TITLES[name]}")
        with folder() as path:
            return _two_lives(SCRIPTS[name], path, plan).figures(name)

    values = in_turns(plan.crash_rounds, list(SCRIPTS), one)
    rows = []
    for name in SCRIPTS:
        columns = {key: [value[f"{name} {key}"] for value in values] for key in Second.__annotations__}
        rows.append(
            [
                TITLES[name],
                spread(columns["accepted"]),
                spread(columns["done_before"]),
                spread(columns["in_flight"]),
                f"{sum(columns['lost']):.0f}",
                f"{sum(columns['done_again']):.0f}",
                spread(columns["first"]),
                spread(columns["beyond"]),
            ]
        )
    text = (
        f"{plan.crash_runs} runs × {STEPS_OF_A_RUN} steps of {plan.crash_seconds:g} s, started evenly over one second, "
        "all in flight (`max_runs_in_flight` raised to that); killed when half of the steps were done. The steps keep "
        "a ledger outside: a step whose successor had begun before the kill was recorded. Times count from the start "
        f"of the new process. Rounds: {plan.crash_rounds}.\n\n"
    )
    heads = [
        "",
        "runs accepted",
        "steps done",
        "in flight",
        "runs lost",
        "done again",
        "first step, s",
        "all done, less own steps, s",
    ]
    text += table(heads, rows)
    bars = [
        Bar("recorded steps that were done again", sum(value[f"{OURS} done_again"] for value in values), 0),
        Bar("runs that were lost", sum(value[f"{OURS} lost"] for value in values), 0),
        Bar("all done after the restart, less own steps", max(value[f"{OURS} beyond"] for value in values), 2, " s"),
    ]
    return Section("D. Killed in the middle", text, bars)


def _two_lives(script: str, path: Path, plan: Plan) -> Second:
    ledger = path / "ledger"
    command = [sys.executable, "-m", f"benchmarks.contenders.{script}", str(path / "runs.db"), str(ledger)]
    command += [str(plan.crash_runs), str(plan.crash_seconds)]
    half = plan.crash_runs * STEPS_OF_A_RUN // 2
    with subprocess.Popen([*command, "first"], cwd=ROOT) as process:
        try:
            wait_until(lambda: _ended(read(ledger)) >= half, PATIENCE, "half of the steps")
        finally:
            process.kill()  # -9
    before = read(ledger)
    restart = time.time()
    done = subprocess.run(
        [*command, "again"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE
    )
    runs = {int(run): (float(ended), int(steps)) for run, ended, steps in json.loads(done.stdout)}
    return judged(plan, before, read(ledger)[len(before) :], restart, runs)


def judged(
    plan: Plan, before: Sequence[Line], after: Sequence[Line], restart: float, runs: dict[int, tuple[float, int]]
) -> Second:
    """What the ledger shows before the kill and after it, and what the engine has on record at the end.

    Args:
        plan: how many runs there were, and how long each step takes.
        before: lines of the first life.
        after: lines of the second.
        restart: unix seconds when the second began.
        runs: by run, unix seconds of its end and how many steps it has on record.
    """
    # A step is recorded before the next one of its run begins: what was seen outside proves it.
    recorded = {(line.run, line.step - 1) for line in before if line.what == "began" and line.step > 0}
    accepted = {line.run for line in before if line.what == "accepted"}
    begun = [(line.run, line.step) for line in after if line.what == "began"]
    own = dict.fromkeys(runs, 0.0)
    for run, _ in begun:
        own[run] = own.get(run, 0.0) + plan.crash_seconds
    went_on = {run for run, _ in begun}
    ended = {(line.run, line.step) for line in (*before, *after) if line.what == "ended"}
    whole = [
        run
        for run, (_, steps) in runs.items()
        if steps == STEPS_OF_A_RUN and all((run, step) in ended for step in range(STEPS_OF_A_RUN))
    ]
    return Second(
        done_before=_ended(before),
        in_flight=sum(line.what == "began" for line in before) - _ended(before),
        accepted=len(accepted),
        lost=len(accepted.difference(whole)),
        done_again=sum(step in recorded for step in begun),
        first=min(line.at for line in after) - restart,
        beyond=max((runs[run][0] - restart - own[run] for run in went_on & runs.keys()), default=math.inf),
    )


def _ended(lines: Sequence[Line]) -> int:
    return sum(line.what == "ended" for line in lines)
