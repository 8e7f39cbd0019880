"""A call that is not its run's newest any more writes nothing, and its code stops when it is told so."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.carried import REQUEST, Called, CheckpointAnswered, Checkpointed, CheckpointHeard, Returned
from tests.simulation.history import Began, History, Row, State, is_memo
from tests.simulation.scenario import Scenario

STALE = 409


def check(history: History, _: Scenario) -> Iterator[str]:
    """See the module. What is recorded already may be reported again: nobody knows who heard that."""
    calls = _Calls()
    new: dict[int, set[str]] = {}  # hashes that a checkpoint of an outdated call would record first, by its number
    stopped: set[tuple[str, str]] = set()  # calls, and their runs
    for _number, entry, state in history.walk():
        calls.see(entry)
        match entry:
            case Checkpointed() if calls.outdated(entry.run_id, entry.call, state):
                told = entry.results if entry.call == REQUEST else entry.steps  # a request is over after all others
                new[entry.number] = {one for one in told if not is_memo(state.steps.get((entry.run_id, one)))}
            case CheckpointAnswered(status=status) if entry.number in new:
                if new.pop(entry.number) and status < 400:
                    yield f"at {entry.at}: a checkpoint of {entry.call} is taken, which is not the newest of its run"
            case CheckpointHeard(status=status) if status == STALE:
                stopped.add((entry.call, entry.run_id))
            case Began() if (entry.token, entry.run_id) in stopped:
                yield f"at {entry.at}: {entry.step} begins in {entry.token}, which was told to stop"
            case Returned(status=status) if (entry.call, entry.run_id) in stopped and status < 400:
                yield f"at {entry.at}: {entry.call} was told to stop, and reports something"
            case _:
                pass


class _Calls:
    """The discoveries that have left."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}  # of the claims of calls
        self._newest: dict[str, str] = {}  # by run

    def see(self, entry: object) -> None:
        """Take note of what happens."""
        match entry:
            case Called():
                self._tokens[entry.call] = entry.token
                if not entry.target:
                    self._newest[entry.run_id] = entry.call
            case _:
                pass

    def outdated(self, run_id: str, call: str, state: State) -> bool:
        """Whether a run is not its engine's any more, or that has asked again since; or it has left its request."""
        if call == REQUEST:
            return _has_left_its_request(state.runs.get(run_id))
        newest = self._newest.get(run_id)
        return state.runs[run_id]["token"] != self._tokens.get(call) or newest != call


def _has_left_its_request(run: Row | None) -> bool:
    return run is not None and (run["ended_at"] is not None or run["generation"] != 0)
