"""What is gone leaves nothing: no timer limits the time of a run that has ended; no batch stays that starts no run."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.simulation.history import Committed, History, State
from tests.simulation.scenario import Scenario

TIMES = ("start", "finish")


def check(history: History, _: Scenario) -> Iterator[str]:
    """Timers go in the transaction in which their run ends; batches go when they are dropped."""
    for _number, entry, state in history.walk():
        if not isinstance(entry, Committed):
            continue
        for change in entry.changes:
            run = change.new
            if change.table != "runs" or run is None or run["ended_at"] is None:
                continue
            for kind in TIMES:
                if (kind, str(run["id"])) in state.timers:
                    yield f"at {entry.at}: run {run['id']} has ended, and its timer {kind} is left"
    yield from _batches(history.state)


def _batches(state: State) -> Iterator[str]:
    needed = {run["batch_id"] for run in state.runs.values()}
    for (kind, key), timer in state.timers.items():
        if kind == "debounce":
            needed.add(key)
        elif kind == "batch":
            needed.add(json.loads(str(timer["payload"]))[3])
    for batch_id in dict.fromkeys(batch_id for batch_id, _ in state.batches):
        if batch_id not in needed:
            yield f"batch {batch_id} is left, and starts no run"
