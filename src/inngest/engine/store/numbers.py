"""The number of the batch: a COMMIT whose answer was lost is found out, not guessed.

Each transaction of a writer that changes anything leaves its number in the database, in the same transaction. When
COMMIT fails, the number that is stored says whether it happened all the same: then what is in memory is its answer.
"""

from __future__ import annotations

from .core import bindparam, delete, select, tables
from .database import Database
from .statement import Connection, Statement, Transaction, insert_new

_writers, _sessions = tables.writers, tables.sessions

MARK = Statement(
    "A writer leaves the number of its batch.",
    lambda words: (insertion := words.insert(_writers)).on_conflict_do_update(
        index_elements=["id"], set_={"batch": insertion.excluded.batch}
    ),
)

FIRST = insert_new("A writer waits for its first batch, which may be committed still.", _writers, ("id", "batch"))

STORED = Statement(
    "A writer reads the number of the last batch that it committed.",
    lambda words: words.locking(select(_writers.c.batch).where(_writers.c.id == bindparam("writer")), skip=False),
)

FORGET = Statement(
    "A new session removes the numbers of writers whose workers are gone.",
    lambda _: delete(_writers).where(
        _writers.c.id.not_in(select(_sessions.c.writer).where(_sessions.c.writer.is_not(None)))
    ),
)


class Numbers:
    """The numbers of one writer's transactions.

    Args:
        writer: random; never used again.
    """

    def __init__(self, writer: str) -> None:
        self.writer = writer
        self._last = 0

    def mark(self, tx: Transaction) -> int:
        """Leave a new number in a transaction, as its last statement; the number."""
        self._last += 1
        tx.execute(MARK, {"id": self.writer, "batch": self._last})
        return self._last

    def is_stored(self, tx: Transaction, number: int) -> bool:
        """Whether the transaction with that number, the last one, was committed; it cannot be any more.

        A row that was there is locked by who still commits it. A new one is not seen before: an insertion waits for it.
        """
        if tx.is_shared:
            tx.execute_rows(FIRST, [(self.writer, 0)])
        row = tx.execute(STORED, {"writer": self.writer}).fetchone()
        return row is not None and row[0] == number

    def look_up(self, number: int, database: Database, connection: Connection, tx: Transaction) -> bool:
        """Whether the transaction with that number was committed, seen by a transaction of its own that ends here."""
        database.begin(connection)
        tx.begin()
        stored = self.is_stored(tx, number)
        database.rollback(connection)
        return stored


def forget_others(tx: Transaction) -> None:
    """Forget the writers of workers that are gone."""
    tx.execute(FORGET)
