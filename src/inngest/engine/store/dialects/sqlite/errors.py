"""The meaning of SQLite's errors for a person: what happened, to which file, and how to mend it."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Mapping
from pathlib import Path

from inngest.engine.errors import StoreBusyError, StoreCorruptError, StoreError, StoreFullError, StoreReadOnlyError
from inngest.engine.store.database import Trouble

_RETRY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_VALUES = (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE)

TROUBLES: Mapping[int, Trouble] = {
    **dict.fromkeys(_RETRY, Trouble.RETRY),
    sqlite3.SQLITE_ERROR: Trouble.SQL,
    **dict.fromkeys(_VALUES, Trouble.DATA),  # a value of the command is at fault, and not the database
}
"""By primary result code. All others are fatal."""

_SIDE_FILES = ("-wal", "-shm")


def trouble_of(error: Exception) -> Trouble:
    """The way to deal with an error."""
    if isinstance(error, StoreError):
        return Trouble.FATAL
    if not isinstance(error, sqlite3.DatabaseError) or isinstance(error, sqlite3.ProgrammingError):
        return Trouble.DATA  # it never came to the database
    return TROUBLES.get(code_of(error), Trouble.FATAL)


def is_no_text(error: Exception) -> bool:
    """Whether it is that a text is no UTF-8, which the driver finds, and not SQLite."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith("Could not decode to UTF-8")


def code_of(error: Exception) -> int:
    """The primary result code; 0 if it is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def explain(path: Path, error: Exception) -> StoreError:
    """The error for a person. Nothing was written."""
    if isinstance(error, StoreError):
        return error
    code = code_of(error)
    if code in _RETRY:
        return StoreBusyError(
            f"{path} stayed locked by another process, nothing was written: "
            "find what holds a transaction open on it (a backup, a shell, a viewer) and end that"
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError(f"no space is left for {path}, nothing was written: free some on that disk")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return _inaccessible(path, error)
    if code == sqlite3.SQLITE_NOTADB:
        return StoreCorruptError(f"{path} is not an SQLite database: name another file, or move this one away")
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreCorruptError(
            f"{path} is damaged ({error}): keep a copy, then restore a backup, "
            "or save what can be read with `sqlite3 FILE .recover`"
        )
    if code == sqlite3.SQLITE_IOERR:
        name = getattr(error, "sqlite_errorname", "")
        return StoreError(f"{path} cannot be read or written ({error}, {name}): see to its disk, then start again")
    explained = StoreError(f"{path}: {error}")
    explained.of_command = trouble_of(error) in (Trouble.SQL, Trouble.DATA)
    return explained


def _inaccessible(path: Path, error: Exception) -> StoreError:
    """It cannot be opened, or may not be written; SQLite does not say why."""
    folder = path.parent
    if os.path.isdir(path):  # pathlib's raises where one may not look
        return StoreError(f"{path} is a folder: name a file in it, such as {path / 'inngest.db'}")
    for one in (*reversed(folder.parents), folder):  # what is inside of one that may not be entered seems not to exist
        if os.path.isdir(one) and not os.access(one, os.X_OK):
            return StoreReadOnlyError(
                f"this user ({_user()}) may not enter the folder {one}: "
                f"give it the right, or name another database than {path}"
            )
    if not os.path.lexists(folder):
        return StoreError(f"the folder {folder} does not exist: create it, or name another database than {path}")
    if not os.path.isdir(folder):
        return StoreError(f"{folder} is not a folder: name another database than {path}")
    return StoreReadOnlyError(_forbidden(path, folder) or f"{path} cannot be opened or written: {error}")


def _forbidden(path: Path, folder: Path) -> str | None:
    who = f"this user ({_user()})"
    for file in (path, *(path.with_name(path.name + side) for side in _SIDE_FILES)):
        if forbidden := forbidden_file(file):
            return forbidden
    if not os.access(folder, os.W_OK):
        return (
            f"{who} may not write in the folder {folder}, where SQLite keeps files beside {path.name}: "
            f"give it the right, or name another database than {path}"
        )
    return None


def forbidden_file(file: Path) -> str | None:
    """The text if a file exists and this user may not use it."""
    if not os.path.lexists(file) or os.access(file, os.R_OK | os.W_OK):
        return None
    who = f"this user ({_user()})"
    return f"{who} may not read and write {file}: give it the right, or start as the user that owns the file"


def unreadable(file: Path) -> str | None:
    """Why a file cannot be read. It is not opened: to close it would let go of the locks that an engine of this
    process has on it, as POSIX has it.
    """
    try:
        found = os.stat(file)
    except OSError as error:
        return error.strerror
    if stat.S_ISDIR(found.st_mode):
        return os.strerror(errno.EISDIR)
    return None if os.access(file, os.R_OK) else os.strerror(errno.EACCES)


def _user() -> str:
    return f"uid {os.getuid()}" if hasattr(os, "getuid") else os.environ.get("USERNAME", "unknown")
