"""A timer that is due is seen to soon by a worker that lives: what the worker takes for the next one is in the file."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.faults import CLOCKS, Fault
from tests.simulation.history import Died, Fired, History, Row, Started, Stopped
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import Scenario

PATIENCE = 12_000
"""Milliseconds that a timer may lie, after a fault or the start of a worker: longer than all pauses after troubles, and
shorter than the time after which workers look at everything again."""


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """No timer lies for long where a worker lives that nothing hinders."""
    if any(isinstance(entry, Fired) and entry.fault in {*CLOCKS, Fault.DEAF, Fault.LATE} for entry in history.entries):
        return  # what is due cannot be told from here, or others set it, and the worker was not told
    living: dict[int, int] = {}  # since when it was not hindered, by process
    told: set[tuple[str, str]] = set()
    set_at: dict[tuple[str, str], int] = {}  # when timers were set that have been due for ever
    patience = PATIENCE + 2 * scenario.look
    for _number, entry, state in history.walk():
        now = EPOCH + entry.at // 1000
        match entry:
            case Started():
                living[entry.process] = now
            case Died() | Stopped():
                living.pop(entry.process, None)
            case Fired() if entry.process is None:
                living = dict.fromkeys(living, now)
            case Fired() if entry.process in living:
                living[entry.process] = now
            case _:
                late = {key: row for key, row in state.timers.items() if key not in told and _due(row) < now - patience}
                set_at = {key: set_at.get(key, now) for key in late}
                for key, row in late.items():
                    due_at = _due(row) or set_at[key]
                    if any(max(since, due_at) < now - patience for since in living.values()):
                        told.add(key)
                        yield f"at {entry.at}: the timer {key} was due at {_due(row)}, and nobody has seen to it"


def _due(row: Row) -> int:
    due_at = row["due_at"]
    assert isinstance(due_at, int)
    return due_at
