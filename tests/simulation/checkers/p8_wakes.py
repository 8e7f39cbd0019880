"""P8 wakes: what is waited for is never missed, each wait has exactly one answer, and nothing is left of it.

What a step looks for is asked of its program, not of the engine's expressions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from inngest.engine.domain.transitions import FINAL
from inngest.protocol.opcodes import WAITS
from tests.simulation.faults import CLOCKS
from tests.simulation.history import Committed, Fired, History, Row, State, is_memo
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import APP, Looking, Scenario

ENDED = {status.value for status in FINAL}
KINDS = {kind.value for kind in WAITS}
PROMPT = 3_000_000
"""Microseconds in which an answer becomes a memo if nothing goes wrong: a few looks and transactions."""

Key = tuple[str, str]  # run and hash of the step


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Every event, signal and end of a run comes to those who wait for it, once, in the transaction that it is in."""
    looks = {f"{APP}-{name}": program.looks for program in scenario.programs for name in program.ends}
    faults = {entry.fault for entry in history.entries if isinstance(entry, Fired)}
    clocks = not faults & CLOCKS
    waits: dict[Key, Row] = {}
    inbox: dict[Key, Row] = {}
    arrived: dict[Key, int] = {}  # when
    owed: dict[Key, list[str]] = {}  # events that are still to be told, in the order in which they came
    for _number, entry, state in history.walk():
        if not isinstance(entry, Committed):
            continue
        found = _Transaction(entry, state, waits, inbox, looks)
        for problem in (
            *found.owes(owed),
            *found.missed(owed),
            *found.answers(),
            *found.gone(clocks=clocks),
            *found.left(),
        ):
            yield f"at {entry.at}: {problem}"
        if not faults:
            yield from _late(arrived, state, entry.at)
        if found.touched:
            waits, inbox = dict(state.waits), dict(state.inbox)


def _late(arrived: dict[Key, int], state: State, now: int) -> Iterator[str]:
    for key in state.inbox:
        arrived.setdefault(key, now)
    for key, since in list(arrived.items()):
        if key not in state.inbox:
            del arrived[key]
        elif now - since > PROMPT:
            arrived[key] = now
            yield f"at {now}: what came for {key} at {since} is in no memo yet, though nothing goes wrong"


class _Transaction:
    """What one transaction did to waits."""

    def __init__(
        self,
        entry: Committed,
        state: State,
        waits: Mapping[Key, Row],
        inbox: Mapping[Key, Row],
        looks: Mapping[str, Mapping[str, Looking]],
    ) -> None:
        self._now = EPOCH + entry.at // 1000
        self._state = state
        self._waits = waits  # before
        self._inbox = inbox  # before
        self._looks = looks
        self._begun: dict[Key, Row] = {}
        self._gone: dict[Key, Row] = {}
        self._came: dict[Key, Row] = {}
        self._taken: set[Key] = set()  # from the inbox
        self._memos: dict[Key, tuple[Row | None, Row]] = {}
        self._events: list[Row] = []
        self._claimed: set[str] = set()
        self._ended: list[Row] = []
        for change in entry.changes:
            self._sort(change.table, change.old, change.new)
        self.touched = bool(self._begun or self._gone or self._came or self._taken)

    def _sort(self, table: str, old: Row | None, new: Row | None) -> None:
        row = new or old
        assert row is not None
        if table == "waits":
            (self._begun if old is None else self._gone)[_key(row)] = row
        elif table == "inbox" and old is None:
            self._came[_key(row)] = row
        elif table == "inbox":
            self._taken.add(_key(row))
        elif table == "steps" and is_memo(new) and new is not None and new["kind"] in KINDS:
            self._memos[_key(row)] = (old, new)
        elif table == "events" and old is None:
            self._events.append(row)
        elif table == "runs" and old is not None and new is not None:
            if new["token"] is not None:
                self._claimed.add(str(row["id"]))
            if old["status"] not in ENDED and new["status"] in ENDED:
                self._ended.append(new)

    def _is_over(self, run_id: str) -> bool:
        return self._state.runs[run_id]["status"] in ENDED

    def _is_answered(self, key: Key) -> bool:
        return key not in self._state.waits and (key in self._came or key in self._memos or self._is_over(key[0]))

    def _is_settled(self, key: Key) -> bool:
        """Whether the wait is over by this transaction; whether rightly so is asked elsewhere."""
        return self._is_answered(key) or key in self._gone

    # -- never missed

    def owes(self, owed: dict[Key, list[str]]) -> Iterator[str]:
        """What was to be told later: whoever was owed it gets it first, and before its marker is gone."""
        for key in list(owed):
            came, wait = self._came.get(key), self._waits.get(key)
            if self._is_over(key[0]):
                del owed[key]
            elif key in self._gone:
                event_id = None if came is None else came["event_id"]
                if event_id != owed.pop(key)[0]:
                    yield f"{wait} was owed another event than it got: {came}"
            elif any(("tell", event_id) not in self._state.timers for event_id in owed[key]):
                yield f"{wait} was owed one of {owed.pop(key)}, of which nothing is left to tell"

    def missed(self, owed: dict[Key, list[str]]) -> Iterator[str]:
        """Who waited for what has come, and has not got it; what is to be told later is owed."""
        for event in self._events:
            for key, wait in self._waits.items():
                late = int(str(event["received_at"])) >= int(str(wait["expires_at"]))
                if late or not self._is_for(event, wait) or self._is_settled(key):
                    continue
                if ("tell", str(event["id"])) in self._state.timers:
                    owed.setdefault(key, []).append(str(event["id"]))
                else:
                    yield f"event {event['id']} ({event['name']}) came for {wait}, which was not told"
        for key, wait in self._begun.items():
            if self._look(wait).since and not self._is_answered(key):
                earlier = [event["id"] for event in self._state.events.values() if self._is_for(event, wait)]
                if earlier:
                    yield f"{earlier} had come before {wait} was recorded, which looks back, and was not told"
        for run in self._ended:
            key = (str(run["parent_id"]), str(run["parent_hash"]))
            if (key in self._waits or key in self._begun) and not self._is_settled(key):
                yield f"run {run['id']} ended, and the step that invoked it was not told"
            if key in self._came and not _is_end_of(run, self._came[key]):
                yield f"run {run['id']} ended with {run}, and its parent was told {self._came[key]}"

    def _look(self, wait: Row) -> Looking:
        run_id, hashed = _key(wait)
        step = self._state.steps.get((run_id, hashed))
        looks = self._looks[str(self._state.runs[run_id]["function_id"])]
        return looks.get(hashed if step is None else str(step["step_id"]), Looking())

    def _is_for(self, event: Row, wait: Row) -> bool:
        if wait["topic"] != f"event:{event['name']}":
            return False
        look, data = self._look(wait), json.loads(str(event["data"]))
        own = self._state.events[str(self._state.runs[str(wait["run_id"])]["event_id"])]
        mine = json.loads(str(own["data"])).get("number") == data.get("number")
        return (mine or not look.mine) and look.that(data)

    # -- exactly one answer

    def answers(self) -> Iterator[str]:
        """Answers to nobody, wrong ones, and memos that say something else than what came."""
        for key, row in self._came.items():
            wait = self._gone.get(key)
            if wait is None:
                yield f"{row} came for nobody"
            elif wait["kind"] == "step":
                event = self._state.events.get(str(row["event_id"]))
                if event is None or not self._is_for(event, wait):
                    yield f"{wait} was given {row}, which it does not look for"
        for key, (old, memo) in self._memos.items():
            answer = self._came.get(key) or self._inbox.get(key)
            if memo["cancelled"]:
                continue
            if answer is None:
                yield from self._ran_out(old, memo)
            elif (self._data(answer), answer["error"]) != (self._data(memo), memo["error"]):
                yield f"the memo {memo} is another answer than {answer}"

    def _data(self, row: Row) -> object:
        """The value of a memo, or of what came, which may be an event."""
        if row.get("event_id") is None:
            return None if row["data"] is None else json.loads(str(row["data"]))
        event = self._state.events[str(row["event_id"])]
        data = json.loads(str(event["data"]))
        return {"id": event["key"] or event["id"], "name": event["name"], "ts": event["ts"], "data": data}

    def _ran_out(self, old: Row | None, memo: Row) -> Iterator[str]:
        name = None if memo["error"] is None else json.loads(str(memo["error"]))["name"]
        expected = "InngestInvokeTimeoutError" if memo["kind"] == "InvokeFunction" else None
        if name != expected or memo["data"] != (None if expected else "null"):
            yield f"the memo {memo} has its answer from nowhere"
        if old is not None and int(str(memo["ended_at"])) < int(str(old["due_at"])):
            yield f"{memo} ran out before its time, {old['due_at']}"

    # -- nothing is left

    def gone(self, *, clocks: bool) -> Iterator[str]:
        """Waits, and what came for them, that went without an answer."""
        for key, wait in self._gone.items():
            if self._is_answered(key):
                continue
            if key[0] not in self._claimed:
                yield f"{wait} went without an answer"
            elif clocks and int(str(wait["expires_at"])) > self._now:
                yield f"{wait} was given up at {self._now}, before its time"
        for key in self._taken:
            if key not in self._memos and not self._is_over(key[0]):
                yield f"what had come for {key} was lost"

    def left(self) -> Iterator[str]:
        """What is there still of waits that are over."""
        if not (self.touched or self._memos or self._ended):
            return
        for table, rows in (("waits", self._state.waits), ("inbox", self._state.inbox)):
            for (run_id, hashed), row in rows.items():
                if self._is_over(run_id):
                    yield f"{row} is left in {table}, and its run is over"
                elif is_memo(self._state.steps.get((run_id, hashed))):
                    yield f"{row} is left in {table}, and its step is done"


def _is_end_of(run: Row, row: Row) -> bool:
    error: dict[str, Any] | None = None if row["error"] is None else json.loads(str(row["error"]))
    if run["status"] == "COMPLETED":
        return error is None and row["data"] == run["output"]
    if run["status"] == "FAILED":
        return row["error"] == run["error"]
    return error is not None and error["name"] == "InvokedRunCancelledError"


def _key(row: Row) -> Key:
    return str(row["run_id"]), str(row["hash"])
