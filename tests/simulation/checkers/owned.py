"""A run that a living worker owns is executed by it: nothing else can go on with it, nor use its slot."""

from __future__ import annotations

from collections.abc import Iterator

from inngest.engine.domain.transitions import FINAL
from tests.simulation.faults import Fault
from tests.simulation.history import Committed, Died, Entered, Fired, History, Left, Noticed, Stopped, begun_sessions
from tests.simulation.scenario import Scenario

ENDED = {status.value for status in FINAL}

PATIENCE = 10_000_000
"""Microseconds that an outcome may take to be written, or a claim until the run is entered; tries come beside it."""

TRIES = 5
"""Looks of a world until a commit that found no space is written: it is tried again with each."""

HINDRANCES = {Fault.PAUSE, Fault.BUSY, Fault.LOCKED_OUT, Fault.ZOMBIE, Fault.TORN, Fault.STOP}
"""Faults of a process after which both may take so long again."""

Invocation = tuple[str, str]  # token and run


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """No run is owned for long without an invocation in its worker."""
    patience = PATIENCE + TRIES * scenario.look * 1_000
    processes: dict[str, int] = {}  # by session
    gone: set[int] = set()
    hindered: dict[int, int] = {}  # when last, by process
    inside: set[Invocation] = set()
    since: dict[Invocation, int] = {}  # when it was first seen to be owned, and nobody in it
    told: set[Invocation] = set()
    for _number, entry, state in history.walk():
        match entry:
            case Entered():
                inside.add((entry.token, entry.run_id))
            case Left():
                inside.discard((entry.token, entry.run_id))
            case Died() | Stopped():
                gone.add(entry.process)
            case Fired() if entry.fault in HINDRANCES and entry.process is not None:
                hindered[entry.process] = entry.at
            case Committed() | Noticed():
                if isinstance(entry, Committed):
                    processes.update(dict.fromkeys(begun_sessions(entry), entry.process))
                idle: dict[Invocation, int] = {}
                for run in state.runs.values():
                    process = processes.get(str(run["session_id"]))
                    one = str(run["token"]), str(run["id"])
                    if process is None or process in gone or run["status"] in ENDED or one in inside:
                        continue
                    idle[one] = max(since.get(one, entry.at), hindered.get(process, 0))
                    if entry.at - idle[one] > patience and one not in told:
                        told.add(one)
                        yield f"at {entry.at}: process {process} owns run {run['id']} and does not execute it"
                since = idle
            case _:
                pass
