"""The needs of a transaction, which each library of connections meets in its own way, and how its own is known."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from inngest.sdk.errors import TransactionError

EXPECTED = (
    "expected a connection of psycopg or sqlite3, a Connection or Session of SQLAlchemy, a connection of Django, or a "
    "context manager of one"
)


class RolledBackError(Exception):
    """Ends a block of a library, which rolls back then. Never seen outside."""


class Opened(Protocol):
    """A connection of some library, and its transaction. All in one thread."""

    connection: Any
    """The connection as handlers get it."""

    def begin(self) -> bool:
        """Begin a transaction; False if the connection has one already: then it is not touched.

        Raises:
            TransactionError: the connection commits each statement by itself.
        """
        ...

    @property
    def driver(self) -> object:
        """The driver's connection."""
        ...

    def flush(self) -> None:
        """Have everything written that the library has not written yet.

        Raises:
            TransactionError: the library would not commit.
        """
        ...

    def commit(self) -> None:
        """Commit."""
        ...

    def rollback(self) -> None:
        """Roll back."""
        ...

    def close(self) -> None:
        """Give the connection back to where it came from."""
        ...


def opened(found: object) -> Opened:
    """A connection, by its library.

    Raises:
        TransactionError: it is of none that is known here.
    """
    for library, module in (
        ("sqlite3", "of_sqlite3"),
        ("psycopg", "of_psycopg"),
        ("sqlalchemy", "of_sqlalchemy"),
        ("django", "of_django"),
    ):
        if library in sys.modules:
            made = _MODULES[module](found)
            if made is not None:
                return made
    if isinstance(found, AbstractContextManager):
        return _Managed(found)
    raise TransactionError(f"transactions: {EXPECTED}, got {found!r:.200}")


class _Managed:
    """A connection that a context manager gives, as a pool does."""

    def __init__(self, manager: AbstractContextManager[object]) -> None:
        self._manager = manager
        given = manager.__enter__()
        try:
            self._inner = opened(given)
        except BaseException:
            self.close()
            raise
        self.connection = self._inner.connection

    def begin(self) -> bool:
        begun = self._inner.begin()
        if not begun:
            self.close()
        return begun

    @property
    def driver(self) -> object:
        return self._inner.driver

    def flush(self) -> None:
        self._inner.flush()

    def commit(self) -> None:
        self._inner.commit()

    def rollback(self) -> None:
        self._inner.rollback()

    def close(self) -> None:
        self._manager.__exit__(None, None, None)


def _lazily(name: str) -> Callable[[object], Opened | None]:
    def recognise(found: object) -> Opened | None:
        made: Opened | None = importlib.import_module(f"{__package__}.{name}").recognise(found)
        return made

    return recognise


_MODULES = {name: _lazily(name) for name in ("of_sqlite3", "of_psycopg", "of_sqlalchemy", "of_django")}


def under_way() -> TransactionError:
    """The error of a connection that is in use."""
    return TransactionError(
        "transactions: the connection has a transaction under way, which is not this step's to commit: give a "
        "connection that nobody uses"
    )


def commits_alone() -> TransactionError:
    """The error of a connection in autocommit."""
    return TransactionError(
        "transactions: the connection commits each statement by itself (autocommit), so that the handler's writes "
        "would not be in one transaction with the record of the step: give one without autocommit"
    )
