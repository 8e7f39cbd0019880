"""A run on which workers died is tried alone, for 30 seconds: what kills the process must take nobody with it."""

from __future__ import annotations

from collections.abc import Iterator

from inngest.engine.domain.model import Policy
from tests.simulation.faults import Fault
from tests.simulation.history import Died, Entered, Fired, History, Left, Started, State, Stopped
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import Scenario

ALONE_AFTER = Policy(max_steps=1, retry_interval=None).alone_after

TRIAL = 29_900_000
"""Microseconds that it is tried for, at least."""


def check(history: History, _: Scenario) -> Iterator[str]:
    """While such a run is in a process, no other invocation is."""
    live: dict[tuple[str, str], Entered] = {}  # by token and run
    for _number, entry, state in history.walk():
        match entry:
            case Entered():
                live[entry.token, entry.run_id] = entry
                over = entry.at - TRIAL
                here = [one.run_id for one in live.values() if one.session == entry.session]
                fenced = not state.lives(entry.session)  # since it claimed
                on_trial = [one.run_id for one in live.values() if one.session == entry.session and one.at > over]
                if not fenced and len(here) > 1 and any(_suspect(run_id, state) for run_id in on_trial):
                    yield f"at {entry.at}: process {entry.process} runs {here} beside a run on which workers died"
            case Left():
                live.pop((entry.token, entry.run_id), None)
            case Died() | Stopped():
                live = {key: one for key, one in live.items() if one.process != entry.process}
            case _:
                pass


def _suspect(run_id: str, state: State) -> bool:
    takeovers = state.runs[run_id]["takeovers"]
    assert isinstance(takeovers, int)
    return takeovers >= ALONE_AFTER


HELD_UP = 2 * TRIAL + 10_000_000
"""Microseconds that a worker claims nothing else at most, before and while such a run is tried, and a bit."""


def held_up(history: History, _: Scenario) -> Iterator[str]:
    """Jobs of plain functions that are due are claimed by a living worker, whatever must be tried alone."""
    if any(isinstance(entry, Fired) and entry.fault is not Fault.CRASH_BY_STEP for entry in history.entries):
        return
    living: dict[int, int] = {}  # since when, by process
    due: dict[str, int] = {}  # since when a job is due
    for _number, entry, state in history.walk():
        match entry:
            case Started():
                living[entry.process] = entry.at
            case Died() | Stopped():
                living.pop(entry.process, None)
            case _:
                pass
        now = EPOCH + entry.at // 1000
        waiting = [job for job in state.jobs.values() if not job["queue_class"] and not job["lane"]]
        due = {str(one["id"]): due.get(str(one["id"]), entry.at) for one in waiting if int(str(one["due_at"])) <= now}
        for job, since in due.items():
            if any(entry.at - max(since, began) > HELD_UP for began in living.values()):
                yield f"at {entry.at}: job {job} has been due since {since}, and nobody takes it"
                return
