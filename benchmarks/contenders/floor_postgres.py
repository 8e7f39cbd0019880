"""The floor on PostgreSQL: one INSERT for each step, which commits by itself, into a table without any index.

A file of its own: only what is measured is imported, and SQLite's floor needs no driver.
"""

from __future__ import annotations

import time
from typing import Self

import psycopg
from psycopg import RawCursor

from .verbs import STEPS_OF_A_RUN, each_after_a_pause, timed

TABLE = """
CREATE TABLE IF NOT EXISTS steps (
    run_id     text   NOT NULL,
    step_id    text   NOT NULL,
    started_at bigint NOT NULL,
    ended_at   bigint NOT NULL,
    output     text   NOT NULL
)
"""
STEP = b"INSERT INTO steps (run_id, step_id, started_at, ended_at, output) VALUES ($1, $2, $3, $4, $5)"


class PostgresFloor:
    """Steps without an engine, on a connection that prepares its statement.

    Args:
        url: the database, as libpq reads it.
    """

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True, prepare_threshold=1)
        self._connection.execute(TABLE)
        self._cursor = RawCursor(self._connection)

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

    def _run(self, steps: int) -> None:
        for index in range(steps):
            now = time.time_ns() // 1_000_000
            self._cursor.execute(STEP, ("01JD0000000000000000000000", f"step-{index}", now, now, str(index)))
