"""Modes: how writers of one database are kept apart, how they hear of each other, and what its tables are made with.

PostgreSQL has all that the engine uses. Databases that speak its language lack some of it, and each word that may be
missing has a second form here (decision 0106).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

W = TypeVar("W", bound=enum.Enum)


class Guards(enum.Enum):
    """How names are held, by which writers are kept apart where no row says it."""

    ADVISORY = "advisory"  # advisory locks of the transaction
    ROWS = "rows"  # rows of a table of guards
    NONE = "none"  # the database itself refuses what would break a promise: transactions are serializable


class Isolation(enum.Enum):
    """The isolation of transactions that write: how much of others they see."""

    READ_COMMITTED = "read-committed"
    SERIALIZABLE = "serializable"


class Wake(enum.Enum):
    """How workers hear of each other."""

    LISTEN = "listen"  # by NOTIFY, where a self-test shows that it comes through (decision 0088)
    POLL = "poll"  # they look now and then, and nothing is kept for a connection between its transactions


class Index(enum.Enum):
    """The clauses that tables and indexes are made with."""

    FULL = "full"  # the collation C, storage parameters
    PLAIN = "plain"  # neither: the database's own collation is C, or sorts as it does
    ASYNC = "async"  # neither, and indexes are built later: Aurora DSQL's. It is written, and never run here


class Modes(NamedTuple):
    """The modes of a database."""

    guards: Guards = Guards.ADVISORY
    isolation: Isolation = Isolation.READ_COMMITTED
    wake: Wake = Wake.LISTEN
    tables: Index = Index.FULL

    @property
    def is_serializable(self) -> bool:
        """Whether transactions that write are serializable."""
        return self.isolation is Isolation.SERIALIZABLE

    @property
    def apart(self) -> str:
        """How writers are kept apart: all of one database must have the same."""
        return f"guards={self.guards.value}&isolation={self.isolation.value}"


USUAL = Modes()
"""The modes of a URL that names none."""

WORDS = ("guards", "isolation", "wake", "index")
"""The parameters of a URL that choose them."""


def read(given: Mapping[str, str]) -> Modes:
    """Read the modes of a URL's parameters.

    Raises:
        ValueError: one has a value that there is not, or they do not go together; the message says what there is.
    """
    isolation = _word(Isolation, "isolation", given) or Isolation.READ_COMMITTED
    serializable = isolation is Isolation.SERIALIZABLE
    guards = _word(Guards, "guards", given) or (Guards.NONE if serializable else Guards.ADVISORY)
    if guards is Guards.NONE and not serializable:
        raise ValueError("guards=none needs isolation=serializable: without either nothing keeps writers apart")
    index = _word(Index, "index", given) or Index.FULL
    if index is Index.ASYNC:
        raise ValueError("expected index=full or index=plain, got 'async': it is for schemas that are made by hand")
    return Modes(guards, isolation, _word(Wake, "wake", given) or Wake.LISTEN, index)


def _word(kind: type[W], name: str, given: Mapping[str, str]) -> W | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        known = [one.value for one in kind if one is not Index.ASYNC]
        raise ValueError(f"expected {name}={' or '.join(known)}, got {value!r:.80}") from None
