"""Upkeep of a file, beside the workers that use it: its copy, and the return of space that nothing needs."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Generator
from pathlib import Path

from inngest.engine.errors import StoreCorruptError, StoreError, StoreFullError
from inngest.engine.store.statement import Connection

from . import errors
from .database import PATIENCE, SqliteDatabase

_MAGIC = b"SQLite format 3\0"


def compact(path: Path) -> bool:
    """Write the file anew, without what is free in it. Nobody else writes meanwhile: they wait, and try again.

    Returns:
        Whether the WAL beside it is empty, too; it is not if others read for longer than one waits for them.

    Raises:
        StoreError: nothing was changed.
    """
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
            connection.execute("VACUUM")
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy
    except sqlite3.Error as error:
        if errors.code_of(error) == sqlite3.SQLITE_FULL:
            raise StoreFullError(
                f"no space is left to write {path} anew, nothing was changed: its disk needs as much free space as the "
                "file has, and the folder for temporary files (SQLITE_TMPDIR) as well"
            ) from error
        raise errors.explain(path, error) from error


def copies_of(path: Path) -> list[Path]:
    """Databases beside a file whose names begin as its name does: copies of it, most likely."""
    beside = (one for one in path.parent.glob(f"{path.stem}*") if one.name != path.name)
    return sorted(one for one in beside if _is_database(one))


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def copy(database: SqliteDatabase, target: Path) -> None:
    """Copy a database as it is at one moment, while others go on writing; the copy is whole, or is not there.

    It is written beside the target under another name, checked, and then gets the target's name.

    Raises:
        StoreError: the database cannot be read, or the copy cannot be written, or is there already.
    """
    part = target.with_name(f".{target.name}.part-{os.getpid()}")
    try:
        with _written(target):
            part.touch(mode=0o600, exist_ok=False)
            database.look(lambda connection: _copy_to(connection, part, target))
            _check(part, target)
            shutil.copymode(database.path, part)
            _sync(part)
            os.link(part, target)  # unlike a rename, it fails if somebody has made the target meanwhile
            _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _copy_to(source: Connection, part: Path, target: Path) -> None:
    assert isinstance(source, sqlite3.Connection)
    with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copied:
        try:
            source.backup(copied)
        except sqlite3.Error as error:
            if errors.code_of(error) == sqlite3.SQLITE_FULL:
                raise StoreFullError(f"no space is left for {target}, nothing was kept of it: free some") from error
            raise


def _check(part: Path, target: Path) -> None:
    uri = f"{part.absolute().as_uri()}?immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)").fetchall()]
    if found != ["ok"]:
        raise StoreCorruptError(
            f"{target} was not made, since the database is damaged ({'; '.join(found)}): "
            "restore an older copy, or save what can be read with `sqlite3 FILE .recover`"
        )


@contextlib.contextmanager
def _written(target: Path) -> Generator[None]:
    try:
        yield
    except FileExistsError:
        raise StoreError(f"{target} exists already, and is not overwritten: name another file") from None
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
