"""I: events that match nothing are stored."""

from __future__ import annotations

import json
from typing import Any

from .figures import Bar, Rounds, Section, table
from .plan import Plan
from .processes import folder, output_of, say

MODULE = "benchmarks.contenders.intake"


def events_in(plan: Plan) -> Section:
    """I."""
    say(f"I: {plan.intake_events:,} events that match nothing")
    found = _measure(plan)
    rates = Rounds([{name: plan.intake_events / one[name][0] for name in one} for one in found])
    costs = Rounds([{name: 1e6 * one[name][1] / plan.intake_events for name in one} for one in found])
    titles = {"floor": "floor", "one": "one sender", "several": f"{plan.intake_senders} senders"}
    rows = [[title, rates.of(name), costs.of(name), rates.ratio("floor", name)] for name, title in titles.items()]
    text = (
        f"{plan.intake_events:,} events that match nothing, accepted by `Engine.send` in batches of 100, each of which "
        "is stored before the next one of its sender. The floor puts the same into a table of its own, with one "
        f"`COMMIT` for each batch. Rounds: {plan.intake_rounds}.\n\n"
    )
    text += table(["", "events/s", "CPU µs an event", "floor ÷ it, events/s"], rows)
    bars = [Bar(f"events/s, {titles['one']}", rates.of("one").median, 10_000, least=True)]
    return Section("I. Events that match nothing", text, bars)


def _measure(plan: Plan) -> list[dict[str, list[float]]]:
    how = (plan.intake_events, plan.intake_senders, plan.intake_rounds)
    with folder() as path:
        found: Any = json.loads(output_of("-m", MODULE, str(path / "intake.db"), *map(str, how)))
        return list(found)
