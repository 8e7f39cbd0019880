"""A run on which workers died is resumed alone (design §4.1): what kills the process must take nobody with it."""

from __future__ import annotations

from collections.abc import Iterator

from inngest.engine.domain.model import Policy
from tests.simulation.history import Died, Entered, History, Left, State, Stopped
from tests.simulation.scenario import Scenario

ALONE_AFTER = Policy(max_steps=1, retry_interval=None).alone_after


def check(history: History, _: Scenario) -> Iterator[str]:
    """While such a run is in a process, no other invocation is."""
    live: dict[tuple[str, str], Entered] = {}  # by token and run
    for _number, entry, state in history.walk():
        match entry:
            case Entered():
                live[entry.token, entry.run_id] = entry
                here = [one.run_id for one in live.values() if one.session == entry.session]
                fenced = entry.session not in state.sessions  # since it claimed
                if not fenced and len(here) > 1 and any(_suspect(run_id, state) for run_id in here):
                    yield f"at {entry.at}: process {entry.process} runs {here} beside a run on which workers died"
            case Left():
                live.pop((entry.token, entry.run_id), None)
            case Died() | Stopped():
                live = {key: one for key, one in live.items() if one.process != entry.process}
            case _:
                pass


def _suspect(run_id: str, state: State) -> bool:
    takeovers = state.runs[run_id]["takeovers"]
    assert isinstance(takeovers, int)
    return takeovers >= ALONE_AFTER
