"""P1 accepted: an acknowledged event is stored, and each run that it causes is stored in the same transaction, once.

Or a marker is stored with it, from which the run follows: it is there until the run is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from inngest.protocol.events import FAILED
from tests.simulation.history import Acknowledged, Change, Committed, History, Row, State
from tests.simulation.scenario import Scenario

from .rules import Rules, is_gated

STARTS, ACCEPT, STAGED = "starts", "accept", "staged"


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Each event comes with its runs; no event, and no key, starts a function twice. Of gated ones see `p1_gates`."""
    rules = Rules.of(scenario)
    begun: set[tuple[object, object]] = set()
    for _number, entry, state in history.walk():
        match entry:
            case Committed():
                rows = [change.new for change in entry.changes if change.table == "runs" and change.old is None]
                begun |= {(row["event_id"], row["function_id"]) for row in rows if row is not None}
                for event_id in _touched(entry):
                    yield from _without_runs(entry, state.events[event_id], begun, state, rules)
                yield from _parcels(entry, state)
            case Acknowledged():
                for event_id in entry.event_ids:
                    if event_id not in state.events:
                        yield f"at {entry.at}: event {event_id} was acknowledged and is not stored"
            case _:
                pass
    yield from _twice(history.state)


def _touched(entry: Committed) -> Iterator[str]:
    """Events that were stored, and those of which runs were left."""
    for change in entry.changes:
        if change.table == "events" and change.old is None and change.new is not None:
            yield str(change.new["id"])
        elif change.table == "timers" and (row := change.new or change.old) is not None and row["kind"] == STARTS:
            yield str(row["key"])


def _without_runs(
    entry: Committed, event: Row, begun: set[tuple[object, object]], state: State, rules: Rules
) -> Iterator[str]:
    marker = state.timers.get((STARTS, str(event["id"])))
    for function_id in _causes(event, state, rules):
        if (event["id"], function_id) in begun or _taken(event, function_id, state):
            continue
        if marker is not None and function_id > json.loads(str(marker["payload"])):
            continue
        yield f"at {entry.at}: event {event['id']} ({event['name']}) was stored without a run of {function_id}"


def _parcels(entry: Committed, state: State) -> Iterator[str]:
    """Events that were stored together are accepted, all or none."""
    if not any(change.table == "parcels" or _is_of_parcel(change) for change in entry.changes):
        return
    for parcel in dict.fromkeys(parcel for parcel, _ in state.parcels):
        if (ACCEPT, parcel) not in state.timers and (STAGED, parcel) not in state.timers:
            yield f"at {entry.at}: parcel {parcel} is stored, and nobody accepts it"
    for change in entry.changes:
        if change.table == "parcels" and change.old is not None and change.new is None:
            for event_id, *_ in json.loads(str(change.old["events"])):
                if event_id not in state.events:
                    yield f"at {entry.at}: event {event_id} of parcel {change.old['id']} is gone, and not accepted"


def _is_of_parcel(change: Change) -> bool:
    row = change.new or change.old
    return change.table == "timers" and row is not None and row["kind"] in (ACCEPT, STAGED)


def _causes(event: Row, state: State, rules: Rules) -> Iterator[str]:
    failed = json.loads(str(event["data"])).get("function_id") if event["name"] == FAILED else None
    for function in state.functions.values():
        if is_gated(function):
            continue
        if rules.starts(function, event) or (failed and function["failure_of"] == failed):
            yield str(function["id"])


def _taken(event: Row, function_id: str, state: State) -> bool:
    """Whether an earlier event with the same key has started the function."""
    return bool(event["key"]) and any(
        run["function_id"] == function_id and state.events[str(run["event_id"])]["key"] == event["key"]
        for run in state.runs.values()
    )


def _twice(state: State) -> Iterator[str]:
    runs = [run for run in state.runs.values() if not run["origin_id"]]  # a person has asked for the others
    by_event = Counter((run["function_id"], run["event_id"]) for run in runs)
    keyed = [(run, state.events[str(run["event_id"])]["key"]) for run in runs]
    by_key = Counter((run["function_id"], key) for run, key in keyed if key)
    for (function_id, cause), count in (*by_event.items(), *by_key.items()):
        if count > 1:
            yield f"{function_id} was started {count} times by {cause}"
