"""The store's demands on a database: connections, transactions, and what its errors mean."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from inngest.engine.errors import StoreError
from inngest.engine.wake_ports import Ear, News

from .statement import Connection, SqlDialect
from .tidings import Tidings

R = TypeVar("R")


class Trouble(enum.Enum):
    """The way to deal with an error of the driver."""

    RETRY = "retry"  # the whole batch again: busy, deadlock, lost connection
    FATAL = "fatal"  # nothing can be written until a person helps: disk full, read-only, corrupt
    SQL = "sql"  # one command of the batch is at fault: the database cannot do what it says
    DATA = "data"  # one command of the batch is at fault: it never came to the database, or has a wrong value


class Size(NamedTuple):
    """The size of a database, in bytes."""

    whole: int  # of the file, or of all tables with their indexes
    wal: int  # what was committed and is not in the file yet; 0 where a server has it
    free: int  # of the file: what was removed, and is used again before the file grows; 0 where a server knows it


class Wakes(Protocol):
    """Tells other workers of a database what was written, and hears what they wrote. A protocol because only servers
    have such a thing, and a store knows none.
    """

    is_alone: bool
    """Whether nobody else is there who could need it. What was not told for that reason is made up for."""

    heard: int
    """How often something came from others."""

    def begin(self) -> None:
        """Begin to listen. Blocking; once. Raises StoreError."""
        ...

    def hear(self, ear: Ear, heard: Callable[[], object]) -> None:
        """Tell a worker from now on: `heard` is called, in any thread, when there is news that concerns it."""
        ...

    def tell(self, tidings: Tidings) -> None:
        """Tell others what a transaction did that is committed. Quick; from any thread."""
        ...

    def take(self) -> News:
        """The news since this was asked last. Quick."""
        ...

    def seen(self, sessions: Sequence[str], heard: int) -> None:
        """Learn which workers there are, by their sessions; they were read after `heard`."""
        ...

    def expect_ends(self, *, wanted: bool) -> None:
        """Have others tell the ends of runs, or not any more. Quick."""
        ...

    def leave(self, patience: float = 0) -> None:
        """Tell what is to be told, and listen no more; wait for so many seconds. Idempotent; from any thread."""
        ...


class Database(SqlDialect, Protocol):
    """One database. A protocol because each kind has a class of its own, and so has the simulator."""

    @property
    def wakes(self) -> Wakes | None:
        """Where workers tell each other what they write; None: who asks finds out, see `changed_by_others`."""
        ...

    @property
    def name(self) -> str:
        """The name by which people know it."""
        ...

    def hold_schema(self, connection: Connection) -> None:
        """Keep others from creating or migrating the schema until the transaction ends, and see that it has a place."""
        ...

    def agree(self, connection: Connection, *, new: bool) -> None:
        """See that all who write to the database are kept apart in the same way. The schema is held, and is there.

        Args:
            connection: in the transaction that prepares the schema.
            new: whether it has just created it.

        Raises:
            StoreError: they would not be; how to mend it.
        """
        ...

    def named(self, table: str) -> str:
        """A table, as it is named in a statement."""
        ...

    def connect(self) -> Connection:
        """A connection for the writer. Raises StoreError with how to mend it."""
        ...

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that will write."""
        ...

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that reads: all of it sees one moment."""
        ...

    def commit(self, connection: Connection) -> None:
        """Commit; durable when it returns. If it raises, whether it has happened is not known."""
        ...

    def look_at_files(self) -> None:
        """See that what is written will be found again. Quick. Raises StoreError with how to mend it."""
        ...

    def has_written(self, connection: Connection) -> bool:
        """Whether the transaction that was begun last has changed anything."""
        ...

    def alone(self, connection: Connection, sql: str, parameters: Sequence[object], *, patient: bool = True) -> int:
        """Execute one statement that is a transaction of its own, durable when this returns; how many rows it changed.

        It gives no rows. With `patient` false it waits for nobody's transaction, and raises instead.
        """
        ...

    def rollback(self, connection: Connection) -> None:
        """Undo what was not committed; does nothing outside of a transaction."""
        ...

    def is_lost(self, connection: Connection) -> bool:
        """Whether a connection is of no use any more."""
        ...

    def cut(self) -> bool:
        """End all connections from below, whatever their threads wait for, and open none any more: an engine stops, and
        the database does not answer. False if that cannot be, or need not: none is cut. From any thread.
        """
        ...

    def trouble(self, error: Exception) -> Trouble:
        """The way to deal with an error."""
        ...

    def explain(self, error: Exception) -> StoreError:
        """The error for a person: what happened, where, and how to mend it."""
        ...

    def give_as_bytes(self, connection: Connection, error: Exception) -> bool:
        """Whether an error says that a text is none. From then on the connection gives such texts as bytes, so that
        only the row that has one cannot be read, and what has failed can be done again.
        """
        ...

    def changed_by_others(self, connection: Connection) -> bool:
        """Whether others have written since this was asked last. Where there are `wakes`, it is not asked."""
        ...

    def declares_dead(self, connection: Connection, session_id: str) -> bool:
        """Whether a worker that somebody takes for dead is: it may have been heard since. Its session is locked."""
        ...

    def look_at_lives(self, connection: Connection) -> None:
        """Learn which workers live, and what time it is, for a process that is none of them."""
        ...

    @property
    def dbname(self) -> str | None:
        """Its name on its server; None if that is not known, or it is a file."""
        ...

    @property
    def waking(self) -> str | None:
        """The statement with which a transaction of a user's wakes workers at its COMMIT; None if they see that."""
        ...

    def pause(self, tries: int, error: Exception) -> None:
        """Wait before a transaction is tried again, which was tried so often, and had this error last; not at all, if
        each try waits itself.
        """
        ...

    def tidy(self, connection: Connection) -> None:
        """Housekeeping while nothing waits to be written."""
        ...

    def connect_reader(self) -> Connection:
        """A connection that cannot write and never blocks the writer. Raises StoreError."""
        ...

    def look(self, read: Callable[[Connection], R]) -> R:
        """Read from one moment, for a process that has nothing else to do with it. Nothing is written. Raises
        StoreError.
        """
        ...

    def size(self, connection: Connection) -> Size:
        """How large it is."""
        ...

    def tables(self, connection: Connection) -> set[str]:
        """Names of the tables that exist."""
        ...
