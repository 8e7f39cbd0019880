"""At most one discovery of a run is under way, and a call for a step leaves only while that is open."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.carried import Answered, Called
from tests.simulation.history import Died, History, Stopped, is_memo
from tests.simulation.scenario import Scenario


def check(history: History, _: Scenario) -> Iterator[str]:
    """Nobody asks an app what there is to do while its last answer to that is awaited by an engine that has the run.

    Two such calls would be two invocations of its code that both go on.
    """
    asked: dict[str, Called] = {}  # the last discovery of each run, until it is answered
    for _number, entry, state in history.walk():
        match entry:
            case Called(target=""):
                other, run = asked.get(entry.run_id), state.runs[entry.run_id]
                if run["token"] != entry.token:
                    continue  # it leaves in vain: its run is another's by now
                if other is not None and other.token in (entry.token, run["token"]):
                    yield f"at {entry.at}: run {entry.run_id} is asked by {entry.call} while {other.call} is under way"
                asked[entry.run_id] = entry
            case Called():
                step = state.steps.get((entry.run_id, entry.target))
                if state.runs[entry.run_id]["token"] == entry.token and (step is None or is_memo(step)):
                    yield f"at {entry.at}: run {entry.run_id} is called for step {entry.target}, which is not open"
            case Answered():
                if (one := asked.get(entry.run_id)) is not None and one.call == entry.call:
                    del asked[entry.run_id]
            case Died() | Stopped():
                asked = {run: one for run, one in asked.items() if one.process != entry.process}
            case _:
                pass
