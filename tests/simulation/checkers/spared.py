"""Where nothing goes wrong, no handler that has returned begins again: its result is recorded, to whomever it came.

A file of its own: each promise has one.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.history import Began, Finished, Fired, History
from tests.simulation.scenario import Scenario


def check(history: History, _: Scenario) -> Iterator[str]:
    """See the module."""
    if any(isinstance(entry, Fired) for entry in history.entries):
        return
    returned: set[tuple[str, str]] = set()  # steps, with their runs
    for entry in history.entries:
        match entry:
            case Began():
                if (entry.run_id, entry.step) in returned:
                    yield f"at {entry.at}: {entry.step} of run {entry.run_id} begins again, and it had returned"
            case Finished(how="returned"):
                returned.add((entry.run_id, entry.step))
            case _:
                pass
