"""Each column of each table holds what it cannot mean: everything else goes on, and people are shown what there is.

`DAMAGE=all` tries each value in each column, as `make full` does; else each column has one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Column, Integer, Table

import inngest
from inngest.embedded.reader import Reader
from inngest.engine.store import tables
from tests.migrations.shop import Shop, execute, fill, later

TEXTS = ["x'00ff'", "CAST(x'61ff' AS TEXT)", "'no {'"]
NUMBERS = ["x'00ff'", "'later'", str(2**63 - 1)]

SCHEMA = "inngest_meta"
"""It says which schema it is: an engine starts on nothing that it does not know."""

SHOWN = {"inngest_runs", "inngest_steps", "inngest_attempts"}
"""What is damaged in them is shown with the run."""

UNSHOWN = {"session_id", "token", "slots", "takeover_steps", "metadata"}
"""Columns of theirs that say nothing to people."""

ALSO: Mapping[str, str] = {
    "inngest_apps": "INSERT INTO inngest_apps SELECT 'app-' || id, '', 'http://127.0.0.1:9/' || id, 'url', 'py:v0', '',"
    " '', '', '', 0, 0, NULL, NULL FROM inngest_runs",
    "inngest_attempts": "INSERT OR IGNORE INTO inngest_attempts SELECT inngest_steps.run_id, inngest_steps.hash, 7, 0,"
    " 0, inngest_attempts.error FROM inngest_steps, inngest_attempts",
    "inngest_audit": "INSERT INTO inngest_audit SELECT id, 0, 'somebody', 'erase', NULL, '{}' FROM inngest_runs",
    "inngest_cancellations": "INSERT INTO inngest_cancellations SELECT id, 'shop', function_id, NULL, 1, NULL, 0, NULL"
    " FROM inngest_runs",
    "inngest_inbox": "INSERT INTO inngest_inbox (run_id, hash, data, arrived_at, attempt)"
    " SELECT id, 'of none', '1', 0, 0 FROM inngest_runs WHERE ended_at IS NULL",
    "inngest_metadata": "INSERT INTO inngest_metadata SELECT id, 'one', NULL, NULL, 'note', '', 'set', '{}', 2, 0"
    " FROM inngest_runs",
    "inngest_kept_slots": "INSERT INTO inngest_kept_slots SELECT id, 'token', 'gone', function_id, lane, 1, 0"
    " FROM inngest_runs WHERE lane IS NOT NULL;"
    "INSERT INTO inngest_sessions (id, started_at, host, pid, functions) VALUES ('gone', 0, 'elsewhere', 1, '[]')",
    "inngest_outbox": "INSERT INTO inngest_outbox SELECT id, '[]', 0, NULL FROM inngest_runs",
    "inngest_parcels": "INSERT INTO inngest_parcels SELECT id, 0, '[]' FROM inngest_runs",
    "inngest_requests": "INSERT INTO inngest_requests SELECT id, 'of none', 'Gateway',"
    " '{\"url\":\"http://127.0.0.1:9\"}', 0, 0, 0, 'none', NULL, '127.0.0.1:9' FROM inngest_runs",
    "inngest_sessions": "INSERT INTO inngest_sessions (id, started_at, host, pid, functions)"
    " SELECT id, 0, 'elsewhere', 1, '[]' FROM inngest_runs",
    "inngest_troubles": "INSERT INTO inngest_troubles SELECT id, 'run', 'it was', 1, 0, 0 FROM inngest_runs",
    "inngest_woken": "INSERT INTO inngest_woken SELECT id, 'of none', event_id, 0 FROM inngest_runs",
}
"""Rows of the tables in which the shop leaves none, or few."""


class Damage(NamedTuple):
    """What a column cannot mean."""

    column: Column[Any]
    value: str  # as SQL

    @property
    def is_shown(self) -> bool:
        """Whether it must be shown with the run, wherever in a row of its it stands."""
        column = self.column
        shown = column.table.name in SHOWN and column.name not in UNSHOWN and not column.primary_key
        return shown and "ff" in self.value


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    """A run of each kind in the middle, as SQL; and when it was stored (unix ms)."""
    path = tmp_path_factory.mktemp("shop") / "inngest.db"
    return asyncio.run(fill(path)), time.time_ns() // 1_000_000


@pytest.mark.parametrize("name", sorted(tables.metadata.tables.keys() - {SCHEMA}))
def test_rows_that_cannot_be_read_stop_nobody_else(
    name: str, shop: tuple[str, int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "inngest")
    script, stored_at = shop
    left = _damages(tables.metadata.tables[name])
    with later(stored_at):
        while left:
            path = tmp_path / f"{len(left)}.db"
            execute(path, f"{script};{ALSO.get(name, '')}")
            done = _damage(path, left)
            _shows(path, done)
            asyncio.run(_goes_on(path))
            left = left[len(done) :]


def _damages(table: Table) -> list[Damage]:
    """What the columns cannot mean: one value for each in turn, or all."""
    found: list[Damage] = []
    for number, column in enumerate(table.c):
        values = NUMBERS if isinstance(column.type, Integer) else TEXTS
        values = [*values, "NULL"] if column.nullable else values
        if os.environ.get("DAMAGE") != "all":
            values = [values[number % len(values)]]
        found += [Damage(column, value) for value in values]
    return found


def _damage(path: Path, damages: Sequence[Damage]) -> list[tuple[str, Damage]]:
    """Damage the rows of a table, each in one way, as far as there are rows; what was done, and to which row."""
    table = damages[0].column.table
    key = [one.name for one in table.primary_key.columns]
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute(f"SELECT {', '.join(key)} FROM {table.name} ORDER BY {', '.join(key)}").fetchall()
        assert rows, "a table without a row shows nothing"
        where = " AND ".join(f"{one} = ?" for one in key)
        for row, damage in zip(rows, damages, strict=False):
            connection.execute(f"UPDATE {table.name} SET {damage.column.name} = {damage.value} WHERE {where}", row)
    return [(row[0], damage) for row, damage in zip(rows, damages, strict=False)]


def _shows(path: Path, done: Sequence[tuple[str, Damage]]) -> None:
    """See that people are shown all runs, and of each what of it cannot be read."""
    reader = Reader(path)
    listed = [run.id for run in reader.runs(limit=100) if run.id]
    shown = {run_id: "\n".join(reader.run(run_id).unreadable) for run_id in listed}
    for run_id in listed:
        assert reader.explain(run_id).run_id == run_id
    for run_id, damage in done:
        if damage.is_shown:
            assert "\\xff" in shown[run_id] or "is b'" in shown[run_id], damage


async def _goes_on(path: Path) -> None:
    """See that events are accepted and their runs complete, and that all runs are shown still."""
    client = inngest.Inngest(app_id="fresh")
    trigger = inngest.TriggerEvent(event="fresh")

    @client.create_function(fn_id="laned", trigger=trigger, concurrency=[inngest.Concurrency(limit=2)])
    async def laned(ctx: inngest.Context) -> str:
        await ctx.step.run("first", lambda: "first")
        await ctx.step.sleep("rest", 1)
        return await ctx.step.run("last", lambda: "last")

    @client.create_function(fn_id="plain", trigger=trigger)
    def plain(ctx: inngest.ContextSync) -> str:
        return ctx.step.run("only", lambda: "only")

    async with inngest.Engine([Shop().client, client], database=f"sqlite:///{path}", drain_timeout=0) as engine:
        await engine.send(inngest.Event(name="wait/paid", data={"id": 1, "amount": 7}))
        for key in ("debounce", "batch", "lane", "throttle", "once", "single"):
            await engine.send(inngest.Event(name=key, data={"key": "key-" * 100, "number": 9, "priority": 0}))
        (event_id,) = await engine.send(inngest.Event(name="fresh"))
        runs = await engine.runs(event_id=event_id)
        assert sorted([await engine.wait(run.id) for run in runs], key=str) == ["last", "only"]
        for run in await engine.runs(limit=100):
            if run.id:
                assert (await engine.run(run.id)).id == (await engine.explain(run.id)).run_id == run.id
