"""What one part of a worker's look around raises keeps the others from nothing: also what it looks at first."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from unittest import mock

import pytest

import inngest
from inngest.engine.activity import Activity
from inngest.engine.store.dialects.sqlite.locks import FileLocks
from inngest.engine.store.sql import SqlStore
from tests.embedded.stage import Stage

BROKEN = [
    (SqlStore, "look_at_files"),
    (SqlStore, "news"),
    (SqlStore, "greatest_time"),
    (FileLocks, "show"),
    (Activity, "run_once"),
]

DEAD = "INSERT INTO inngest_sessions (id, started_at, host, pid, functions) VALUES ('dead', 0, 'h', 1, '[]')"
"""A worker that has no lock."""


def _sql(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(folder / "inngest.db")) as connection, connection:
        return connection.execute(statement).fetchall()


@pytest.mark.parametrize(("owner", "name"), BROKEN, ids=[name for _, name in BROKEN])
async def test_the_dead_are_noticed_and_timers_fire_whatever_fails_before(
    tmp_path: Path, owner: type, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path)

    async def body(ctx: inngest.Context) -> str:
        return "collected"

    function = stage.function(body, debounce=inngest.Debounce(period=1_000))
    async with stage.engine(function) as engine:
        with mock.patch.object(owner, name, side_effect=LookupError("it cannot be looked at")):
            dead = (
                "INSERT INTO inngest_sessions (id, started_at, host, pid, functions) VALUES ('dead', 0, 'h', 1, '[]')"
            )
            await asyncio.to_thread(_sql, tmp_path, dead)
            (event_id,) = await engine.send(inngest.Event(name="test/start"))
            while not (runs := await engine.runs(event_id=event_id)):
                pass
            assert await engine.wait(runs[0].id) == "collected"
            while ("dead",) in await asyncio.to_thread(_sql, tmp_path, "SELECT id FROM inngest_sessions"):
                pass
    assert "it cannot be looked at" in caplog.text
