"""P10 honest: an acknowledgement always follows its commit, into files that others find."""

from __future__ import annotations

from collections.abc import Iterator

from inngest.protocol.steps import hash_step_id
from tests.simulation.carried import Called, CheckpointAnswered, Checkpointed
from tests.simulation.history import Acknowledged, Away, Committed, History, Recorded, Told, is_memo
from tests.simulation.scenario import Scenario

TAKEN = 200


def check(history: History, _: Scenario) -> Iterator[str]:
    """Whoever was told something could have read it in the store at that moment."""
    back_at = 0  # when the files are where they were
    void: set[object] = set()  # what was committed while they were not
    told: dict[int, tuple[str, ...]] = {}  # hashes of results in checkpoints under way, by their numbers
    for _number, entry, state in history.walk():
        if entry.at >= back_at:
            void.clear()
        match entry:
            case Away():
                back_at = max(back_at, entry.until)
            case Committed():
                if entry.at < back_at:
                    void |= _stored(entry)
            case Acknowledged():
                for event_id in entry.event_ids:
                    if event_id not in state.events:
                        yield f"at {entry.at}: event {event_id} was acknowledged before its commit"
                    if event_id in void:
                        yield f"at {entry.at}: event {event_id} was acknowledged, and is in a file that is away"
            case Recorded():
                for step, _data, _attempt in entry.memos:
                    if state.memo(entry.run_id, step) is None:
                        yield f"at {entry.at}: the record of {step} was answered before its commit"
                    if (entry.run_id, hash_step_id(step)) in void:
                        yield f"at {entry.at}: the record of {step} was answered, and is in a file that is away"
            case Checkpointed():
                told[entry.number] = entry.results
            case CheckpointAnswered():
                for step in told.pop(entry.number) if entry.status == TAKEN else ():
                    if not is_memo(state.steps.get((entry.run_id, step))):
                        yield f"at {entry.at}: a checkpoint of {step} of {entry.run_id} was taken before its commit"
                    if (entry.run_id, step) in void:
                        yield f"at {entry.at}: a checkpoint of step {step} was taken, and is in a file that is away"
            case Called():
                for step in entry.memos:
                    if not is_memo(state.steps.get((entry.run_id, step))):
                        yield f"at {entry.at}: a call tells of step {step} of {entry.run_id} before its commit"
            case Told():
                run = state.runs[entry.run_id]
                if (run["status"], run["output"]) != (entry.status, entry.output):
                    yield f"at {entry.at}: run {entry.run_id} was told as {entry.status}, and is {run['status']}"
            case _:
                pass


def _stored(entry: Committed) -> set[object]:
    """The events, and the memos by run and hash, that a transaction stored."""
    new = [(change.table, change.new) for change in entry.changes if change.new is not None]
    events: set[object] = {row["id"] for table, row in new if table == "events"}
    return events | {(row["run_id"], row["hash"]) for table, row in new if table == "steps" and is_memo(row)}
