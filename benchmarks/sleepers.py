"""E: ten thousand runs that sleep."""

from __future__ import annotations

import json
from typing import Any

from .figures import Bar, Section, percentile, short, spread, table
from .plan import Plan
from .processes import HERE, Tree, folder, output_of, say

MODULE = "benchmarks.contenders.sleepers"


def sleeping(plan: Plan) -> Section:
    """E."""
    say(f"E: {plan.sleepers:,} runs sleep")
    spread_out = _measure(plan, "spread", str(plan.sleepers_over), str(plan.sleepers_ms))
    late = [1000 * value for value in spread_out["late"]]
    memory = spread_out["memory"] / 1_000_000
    say(f"E: {plan.sleepers:,} runs fall due within a second")
    rounds = [due_at_once(plan) for _ in range(plan.due_rounds)]
    at_once = [1000 * value for one in rounds for value in one["late"]]
    rate = spread([plan.sleepers / one["drained"] for one in rounds])
    rows: list[list[object]] = [
        [
            f"{plan.sleepers:,} started over {plan.sleepers_over:g} s, each sleeps {plan.sleepers_ms / 1000:g} s",
            percentile(late, 0.5),
            percentile(late, 0.99),
            max(late),
            f"{short(memory)} MB",
            "–",
        ],
        [
            f"{plan.sleepers:,} due within one second",
            percentile(at_once, 0.5),
            percentile(at_once, 0.99),
            max(at_once),
            "–",
            rate,
        ],
    ]
    text = (
        "Late: from the recorded deadline of the sleep until the function's code goes on. Memory: the most that the "
        "process held while they ran, less what it held before. Rate: runs gone on by the time from the first "
        "deadline to the last run. DBOS keeps sleeping workflows in memory, and is not measured here.\n\n"
    )
    text += table(["", "late p50, ms", "late p99, ms", "latest, ms", "memory", "runs/s"], rows)
    bars = [
        Bar("late, p99", percentile(late, 0.99), 250, " ms"),
        Bar("memory", memory, 40, " MB"),
    ]
    return Section("E. Sleeping runs", text, bars)


def due_at_once(plan: Plan, tree: Tree = HERE) -> dict[str, Any]:
    """Once more with more time, if the runs were not all asleep when the first fell due."""
    after = plan.due_after
    while True:
        found = _measure(plan, "together", str(after), tree=tree)
        if found["parked"] > 0:
            return found
        say(f"E: {after:g} s were too short to park all runs")
        after *= 2


def _measure(plan: Plan, *how: str, tree: Tree = HERE) -> dict[str, Any]:
    with folder() as path:
        given = ("-m", MODULE, str(path / "sleepers.db"), str(plan.sleepers), *how)
        found: dict[str, Any] = json.loads(output_of(*given, tree=tree))
        return found
