"""A row that cannot be read: damaged from outside the engines, and mended when all other runs have ended."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from .faults import Fault
from .history import Entry, History, Noticed, is_memo
from .loop import SimLoop
from .scenario import Scenario

BESIDE = 60
"""Seconds in which all other runs must end."""

Key = tuple[object, ...]


class Realm(Protocol):
    """The world, as this sees it."""

    loop: SimLoop
    path: Path
    history: History
    scenario: Scenario

    def note(self, entry: Entry) -> None:
        """Something happened."""
        ...

    def now(self) -> int:
        """Microseconds since the world began."""
        ...

    def fired(self, fault: Fault, process: None) -> None:
        """A fault happens."""
        ...


class _Damage(NamedTuple):
    """What is done to a row, and what mends it."""

    run_id: str
    damage: str
    mend: str
    key: Key


async def strike(world: Realm, chance: random.Random) -> None:
    """Damage a row of a run that waits, at some moment. All others must end beside it; then it is mended."""
    last = max(send.at for send in world.scenario.sends) / 1000
    await asyncio.sleep(chance.uniform(0, last))
    while not (found := list(_damages(world.history))):
        if world.loop.time() > last and not world.history.state.unfinished:
            return
        await asyncio.sleep(0.05)
    damage = chance.choice(found)
    _execute(world.path, damage.damage, damage.key)
    world.fired(Fault.DAMAGED, None)
    deadline = max(world.loop.time(), last) + BESIDE
    while (others := set(world.history.state.unfinished) - {damage.run_id}) or world.loop.time() < last:
        if world.loop.time() > deadline:
            what = f"runs {sorted(others)} have not ended beside {damage.run_id}, which cannot be read"
            world.note(Noticed(world.now(), what))
            break
        await asyncio.sleep(0.2)
    _execute(world.path, damage.mend, damage.key)


def _damages(history: History) -> Iterator[_Damage]:
    """Rows of runs that nobody has now, and somebody will have to read."""
    state = history.state
    for (run_id, hashed), step in state.steps.items():
        run = state.runs.get(str(run_id))
        if run is None or run["session_id"] is not None or run["ended_at"] is not None:
            continue
        where = "WHERE run_id = ? AND hash = ?"
        column, value = ("seq", step["seq"]) if is_memo(step) else ("due_at", step["due_at"])
        kind = step["kind"]
        of_step = (run_id, hashed)
        yield _Damage(
            str(run_id),
            f"UPDATE inngest_steps SET kind = 'Unheard' {where}",
            f"UPDATE inngest_steps SET kind = '{kind}' {where}",
            of_step,
        )
        if value is not None:
            yield _Damage(
                str(run_id),
                f"UPDATE inngest_steps SET {column} = 'some' {where}",
                f"UPDATE inngest_steps SET {column} = {value} {where}",
                of_step,
            )
        yield _Damage(
            str(run_id),
            "UPDATE inngest_events SET id = 'not ' || id WHERE id = ?",
            "UPDATE inngest_events SET id = substr(id, 5) WHERE id = 'not ' || ?",
            (run["event_id"],),
        )


def _execute(path: Path, statement: str, key: Key) -> None:
    """What is done to the file is no writing of an engine's: the history goes on as if it had not been."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        changed = connection.execute(statement, key).rowcount
        assert changed == 1, f"{statement} of {key} changed {changed} rows"
        connection.execute("DELETE FROM sim_journal")
        connection.execute("COMMIT")
