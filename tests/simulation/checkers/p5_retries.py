"""P5 retries: every step has its own counter: up to `retries + 1` recorded attempts for each step, and for the body.

A step of an app that is run by a call that asks what there is to do has that call's counter: the body's. Nothing is
attempted of a step that such a call reports and does not run, as of a sleep whose time has come: its own counter is 0.
A rerun takes memos over with what their steps were counted to in its origin; the checker of reruns compares them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from inngest.protocol.steps import hash_step_id
from tests.simulation.carried import REQUEST, Answered, Called
from tests.simulation.endpoints import UNTOLD
from tests.simulation.history import Began, Committed, Entered, History, Row, State, effective_id, is_memo
from tests.simulation.scenario import APP, Scenario

RETRIED = {"FlakyError", "RetryAfterError", "StepTimeoutError"}
"""Errors of the corpus after which another attempt follows."""


Own = Mapping[tuple[str, str], int]
"""Retries of steps that have a number of their own, by function and hash."""


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Attempts are counted from 0, without gaps, and given up after the last one, not before."""
    own = {
        (f"{APP}-{name}", hash_step_id(step)): retries
        for program in scenario.programs
        for name in program.ends
        for step, retries in program.retries.items()
    }
    failed = _Failed(remote=scenario.apps > 0)
    calls: dict[str, str] = {}  # that are under way: tokens of their claims
    sessions: dict[tuple[str, str], str] = {}  # of invocations
    for _number, entry, state in history.walk():
        match entry:
            case Committed():
                reruns = _reruns(entry, state)
                for change in entry.changes:
                    if change.new is not None and not (change.table == "steps" and change.new["run_id"] in reruns):
                        yield from (
                            f"at {entry.at}: {problem}"
                            for problem in _written(change.table, change.new, failed, state, own)
                        )
            case Called():
                calls[entry.call] = entry.token
            case Answered():
                del calls[entry.call]
            case Began():
                count = failed.of(entry.run_id, hash_step_id(entry.step))
                if entry.token == REQUEST:
                    fenced = True  # and there may be no such run yet
                elif scenario.apps:  # it goes on if its engine is gone, or has given it up
                    fenced = state.runs[entry.run_id]["token"] != calls.get(entry.token, "")
                else:
                    fenced = not state.lives(sessions[entry.token, entry.run_id])  # it cannot know what others did
                if entry.attempt not in (count, UNTOLD) and not fenced:
                    yield f"at {entry.at}: attempt {entry.attempt} of {entry.step} began; {count} are recorded"
            case Entered():
                sessions[entry.token, entry.run_id] = entry.session
                stored = sum(run_id == entry.run_id for (run_id, _), row in state.steps.items() if is_memo(row))
                count = 0 if len(entry.memos) > stored else failed.of(entry.run_id, "")
                if entry.attempt != count and state.lives(entry.session):
                    yield f"at {entry.at}: run {entry.run_id} was entered with attempt {entry.attempt}, not {count}"
            case _:
                pass


def _reruns(entry: Committed, state: State) -> set[object]:
    """The runs that a transaction has created, and given memos of others."""
    rows = [change.new for change in entry.changes if change.table == "runs" and change.old is None]
    return {row["id"] for row in rows if row is not None and state.runs[str(row["id"])]["origin_id"]}


class _Failed:
    """Attempts that have failed, by run and step; those of the body since its last step.

    Args:
        remote: whether functions are in apps.
    """

    def __init__(self, *, remote: bool) -> None:
        self._remote = remote
        self._open: set[tuple[str, str]] = set()
        self._count: Counter[tuple[str, str]] = Counter()

    def _key(self, run_id: str, hashed: str) -> tuple[str, str]:
        return (run_id, "") if self._remote and (run_id, hashed) not in self._open else (run_id, hashed)

    def of(self, run_id: str, hashed: str) -> int:
        """How many of a step have; "" is the body."""
        return self._count[self._key(run_id, hashed)]

    def add(self, run_id: str, hashed: str) -> int:
        """One more has; how many."""
        key = self._key(run_id, hashed)
        self._count[key] += 1
        return self._count[key]

    def opened(self, run_id: str, hashed: str) -> None:
        """A step is open."""
        self._open.add((run_id, hashed))

    def ended(self, run_id: str, hashed: str, *, was_run: bool) -> int:
        """A step has ended; how many of its attempts have failed."""
        count = self.of(run_id, hashed) if was_run else self._count[run_id, hashed]
        self._open.discard((run_id, hashed))
        self._count[run_id, ""] = 0
        return count


def _written(table: str, row: Row, failed: _Failed, state: State, own: Own) -> Iterator[str]:
    if table == "attempts":
        run_id, hashed = str(row["run_id"]), str(row["hash"])
        if row["attempt"] != (before := failed.of(run_id, hashed)):
            yield f"attempt {row['attempt']} of {hashed or 'the body'} was recorded after {before}"
        if failed.add(run_id, hashed) > (retries := _retries(state, run_id, hashed, own)):
            yield f"{hashed or 'the body'} has more than {retries + 1} attempts"
    elif table == "steps" and not is_memo(row):
        failed.opened(str(row["run_id"]), str(row["hash"]))
    elif table == "steps":
        run_id = str(row["run_id"])
        count = failed.ended(run_id, str(row["hash"]), was_run=row["kind"] == "StepRun")
        if not row["cancelled"] and row["attempt"] != count:
            yield f"step {effective_id(row)} ended with attempt {row['attempt']} after {count} failed ones"
        retries = _retries(state, run_id, str(row["hash"]), own)
        invoked = row["kind"] == "InvokeFunction"  # it is the error of another run
        if not invoked and _error_name(row) in RETRIED and count != retries:
            yield f"step {effective_id(row)} was given up after {count + 1} attempts of {retries + 1}"
    elif table == "runs" and row["status"] == "FAILED" and _error_name(row) in RETRIED:
        run_id = str(row["id"])
        if not _is_of_step(row, state) and failed.of(run_id, "") != row["retries"]:
            yield f"run {run_id} was given up after {failed.of(run_id, '')} failed attempts of its body"


def _retries(state: State, run_id: str, hashed: str, own: Own) -> int:
    run = state.runs[run_id]
    retries = own.get((str(run["function_id"]), hashed), run["retries"])
    assert isinstance(retries, int)
    return retries


def _error_name(row: Row) -> str | None:
    return None if row["error"] is None else str(json.loads(str(row["error"]))["name"])


def _is_of_step(run: Row, state: State) -> bool:
    """Whether a run failed with the error of a step."""
    return bool(json.loads(str(run["error"])).get("code") == "step_errored")
