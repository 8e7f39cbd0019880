"""Locks, as values.

A file of its own: databases take locks, and import nothing of the commands that declare them.

A guard is a name. It is held where something is decided by what is not stored yet: a wait is opened while its event
comes, or two acceptances count the same key. Where one transaction at a time writes, nothing is taken.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple


class Kind(enum.IntEnum):
    """Kinds of locks, in the order in which they are taken."""

    SESSION = 1
    GUARD = 2
    RUN = 3
    BUDGET = 4


THROTTLE = "throttle:"
"""What the key of a throttle's lock begins with: it is taken as that of a budget is."""


class Lock(NamedTuple):
    """One lock. Locks are taken in the order of these values."""

    kind: Kind
    key: str
    exclusive: bool = True


class NotFree(Exception):
    """Others hold locks that a transaction found out about when it held others: it must begin again, with these.

    Attributes:
        locks: what it asked for.
    """

    def __init__(self, locks: Sequence[Lock]) -> None:
        super().__init__(f"others hold one of {', '.join(sorted({lock.kind.name for lock in locks}))}")
        self.locks = locks
