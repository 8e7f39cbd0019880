"""The schema of a database: created for a new one, migrated for an old one, refused for one from the future.

A new database is created from `tables.py` at once; Alembic is imported only when the stored revision differs.
"""

from __future__ import annotations

from sqlalchemy.schema import CreateIndex, CreateTable

from inngest.engine.ports import StoreError, StoreVersionError

from . import tables
from .database import Database, Trouble
from .statement import Connection

REVISION = "0001"
"""The newest revision in migrations/versions."""

MIN_COMPATIBLE = "0001"
"""The oldest revision whose code can still work on a database of REVISION."""

_TRIES = 12


def prepare(database: Database, connection: Connection) -> None:
    """Create or migrate the schema in one transaction.

    Raises:
        StoreError: nothing was changed.
    """
    for attempt in range(_TRIES):
        try:
            database.begin(connection)
            _prepare(database, connection)
            database.commit(connection)
        except Exception as error:
            database.rollback(connection)
            trouble = database.trouble(error)
            if trouble is Trouble.RETRY and attempt + 1 < _TRIES:
                continue
            if trouble is Trouble.DATA:
                raise
            raise database.explain(error) from error
        else:
            return


def _prepare(database: Database, connection: Connection) -> None:
    existing = database.tables(connection)
    if tables.meta.name not in existing:
        _create(database, connection)
        return
    revision, min_compatible = _meta(connection, "revision"), _meta(connection, "min_compatible")
    if revision == REVISION:
        return
    if revision < REVISION:
        _migrate(connection, revision)
        return
    _refuse_future(revision, min_compatible)


def check(database: Database, connection: Connection) -> None:
    """Make sure that this code can read a database as it is.

    Raises:
        StoreVersionError: it is older, or newer than this code can read.
        StoreError: it is no engine's database.
    """
    if tables.meta.name not in database.tables(connection):
        raise StoreError("no engine has ever used this database: name another one, or start an engine on it")
    revision, min_compatible = _meta(connection, "revision"), _meta(connection, "min_compatible")
    if revision < REVISION:
        raise StoreVersionError(
            f"the database has schema {revision}, and this code reads {REVISION}: start an engine on it, "
            "which migrates it"
        )
    _refuse_future(revision, min_compatible)


def _refuse_future(revision: str, min_compatible: str) -> None:
    if min_compatible > REVISION:
        raise StoreVersionError(
            f"the database has schema {revision}, which needs code that knows at least {min_compatible}; "
            f"this code knows {REVISION}: upgrade pyngest"
        )


def _create(database: Database, connection: Connection) -> None:
    for table in tables.metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=database.dialect)))
        for index in sorted(table.indexes, key=lambda one: one.name or ""):
            connection.execute(str(CreateIndex(index).compile(dialect=database.dialect)))
    for key, value in (("revision", REVISION), ("min_compatible", MIN_COMPATIBLE), ("generation", "0")):
        connection.execute(f"INSERT INTO {tables.meta.name} (key, value) VALUES ('{key}', '{value}')")


def _meta(connection: Connection, key: str) -> str:
    row = connection.execute(f"SELECT value FROM {tables.meta.name} WHERE key = '{key}'").fetchone()
    assert row is not None, f"{tables.meta.name} has no {key}"
    return str(row[0])


def _migrate(connection: Connection, revision: str) -> None:
    from .migrations import upgrade  # noqa: PLC0415 - Alembic takes time to import, and is rarely needed

    upgrade(connection, revision)
