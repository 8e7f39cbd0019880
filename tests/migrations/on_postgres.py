"""A stored file, in the schema that PostgreSQL had at its revision.

`stored/postgres` has what created the schema of a revision; the rows are those of the file of SQLite, whose columns are
the same. The server's clock cannot be set, so that all times are set back instead.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import psycopg
from psycopg import sql

from tests import postgres
from tests.migrations.shop import DAY_MS, STORED

SCHEMAS = STORED / "postgres"
REVISIONS = sorted(path.stem for path in SCHEMAS.glob("*.sql"))
TIMES = 1_000_000_000_000
"""From here on, a number of a column of BIGINT is a time, unix ms."""
LEASE = 15_000


def load(path: Path, stored_at: int, schema: str) -> None:
    """Make a schema of a file of SQLite, as if that had been stored two days ago; its revision says of which kind."""
    file = sqlite3.connect(path)
    (revision,) = file.execute("SELECT value FROM inngest_meta WHERE key = 'revision'").fetchone()
    ahead = max(stored_at + 2 * DAY_MS - time.time_ns() // 1_000_000, 0)
    script = (SCHEMAS / f"{revision}.sql").read_text().replace("SCHEMA.", f"{schema}.")
    with psycopg.connect(postgres.server().conninfo) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(script.encode())
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
        for (table,) in tables:
            _fill(connection, file, sql.Identifier(schema, table), table, ahead)
        beats = sql.SQL("UPDATE {} SET beat_at = started_at, lease = %s").format(
            sql.Identifier(schema, "inngest_sessions")
        )
        connection.execute(beats, [LEASE])
    file.close()


def _fill(
    connection: psycopg.Connection[tuple[object, ...]],
    file: sqlite3.Connection,
    named: sql.Identifier,
    table: str,
    ahead: int,
) -> None:
    """The rows of a table, with its times set back."""
    cursor = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(named))
    columns = [(one.name, one.type_code) for one in cursor.description or ()]
    integer = psycopg.adapters.types["int8"].oid
    names = ", ".join(f'"{name}"' for name, _ in columns)
    marks = sql.SQL(", ").join(sql.Placeholder() for _ in columns)
    insert = sql.SQL("INSERT INTO {} VALUES ({})").format(named, marks)
    for row in file.execute(f"SELECT {names} FROM {table}").fetchall():
        values = [
            value - ahead if code == integer and isinstance(value, int) and value > TIMES else value
            for value, (_, code) in zip(row, columns, strict=True)
        ]
        connection.execute(insert, values)


def revision(schema: str) -> str:
    """The revision of a schema."""
    ((found,),) = postgres.server().execute(f"SELECT value FROM {schema}.inngest_meta WHERE key = 'revision'")
    return str(found)
