"""The differences between databases, a folder for each; and which of them a URL names.

A folder of its own: each database that joins has one in it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from inngest.engine.store.database import Database
from inngest.runtime.ports import Liveness
from inngest.runtime.shared_databases import LEASE, SCHEMES, is_shared

from .sqlite import SqliteDatabase
from .sqlite.locks import FileLocks

SCHEME = "sqlite:///"


class Found(NamedTuple):
    """A database, what shows which of its workers live, and its clock.

    Attributes:
        wall: unix ns by the clock that the workers of the database share; None: this machine's.
        on_first_look: takes what is called once that clock is known; in any thread. None: it is known.
    """

    database: Database
    liveness: Liveness
    wall: Callable[[], int] | None = None
    on_first_look: Callable[[Callable[[], object]], None] | None = None


def shown(url: str) -> str:
    """A URL as it may be shown; it is checked by that.

    Raises:
        ValueError: no dialect has its scheme, or it is wrong, or what it needs is not installed.
    """
    return database_of(url).database.name


def database_of(url: str, *, durable: bool = True, lease: int = LEASE) -> Found:
    """The database that a URL names. Nothing is opened yet.

    Args:
        url: such as `sqlite:////var/lib/inngest.db`, or `postgresql://user@host/database?schema=inngest`.
        durable: whether a commit survives a power cut, or only a crash of the process; a server has its own setting.
        lease: milliseconds after which a worker that is not heard is dead, where workers are heard.

    Raises:
        ValueError: no dialect has its scheme, or it is wrong, or what it needs is not installed.
    """
    if is_shared(url):
        return _postgres(url, lease)
    if not url.startswith(SCHEME):
        raise ValueError(f"{url!r} names no database that is known here: it begins with {SCHEME} or {SCHEMES[0]}")
    path = Path(url.removeprefix(SCHEME))
    return Found(SqliteDatabase(path, durable=durable), FileLocks.beside(path))


def _postgres(url: str, lease: int) -> Found:
    try:
        from .postgres import PostgresDatabase  # noqa: PLC0415 - it needs a driver, and loads SQLAlchemy
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise ValueError('PostgreSQL needs its driver: pip install "pyngest[postgres]"') from None
    database = PostgresDatabase(url, lease=lease)
    leases = database.leases
    return Found(database, leases, leases.wall_ns, leases.call_when_measured)
