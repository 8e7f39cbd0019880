"""Upkeep of a database without an engine: what it holds, a copy, a newer schema, and space given back."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from inngest.engine.domain.model import RunStatus
from inngest.engine.records import Session
from inngest.engine.store import audit, counting, schema, sessions
from inngest.engine.store.database import Size
from inngest.engine.store.dialects import SCHEME, database_of
from inngest.engine.store.dialects.sqlite import SqliteDatabase, upkeep
from inngest.engine.store.dialects.sqlite.locks import FileLocks
from inngest.engine.store.statement import Connection, Transaction

from . import leftovers, views
from .erasure import AuditRecord, record_of
from .errors import EngineConfigError


class Worker(NamedTuple):
    """A process that has the database open."""

    host: str
    pid: int
    since: datetime.datetime | None  # aware, UTC; None if what is recorded is no time
    functions: tuple[str, ...]  # ids of those that it executes


class Outbox(NamedTuple):
    """The events that were sent in transactions, and that no worker has accepted yet."""

    sends: int  # those of one send, or a part of them
    aside: int  # of these: cannot be accepted by the workers that have tried
    oldest: datetime.datetime | None  # when the first was sent: aware, UTC
    trouble: str | None  # why the first of those cannot be


class Contents(NamedTuple):
    """The contents of a database, counted."""

    workers: Sequence[Worker]  # that live, the longest first
    runs: Mapping[RunStatus, int]  # only of statuses in which there are any
    events: int
    steps: int
    oldest: datetime.datetime | None  # when the oldest run was created: aware, UTC
    outbox: Outbox


class Status(NamedTuple):
    """The state of a database."""

    revision: str  # of its schema
    size: Size
    contents: Contents | None  # None if its schema is an older one than this code reads


class Migrated(NamedTuple):
    """The revisions of a schema, before and after a migration. They are equal if there was nothing to do."""

    before: str
    after: str


class Upkeep:
    """Looks after a database, whether workers use it or not.

    Args:
        database: the file; or the URL of a PostgreSQL database.

    Attributes:
        name: of the database, for people.

    Every method raises a StoreError if it cannot be used: missing, damaged, of a newer version, full, locked, away.

    Raises:
        EngineConfigError: the URL is wrong.
    """

    def __init__(self, database: Path | str) -> None:
        try:
            found = database_of(database if isinstance(database, str) else f"{SCHEME}{database}")
        except ValueError as error:
            raise EngineConfigError(f"database: {error}") from None
        self._database, self._liveness = found.database, found.liveness
        self.name = str(database) if isinstance(database, Path) else found.database.name

    def status(self) -> Status:
        """The contents of the database, and its size. Nothing is written."""
        return self._database.look(self._status)

    def workers(self) -> int:
        """How many processes have the database open, whatever the revision of its schema."""
        return self._database.look(self._workers)

    def is_current(self) -> bool:
        """Whether the schema is of the revision of this code, or newer."""
        return self._database.look(lambda one: schema.revision(self._database, one)) >= schema.CURRENT.revision

    def migrate(self) -> Migrated:
        """Bring the schema to the revision of this code, in one transaction.

        Raises:
            StoreVersionError: it is newer than this code can use.
        """
        before = self._database.look(lambda connection: schema.revision(self._database, connection))
        with contextlib.closing(self._database.connect()) as connection:
            schema.prepare(self._database, connection)
            return Migrated(before, schema.revision(self._database, connection))

    def audit(self, limit: int) -> list[AuditRecord]:
        """The acts of people that leave no other trace, the newest first."""

        def read(connection: Connection) -> list[AuditRecord]:
            schema.check(self._database, connection)
            return [record_of(one) for one in audit.newest(Transaction(connection, self._database), limit)]

        return self._database.look(read)

    def search(self, text: str) -> dict[str, int]:
        """How many rows of each column hold a text, by "table.column". It reads the whole database."""
        return self._database.look(lambda connection: leftovers.search(self._database, connection, text))

    def scrub(self) -> list[str]:
        """Have nothing kept of rows that are gone, as far as can be done beside workers; what stays, in sentences."""
        from inngest.engine.store.dialects.postgres import PostgresDatabase  # noqa: PLC0415 - they need a driver
        from inngest.engine.store.dialects.postgres.upkeep import vacuum  # noqa: PLC0415

        assert isinstance(self._database, PostgresDatabase)
        return leftovers.of_server(vacuum(self._database, self._database.texts.tables))

    def _workers(self, connection: Connection) -> int:
        schema.revision(self._database, connection)
        self._database.look_at_lives(connection)
        rows = connection.execute(f"SELECT id FROM {self._database.named('inngest_sessions')}").fetchall()
        return sum(self._liveness.alive(row[0]) for row in rows)

    def _status(self, connection: Connection) -> Status:
        revision = schema.revision(self._database, connection)
        size = self._database.size(connection)
        if revision < schema.CURRENT.revision:
            return Status(revision, size, None)
        schema.check(self._database, connection)
        self._database.look_at_lives(connection)
        tx = Transaction(connection, self._database)
        found = counting.counts(tx)
        started = sorted(sessions.sessions(tx), key=lambda one: one.started_at)
        living = [_worker(one) for one in started if self._liveness.alive(one.id)]
        oldest = views.optional_time(found.oldest)
        left = found.outbox
        outbox = Outbox(left.rows, left.aside, views.optional_time(left.oldest), left.trouble)
        return Status(revision, size, Contents(living, found.runs, found.events, found.steps, oldest, outbox))


class FileUpkeep(Upkeep):
    """Looks after a database file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = SqliteDatabase(path)
        self._locks = FileLocks.beside(self._file.path)

    def workers(self) -> int:
        """How many processes have the file open, whatever the revision of its schema."""
        return len(self._locks.living())

    def compact(self) -> tuple[Size, Size]:
        """Give back what is free in the file; its size before and after. Workers cannot write meanwhile, and wait."""
        before = self._database.look(self._size)
        upkeep.compact(self._file.path)
        return before, self._database.look(self._size)

    def scrub(self) -> list[str]:
        """Write the file anew, so that nothing is kept of rows that are gone; what stays all the same, in sentences.
        Workers cannot write meanwhile, and wait.
        """
        return leftovers.of_file(self._file.path, wal_is_empty=upkeep.compact(self._file.path))

    def copy(self, target: Path) -> Size:
        """Copy the database as it is at one moment; the size of the copy. Workers go on meanwhile.

        Args:
            target: a file that does not exist, in a folder that does.
        """
        self._database.look(lambda connection: schema.revision(self._database, connection))
        upkeep.copy(self._file, target)
        copied = SqliteDatabase(target)
        return copied.look(copied.size)

    def _size(self, connection: Connection) -> Size:
        schema.revision(self._database, connection)
        return self._database.size(connection)


def _worker(session: Session) -> Worker:
    return Worker(session.host, session.pid, views.optional_time(session.started_at), tuple(session.functions))
