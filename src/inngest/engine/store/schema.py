"""The schema of a database: created for a new one, migrated for an old one, refused for one from the future.

A new database is created at once, from the text that `make sql` makes of `tables.py`; Alembic and SQLAlchemy are
imported only when the stored revision differs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from inngest.engine.errors import StoreBusyError, StoreCorruptError, StoreError, StoreVersionError

from .database import Database, Trouble
from .statement import Connection


class Schema(NamedTuple):
    """The schema that this code expects of a database."""

    revision: str  # the newest in `versions`
    min_compatible: str  # the oldest revision whose code can still work on a database of `revision`
    versions: Path  # folder of the migrations


CURRENT = Schema("0006", "0005", Path(__file__).parent / "migrations" / "versions")

_META = "inngest_meta"

_TRIES = 12
"""How often it is tried to prepare a schema that others are in the way of, or whose connection is lost."""


def connect_and_prepare(database: Database, *, wanted: Callable[[], bool]) -> None:
    """Prepare the schema, as `prepare` does; again if the connection is lost meanwhile.

    Raises:
        StoreError: nothing was changed.
    """
    tries = 0
    while True:
        tries += 1
        connection = database.connect()
        try:
            prepare(database, connection, wanted=wanted)
        except StoreBusyError as error:
            if tries == _TRIES or not wanted() or not database.is_lost(connection):
                raise
            database.pause(tries, error)
        else:
            return
        finally:
            connection.close()


def prepare(
    database: Database,
    connection: Connection,
    schema: Schema = CURRENT,
    *,
    wanted: Callable[[], bool] = lambda: True,
) -> None:
    """Create or migrate the schema in one transaction; while others are in the way, as long as it is `wanted`.

    Raises:
        StoreError: nothing was changed. If the connection was lost, it may be tried again on another one.
    """
    for attempt in range(_TRIES):
        try:
            database.begin(connection)
            database.hold_schema(connection)
            _prepare(database, connection, schema)
            database.commit(connection)
        except StoreError:
            database.rollback(connection)
            raise
        except Exception as error:
            lost, trouble = database.is_lost(connection), database.trouble(error)
            if not lost:
                database.rollback(connection)
            if trouble is Trouble.RETRY and not lost and attempt + 1 < _TRIES and wanted():
                database.pause(attempt + 1, error)
                continue
            if trouble is Trouble.DATA:
                raise
            raise database.explain(error) from error
        else:
            return


def _prepare(database: Database, connection: Connection, schema: Schema) -> None:
    existing = database.tables(connection)
    new = _META not in existing
    if new:
        _create(database, connection, schema)
    else:
        _bring_up_to_date(database, connection, schema, existing)
    database.agree(connection, new=new)


def _bring_up_to_date(database: Database, connection: Connection, schema: Schema, existing: Collection[str]) -> None:
    stored = _read(database, connection)
    if stored["revision"] < schema.revision:
        _migrate(database, connection, schema, stored["revision"])
        return
    _refuse_future(database, schema, stored)
    _refuse_holes(database, existing)


def check(database: Database, connection: Connection, schema: Schema = CURRENT) -> None:
    """Make sure that this code can read a database as it is.

    Raises:
        StoreVersionError: it is older, or newer than this code can read.
        StoreError: it is no engine's database, or damaged.
    """
    existing = database.tables(connection)
    if _META not in existing:
        raise _unused(database)
    stored = _read(database, connection)
    if stored["revision"] < schema.revision:
        raise StoreVersionError(
            f"{database.name} has schema {stored['revision']}, and this code reads {schema.revision}: "
            "start an engine on it, or run `inngest db migrate`"
        )
    _refuse_future(database, schema, stored)
    _refuse_holes(database, existing)


def revision(database: Database, connection: Connection) -> str:
    """The revision of a database, whether this code can read the rest of it or not.

    Raises:
        StoreError: it is no engine's database, or damaged.
    """
    if _META not in database.tables(connection):
        raise _unused(database)
    return _read(database, connection)["revision"]


def _refuse_future(database: Database, schema: Schema, stored: Mapping[str, str]) -> None:
    if stored["min_compatible"] > schema.revision:
        raise StoreVersionError(
            f"{database.name} has schema {stored['revision']}, which needs code that knows at least "
            f"{stored['min_compatible']}; this code knows {schema.revision}: upgrade pyngest, or name another database"
        )


def _refuse_holes(database: Database, existing: Collection[str]) -> None:
    if missing := sorted(database.texts.tables.keys() - existing):
        raise _damaged(database, f"has no table {', '.join(missing)}")


def _create(database: Database, connection: Connection, schema: Schema) -> None:
    for table in database.texts.tables.values():
        for statement in table.create:
            connection.execute(statement)
    new = [("revision", schema.revision), ("min_compatible", schema.min_compatible), ("generation", "0")]
    new.append(("retention_since", "0"))  # it has no run that ended before anybody knew that it would be removed
    _write(database, connection, new)


def _migrate(database: Database, connection: Connection, schema: Schema, revision: str) -> None:
    from .migrations import DBAPIError, upgrade  # noqa: PLC0415 - Alembic takes time to import, and is rarely needed

    try:
        upgrade(connection, database.dialect, revision, schema.revision, schema.versions)
    except DBAPIError as error:
        raise error.orig or error from None  # the driver's own says what is wrong
    connection.execute(f"DELETE FROM {database.named(_META)} WHERE key IN ('revision', 'min_compatible')")
    _write(database, connection, [("revision", schema.revision), ("min_compatible", schema.min_compatible)])


def _read(database: Database, connection: Connection) -> dict[str, str]:
    rows = connection.execute(f"SELECT key, value FROM {database.named(_META)}").fetchall()
    stored = {str(key): str(value) for key, value in rows}
    for key in ("revision", "min_compatible", "generation"):
        if key not in stored:
            raise _damaged(database, f"has no {key} in its table {_META}")
    for key in ("revision", "min_compatible"):
        if not stored[key].isdecimal():
            raise _damaged(database, f"has no {key} in its table {_META}, but {stored[key]!r}")
    return stored


def _write(database: Database, connection: Connection, values: Sequence[tuple[str, str]]) -> None:
    for key, value in values:
        connection.execute(f"INSERT INTO {database.named(_META)} (key, value) VALUES ('{key}', '{value}')")


def _unused(database: Database) -> StoreError:
    return StoreError(
        f"no engine has ever used the database {database.name}: name another one, or start an engine on it"
    )


def _damaged(database: Database, what: str) -> StoreCorruptError:
    return StoreCorruptError(f"{database.name} is damaged, it {what}: restore a copy, or name another database")
