"""What the engine says of ends is stored in the transaction in which a run ends, once, with what it starts (P1)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from tests.simulation.history import Committed, History, Row, State, batch_of
from tests.simulation.scenario import Scenario

from .rules import data_of

NAMES = {"FAILED": "inngest/function.failed", "CANCELLED": "inngest/function.cancelled"}
FINISHED = "inngest/function.finished"
ENDS = {*NAMES.values(), FINISHED}


def check(history: History, _: Scenario) -> Iterator[str]:
    """Failures and cancellations are always said, ends if anyone listens; of who listens itself, nothing is."""
    for _number, entry, state in history.walk():
        if not isinstance(entry, Committed) or not entry.changes:
            continue
        said: Counter[tuple[str, str]] = Counter()
        expected: Counter[tuple[str, str]] = Counter()
        for change in entry.changes:
            new, old = change.new, change.old
            if new is None:
                continue
            if change.table == "events" and old is None and new["name"] in ENDS:
                said[str(new["name"]), str(data_of(str(new["data"]))["run_id"])] += 1
            elif change.table == "runs" and old is not None and old["ended_at"] is None and new["ended_at"] is not None:
                expected.update((name, str(new["id"])) for name in _names(new, state))
        if said != expected:
            yield f"at {entry.at}: the engine said {dict(said)}, and should have said {dict(expected)}"


def _names(run: Row, state: State) -> Iterator[str]:
    """The events about the end of a run."""
    if any(event["name"] in ENDS for event in batch_of(run, state)):
        return
    if run["status"] in NAMES:
        yield NAMES[str(run["status"])]
    if any(FINISHED in json.loads(str(function["events"])) for function in state.functions.values()):
        yield FINISHED
