"""The floor: one INSERT and COMMIT for each step, and nothing else (`floor.sql`)."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Self

from .verbs import STEPS_OF_A_RUN, each_after_a_pause, timed

SQL = Path(__file__).parent.parent / "floor.sql"


class Floor:
    """Steps without an engine."""

    def __init__(self, database: Path) -> None:
        once, step = SQL.read_text(encoding="utf-8").split("\n-- step\n")
        self._insert, commit, _ = (statement.strip() for statement in step.split(";"))
        if commit != "COMMIT":
            raise ValueError(f"{SQL}: expected INSERT and COMMIT for a step, got {step!r}")
        self._connection = sqlite3.connect(database)
        self._connection.executescript(once)
        self._lay_out_the_log()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._connection.close()

    async def sequence(self, steps: int, repeats: int) -> float:
        async def work() -> None:
            for _ in range(repeats):
                self._run(steps)

        return await timed(work)

    async def latencies(self, count: int, pause: float) -> list[float]:
        async def work() -> None:
            self._run(1)

        return await each_after_a_pause(count, pause, work)

    async def crowd(self, runs: int, callers: int) -> list[float]:
        async def work() -> None:
            for _ in range(runs):
                self._run(STEPS_OF_A_RUN)

        cpu = time.process_time()
        return [await timed(work), time.process_time() - cpu]

    def _lay_out_the_log(self) -> None:
        """Bring the write-ahead log to its full length, so that commits write over what is there.

        A commit that makes the file longer takes twice as long here; an engine that lives longer than a benchmark is
        past that, so the floor has to be.
        """
        connection = self._connection
        connection.execute("PRAGMA synchronous = OFF")
        for _ in range(connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0] + 100):
            self._run(1)
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        connection.execute("PRAGMA synchronous = FULL")

    def _run(self, steps: int) -> None:
        connection = self._connection
        for index in range(steps):
            now = time.time_ns() // 1_000_000
            connection.execute(self._insert, ("01JD0000000000000000000000", f"step-{index}", now, now, str(index)))
            connection.commit()
