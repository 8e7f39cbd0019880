"""P10 honest: an acknowledgement always follows its commit."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.history import Acknowledged, History, Recorded, Told
from tests.simulation.scenario import Scenario


def check(history: History, _: Scenario) -> Iterator[str]:
    """Whoever was told something could have read it in the store at that moment."""
    for _number, entry, state in history.walk():
        match entry:
            case Acknowledged():
                for event_id in entry.event_ids:
                    if event_id not in state.events:
                        yield f"at {entry.at}: event {event_id} was acknowledged before its commit"
            case Recorded():
                for step, _data, _attempt in entry.memos:
                    if state.memo(entry.run_id, step) is None:
                        yield f"at {entry.at}: the record of {step} was answered before its commit"
            case Told():
                run = state.runs[entry.run_id]
                if (run["status"], run["output"]) != (entry.status, entry.output):
                    yield f"at {entry.at}: run {entry.run_id} was told as {entry.status}, and is {run['status']}"
            case _:
                pass
