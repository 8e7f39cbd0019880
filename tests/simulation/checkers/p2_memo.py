"""P2 memo: a step whose result was recorded is never started again by an invocation that could have known.

A call to an app could have known what was recorded before it left, while its run was its engine's.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.carried import REQUEST, Called
from tests.simulation.history import Began, Committed, History, State, effective_id, is_memo
from tests.simulation.scenario import Scenario

Invocation = tuple[str, str]  # token and run


def check(history: History, _: Scenario) -> Iterator[str]:
    """Only a worker that was declared dead, and claimed the run before the record, may still begin the handler."""
    recorded: dict[tuple[str, str], int] = {}  # when, by run and step
    claimed: dict[Invocation, tuple[int, str]] = {}  # when, and by which session: it read the memos then
    called: dict[Invocation, int | None] = {}  # when each call left; None: its run was another's by then
    begun: set[tuple[Invocation, str, int]] = set()
    for number, entry, state in history.walk():
        match entry:
            case Committed():
                _note(number, entry, recorded, claimed)
            case Called():
                own = state.runs[entry.run_id]["token"] == entry.token
                called[entry.call, entry.run_id] = number if own else None
            case Began():
                invocation = (entry.token, entry.run_id)
                when = recorded.get((entry.run_id, entry.step))
                if when is None:
                    could_know = False
                elif invocation in called:
                    left = called[invocation]
                    could_know = left is not None and left >= when
                elif entry.token == REQUEST:
                    could_know = False  # of what others recorded since they took the run, nobody tells it
                else:
                    could_know = _could_know(claimed[invocation], when, state)
                if could_know:
                    yield f"at {entry.at}: step {entry.step} of run {entry.run_id} began again, after its record"
                if (invocation, entry.step, entry.attempt) in begun:
                    yield f"at {entry.at}: attempt {entry.attempt} of step {entry.step} began twice in one invocation"
                begun.add((invocation, entry.step, entry.attempt))
            case _:
                pass


def _note(
    number: int,
    entry: Committed,
    recorded: dict[tuple[str, str], int],
    claimed: dict[Invocation, tuple[int, str]],
) -> None:
    for change in entry.changes:
        if change.new is None:
            continue
        if change.table == "steps" and is_memo(change.new):
            recorded.setdefault((str(change.new["run_id"]), effective_id(change.new)), number)
        elif change.table == "runs" and change.new["token"] is not None:
            invocation = (str(change.new["token"]), str(change.new["id"]))
            claimed.setdefault(invocation, (number, str(change.new["session_id"])))


def _could_know(claim: tuple[int, str], recorded: int, state: State) -> bool:
    since, session = claim
    return since >= recorded or state.lives(session)
