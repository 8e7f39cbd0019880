"""P6 progress: when faults stop, every run that can finish does; a dead worker's runs are taken over at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulation.faults import Fault
from tests.simulation.history import Committed, Died, Fired, History, Noticed, Started, State, Stopped, begun_sessions
from tests.simulation.scenario import Scenario

FINAL = {"COMPLETED", "FAILED", "CANCELLED", "SKIPPED"}

AT_ONCE = 3_000_000
"""Microseconds until a dead worker is noticed by one that lives: a look, and a few transactions on a slow machine."""

HINDRANCES = {
    *(Fault.DEAF, Fault.LATE, Fault.PAUSE, Fault.ZOMBIE),
    *(Fault.BUSY, Fault.LOCKED_OUT, Fault.FULL, Fault.UNANSWERED, Fault.AWAY),
}
"""Faults that may keep a living worker from noticing at once."""


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Nothing that is unfinished is ever without an owner or a job, and everything is over in the end."""
    for _number, entry, state in history.walk():
        match entry:
            case Noticed():
                yield f"at {entry.at}: {entry.what}"
            case Committed():
                yield from (f"at {entry.at}: {problem}" for problem in _lost(state))
            case _:
                pass
    for run in history.state.runs.values():
        if run["status"] not in FINAL:
            yield f"run {run['id']} of {run['function_id']} is {run['status']} in the end"
    if not any(isinstance(entry, Fired) and entry.fault in HINDRANCES for entry in history.entries):
        yield from _left_lying(history, scenario)


def _lost(state: State) -> Iterator[str]:
    jobs = Counter(job["run_id"] for job in state.jobs.values())
    for run in state.runs.values():
        claims = jobs[run["id"]] + (run["session_id"] is not None)
        if claims != (run["status"] not in FINAL):
            yield f"run {run['id']} is {run['status']} with {jobs[run['id']]} jobs and owner {run['session_id']}"


def _left_lying(history: History, scenario: Scenario) -> Iterator[str]:
    """Sessions of dead processes that a living one has not noticed in time."""
    living: dict[int, int] = {}  # since when, by process
    sessions: dict[int, list[str]] = {}  # of each process
    dead: dict[str, int] = {}  # when, by session
    patience = AT_ONCE + 2_000 * scenario.look
    for _number, entry, state in history.walk():
        match entry:
            case Started():
                living[entry.process] = entry.at
            case Committed():
                sessions.setdefault(entry.process, []).extend(begun_sessions(entry))
            case Died() | Stopped():
                living.pop(entry.process, None)
                dead.update(dict.fromkeys(sessions.get(entry.process, ()), entry.at))
            case _:
                pass
        for session, when in list(dead.items()):
            if session not in state.sessions:
                del dead[session]
            elif any(entry.at - max(when, since) > patience for since in living.values()):
                yield f"at {entry.at}: session {session} died at {when} and nobody has noticed"
                del dead[session]
