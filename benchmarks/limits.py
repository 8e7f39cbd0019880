"""G: limits on runs, and what they cost those who have none."""

from __future__ import annotations

import json
from typing import Any

from .figures import Bar, Rounds, Section, percentile, short, table
from .plan import Plan
from .processes import folder, output_of, say

MODULE = "benchmarks.contenders.limited"


def limited_runs(plan: Plan) -> Section:
    """G."""
    say(f"G: {plan.backlog:,} runs behind one key")
    found = _measure(plan)
    rows: list[list[object]] = []
    ratios = []
    for title, kind in (("a function without limits", ""), ("a function with a limit, another key", "-keyed")):
        empty, full = ([1000 * value for value in found[f"{name}{kind}"]] for name in ("empty", "full"))
        middle = [percentile(one, 0.5) for one in (empty, full)]
        ratios.append(middle[1] / middle[0])
        rows.append([title, *middle, percentile(empty, 0.99), percentile(full, 0.99), ratios[-1]])
    rounds = Rounds(
        [
            {f"{name}{what}": taken[name][place] for name in taken for place, what in enumerate(("", "-cpu"))}
            for taken in found["crowds"]
        ]
    )
    slower, dearer = rounds.ratio("limited", "plain"), rounds.ratio("limited-cpu", "plain-cpu")
    text = (
        f"Milliseconds from `invoke` to the result of a run that does nothing, beside {plan.backlog:,} runs that are "
        "blocked behind one key of another function, and on an empty queue; in turns.\n\n"
    )
    text += table(["", "empty, p50", "blocked, p50", "empty, p99", "blocked, p99", "p50, blocked ÷ empty"], rows)
    text += (
        f"\n\nA key with 4 slots and many runs of 50 ms beside that: {short(100 * found['busy'])} % of its slots are "
        f"busy. {plan.crowd_runs:,} runs × 5 steps by {plan.crowd_callers} callers, with a limit of 1,000 for each of "
        "50 keys and a throttle that do not bind, to the same without: "
        f"× {slower} in time, × {dearer} in CPU."
    )
    bars = [
        Bar("without limits, blocked ÷ empty, p50", ratios[0], 1.2, " ×"),
        Bar("with another key, blocked ÷ empty, p50", ratios[1], 1.2, " ×"),
        Bar("slots of a key that are busy", 100 * found["busy"], 95, " %", least=True),
        Bar("runs with limits that do not bind ÷ without, time", slower.median, 1.5, " ×"),
    ]
    return Section("G. Limits", text, bars)


def _measure(plan: Plan) -> dict[str, Any]:
    how = (plan.backlog, plan.limited_samples, plan.limited_seconds, plan.crowd_runs, plan.crowd_callers)
    with folder() as path:
        given = [str(path / "limited.db"), *map(str, how), str(plan.crowd_rounds + 2)]
        found: dict[str, Any] = json.loads(output_of("-m", MODULE, *given))
        return found
