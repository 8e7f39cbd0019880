"""A run of an app that can be reached ends, or waits for a cause: its code is entered when there is something to do."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.carried import Answered, AppDied, AppStarted, Called
from tests.simulation.faults import Fault
from tests.simulation.history import Committed, Died, Fired, History, State, Stopped, is_memo
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import Scenario

PATIENCE = 50_000_000
"""Microseconds until it is entered: an app that could not be reached is left alone for half a minute."""

HARMLESS = frozenset((Fault.TWICE, Fault.SKEW))
"""Faults after which nobody needs time."""


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """See the module."""
    if not scenario.apps:
        return
    flying: dict[str, tuple[str, int]] = {}  # calls under way: their runs, and who has made them
    entered: dict[str, int] = {}  # runs whose code was entered by a discovery since their last step ended: when
    since: dict[str, int] = {}  # when a run was first seen to need a call
    serving: dict[int, int] = {}
    quiet = 0  # since when nothing goes wrong
    for _number, entry, state in history.walk():
        match entry:
            case Called():
                flying[entry.call] = entry.run_id, entry.process
                if not entry.target:
                    entered[entry.run_id] = entry.at
            case Answered():
                flying.pop(entry.call, None)
            case AppStarted():
                serving[entry.app] = quiet = entry.at
            case AppDied():
                serving.pop(entry.app, None)
            case Died() | Stopped():
                flying = {call: one for call, one in flying.items() if one[1] != entry.process}
            case Fired() if entry.fault not in HARMLESS:
                quiet = entry.at
            case Committed():
                for change in entry.changes:
                    row = change.new
                    if change.table == "steps" and row is not None and is_memo(row):
                        entered.pop(str(row["run_id"]), None)
            case _:
                pass
        if not serving:
            since.clear()
            continue
        under_way = {run_id for run_id, _ in flying.values()}
        needs = [run for run in state.unfinished if run not in under_way and _needs(run, entered, state, entry.at)]
        since = {run: max(since.get(run, entry.at), quiet) for run in needs}
        for run in [run for run, begun in since.items() if entry.at - begun > PATIENCE]:
            yield f"at {entry.at}: nobody has called for run {run} since {since[run]}, and nothing of it waits"
            return


def _needs(run_id: str, entered: dict[str, int], state: State, now: int) -> bool:
    """Whether a call is due: for a step that is planned, or since nothing is open, or what was waited for is there."""
    run = state.runs[run_id]
    if run["started_at"] is None:
        return False  # it waits for its start
    rows = [row for (one, _), row in state.steps.items() if one == run_id and not is_memo(row)]
    waiting = [row for row in rows if row["kind"] not in {"DeferAdd", "StepRun"}]
    if any(row["kind"] == "StepRun" and _is_due(row["due_at"], now) for row in rows):
        return True
    together = [row for row in waiting if row["mode"] != "race"]
    return run_id not in entered and not together and _is_due(run["discover_at"], now)


def _is_due(due_at: object, now: int) -> bool:
    return isinstance(due_at, int) and due_at <= EPOCH + now // 1000
