"""Statements, and what creates the schema, as text: written by `make sql` for a dialect, so that none has to be built.

A statement is found by its sentence, which no other has. One that the file does not know is built by SQLAlchemy, and
kept: those of tests, and those of a dialect that has no file. A house test builds all statements of the store, and
compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from .core import ClauseElement, Dialect


class StatementText(NamedTuple):
    """A statement as the driver takes it."""

    sql: str
    names: Sequence[str]  # of its parameters, in order
    fixed: Mapping[str, object]  # parameters whose values are part of the statement


class RowsText(NamedTuple):
    """A statement for many rows, in parts: that for n of them has the row n times, with commas."""

    before: str
    row: str
    after: str

    def of(self, count: int) -> str:
        """The statement for so many rows."""
        return self.before + ", ".join([self.row] * count) + self.after


class Column(NamedTuple):
    """A column of a table, for those who judge what is stored in it."""

    number: bool  # it holds whole numbers; else texts
    nullable: bool


class TableText(NamedTuple):
    """A table of the schema."""

    create: Sequence[str]  # the statements that create it, and its indexes
    columns: Mapping[str, Column]


class Texts:
    """The statements of one kind of database. One object for all connections: what was built once is not again.

    Attributes:
        statements: the texts of those that were executed; who executes one puts it there.
        rows: the same, of statements for many rows, by how many.

    Args:
        file: written by `make sql`; None if all statements are built.
        dialect: how SQLAlchemy writes the others.
    """

    def __init__(self, file: Path | None, dialect: Callable[[], Dialect]) -> None:
        self.file = file
        self._dialect = dialect
        self.statements: dict[object, StatementText] = {}
        self.rows: dict[tuple[object, int], str] = {}

    @cached_property
    def _content(self) -> Mapping[str, Mapping[str, Any]]:
        if self.file is None:
            return {"statements": {}, "rows": {}}
        content: Mapping[str, Mapping[str, Any]] = json.loads(self.file.read_text(encoding="utf-8"))
        return content

    @cached_property
    def tables(self) -> Mapping[str, TableText]:
        """The tables of the schema by name, in the order in which they are created."""
        return {
            name: TableText(table["create"], {column: Column(*kind) for column, kind in table["columns"].items()})
            for name, table in self._content["tables"].items()
        }

    def known(self, sentence: str) -> StatementText | None:
        """The text of a statement, if the file has it."""
        found = self._content["statements"].get(sentence)
        return None if found is None else StatementText(*found)

    def known_rows(self, sentence: str) -> RowsText | None:
        """The text of a statement for many rows, if the file has it."""
        found = self._content["rows"].get(sentence)
        return None if found is None else RowsText(*found)

    def built(self, key: object, build: Callable[[], ClauseElement]) -> StatementText:
        """The text of a statement that the file does not know; `key` is that of no other."""
        return self.compiled(build())

    def compiled(self, clause: ClauseElement) -> StatementText:
        """The text of a statement that was built."""
        compiled: Any = clause.compile(dialect=self._dialect())
        names: tuple[str, ...] = tuple(compiled.positiontup or ())
        fixed: dict[str, object] = {
            name: compiled.binds[name].value for name in names if not compiled.binds[name].required
        }
        return StatementText(compiled.string, names, fixed)
