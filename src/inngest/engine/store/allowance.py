"""How much of what follows from a transaction is written with it; what is beyond that hangs on markers.

The rows that a command says it writes are counted by the writer, which makes batches. Its consequences for others
(runs that are started, steps that are told, runs that are cancelled) are counted here, for all of a transaction
together.

A file of its own: all that follows from a transaction counts by it.
"""

from __future__ import annotations

from .statement import Transaction

ROWS = 1_000
"""Rows that a transaction writes of what follows, about: the one thing that exceeds it is its last."""

OF_ANSWER, OF_CANCELLATION = 4, 13
"""Rows that are written for a step that is told, and for a run that is cancelled, with what is said of it."""


class Allowance:
    """Rows that a transaction may still write.

    Attributes:
        rows: how many; at 0 or below, what follows hangs on markers.
    """

    def __init__(self) -> None:
        self.rows = ROWS

    @staticmethod
    def of(tx: Transaction) -> Allowance:
        """The one of a transaction."""
        found: Allowance | None = tx.kept.get(Allowance)
        if found is None:
            found = tx.kept[Allowance] = Allowance()
        return found

    def take(self, rows: int) -> None:
        """So many are written."""
        self.rows -= rows
