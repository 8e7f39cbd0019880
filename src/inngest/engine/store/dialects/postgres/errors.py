"""The meaning of PostgreSQL's errors for a person: what happened, in which database, and how to mend it.

They are told apart by SQLSTATE, and never by the driver's classes: its `OperationalError` is also that of a key which
does not fit an index.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from inngest.engine.errors import StoreBusyError, StoreCorruptError, StoreError, StoreFullError, StoreReadOnlyError
from inngest.engine.store.database import Trouble

DEADLOCK = "40P01"
LOCK_NOT_AVAILABLE = "55P03"

_STATES: Mapping[str, Trouble] = {
    "25P02": Trouble.RETRY,  # the transaction is over: an error in it was passed over
    "25P03": Trouble.RETRY,  # it was idle for too long: its process had been stopped
    "25006": Trouble.FATAL,  # only reading is allowed: a standby
    "53100": Trouble.FATAL,  # the disk is full
    "53200": Trouble.FATAL,  # out of memory
    "53300": Trouble.RETRY,  # too many connections
    LOCK_NOT_AVAILABLE: Trouble.RETRY,
    "57014": Trouble.RETRY,  # a statement took longer than it may
    "57P01": Trouble.RETRY,  # the server is shut down, or a person ended this connection
    "57P02": Trouble.RETRY,
    "57P03": Trouble.RETRY,  # the server starts
    "57P05": Trouble.RETRY,  # the session was idle for too long
}
_CLASSES: Mapping[str, Trouble] = {
    "08": Trouble.RETRY,  # the connection
    "21": Trouble.SQL,
    "22": Trouble.DATA,
    "23": Trouble.DATA,
    "40": Trouble.RETRY,  # others were in the way: a deadlock, a serialization failure
    "42": Trouble.SQL,
    "54": Trouble.DATA,  # a value is too large
}
"""By the first two letters of the state. All others are fatal."""

FORBIDDEN = "42501"
_NO_DATABASE = "3D000"
_LOG_IN = ("28000", "28P01")


def trouble_of(error: Exception) -> Trouble:
    """The way to deal with an error."""
    if isinstance(error, StoreError):
        return Trouble.RETRY if isinstance(error, StoreBusyError) else Trouble.FATAL
    if isinstance(error, (OSError, MemoryError)):
        return Trouble.RETRY  # this process lacks something, and no command is at fault
    if not isinstance(error, psycopg.Error):
        return Trouble.DATA  # it never came to the database
    state = error.sqlstate
    if state is None:  # the server has not said it: the connection is gone, or the value cannot be sent
        return Trouble.RETRY if isinstance(error, psycopg.OperationalError) else Trouble.DATA
    if state == FORBIDDEN:
        return Trouble.FATAL
    return _STATES.get(state) or _CLASSES.get(state[:2], Trouble.FATAL)


def is_conflict(error: Exception) -> bool:
    """Whether another transaction was in the way, which is over by now: of two, one is to be written again."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith("40")


def is_of_catalogue(error: Exception) -> bool:
    """Whether a table, or a schema, cannot be created because another transaction has just created it."""
    if isinstance(error, psycopg.errors.UniqueViolation):
        return error.diag.schema_name == "pg_catalog"
    return isinstance(error, psycopg.errors.DuplicateTable | psycopg.errors.DuplicateSchema)


def explain(name: str, error: Exception, schema: str = "") -> StoreError:
    """The error for a person: of a database by its name, and of the engine's schema in it. Nothing was written."""
    if isinstance(error, StoreError):
        return error
    state = getattr(error, "sqlstate", None) or ""
    said = _first_line(error)
    if state == "53100":
        return StoreFullError(f"no space is left for {name}, nothing was written: free some on the server's disk")
    if state == "25006":
        return StoreReadOnlyError(
            f"{name} only reads, nothing was written: name the primary, or all servers with "
            "target_session_attrs=read-write in the URL"
        )
    if state == FORBIDDEN:
        return StoreReadOnlyError(f"{name}: {said}: {_grant(said, schema)}")
    if state == _NO_DATABASE:
        return StoreError(f"{name}: {said}: create it (createdb), or name another one")
    if state in _LOG_IN:
        return StoreError(f"{name}: {said}: see to the user and the password in the URL, PGPASSWORD or ~/.pgpass")
    if state.startswith("XX"):
        return StoreCorruptError(f"{name} is damaged ({said}): see the server's log, then restore a copy")
    if trouble_of(error) is Trouble.RETRY:
        if isinstance(error, (OSError, MemoryError)):
            return StoreBusyError(
                f"{name} could not be asked ({said}), nothing was written: see to this process's limits"
            )
        if isinstance(error, psycopg.OperationalError) and not state:
            return StoreBusyError(f"{name} does not answer ({said}), nothing was written: see whether the server runs")
        return StoreBusyError(f"{name} was in use by others ({said}), nothing was written: it will be tried again")
    explained = StoreError(f"{name}: {said}")
    explained.of_command = trouble_of(error) in (Trouble.SQL, Trouble.DATA)
    return explained


_REFUSED = ("authentication failed", "no password supplied", "pg_hba.conf", "role ")
"""Words of the server, or of libpq, about who logs in. The driver gives no state for a connection that fails."""


def not_connected(name: str, error: Exception) -> StoreError:
    """The error of a connection that could not be made, for a person."""
    said = _said_last(error)
    if "database" in said and "does not exist" in said:
        return StoreError(f"{name}: {said}: create it (createdb), or name another one")
    if any(word in said for word in _REFUSED):
        return StoreError(f"{name}: {said}: see to the user and the password in the URL, PGPASSWORD or ~/.pgpass")
    if "session is" in said or "read-only" in said:
        return StoreBusyError(f"{name}: no server of the URL takes writes ({said}): see whether a primary runs")
    return StoreBusyError(f"{name} cannot be reached ({said}): see whether the server runs, and to the URL")


def _said_last(error: Exception) -> str:
    """The reason of a connection that failed, without the address, which libpq puts before it."""
    line = _first_line(error)
    return line.partition("FATAL:")[2].strip() or line


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__


def _grant(said: str, schema: str) -> str:
    """The right that is missing, as the statement that gives it."""
    quoted = said.rsplit(maxsplit=1)[-1].strip('"') if said.split() else ""
    if "for schema" in said:
        return f"GRANT USAGE, CREATE ON SCHEMA {schema or quoted} TO its user"
    if "for database" in said:
        return f"GRANT CREATE ON DATABASE {quoted} TO its user, or CREATE SCHEMA {schema} AUTHORIZATION its user"
    if "owner of" in said:
        return f"who migrates the schema owns its tables: ALTER TABLE {schema}.{quoted} OWNER TO its user"
    return f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO its user"
