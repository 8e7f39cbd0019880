"""K: what lies in the file for others, or for later, and what it costs those who work."""

from __future__ import annotations

import json
from typing import Any

from .figures import Bar, Section, percentile, short, table
from .plan import Plan
from .processes import folder, output_of, say

MODULE = "benchmarks.contenders.growing"
MB = 1_000_000


def growing(plan: Plan) -> Section:
    """K."""
    say(f"K: beside {plan.backlog:,} jobs and lanes of others")
    found = _measure(plan)
    rows: list[list[object]] = []
    slower: dict[str, float] = {}
    for verb in ("invoke", "pause"):
        few, many = (percentile([1000 * taken for taken in found[count][verb]], 0.5) for count in ("few", "many"))
        slower[verb] = many / few
        rows.append([verb, few, many, f"{short(many / few)} ×"])
    told = found["told"]
    held_up = told["beside"] / told["alone"]
    text = (
        f"Milliseconds (p50) beside {plan.few_waits} and {plan.backlog:,} jobs that are due and whose function nobody "
        "serves, as many of a function that is paused, and as many lanes of each.\n\n"
    )
    text += table(["", f"{plan.few_waits}", f"{plan.backlog:,}", "ratio"], rows)
    text += (
        f"\n\nAn event of 1 MB is told to {plan.waiters:,} who wait: the file grows by {short(told['bytes'] / MB)} MB. "
        f"One invocation of another function takes {short(1000 * told['beside'])} ms at most meanwhile, "
        f"{short(held_up)} × the most before."
    )
    many_times = f"beside {plan.backlog:,} of others ÷ beside {plan.few_waits}, p50"
    bars = [
        Bar(f"invoke {many_times}", slower["invoke"], 1.5, " ×"),
        Bar(f"pause and resume {many_times}", slower["pause"], 1.5, " ×"),
        Bar(f"file ÷ event that {plan.waiters:,} wait for", told["bytes"] / MB, 12, " ×"),
    ]
    return Section("K. What lies there", text, bars)


def _measure(plan: Plan) -> dict[str, Any]:
    how = (plan.few_waits, plan.backlog, plan.limited_samples, plan.waiters)
    with folder() as path:
        found: dict[str, Any] = json.loads(output_of("-m", MODULE, str(path / "growing.db"), *map(str, how)))
        return found
