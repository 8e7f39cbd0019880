"""H: runs that wait for events, and what an event costs beside them."""

from __future__ import annotations

import json
import statistics
from typing import Any

from .figures import Bar, Section, percentile, short, spread, table
from .plan import Plan
from .processes import folder, output_of, say

MODULE = "benchmarks.contenders.waiting"


def waiting(plan: Plan) -> Section:
    """H."""
    say(f"H: {plan.waits:,} runs wait")
    found = _measure(plan)
    few, many = ([1000 * seconds for seconds, _ in found[name]] for name in ("few", "many"))
    cpu_few, cpu_many = ([1000 * cpu for _, cpu in found[name]] for name in ("few", "many"))
    slower = percentile(many, 0.5) / percentile(few, 0.5)
    dearer = statistics.fmean(cpu_many) / statistics.fmean(cpu_few)
    rows: list[list[object]] = [
        [f"{count:,} waits", percentile(times, 0.5), percentile(times, 0.99), max(times), statistics.fmean(cpu)]
        for count, times, cpu in ((plan.few_waits, few, cpu_few), (plan.waits, many, cpu_many))
    ]
    asked = spread([plan.broad_waits / (one["offer"] - one["nothing"]) for one in found["broad"]])
    alone = spread([plan.broad_waits / one["evaluator"] for one in found["broad"]])
    text = (
        "Milliseconds from `send` of an event until the code of the run that waits for it goes on, and CPU of all that "
        "follows from it; beside other runs that wait for an event of the same name with other keys, in turns, "
        f"{plan.wait_samples} times.\n\n"
    )
    text += table(["", "p50", "p99", "most", "CPU, mean"], rows)
    text += (
        f"\n\nThey were begun, and waited, at {short(plan.waits / found['opened_in'])} a second. "
        f"{plan.broad_waits:,} waits whose expressions have no equality: an event of their name, less one of another, "
        f"asks {asked} of them a second; the evaluator alone {alone}."
    )
    bars = [
        Bar(f"woken among {plan.waits:,}, p99", percentile(many, 0.99), 20, " ms"),
        Bar(f"woken among {plan.waits:,} ÷ among {plan.few_waits}, p50", slower, 2, " ×"),
        Bar(f"woken among {plan.waits:,} ÷ among {plan.few_waits}, CPU", dearer, 2, " ×"),
        Bar("expressions without equality, in the engine", asked.median, 50_000, "/s", least=True),
    ]
    return Section("H. Waits", text, bars)


def _measure(plan: Plan) -> dict[str, Any]:
    how = (plan.few_waits, plan.waits, plan.wait_samples, plan.broad_waits, plan.broad_rounds)
    with folder() as path:
        found: dict[str, Any] = json.loads(output_of("-m", MODULE, str(path / "waiting.db"), *map(str, how)))
        return found
