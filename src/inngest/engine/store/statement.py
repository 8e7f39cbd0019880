"""Statements: written once in SQLAlchemy Core, compiled once per database, executed on the driver's cursor.

SQLAlchemy's own connection costs more than the statement itself on the hot path (docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from sqlalchemy import Select, Table, Text, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

S = TypeVar("S", bound=Select[*tuple[Any, ...]])


class Cursor(Protocol):
    """What a driver gives for an executed statement."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        ...

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        ...


class Connection(Protocol):
    """A driver's connection."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor:
        """Execute one statement."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class Words(Protocol):
    """Where the databases' languages differ."""

    @property
    def dialect(self) -> Dialect:
        """How SQLAlchemy writes its SQL."""
        ...

    def insert(self, table: Table) -> Any:
        """An INSERT that knows ON CONFLICT."""
        ...

    def any_of(self, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Whether the column is in the list that is given as a JSON text parameter."""
        ...

    def locking(self, select: S, *, skip: bool) -> S:
        """The SELECT, holding its rows until the transaction ends; `skip` passes over those that others hold."""
        ...


class Statement:
    """One statement, as a function of the database's words. Parameters are named with `bindparam`."""

    def __init__(self, build: Callable[[Words], ClauseElement]) -> None:
        self.build = build


class _Compiled:
    """A statement's text for one database, and what its parameters are called in order."""

    __slots__ = ("fixed", "names", "sql")

    def __init__(self, statement: Statement, words: Words) -> None:
        compiled = statement.build(words).compile(dialect=words.dialect)
        assert isinstance(compiled, SQLCompiler)
        self.sql = compiled.string
        self.names = tuple(compiled.positiontup or ())
        self.fixed = {name: compiled.binds[name].value for name in self.names if not compiled.binds[name].required}


def constant(value: str) -> ColumnElement[str]:
    """A text that is part of a statement."""
    assert value.isidentifier(), value
    return literal_column(f"'{value}'", Text)


class Transaction:
    """Executes statements on one connection."""

    def __init__(self, connection: Connection, words: Words) -> None:
        self._connection = connection
        self._words = words
        self._compiled: dict[Statement, _Compiled] = {}

    def execute(self, statement: Statement, parameters: Mapping[str, object] | None = None) -> Cursor:
        """Execute once."""
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Compiled(statement, self._words)
        if not parameters:
            return self._connection.execute(compiled.sql)
        if compiled.fixed:
            parameters = {**compiled.fixed, **parameters}
        return self._connection.execute(compiled.sql, [parameters[name] for name in compiled.names])

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()
