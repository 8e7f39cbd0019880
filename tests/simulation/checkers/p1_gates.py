"""P1 accepted, where an event does not just start a run: each is judged as its function's configuration says, once.

A model of the gates is led beside the store. Whatever a transaction accepts, collects, starts or refuses must be what
the model says; what is collected is never lost, and its run starts when its time has come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from inngest.engine.store.timers import NEVER
from inngest.protocol.events import INVOKED as FUNCTION_INVOKED
from tests.simulation.history import Committed, Fired, History, Row, State, batch_of
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import Scenario

from .rules import Rules, config_of, data_of, is_gated, ms

PROMPT = 3_000
"""Milliseconds in which what has fallen due is done if nothing goes wrong."""

DAY = 86_400_000

STARTS = "starts"
"""The kind of a timer that marks an event: it is still to be judged, by functions after the one that it names."""

Key = tuple[str, str]  # function and value of a key


@dataclass(slots=True)
class Pending:
    """What is collected for one key."""

    events: list[Row]  # of a debounce: the one that will start the run
    first_at: int
    due_at: int


@dataclass(slots=True)
class Told:
    """What the model knows."""

    rates: dict[Key, list[int]] = field(default_factory=dict)  # when runs were created
    keys: dict[Key, int] = field(default_factory=dict)  # of idempotency: until when
    pending: dict[Key, Pending] = field(default_factory=dict)


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Every event gets what its function's gates have for it, in its own transaction or in one that a marker causes."""
    rules, told = Rules.of(scenario), Told()
    faults = any(isinstance(entry, Fired) for entry in history.entries)
    for _number, entry, state in history.walk():
        if not isinstance(entry, Committed):
            continue
        touched = {change.table for change in entry.changes}
        if touched & {"events", "runs", "timers"}:
            judged = _Transaction(entry, state, rules, told)
            yield from (f"at {entry.at}: {problem}" for problem in judged.problems())
        if not faults:
            now = EPOCH + entry.at // 1000
            for key, pending in told.pending.items():
                if pending.due_at + PROMPT < now:
                    pending.due_at = now
                    yield f"at {entry.at}: what is collected for {key} is due, and starts nothing: {pending.events}"
    for key, pending in told.pending.items():
        if pending.due_at != NEVER:
            yield f"in the end what was collected for {key} has started nothing: {pending.events}"


class _Transaction:
    """What one transaction did about gated functions."""

    def __init__(self, entry: Committed, state: State, rules: Rules, told: Told) -> None:
        self._state = state
        self._rules = rules
        self._told = told
        self._functions = [function for function in state.functions.values() if is_gated(function)]
        gated = {function["id"] for function in self._functions}
        self._left: dict[str, str] = {}  # events to judge, with the function after which they are
        self._runs: dict[tuple[str, tuple[str, ...]], Row] = {}  # that began, by function and events
        self._collects = False
        for change in entry.changes:
            new = change.new
            if change.old is None and new is not None and change.table == "events":
                self._left[str(new["id"])] = ""
            elif change.table == "timers" and change.old is not None and change.old["kind"] == STARTS:
                self._left.setdefault(str(change.old["key"]), json.loads(str(change.old["payload"])))
            elif change.old is None and new is not None and change.table == "runs" and new["function_id"] in gated:
                events = tuple(str(event["id"]) for event in batch_of(new, state))
                self._runs[str(new["function_id"]), events] = new
            self._collects = self._collects or change.table == "timers"

    def problems(self) -> Iterator[str]:
        """What is otherwise than the model says."""
        for event_id, after in self._left.items():
            marker = self._state.timers.get((STARTS, event_id))
            until = None if marker is None else json.loads(str(marker["payload"]))
            for function in sorted(self._functions, key=lambda function: str(function["id"])):
                if str(function["id"]) > after and (until is None or str(function["id"]) <= until):
                    yield from self._judge(function, self._state.events[event_id])
        if self._collects or self._left:
            yield from self._fired()
        for (function_id, events), run in self._runs.items():
            yield f"run {run['id']} of {function_id} was started by {events}, and the model does not know why"
        if self._collects or self._left:
            yield from self._stored()

    def _judge(self, function: Row, event: Row) -> Iterator[str]:
        function_id, config = str(function["id"]), config_of(str(function["config"]))
        if event["name"] == FUNCTION_INVOKED:
            if (function_id, (str(event["id"]),)) in self._runs:
                yield from self._admit(function_id, config, [event], _number(event["received_at"]), direct=True)
            return
        if not self._rules.starts(function, event) or self._is_known(function_id, event):
            return
        data, now = data_of(str(event["data"])), _number(event["received_at"])
        if "debounce" in config:
            key = (function_id, self._rules.key(function_id, config["debounce"], data) or "")
            self._debounce(key, config["debounce"], event, now)
        elif "batchEvents" in config and self._is_batched(function_id, config["batchEvents"], data):
            key = (function_id, self._rules.key(function_id, config["batchEvents"], data) or "")
            yield from self._collect(key, config, event, now)
        else:
            yield from self._admit(function_id, config, [event], now)

    def _is_known(self, function_id: str, event: Row) -> bool:
        """Whether an event with the same key has started the function before."""
        return bool(event["key"]) and any(
            run["function_id"] == function_id and self._state.events[str(run["event_id"])]["key"] == event["key"]
            for run in self._state.runs.values()
            if run["event_id"] != event["id"]
        )

    def _is_batched(self, function_id: str, batch: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
        return "if" not in batch or self._rules.says(function_id, batch["if"], data) is True

    # -- collecting

    def _debounce(self, key: Key, debounce: Mapping[str, Any], event: Row, now: int) -> None:
        known = self._told.pending.get(key)
        first_at = now if known is None else known.first_at
        timeout = ms(debounce.get("timeout"))
        due_at = now + _ms(debounce["period"])
        due_at = due_at if timeout is None else min(due_at, first_at + timeout)
        older = known is not None and _number(event["ts"]) < _number(known.events[0]["ts"])
        last = known.events[0] if known is not None and older else event
        self._told.pending[key] = Pending([last], first_at, due_at)

    def _collect(self, key: Key, config: Mapping[str, Any], event: Row, now: int) -> Iterator[str]:
        batch = config["batchEvents"]
        timeout = ms(batch.get("timeout"))
        pending = self._told.pending.setdefault(key, Pending([], now, NEVER if timeout is None else now + timeout))
        pending.events.append(event)
        if len(pending.events) >= batch["maxSize"]:
            del self._told.pending[key]
            yield from self._admit(key[0], config, pending.events, now)

    def _fired(self) -> Iterator[str]:
        """What was collected, and has its timer no more."""
        there = {_name(row): row for row in self._state.timers.values() if row["kind"] in {"debounce", "batch"}}
        for key, pending in list(self._told.pending.items()):
            if (key[0], str(pending.events[0]["id"])) in there:
                continue
            del self._told.pending[key]
            run = self._runs.get((key[0], tuple(str(event["id"]) for event in pending.events)))
            if run is not None and _number(run["created_at"]) < pending.due_at:
                yield f"run {run['id']} was started at {run['created_at']}, and was due at {pending.due_at}"
            config = config_of(str(self._state.functions[key[0]]["config"]))
            now = pending.due_at if run is None else _number(run["created_at"])
            yield from self._admit(key[0], config, pending.events, now)

    def _stored(self) -> Iterator[str]:
        """Whether what is collected is stored."""
        timers = {_name(row): row for row in self._state.timers.values() if row["kind"] in {"debounce", "batch"}}
        for key, pending in self._told.pending.items():
            row = timers.pop((key[0], str(pending.events[0]["id"])))
            if row["due_at"] != pending.due_at:
                yield f"{pending.events} are due at {row['due_at']}, and should be at {pending.due_at}"
            if row["kind"] == "batch":
                batch_id = json.loads(str(row["payload"]))[3]
                rows = [one for (batch, _), one in sorted(self._state.batches.items()) if batch == batch_id]
                if [one["event_id"] for one in rows] != [event["id"] for event in pending.events]:
                    yield f"batch {batch_id} has {rows}, and should have {pending.events}"
        for row in timers.values():
            yield f"{row} collects what the model has not"

    # -- admitting

    def _admit(
        self, function_id: str, config: Mapping[str, Any], events: list[Row], now: int, *, direct: bool = False
    ) -> Iterator[str]:
        run = self._runs.pop((function_id, tuple(str(event["id"]) for event in events)), None)
        data = data_of(str(events[0]["data"]))
        surplus = self._is_surplus(function_id, config, data, now)
        if surplus and not direct:
            if run is not None:
                yield f"run {run['id']} was started by {events}, though {surplus}"
            return
        if run is None:
            yield f"{events} have started no run of {function_id}"
            return
        paused = self._state.pauses.get(function_id)
        skips = bool(surplus) or (paused is not None and paused["on_event"] == "skip")
        if skips != (run["status"] == "SKIPPED") and "singleton" not in config:
            yield f"run {run['id']} is {run['status']}, started by {events}: {surplus or paused or 'nothing is wrong'}"
        if run["status"] != "SKIPPED":
            self._count(function_id, config, data, now)

    def _is_surplus(self, function_id: str, config: Mapping[str, Any], data: Mapping[str, Any], now: int) -> str:
        """Why an event starts nothing; empty if it does."""
        if "rateLimit" in config:
            limit = config["rateLimit"]
            key = self._rules.key(function_id, limit, data)
            since = now - _ms(limit["period"])
            starts = [at for at in self._told.rates.get((function_id, key or ""), ()) if at > since]
            if key is not None and len(starts) >= limit["limit"]:
                return f"there were {starts} since {since}"
        if "idempotency" in config:
            key = self._rules.key(function_id, {"key": config["idempotency"]}, data)
            if key is not None and self._told.keys.get((function_id, key), 0) > now:
                return f"key {key} is taken"
        return ""

    def _count(self, function_id: str, config: Mapping[str, Any], data: Mapping[str, Any], now: int) -> None:
        if "rateLimit" in config:
            key = self._rules.key(function_id, config["rateLimit"], data)
            self._told.rates.setdefault((function_id, key or ""), []).append(now)
        if "idempotency" in config:
            key = self._rules.key(function_id, {"key": config["idempotency"]}, data)
            self._told.keys[function_id, key or ""] = now + DAY


def _name(timer: Row) -> tuple[str, str]:
    """The function of a timer that collects, and its event, or its first one."""
    payload = json.loads(str(timer["payload"]))
    return str(payload[0]), str(payload[4] if timer["kind"] == "batch" else payload[3])


def _ms(text: str) -> int:
    length = ms(text)
    assert length is not None
    return length


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
