"""P4 fenced: a worker that was declared dead can commit nothing more about runs."""

from __future__ import annotations

from collections.abc import Iterator

from inngest.engine.store.endpoints import NOBODY
from tests.simulation.carried import REQUEST, CheckpointAnswered, Checkpointed
from tests.simulation.history import Change, Committed, History, State, begun_sessions
from tests.simulation.scenario import Scenario

DECIDED = ("status", "attempt", "output", "error", "started_at", "ended_at")
"""What only an owner writes of a run."""


def check(history: History, _: Scenario) -> Iterator[str]:
    """What is written about a run is written by its owner, who lives. (Others may hand in events, and see who died.)

    A checkpoint of its app may come to another engine: that writes it, as long as the run has an owner. A run in its
    request has none, and whoever gets a report of it writes it.
    """
    state = State()
    sessions: dict[int, set[str]] = {}  # of each process
    given: dict[int, tuple[int, str]] = {}  # checkpoints that came, by their numbers: to whom, and for which run
    reported: dict[int, tuple[int, str]] = {}  # the same of requests
    for entry in history.entries:
        if isinstance(entry, Checkpointed):
            (reported if entry.call == REQUEST else given)[entry.number] = entry.process, entry.run_id
        if isinstance(entry, CheckpointAnswered):
            del (reported if entry.call == REQUEST else given)[entry.number]
        if not isinstance(entry, Committed):
            continue
        own = sessions.setdefault(entry.process, set())
        own.update(begun_sessions(entry))
        living, made = set(state.sessions), _reruns(entry)
        for change in entry.changes:
            run = None if _cancels(change) else _decided_run(change, state)
            run = None if run in made else run
            owner = None if run is None else (state.runs[run]["session_id"] or _taken_by(change))
            taken = owner in own or (owner is not None and (entry.process, run) in given.values())
            in_request = owner in (None, NOBODY) and (entry.process, run) in reported.values()
            if run is not None and not (in_request and _is_new(run, state)) and (not taken or owner not in living):
                yield f"at {entry.at}: process {entry.process} does not own run {run} and wrote {change}"
            state.apply(change)
        for row in state.runs.values():
            if row["session_id"] is not None and row["session_id"] not in state.sessions:
                yield f"at {entry.at}: run {row['id']} belongs to session {row['session_id']}, which is dead"


def _is_new(run_id: str, state: State) -> bool:
    """Whether nobody has claimed a run yet."""
    return state.runs[run_id]["generation"] == 0


def _decided_run(change: Change, state: State) -> str | None:
    """The run that a change decides something about."""
    if change.table == "attempts" and _of_request(change, state):
        return None  # who may write it says the checker of requests
    if change.table in {"steps", "attempts"}:
        row = change.new or change.old
        assert row is not None
        return str(row["run_id"])
    old, new = change.old, change.new
    if change.table != "runs" or old is None or new is None:
        return None
    return str(new["id"]) if any(old[name] != new[name] for name in DECIDED) else None


def _of_request(change: Change, state: State) -> bool:
    row = change.new or change.old
    assert row is not None
    step = state.steps.get((str(row["run_id"]), str(row["hash"])))
    return step is not None and step["kind"] in {"Gateway", "AIGateway"}


def _reruns(entry: Committed) -> set[str]:
    """Reruns that a transaction creates, with what they keep: nobody owns them yet."""
    return {
        str(change.new["id"])
        for change in entry.changes
        if change.table == "runs" and change.new is not None and change.new["origin_id"]
        if change.old is None or not change.old["origin_id"]
    }


def _cancels(change: Change) -> bool:
    """Whether a run is cancelled: anybody may."""
    return change.table == "runs" and change.new is not None and change.new["status"] == "CANCELLED"


def _taken_by(change: Change) -> object:
    """The session that claims a run by this change."""
    return change.new["session_id"] if change.table == "runs" and change.new is not None else None
