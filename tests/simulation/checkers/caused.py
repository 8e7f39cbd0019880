"""A run is entered at most once between two changes of its record, faults aside: entering it costs, and must be of use.

An open step that falls due is a cause as well, once for each of its attempts: the code may not come to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.carried import Answered, AppDied, AppStarted
from tests.simulation.history import (
    Change,
    Committed,
    Died,
    Entered,
    Fired,
    History,
    Left,
    State,
    Stopped,
    Stopping,
    is_memo,
)
from tests.simulation.scenario import Scenario

AWAY = 60_000_000
"""Microseconds for which an app is asked by single calls, after one was not delivered."""

OF_RUN = ("steps", "attempts", "inbox", "requests")
"""Tables whose rows are what is recorded of a run, besides its own row."""

OWNERSHIP = ("session_id", "token", "slots", "generation")
"""Columns of a run that say who has it, and nothing of how far it is."""


def check(history: History, _: Scenario) -> Iterator[str]:
    """Nobody enters a run again and again."""
    entered: dict[str, int] = {}  # runs that were entered and have not changed since: when
    away_at: int | None = None  # when a call to an app was not delivered last
    used: set[tuple[str, object, object]] = set()  # open steps that were a cause: run, hash, attempt
    for _number, entry, state in history.walk():
        match entry:
            case Entered() if state.lives(entry.session):  # else its worker was declared dead
                before = entered.get(entry.run_id)
                fresh = [] if before is None else [one for one in _open(entry.run_id, state) if one not in used]
                if before is not None and not fresh:
                    yield f"at {entry.at}: run {entry.run_id} of {entry.function_id} is entered as it was at {before}"
                used.update(fresh)
                entered[entry.run_id] = entry.at
            case Committed():
                if any(change.table == "sessions" and change.new is None for change in entry.changes):
                    entered.clear()  # a worker was declared dead
                for change in entry.changes:
                    entered.pop(_recorded(change), None)
            case Answered(how="not delivered"):
                away_at = entry.at
                entered.clear()
            case Left() if away_at is not None and entry.at < away_at + AWAY:
                entered.pop(entry.run_id, None)  # its app is being asked whether it is back, by another call
            case Fired() | Died() | Stopping() | Stopped() | AppStarted() | AppDied():
                entered.clear()
            case _:
                pass


def _open(run_id: str, state: State) -> list[tuple[str, object, object]]:
    """Steps that may fall due, with their next attempts."""
    rows = [row for row in state.steps.values() if row["run_id"] == run_id and not is_memo(row)]
    return [(run_id, row["hash"], row["attempt"]) for row in rows if row["kind"] != "DeferAdd"]


def _recorded(change: Change) -> str:
    """The run whose record a change is of; empty if it is of none."""
    old, new = change.old, change.new
    row = old if new is None else new
    if row is None:
        return ""
    if change.table in OF_RUN:
        return str(row["run_id"])
    if change.table != "runs":
        return ""
    same = old is not None and new is not None and all(old[key] == new[key] for key in new if key not in OWNERSHIP)
    return "" if same else str(row["id"])
