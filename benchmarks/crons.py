"""J: crons that fall due together."""

from __future__ import annotations

import json
from typing import Any

from .figures import Bar, Section, percentile, short, table
from .plan import Plan
from .processes import folder, output_of, say

MODULE = "benchmarks.contenders.ticking"


def ticking(plan: Plan) -> Section:
    """J."""
    say(f"J: {plan.crons:,} crons fall due; waits for {plan.cron_minutes} minutes to begin")
    found = _measure(plan)
    late = {name: [1000 * at for one in found["rounds"] for at in one[name]] for name in ("fired", "entered")}
    titles = {"fired": "the run is created", "entered": "its function is entered"}
    rows: list[list[object]] = [
        [title, percentile(late[name], 0.5), percentile(late[name], 0.99), max(late[name])]
        for name, title in titles.items()
    ]
    text = (
        f"{plan.crons:,} functions whose crons tick with each minute: milliseconds from the tick until a run is there, "
        f"and until its code begins. Minutes: {plan.cron_minutes}. An engine with all of them started in "
        f"{short(1000 * found['started_in'])} ms.\n\n"
    )
    text += table(["", "p50", "p99", "latest"], rows)
    bars = [
        Bar(f"{plan.crons:,} crons, created, latest", max(late["fired"]), 1_000, " ms"),
        Bar(f"{plan.crons:,} crons, entered, latest", max(late["entered"]), 1_000, " ms"),
    ]
    return Section("J. Crons", text, bars)


def _measure(plan: Plan) -> dict[str, Any]:
    with folder() as path:
        given = [str(path / "ticking.db"), str(plan.crons), str(plan.cron_minutes)]
        found: dict[str, Any] = json.loads(output_of("-m", MODULE, *given))
        return found
