"""Runs on hold are entered when they are due: later each time, others first, and workers that started since at once.

Said again in plain words, for worlds in which no fault keeps a worker from looking and no clock is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.history import (
    Committed,
    Died,
    Entered,
    Fired,
    History,
    Row,
    State,
    Stopped,
    Stopping,
    begun_sessions,
    hold_of,
)
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import Scenario

from .p6_progress import HINDRANCES

CLOCKS = {"SKEW", "STEP_OF_CLOCK", "WALL_SET"}
"""Faults that set clocks."""

AT_ONCE = 1_000_000
"""Microseconds in which a worker that has started looks into the queue, on a slow machine."""

SHORTEST, LONGEST = 1_000, 600_000
"""Milliseconds until a run on hold is entered again: at first, and at most."""

OTHERS = 500
"""Milliseconds in which others may enter it first."""


def check(history: History, _: Scenario) -> Iterator[str]:
    """Nobody enters a run on hold too early, or too late."""
    kinds = {entry.fault for entry in history.entries if isinstance(entry, Fired)}
    if kinds & HINDRANCES or {kind.name for kind in kinds} & CLOCKS:
        return
    workers: dict[int, int] = {}  # when the session of each process that looks for runs began, microseconds
    jobs: dict[str, Row] = {}  # of runs on hold, the last of each
    lies: dict[str, int] = {}  # since when a run is on hold and nobody's, microseconds
    for _number, entry, state in history.walk():
        for run_id, since in list(lies.items()):
            new = [began for began in workers.values() if began > since]
            if new and entry.at - min(new) > AT_ONCE:
                yield f"at {entry.at}: run {run_id} is on hold since {since}, and who began at {min(new)} left it"
                del lies[run_id]
        match entry:
            case Committed():
                if begun_sessions(entry):
                    workers[entry.process] = entry.at
                yield from _queued(entry, state, jobs, lies)
            case Died() | Stopping() | Stopped():
                workers.pop(entry.process, None)
            case Entered() if entry.run_id in jobs:
                yield from _entered(entry, jobs.pop(entry.run_id), workers)
            case _:
                pass


def _queued(entry: Committed, state: State, jobs: dict[str, Row], lies: dict[str, int]) -> Iterator[str]:
    """A run is put on hold, or taken from there."""
    for change in entry.changes:
        if change.table != "jobs":
            continue
        row = change.new or change.old
        assert row is not None
        run_id = str(row["run_id"])
        if change.new is None or not row["held_by"]:
            lies.pop(run_id, None)
            continue
        if change.old is None:
            lies[run_id] = entry.at
            hold = hold_of(state.runs[run_id])
            assert hold is not None
            due = int(str(row["due_at"])) - int(hold["at"])
            if _is_new(entry, run_id) and due != min(SHORTEST << min(int(hold["times"]) - 1, 20), LONGEST):
                yield f"at {entry.at}: run {run_id} is on hold for the {hold['times']}. time, and due after {due} ms"
        jobs[run_id] = row


def _is_new(entry: Committed, run_id: str) -> bool:
    """Whether a transaction has put a run on hold, and not only given it back."""
    return any(
        change.table == "runs"
        and change.old is not None
        and change.new is not None
        and change.new["id"] == run_id
        and change.new["code"] != change.old["code"]
        for change in entry.changes
    )


def _entered(entry: Entered, job: Row, workers: dict[int, int]) -> Iterator[str]:
    """A run on hold is entered: not by who put it there, while others may have it."""
    if entry.session != job["held_by"]:
        return
    due = int(str(job["due_at"]))
    if workers.keys() - {entry.process} and entry.at // 1_000 < due - EPOCH + OTHERS:
        yield f"at {entry.at}: run {entry.run_id} is entered by who put it on hold, and others were not asked"
