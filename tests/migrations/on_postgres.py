"""A stored file, in the schema that PostgreSQL had at its revision.

`stored/postgres` has what created the schema of a revision; the rows are those of the file of SQLite, whose columns are
the same. The server's clock cannot be set, so that all times are set back instead.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests import postgres
from tests.migrations.shop import DAY_MS, STORED

SCHEMAS = STORED / "postgres"
REVISIONS = sorted(path.stem for path in SCHEMAS.glob("*.sql"))
TIMES = 1_000_000_000_000
"""From here on, a number of a column of BIGINT is a time, unix ms."""
LEASE = 15_000
_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = %s AND is_identity = 'NO' ORDER BY table_name, ordinal_position
"""
"""All but those that PostgreSQL fills: SQLite has none for them."""


def load(path: Path, stored_at: int, schema: str) -> None:
    """Make a schema of a file of SQLite, as if that had been stored two days ago; its revision says of which kind."""
    file = sqlite3.connect(path)
    (revision,) = file.execute("SELECT value FROM inngest_meta WHERE key = 'revision'").fetchone()
    ahead = max(stored_at + 2 * DAY_MS - time.time_ns() // 1_000_000, 0)
    script = (SCHEMAS / f"{revision}.sql").read_text().replace("SCHEMA.", f"{schema}.")
    with psycopg.connect(postgres.server().conninfo) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(script.encode())
        columns: dict[str, list[tuple[str, bool]]] = {}
        for table, name, kind in connection.execute(_COLUMNS, [schema]).fetchall():
            columns.setdefault(table, []).append((name, kind == "bigint"))
        for table, named in columns.items():
            _fill(connection, file, sql.Identifier(schema, table), table, named, ahead)
        beats = sql.SQL("UPDATE {} SET beat_at = started_at, lease = %s").format(
            sql.Identifier(schema, "inngest_sessions")
        )
        connection.execute(beats, [LEASE])
    file.close()


def _fill(
    connection: psycopg.Connection[tuple[Any, ...]],
    file: sqlite3.Connection,
    target: sql.Identifier,
    table: str,
    columns: Sequence[tuple[str, bool]],
    ahead: int,
) -> None:
    """The rows of a table, with its times set back; each column by its name, and whether it may be a time."""
    names = [name for name, _ in columns]
    insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        target,
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.Placeholder() for _ in names),
    )
    quoted = ", ".join(f'"{name}"' for name in names)
    for row in file.execute(f"SELECT {quoted} FROM {table}").fetchall():
        pairs = zip(row, columns, strict=True)
        connection.execute(
            insert, [value - ahead if time and (value or 0) > TIMES else value for value, (_, time) in pairs]
        )


def revision(schema: str) -> str:
    """The revision of a schema."""
    ((found,),) = postgres.server().execute(f"SELECT value FROM {schema}.inngest_meta WHERE key = 'revision'")
    return str(found)
