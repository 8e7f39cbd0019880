"""P4 fenced: a worker that was declared dead can commit nothing more about runs."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.history import Change, Committed, History, State
from tests.simulation.scenario import Scenario

DECIDED = ("status", "attempt", "output", "error", "started_at", "ended_at")
"""What only an owner writes of a run."""


def check(history: History, _: Scenario) -> Iterator[str]:
    """It writes no step and no end, and owns nothing. (It may hand in events, and see that others are dead.)"""
    known: set[str] = set()
    for _number, entry, state in history.walk():
        if not isinstance(entry, Committed):
            continue
        if entry.session in known and entry.session not in state.sessions:
            for change in entry.changes:
                if _decides(change) and not _ends_itself(entry):
                    yield f"at {entry.at}: process {entry.process} was declared dead and wrote {change}"
        known.update(state.sessions)
        yield from _owned_by_nobody(entry, state)


def _decides(change: Change) -> bool:
    if change.table in {"steps", "attempts"}:
        return True
    if change.table != "runs" or change.old is None or change.new is None:
        return False
    return any(change.old[name] != change.new[name] for name in DECIDED)


def _ends_itself(entry: Committed) -> bool:
    """Whether the session ends in this very transaction, which may hold its last commits too."""
    return any(
        change.table == "sessions" and change.new is None and change.old is not None and change.old["id"] == entry.session
        for change in entry.changes
    )


def _owned_by_nobody(entry: Committed, state: State) -> Iterator[str]:
    for run in state.runs.values():
        if run["session_id"] is not None and run["session_id"] not in state.sessions:
            yield f"at {entry.at}: run {run['id']} belongs to session {run['session_id']}, which is dead"
