"""What was recorded before the database failed stays before what came after it: a race is not turned round."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.engine.records import Commit
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Connection
from tests.embedded.stage import Stage


class FullOnce:
    """No space is left for the commit of the step `a`; that is found out only when `b` is handed in as well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.armed = False
        self.under_way = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._handed_in = threading.Event()
        commit, alone, submit = SqliteDatabase.commit, SqliteDatabase.alone, SqlStore.commit

        def committing(database: SqliteDatabase, connection: Connection) -> None:
            self._fail(patient=True)
            commit(database, connection)

        def writing(
            database: SqliteDatabase,
            connection: Connection,
            sql: str,
            parameters: Sequence[object],
            *,
            patient: bool = True,
        ) -> int:
            self._fail(patient=patient)
            return alone(database, connection, sql, parameters, patient=patient)

        def submitting(store: SqlStore, one: Commit) -> Any:
            future = submit(store, one)
            names = {memo.step.id for memo in one.changes.memos}
            self.armed = self.armed or "a" in names
            if "b" in names:
                self._handed_in.set()
            return future

        monkeypatch.setattr(SqliteDatabase, "commit", committing)
        monkeypatch.setattr(SqliteDatabase, "alone", writing)
        monkeypatch.setattr(SqlStore, "commit", submitting)

    def _fail(self, *, patient: bool) -> None:
        if not self.armed or self._handed_in.is_set():
            return
        if patient:  # in the writer's thread, or the loop would wait for itself
            self._loop.call_soon_threadsafe(self.under_way.set)
            assert self._handed_in.wait(60)
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error


async def test_a_race_has_the_same_winner_in_the_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = FullOnce(monkeypatch)
    stage = Stage(tmp_path)
    winners: list[int] = []

    async def body(ctx: inngest.Context) -> int:
        async def a() -> None:
            """Is first."""

        async def b() -> None:
            await full.under_way.wait()

        winner, _ = await ctx.group.race([lambda: ctx.step.run("a", a), lambda: ctx.step.run("b", b)])
        winners.append(winner)
        await ctx.step.sleep("and is entered again", 1)
        return winner

    run = await stage.run(body)
    assert (run.output, set(winners), len(winners)) == (0, {0}, 2)
