"""A rerun has the memos of its origin from before its step, and is made once for each time it is asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation.history import Committed, History, Reran, Row, State, is_memo
from tests.simulation.scenario import Scenario


def check(history: History, _: Scenario) -> Iterator[str]:
    """What is kept is equal as the rerun is stored; whoever was answered has one run, and others have one at most."""
    asked: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for _number, entry, state in history.walk():
        match entry:
            case Committed():
                for change in entry.changes:
                    row = change.new
                    if change.table == "runs" and row is not None and row["origin_id"] and _is_new(change.old):
                        yield from _kept(entry.at, row, state)
            case Reran():
                asked[entry.run_id] += 1
                if entry.new_id is not None:
                    told[entry.run_id] += 1
                    if entry.new_id not in state.runs:
                        yield f"at {entry.at}: rerun {entry.new_id} of {entry.run_id} was told of, and is not stored"
            case _:
                pass
    made = Counter(str(run["origin_id"]) for run in history.state.runs.values() if run["origin_id"])
    for run_id in {*asked, *made}:
        if not told[run_id] <= made[run_id] <= asked[run_id]:
            yield (
                f"run {run_id} has {made[run_id]} reruns; {asked[run_id]} were asked for, {told[run_id]} were told of"
            )


def _is_new(old: Row | None) -> bool:
    """It was not a rerun before: its origin is noted in the transaction that creates it."""
    return old is None or not old["origin_id"]


def _kept(at: int, run: Row, state: State) -> Iterator[str]:
    origin: Mapping[str, Any] = json.loads(str(run["origin_step"])) if run["origin_step"] else {"hash": "", "kept": 0}
    was, now = _memos(state, str(run["origin_id"])), _memos(state, str(run["id"]))
    places = {row["hash"]: row["seq"] for row in was}
    if now != was[: origin["kept"]] or places.get(origin["hash"], origin["kept"]) != origin["kept"]:
        yield f"at {at}: rerun {run['id']} has not the memos of {run['origin_id']} from before {origin['hash']!r}"


def _memos(state: State, run_id: str) -> list[dict[str, object]]:
    """Its memos, in their order. The group in which a step was open over the wire is no part of what is known of it."""
    rows = [row for row in state.steps.values() if row["run_id"] == run_id and is_memo(row)]
    return [{**row, "run_id": "", "mode": None} for row in sorted(rows, key=lambda row: int(str(row["seq"])))]
