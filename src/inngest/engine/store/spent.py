"""The time that a writer spends in its database, for those who measure.

A file of its own: it knows nothing of what is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from inngest.runtime.clock import stopwatch

P = ParamSpec("P")
R = TypeVar("R")


class Spent:
    """Counts transactions, and how long they take.

    Attributes:
        transactions: that were tried: batches of commands, and statements that are one.
        seconds: that they took, with the waits for others and for the disk.
    """

    def __init__(self) -> None:
        self.transactions = 0
        self.seconds = 0.0

    def timed(self, do: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do something, which is one transaction."""
        began = stopwatch()
        try:
            return do(*args, **kwargs)
        finally:
            self.add(began)

    def add(self, began: float) -> None:
        """A transaction is over that began then, by the stopwatch."""
        self.seconds += (stopwatch() - began) / 1_000
        self.transactions += 1
