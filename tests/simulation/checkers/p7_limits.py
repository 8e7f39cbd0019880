"""P7 limits: what executes never exceeds a concurrency limit, and each slot that is counted is somebody's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from inngest.engine.domain.lanes import Lane, queueing_of
from tests.simulation.history import Began, Committed, Died, Finished, History, State
from tests.simulation.scenario import Scenario


def check(history: History, _: Scenario) -> Iterator[str]:
    """Slots are counted exactly, after each transaction; and handlers of owners are no more than there are slots."""
    handlers: dict[tuple[int, str, str, str], None] = {}  # process, token, run and step of those that run
    for _number, entry, state in history.walk():
        match entry:
            case Committed():
                yield from (f"at {entry.at}: {problem}" for problem in _miscounted(state))
            case Began():
                handlers[entry.process, entry.token, entry.run_id, entry.step] = None
                yield from (f"at {entry.at}: {problem}" for problem in _exceeded(state, list(handlers)))
            case Finished():
                handlers.pop((entry.process, entry.token, entry.run_id, entry.step), None)
            case Died():
                handlers = {key: None for key in handlers if key[0] != entry.process}
            case _:
                pass
    for budget in history.state.budgets.values():
        if budget["used"]:
            yield f"in the end {budget['used']} slots of {budget['budget']} are used by nobody"


def _miscounted(state: State) -> Iterator[str]:
    held: Counter[str] = Counter()
    for run in state.runs.values():
        slots = _number(run["slots"])
        if (slots > 0) != (run["session_id"] is not None and run["lane"] is not None):
            yield f"run {run['id']} holds {slots} slots, its owner is {run['session_id']}, its lane {run['lane']}"
        for budget in _budgets(run["lane"]):
            held[budget] += slots
    used = {str(row["budget"]): _number(row["used"]) for row in state.budgets.values()}
    for budget in sorted({*held, *used}):
        if held[budget] != used.get(budget, 0):
            yield f"{held[budget]} slots of {budget} are held, and {used.get(budget, 0)} are counted"
    limits = _limits(state)
    for budget, count in held.items():
        if count > limits.get(budget, count):
            yield f"{count} slots of {budget} are held, and there are {limits[budget]}"


def _exceeded(state: State, handlers: list[tuple[int, str, str, str]]) -> Iterator[str]:
    """A worker that was declared dead may go on until its handler returns: it owns nothing any more."""
    executing: Counter[str] = Counter()
    for _, token, run_id, _ in handlers:
        run = state.runs.get(run_id)
        if run is not None and run["token"] == token:
            executing.update(_budgets(run["lane"]))
    limits = _limits(state)
    for budget, count in executing.items():
        if count > limits.get(budget, count):
            yield f"{count} handlers execute in {budget}, and it has {limits[budget]} slots"


def _limits(state: State) -> dict[str, int]:
    """The most that any function allows of the budgets of its runs."""
    limits: dict[str, int] = {}
    for run in state.runs.values():
        if run["lane"] is None:
            continue
        lane = Lane.of(str(run["lane"]))
        rules = queueing_of(lane.function_id, str(state.functions[lane.function_id]["config"]))
        for budget, slots in zip(lane.budgets, rules.slots(lane.budgets), strict=True):
            if slots is not None:
                limits[budget] = max(limits.get(budget, 0), slots)
    return limits


def _budgets(lane: object) -> set[str]:
    return set() if lane is None else set(Lane.of(str(lane)).budgets)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
