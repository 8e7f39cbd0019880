"""What a run deferred starts once, in the transaction in which it ends; not if it was aborted, or the run cancelled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.simulation.history import Change, Committed, History, Row, State, effective_id
from tests.simulation.scenario import Scenario

EVENT = "inngest/deferred.schedule"
STARTING = {"COMPLETED", "FAILED"}
KEPT = ("step_id", "repeat", "kind", "seq", "attempt", "data")


def check(history: History, _: Scenario) -> Iterator[str]:
    """A defer does not change, but for being aborted; its event, and its run, come with the end of its run."""
    state = State()
    for entry in history.entries:
        if not isinstance(entry, Committed):
            continue
        ended = {
            str(change.new["id"])
            for change in entry.changes
            if change.table == "runs" and change.new is not None and change.new["ended_at"] is not None
            if change.old is None or change.old["ended_at"] is None
        }
        for change in entry.changes:
            state.apply(change)
        scheduled = Counter(_sources(entry.changes))
        wanted = Counter(key for run_id in ended for key in _wanted(state, run_id))
        if scheduled != wanted:
            yield f"at {entry.at}: runs {sorted(ended)} ended; {dict(scheduled)} was started, and not {dict(wanted)}"
        for change in entry.changes:
            yield from (f"at {entry.at}: {problem}" for problem in _changed(change))
    yield from _started(state)


def _wanted(state: State, run_id: str) -> Iterator[tuple[str, str]]:
    if state.runs[run_id]["status"] not in STARTING:
        return
    for key, row in state.steps.items():
        if key[0] == run_id and row["kind"] == "DeferAdd" and not row["cancelled"]:
            yield key


def _sources(changes: Any) -> Iterator[tuple[str, str]]:
    for change in changes:
        if change.table == "events" and change.old is None and change.new["name"] == EVENT:
            about = json.loads(change.new["data"])["_inngest"]
            yield about["source_run_id"], about["source_hash"]


def _changed(change: Change) -> Iterator[str]:
    old, new = change.old, change.new
    if change.table != "steps" or old is None or new is None or old["kind"] != "DeferAdd":
        return
    if any(old[name] != new[name] for name in KEPT) or (old["cancelled"] and not new["cancelled"]):
        yield f"defer {effective_id(old)} was {old}, and is {new}"


def _started(state: State) -> Iterator[str]:
    """The functions that are known have one run for each of their events, with the data of the defer."""
    runs = Counter((str(run["event_id"]), str(run["function_id"])) for run in state.runs.values())
    for event in state.events.values():
        if event["name"] != EVENT:
            continue
        data = json.loads(str(event["data"]))
        about = data.pop("_inngest")
        row: Row = state.steps[about["source_run_id"], about["source_hash"]]
        if json.loads(str(row["data"])) != {"fn_slug": about["fn_id"], "input": data}:
            yield f"event {event} is not what was deferred: {row}"
        count = runs[str(event["id"]), about["fn_id"]]
        if count != (about["fn_id"] in state.functions):
            yield f"{about['fn_id']} has {count} runs for {event}"
