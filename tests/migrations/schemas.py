"""Schemas to migrate between, and what a database has of them."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

from inngest.engine.store import schema
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.schema import CURRENT, Schema

NEXT = Path(__file__).with_name("next")


def next_schema(folder: Path, min_compatible: str = CURRENT.revision) -> Schema:
    """The schema after the current one; its scripts are put together in `folder`."""
    versions = folder / "versions"
    shutil.copytree(CURRENT.versions, versions, ignore=shutil.ignore_patterns("__pycache__"))
    for script in NEXT.glob("*.py"):
        shutil.copy(script, versions)
    return CURRENT._replace(revision="0007", min_compatible=min_compatible, versions=versions)


def prepare(path: Path, target: Schema = CURRENT) -> None:
    """Create or migrate a file, as an engine does when it starts."""
    database = SqliteDatabase(path)
    connection = database.connect()
    try:
        schema.prepare(database, connection, target)
    finally:
        connection.close()


def describe(path: Path) -> dict[str, object]:
    """Everything that SQLite knows of a file's schema."""
    connection = sqlite3.connect(path)
    try:
        return {
            row[0]: _describe_table(connection, row[0], row[1])
            for row in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
        }
    finally:
        connection.close()


def _describe_table(connection: sqlite3.Connection, table: str, sql: str) -> dict[str, object]:
    indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND type = 'index'", [table])
    return {
        "columns": connection.execute(f"PRAGMA table_xinfo({table})").fetchall(),
        "kind": connection.execute(f"PRAGMA table_list({table})").fetchall(),
        "indexes": sorted((name, _normal(text or "")) for name, text in indexes),
        "sql": _normal(sql),
    }


def _normal(sql: str) -> str:
    return re.sub(r"\s+", "", sql)


def meta(path: Path) -> dict[str, str]:
    """What a file says about its schema."""
    connection = sqlite3.connect(path)
    try:
        return dict(connection.execute("SELECT key, value FROM inngest_meta"))
    finally:
        connection.close()


def rows(path: Path, table: str, columns: str = "*") -> list[tuple[object, ...]]:
    """All rows of a table, in order."""
    connection = sqlite3.connect(path)
    try:
        return sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)
    finally:
        connection.close()
