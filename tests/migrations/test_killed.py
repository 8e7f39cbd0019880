"""A migration that fails, or whose process is killed, at any of its statements leaves the old schema whole."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from inngest.engine.store import schema
from inngest.engine.store.schema import Schema
from inngest.errors import StoreError
from tests import processes
from tests.migrations import schemas
from tests.migrations.interruption import Before, InterruptedDatabase
from tests.migrations.test_upgrade import fill


def migrate(path: Path, target: Schema, before: Before) -> int:
    """Migrate; how many statements there were."""
    database = InterruptedDatabase(path, before)
    connection = database.connect()
    try:
        schema.prepare(database, connection, target)
    finally:
        connection.close()
    return database.statements


def contents(path: Path) -> object:
    described = schemas.describe(path)
    return described, {table: schemas.rows(path, table) for table in described}


def undisturbed(_: int) -> None:
    pass


async def test_an_error_at_each_statement_leaves_the_old_schema(tmp_path: Path) -> None:
    path, copy = tmp_path / "inngest.db", tmp_path / "copy.db"
    await fill(path)
    shutil.copy(path, copy)
    target = schemas.next_schema(tmp_path)
    statements = migrate(copy, target, undisturbed)
    before, after = contents(path), contents(copy)
    assert statements > 20
    assert before != after

    for at in range(statements):

        def fail(number: int, at: int = at) -> None:
            if number >= at:  # and it stays so: Alembic has another try at some of its reads
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error

        with pytest.raises(StoreError, match="no space is left"):
            migrate(path, target, fail)
        assert contents(path) == before

    schemas.prepare(path, target)
    assert contents(path) == after


def is_killed(_: processes.Talk, path: Path, folder: Path, at: int) -> None:
    def kill(number: int) -> None:
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    migrate(path, schemas.next_schema(folder), kill)


async def test_a_kill_at_each_statement_leaves_the_old_schema(tmp_path: Path) -> None:
    path, copy = tmp_path / "inngest.db", tmp_path / "copy.db"
    await fill(path)
    shutil.copy(path, copy)
    statements = migrate(copy, schemas.next_schema(tmp_path), undisturbed)
    before, after = contents(path), contents(copy)

    for at in range(statements + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        with processes.started(is_killed, path, folder, at) as process:
            survived = at == statements
            assert process.join() == (0 if survived else -signal.SIGKILL)
        assert contents(path) == (after if survived else before)
