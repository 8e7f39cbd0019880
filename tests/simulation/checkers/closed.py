"""Unwinding: once an invocation is over, no handler of it begins, and what waits begins nowhere early."""

from __future__ import annotations

from collections.abc import Iterator

from inngest.protocol.steps import hash_step_id
from tests.simulation.carried import REQUEST, Delivered, Replied, Returned
from tests.simulation.faults import CLOCKS
from tests.simulation.history import Began, Change, Committed, Entered, Fired, History, Left, effective_id, is_memo
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import Scenario


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Handlers begin within their invocation, and not before their time; a deadline that is set stays.

    It comes back if an attempt that is not repeated was to begin in an app, and its call was not delivered.
    """
    live: set[tuple[str, str]] = set()
    wrong_clocks = any(isinstance(entry, Fired) and entry.fault in CLOCKS for entry in history.entries)
    for _number, entry, state in history.walk():
        match entry:
            case Entered():
                live.add((entry.token, entry.run_id))
            case Delivered():
                live.add((entry.call, entry.run_id))
            case Left():
                live.discard((entry.token, entry.run_id))
            case Returned():
                live.discard((entry.call, entry.run_id))
            case Replied():
                live.discard((REQUEST, entry.run_id))
            case Began():
                if (entry.token, entry.run_id) not in live:
                    yield f"at {entry.at}: the handler of {entry.step} began after its invocation was over"
                row = state.steps.get((entry.run_id, hash_step_id(entry.step)))
                due = None if row is None or row["attempt"] != entry.attempt else row["due_at"]
                if isinstance(due, int) and due > EPOCH + entry.at // 1000 and not wrong_clocks:
                    yield f"at {entry.at}: the handler of {entry.step} began before it was due, at {due}"
            case Committed():
                for change in entry.changes:
                    yield from (f"at {entry.at}: {problem}" for problem in _moved(change, scenario.apps > 0))
            case _:
                pass


def _moved(change: Change, served: bool) -> Iterator[str]:
    old, new = change.old, change.new
    if change.table != "steps" or old is None or new is None or is_memo(old):
        return
    if not is_memo(new):
        begins = new["due_at"] is None or (served and old["due_at"] is None)  # an attempt that is not repeated
        if old["attempt"] == new["attempt"] and old["due_at"] != new["due_at"] and not begins:
            yield f"the deadline of {effective_id(new)} was moved from {old['due_at']} to {new['due_at']}"
    elif new["kind"] == "Sleep" and not new["cancelled"]:
        due, ended = old["due_at"], new["ended_at"]
        assert isinstance(due, int)
        assert isinstance(ended, int)
        if ended < due:
            yield f"sleep {effective_id(new)} ended at {ended}, before {due}"
