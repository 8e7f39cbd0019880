"""Connections that users lend: statements are executed in a transaction that is theirs to begin and to end."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from typing import Protocol

from inngest.sdk.errors import TransactionError

EXPECTED = (
    "send: connection: expected a Connection or Session of SQLAlchemy, also an async one, a connection of psycopg or "
    "sqlite3, or a connection of Django"
)

_LIBRARIES = (
    ("sqlite3", "of_sqlite3"),
    ("psycopg", "of_psycopg"),
    ("sqlalchemy", "of_sqlalchemy"),
    ("django.utils.connection", "of_django"),
)
"""Modules that whoever has a connection has imported, and what knows it here."""


class Lent(Protocol):
    """A connection of some library. Where that is async, its methods give awaitables."""

    is_async: bool

    def begin(self) -> object:
        """See that the next statement is in a transaction that its user ends; the kind of its database, such as
        "sqlite".

        Raises:
            TransactionError: the connection commits each statement by itself.
        """
        ...

    def execute(self, sql: str, parameters: Sequence[object]) -> object:
        """Execute a statement, as the engine's own driver takes it; the list of its rows."""
        ...

    @property
    def user(self) -> str | None:
        """Its user, as far as that is known without asking."""
        ...


def lent(found: object) -> Lent:
    """A connection, by its library.

    Raises:
        TransactionError: it is of none that is known here.
    """
    for library, module in _LIBRARIES:
        if library in sys.modules:
            made: Lent | None = importlib.import_module(f"{__package__}.{module}").lend(found)
            if made is not None:
                return made
    kind = type(found)
    raise TransactionError(f"{EXPECTED}, got a {kind.__module__}.{kind.__qualname__}")


def sends_at_once() -> TransactionError:
    """The error of a connection in autocommit."""
    return TransactionError(
        "send: connection: it has no transaction, and commits each statement by itself (autocommit): the events would "
        "be sent whatever becomes of your own writes. Begin a transaction first, or send without connection"
    )


def in_style(sql: str, parameters: Sequence[object], style: str) -> tuple[str, tuple[object, ...]]:
    """A statement with `?` or `$1`, for a driver that has parameters of another style.

    Args:
        sql: the statement. Names in quotes stay as they are.
        parameters: of it.
        style: of the driver, as PEP 249 and SQLAlchemy name it.

    Raises:
        TransactionError: the style is unknown.
    """
    if style in ("qmark", "numeric_dollar"):
        return sql, tuple(parameters)
    if style not in ("format", "pyformat"):
        raise TransactionError(f"send: connection: its driver has parameters of the style {style!r}, which is unknown")
    order: list[int] = []

    def placed(found: re.Match[str]) -> str:
        if found["number"] is None:
            return found[0]
        order.append(int(found["number"]) - 1)
        return "%s"

    text = re.sub(r'"[^"]*"|\$(?P<number>\d+)', placed, sql.replace("%", "%%"))
    return text, tuple(parameters[place] for place in order)
