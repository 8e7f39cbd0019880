"""P7 limits, in plain words: never more starts in a period than a rate limit or a throttle allows, never two runs of a
singleton, never more events in a batch than it holds, nobody overtaken but by priority, nothing begun while paused.

Nothing here asks how the store does it: it is read off what the runs, and the queue, say.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.faults import CLOCKS
from tests.simulation.history import Change, Committed, Fired, History, Row, State, batch_of
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import Scenario

from .rules import Rules, config_for, config_of, data_for, data_of, ms

LARGEST_SHIFT = 600_000
"""Milliseconds by which a priority makes a run older or younger."""

PROMPT = 3_000
"""Milliseconds in which what has fallen due is done if nothing goes wrong."""

DELAYED = 2
"""Of a job: it is a start whose time has not come."""

REASONS = ("timeouts.start", "timeouts.finish", "singleton", "an event came", "by the world", "TriggerCron.overlap")
"""Why runs are cancelled."""

Key = tuple[str, str]


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """See the module."""
    rules = Rules.of(scenario)
    faults = {entry.fault for entry in history.entries if isinstance(entry, Fired)}
    flow = _Flow(rules, calm=not faults)
    for entry in history.entries:
        if isinstance(entry, Committed) and entry.changes:
            for change in entry.changes:
                flow.state.apply(change)
                yield from (f"at {entry.at}: {problem}" for problem in flow.see(change))
            yield from (f"at {entry.at}: {problem}" for problem in flow.after(EPOCH + entry.at // 1000))
    yield from _rated(flow)
    if not faults & CLOCKS:
        yield from _throttled(flow)


class _Flow:
    """What was seen so far, change by change."""

    def __init__(self, rules: Rules, *, calm: bool) -> None:
        self.rules = rules
        self.state = State()
        self.rated: dict[Key, list[int]] = {}  # when runs were created
        self.throttled: dict[Key, list[int]] = {}  # when runs began
        self._calm = calm
        self._batched: dict[tuple[str, str], str] = {}  # runs, by function and event
        self._begins: list[Row] = []  # runs, with this transaction
        self._jobs: dict[str, Row] = {}  # removed by this transaction, by run
        self._changed: dict[str, Row | None] = {}  # jobs before this transaction wrote them; None if they are new
        self._timed: dict[str, None] = {}  # unfinished runs that have timeouts

    def see(self, change: Change) -> Iterator[str]:
        """One row was written."""
        old, new = change.old, change.new
        if change.table == "jobs":
            self._changed.setdefault(str((new or old or {})["id"]), old)
            if new is None and old is not None:
                self._jobs[str(old["run_id"])] = old
            elif new is not None and old is None and new["start"] and new["lane"]:
                yield from self._scored(new)
        elif change.table == "runs" and new is not None:
            if old is None:
                yield from self._created(new)
            if new["token"] is not None and (old is None or old["token"] is None):
                yield from self._claimed(new)
            if new["started_at"] is not None and (old is None or old["started_at"] is None):
                self._begun(new)
            if new["status"] == "CANCELLED" and (old is None or old["status"] != "CANCELLED"):
                yield from self._cancelled(new)

    def after(self, now: int) -> Iterator[str]:
        """A transaction is over."""
        for run in self._begins:
            job = self._jobs.get(str(run["id"]))
            if job is not None and job["start"] and job["lane"]:
                yield from self._overtook(job, _number(run["started_at"]))
        self._begins, self._jobs, self._changed = [], {}, {}
        if self._calm:
            for run_id in list(self._timed):
                yield from self._late(self.state.runs[run_id], now)

    # -- runs

    def _created(self, run: Row) -> Iterator[str]:
        config, function_id = config_for(run, self.state), str(run["function_id"])
        if "timeouts" in config:
            self._timed[str(run["id"])] = None
        if run["batch_id"] is not None:
            yield from self._collected(run)
        if run["status"] == "SKIPPED":
            return
        data = data_for(run, self.state)
        if "rateLimit" in config and (key := self.rules.key(function_id, config["rateLimit"], data)) is not None:
            self.rated.setdefault((function_id, key), []).append(_number(run["created_at"]))
        if "singleton" in config and (key := self.rules.key(function_id, config["singleton"], data)) is not None:
            others = [
                other
                for other in self.state.unfinished
                if other != run["id"] and self._is_sole(self.state.runs[other], function_id, key)
            ]
            if others:
                yield f"run {run['id']} was created while {others} have not ended, and {function_id} is a singleton"

    def _is_sole(self, run: Row, function_id: str, key: str) -> bool:
        if run["function_id"] != function_id:
            return False
        singleton = config_for(run, self.state)["singleton"]
        return self.rules.key(function_id, singleton, data_for(run, self.state)) == key

    def _collected(self, run: Row) -> Iterator[str]:
        batch, function_id = config_for(run, self.state)["batchEvents"], str(run["function_id"])
        events = batch_of(run, self.state)
        if not 1 <= len(events) <= batch["maxSize"]:
            yield f"run {run['id']} was started by {len(events)} events, and a batch has {batch['maxSize']}"
        if len({self.rules.key(function_id, batch, data_of(str(event["data"]))) for event in events}) > 1:
            yield f"run {run['id']} was started by events with different keys: {events}"
        for event in events:
            other = self._batched.setdefault((function_id, str(event["id"])), str(run["id"]))
            if other != run["id"]:
                yield f"event {event['id']} is in the batches of {other} and {run['id']}"

    def _claimed(self, run: Row) -> Iterator[str]:
        if run["function_id"] in self.state.pauses:
            yield f"run {run['id']} goes on, and {run['function_id']} is paused"

    def _begun(self, run: Row) -> None:
        config, function_id = config_for(run, self.state), str(run["function_id"])
        if run["status"] == "SKIPPED":
            return
        if "throttle" in config:
            key = self.rules.key(function_id, config["throttle"], data_for(run, self.state))
            self.throttled.setdefault((function_id, key or ""), []).append(_number(run["started_at"]))
        self._begins.append(run)

    # -- the queue

    def _scored(self, job: Row) -> Iterator[str]:
        run = self.state.runs.get(str(job["run_id"]))
        if run is None:
            return
        config = config_for(run, self.state)
        shift = 0
        if "priority" in config:
            seconds = self.rules.says(str(run["function_id"]), config["priority"]["run"], data_for(run, self.state))
            shift = max(-LARGEST_SHIFT, min(LARGEST_SHIFT, 1_000 * _number(seconds or 0)))
        if _number(job["due_at"]) - _place(job) != shift:
            yield f"{job} has another place in the queue than {shift} ms before its time"

    def _overtook(self, job: Row, now: int) -> Iterator[str]:
        """Whether others of its lane were to begin before it, and still wait.

        A claim knows the jobs as they were before its transaction: others of its batch may have added some since.
        """
        place = (_place(job), str(job["id"]))
        for job_id in self.state.jobs:
            other = self._changed.get(job_id, self.state.jobs[job_id])
            if other is None:
                continue
            waits = other["lane"] == job["lane"] and other["start"] and not other["queue_class"]
            due = _number(other["due_at"]) <= now
            if waits and due and (_place(other), str(other["id"])) < place:
                yield f"{job} was taken, and {other} comes before it"

    # -- time

    def _cancelled(self, run: Row) -> Iterator[str]:
        reason = str(run["error"])
        if not any(known in reason for known in REASONS):
            yield f"run {run['id']} was cancelled, and nobody knows why: {reason}"
        timeouts = config_for(run, self.state).get("timeouts", {})
        ended_at = _number(run["ended_at"])
        if "timeouts.start" in reason and (run["started_at"] is not None or ended_at < self._latest_start(run)):
            yield f"run {run['id']} was cancelled at {ended_at} because it was late to begin: {run}"
        if "timeouts.finish" in reason:
            began = run["created_at"] if run["started_at"] is None else run["started_at"]
            if ended_at < _number(began) + (ms(timeouts["finish"]) or 0):
                yield f"run {run['id']} was cancelled at {ended_at} because it was late to end: {run}"

    def _late(self, run: Row, now: int) -> Iterator[str]:
        if run["ended_at"] is not None:
            del self._timed[str(run["id"])]
            return
        timeouts = config_for(run, self.state)["timeouts"]
        late = "start" in timeouts and run["started_at"] is None and now > self._latest_start(run) + PROMPT
        finish = ms(timeouts.get("finish"))
        if finish is not None and run["started_at"] is not None:
            late = late or now > _number(run["started_at"]) + finish + PROMPT
        if late:
            del self._timed[str(run["id"])]
            yield f"run {run['id']} has had its time, and goes on: {run}"

    def _latest_start(self, run: Row) -> int:
        event = self.state.events[str(run["event_id"])]
        could = max(_number(run["created_at"]), _number(event["ts"]))
        return could + (ms(config_for(run, self.state)["timeouts"]["start"]) or 0)


def _rated(flow: _Flow) -> Iterator[str]:
    """More starts in a window of the length of the period than the limit."""
    for (function_id, key), starts in flow.rated.items():
        limit = config_of(str(flow.state.functions[function_id]["config"]))["rateLimit"]
        starts.sort()
        for first, last in zip(starts, starts[limit["limit"] :], strict=False):
            if last - first < (ms(limit["period"]) or 0):
                yield f"{limit['limit'] + 1} runs of {function_id}, key {key}, were created from {first} to {last}"


def _throttled(flow: _Flow) -> Iterator[str]:
    """Begins that are closer than evenly spaced ones, but for those that may come at once."""
    for (function_id, key), starts in flow.throttled.items():
        throttle = config_of(str(flow.state.functions[function_id]["config"]))["throttle"]
        period, limit, burst = ms(throttle["period"]) or 0, throttle["limit"], throttle.get("burst", 1)
        starts.sort()
        for index, first in enumerate(starts):
            for more, last in enumerate(starts[index + burst :], 1):
                if (last - first) * limit < more * period:
                    yield f"{more + burst} runs of {function_id}, key {key}, began from {first} to {last}"


def _place(job: Row) -> int:
    """Where a start is to be among those that are due. One that is delayed is in the order of its time until then."""
    shift = _number(job["shift"]) if job["start"] == DELAYED else 0
    return _number(job["score"]) - shift


def _number(value: object) -> int:
    assert isinstance(value, int), value
    return value
