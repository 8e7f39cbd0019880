"""What is over is over: nothing is written about a run that has ended, and one that was cancelled is taken down."""

from __future__ import annotations

from collections.abc import Iterator

from inngest.engine.domain.transitions import FINAL
from tests.simulation.history import Began, Cancelled, Change, Committed, Entered, Fired, History, Left, State
from tests.simulation.scenario import Scenario

ENDED = {status.value for status in FINAL}
OF_RUN = {"steps", "attempts", "waits", "inbox", "jobs"}
SOON = 3_000_000
"""Microseconds until every process has taken a cancelled run down, if nothing goes wrong."""


def check(history: History, _: Scenario) -> Iterator[str]:
    """Neither rows nor handlers come after the end."""
    calm = not any(isinstance(entry, Fired) for entry in history.entries)
    before = State()
    told: set[tuple[int, str]] = set()  # processes that said that a run is cancelled
    live: dict[tuple[str, str], int] = {}  # invocations, by token and run: since when their run is cancelled, or -1
    for _number, entry, state in history.walk():
        match entry:
            case Committed():
                yield from (f"at {entry.at}: {problem}" for problem in _afterwards(entry, before))
                for change in entry.changes:
                    before.apply(change)
            case Cancelled():
                told.add((entry.process, entry.run_id))
                if state.runs[entry.run_id]["status"] not in ENDED:
                    yield f"at {entry.at}: run {entry.run_id} was said to be cancelled, and is not"
            case Entered():
                live[entry.token, entry.run_id] = -1
                if (entry.process, entry.run_id) in told:
                    yield f"at {entry.at}: run {entry.run_id} was entered after it was cancelled"
            case Left():
                live.pop((entry.token, entry.run_id), None)
            case Began():
                if (entry.process, entry.run_id) in told:
                    yield f"at {entry.at}: a handler of run {entry.run_id} began after the run was cancelled"
            case _:
                pass
        if calm:
            yield from _going_on(live, state, entry.at)


def _afterwards(entry: Committed, before: State) -> Iterator[str]:
    for change in entry.changes:
        run_id = _run_of(change)
        run = None if run_id is None else before.runs.get(run_id)
        if run is not None and run["status"] in ENDED:
            yield f"run {run_id} is over ({run['status']}), and this was written: {change}"


def _run_of(change: Change) -> str | None:
    row = change.new or change.old
    assert row is not None
    if change.table == "runs":
        return str(row["id"])
    return str(row["run_id"]) if change.table in OF_RUN else None


def _going_on(live: dict[tuple[str, str], int], state: State, now: int) -> Iterator[str]:
    for (token, run_id), since in live.items():
        if state.runs[run_id]["status"] != "CANCELLED":
            continue
        if since < 0:
            live[token, run_id] = now
        elif now - since > SOON:
            live[token, run_id] = now
            yield f"at {now}: run {run_id} was cancelled at {since}, and an invocation of it still goes on"
