"""A request of a step is one worker's at a time, and nobody but this worker, who lives, answers it (P0, P4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulation.history import Change, Committed, History, State, begun_sessions, is_memo
from tests.simulation.scenario import Scenario


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Requests are taken when nobody has them, and answered by who has them; none is left when its run has ended.

    A host gets a place only while it has fewer than are free.
    """
    state = State()
    sessions: dict[int, set[str]] = {}  # of each process
    for entry in history.entries:
        if not isinstance(entry, Committed):
            continue
        own = sessions.setdefault(entry.process, set())
        own.update(begun_sessions(entry))
        living = set(state.sessions)
        before = _under_way(state)
        for change in entry.changes:
            state.apply(change)
        for (session, host), count in (_under_way(state) - before).items():
            had = before[session, host]
            others = sum(number for (who, where), number in before.items() if who == session and where != host)
            if 2 * (had + count - 1) >= scenario.requests - others:
                yield f"at {entry.at}: {session} makes {had + count} requests to {host}, and {others} to others"
        for change in entry.changes:
            if change.table != "requests" or change.old is None:
                continue
            holder = change.old["session_id"]
            if change.new is not None and change.new["session_id"] not in {None, holder} and holder is not None:
                yield f"at {entry.at}: a request is taken from {holder}, who has it: {change.new}"
            if answered(change, state) and (holder not in own or holder not in living):
                yield f"at {entry.at}: process {entry.process} has answered a request that {holder} has: {change}"
        for run_id, hashed in state.requests:
            if state.runs[run_id]["ended_at"] is not None:
                yield f"at {entry.at}: run {run_id} has ended, and its request {hashed} is still there"


def _under_way(state: State) -> Counter[tuple[object, object]]:
    """How many requests each worker makes to each host."""
    return Counter((row["session_id"], row["host"]) for row in state.requests.values() if row["session_id"] is not None)


def answered(change: Change, after: State) -> bool:
    """Whether this is the result of an attempt, and not the end of its run or of its step."""
    old, new = change.old, change.new
    if change.table != "requests" or old is None:
        return False
    if new is not None:
        return bool(new["attempt"] != old["attempt"])
    run_id, hashed = str(old["run_id"]), str(old["hash"])
    return after.runs[run_id]["ended_at"] is None and not is_memo(after.steps.get((run_id, hashed)))
