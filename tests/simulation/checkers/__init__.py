"""What must hold in every world: one file per promise, each a function over the history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from tests.simulation.history import History
from tests.simulation.scenario import Scenario

from . import (
    alone,
    announced,
    caused,
    closed,
    deferred,
    discovered,
    ends,
    held,
    left,
    once,
    outdated,
    over,
    owned,
    p0_one,
    p1_accepted,
    p1_gates,
    p2_memo,
    p3_once,
    p4_fenced,
    p5_retries,
    p6_progress,
    p7_flow,
    p7_limits,
    p8_wakes,
    p9_determinism,
    p10_honest,
    quiet,
    replied,
    requested,
    rerun,
    spared,
    stuck,
    threads,
    ticks,
    timely,
)

Checker = Callable[[History, Scenario], Iterator[str]]

CHECKERS: Mapping[str, Checker] = {
    "P0": p0_one.check,
    "P1": p1_accepted.check,
    "P2": p2_memo.check,
    "P3": p3_once.check,
    "P4": p4_fenced.check,
    "P5": p5_retries.check,
    "P6": p6_progress.check,
    "P7": p7_limits.check,
    "P8": p8_wakes.check,
    "P9": p9_determinism.check,
    "P10": p10_honest.check,
    "replied": replied.check,
    "rerun": rerun.check,
    "alone": alone.check,
    "held up": alone.held_up,
    "announced": announced.check,
    "caused": caused.check,
    "closed": closed.check,
    "deferred": deferred.check,
    "discovered": discovered.check,
    "ends": ends.check,
    "held": held.check,
    "left": left.check,
    "once": once.check,
    "outdated": outdated.check,
    "over": over.check,
    "owned": owned.check,
    "flow": p7_flow.check,
    "gates": p1_gates.check,
    "quiet": quiet.check,
    "requested": requested.check,
    "spared": spared.check,
    "stuck": stuck.check,
    "threads": threads.check,
    "ticks": ticks.check,
    "timely": timely.check,
}


def problems(history: History, scenario: Scenario, only: Collection[str] | None = None) -> dict[str, list[str]]:
    """What does not hold, by the name of the checker that says so; of all of them, or only of some."""
    checkers = CHECKERS if only is None else {name: CHECKERS[name] for name in only}
    found = {name: list(check(history, scenario)) for name, check in checkers.items()}
    return {name: lines for name, lines in found.items() if lines}
