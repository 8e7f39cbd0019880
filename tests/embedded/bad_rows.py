"""Rows that are damaged, and what comes of it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import inngest
from inngest import Rule
from tests.embedded.stage import Stage

T = TypeVar("T")

HOUR = 3_600_000


def sql(stage: Stage, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Do something to the database."""
    with contextlib.closing(sqlite3.connect(stage.folder / "inngest.db")) as connection, connection:
        return connection.execute(statement, parameters).fetchall()


class Rows:
    """Rows of a table that are damaged, and mended later."""

    def __init__(self, stage: Stage, table: str, where: str, *parameters: object) -> None:
        self._stage = stage
        self._table = f"inngest_{table}"
        self._where = where
        self._parameters = parameters
        self._saved = sql(stage, f"SELECT * FROM {self._table} WHERE {where}", *parameters)
        assert self._saved

    def change(self, change: str) -> None:
        """Change columns, or remove the rows."""
        how = f"UPDATE {self._table} SET {change}" if change else f"DELETE FROM {self._table}"
        sql(self._stage, f"{how} WHERE {self._where}", *self._parameters)

    def mend(self) -> None:
        """As they were."""
        for row in self._saved:
            marks = ", ".join("?" * len(row))
            sql(self._stage, f"INSERT OR REPLACE INTO {self._table} VALUES ({marks})", *row)


def wake(stage: Stage) -> None:
    """What sleeps, or is put off, is due."""
    sql(stage, "UPDATE inngest_steps SET due_at = 0 WHERE due_at IS NOT NULL")
    sql(stage, "UPDATE inngest_jobs SET due_at = 0, score = 0")
    sql(stage, "UPDATE inngest_lanes SET ready_at = 0 WHERE ready_at IS NOT NULL")


async def until(engine: inngest.Engine, run_id: str, rule: Rule) -> Any:
    """What holds a run, once this rule is among it."""
    async for explained in looks(lambda: engine.explain(run_id)):
        if rule in [reason.rule for reason in explained.reasons]:
            return explained.reasons
    raise AssertionError("it looks for ever")


async def looks(look: Callable[[], Awaitable[T]]) -> AsyncGenerator[T]:
    """What a look shows, again and again."""
    while True:
        yield await look()
