"""P2 memo: a step whose result was recorded is never started again by an invocation that could have known."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.history import Began, Committed, Entered, History, effective_id, is_memo
from tests.simulation.scenario import Scenario


def check(history: History, _: Scenario) -> Iterator[str]:
    """Only a worker that was declared dead, and entered before the record, may still begin the handler."""
    recorded: dict[tuple[object, str], int] = {}  # when
    entered: dict[str, tuple[int, str]] = {}  # when, and by which session, by token
    begun: set[tuple[str, str, int]] = set()
    for number, entry, state in history.walk():
        match entry:
            case Committed():
                for change in entry.changes:
                    if change.table == "steps" and change.new is not None and is_memo(change.new):
                        recorded.setdefault((change.new["run_id"], effective_id(change.new)), number)
            case Entered():
                entered[entry.token] = number, entry.session
            case Began():
                when = recorded.get((entry.run_id, entry.step))
                since, session = entered[entry.token]
                if when is not None and (since > when or session in state.sessions):
                    yield f"at {entry.at}: step {entry.step} of run {entry.run_id} began again, after its record"
                again = (entry.token, entry.step, entry.attempt)
                if again in begun:
                    yield f"at {entry.at}: attempt {entry.attempt} of step {entry.step} began twice in one invocation"
                begun.add(again)
