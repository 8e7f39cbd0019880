"""An idle engine issues at most one query a second, and an idle world stays on time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulation.history import Committed, Fired, History
from tests.simulation.scenario import Scenario

EACH = 3
"""Transactions that change nothing (looks into the queue) for each one that does."""

MORE = 10
"""Those that a process needs besides, to start and end."""


def check(history: History, _: Scenario) -> Iterator[str]:
    """No process spins on the store while nothing happens."""
    if any(isinstance(entry, Fired) for entry in history.entries):
        return
    empty: Counter[int] = Counter()
    full = 0
    for entry in history.entries:
        if isinstance(entry, Committed):
            if entry.changes:
                full += 1
            else:
                empty[entry.process] += 1
    seconds = history.entries[-1].at / 1e6
    for process, count in sorted(empty.items()):
        if count > MORE + EACH * full + seconds:
            yield f"process {process} looked {count} times in {seconds} s, and {full} transactions changed something"
