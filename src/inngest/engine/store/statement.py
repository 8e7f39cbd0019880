"""Statements: written once in SQLAlchemy Core, compiled once per database, executed on the driver's cursor.

SQLAlchemy's own connection costs more than the statement itself on the hot path (docs/decisions/0003).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from .core import (
    CTE,
    ClauseElement,
    ColumnElement,
    Dialect,
    Select,
    Table,
    Text,
    bindparam,
    built,
    column,
    func,
    literal_column,
    select,
    values,
)
from .locks import Lock, NotFree
from .texts import StatementText, TableText, Texts
from .tidings import Tells, Tidings

LARGEST = 64
"""Rows of one statement. 64 rows of the widest table are 1,000 parameters; SQLite takes 32,766."""

P = ParamSpec("P")
S = TypeVar("S", bound="Select[*tuple[Any, ...]]")


class Cursor(Protocol):
    """The driver's answer to an executed statement."""

    @property
    def rowcount(self) -> int:
        """How many rows it has changed."""
        ...

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        ...

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        ...

    def close(self) -> None:
        """Read no more of it."""
        ...


class Connection(Protocol):
    """A driver's connection."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor:
        """Execute one statement."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class SqlDialect(Protocol):
    """Where the databases' languages differ. A protocol because each database has a class of its own."""

    @property
    def dialect(self) -> Dialect:
        """How SQLAlchemy writes its SQL. It is imported for this."""
        ...

    @property
    def texts(self) -> Texts:
        """The statements that are known as text, and those that were built."""
        ...

    def insert(self, table: Table) -> Any:
        """An INSERT that knows ON CONFLICT."""
        ...

    def listed(self, parameter: str) -> ColumnElement[Any]:
        """The values of a list that is given as a JSON text parameter, as the column of a table of their own."""
        ...

    def inserted(self, table: Table) -> ColumnElement[int]:
        """A number of each row of a table: a row that is inserted later has a higher one than all there are."""
        ...

    def any_of(self, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Whether the column is in the list that is given as a JSON text parameter."""
        ...

    def beat(self) -> int | None:
        """The time (unix ms) by the clock by which leases are counted; None where there are none."""
        ...

    shared: bool
    """Whether others write at the same time as a transaction of this writer."""

    def lock(self, connection: Connection, locks: Sequence[Lock], *, late: bool = False) -> None:
        """Take locks until the transaction ends, in this order. Does nothing if the database is not shared.

        A transaction asks for a `late` one when it holds others already: then it waits for nobody.

        Raises:
            NotFree: others hold a late one. The transaction is over.
        """
        ...

    def locking(self, select: S, *, skip: bool) -> S:
        """The SELECT, holding its rows until the transaction ends; `skip` passes over those that others hold."""
        ...

    def is_of_row(self, error: Exception) -> bool:
        """Whether an error comes from what a row holds, and the transaction goes on; else it may be over."""
        ...


class Statement:
    """One statement, as a function of the database's words. Parameters are named with `bindparam`.

    Args:
        sentence: says what it does, and who does it: subject, verb, object. `make sql` prints it.
        build: makes the statement.
        order: names of its parameters as they follow one another, where it is executed with a tuple of them.
        tells: what other workers may have to know when it is executed, of its parameters.
    """

    def __init__(
        self,
        sentence: str,
        build: Callable[[SqlDialect], ClauseElement],
        order: tuple[str, ...] = (),
        tells: Tells | None = None,
    ) -> None:
        self.sentence = sentence
        self._build = build
        self.order = order
        self.tells = tells

    def build(self, words: SqlDialect) -> ClauseElement:
        """The statement as SQLAlchemy has it."""
        clause: ClauseElement = built(self._build(words))
        return clause

    def text(self, words: SqlDialect) -> StatementText:
        """The statement as the driver takes it.

        Raises:
            ValueError: its parameters do not follow one another as they should.
        """
        text = words.texts.known(self.sentence) or words.texts.built(self, lambda: self.build(words))
        if self.order and tuple(text.names) != self.order:
            raise ValueError(f"expected the parameters {self.order}, the statement has {text.names}")
        return text


class Rows:
    """The parameters of a statement for several rows."""

    def __init__(self, table: Table, columns: Sequence[str], count: int) -> None:
        self._columns = [column(name, table.c[name].type) for name in columns]
        self.values = [
            {name: bindparam(f"{name}_{index}", type_=table.c[name].type) for name in columns} for index in range(count)
        ]

    def as_table(self) -> CTE:
        """The rows as a table `given` to join with."""
        return values(*self._columns, name="given").data([tuple(row.values()) for row in self.values]).cte("given")


class MultiRowStatement:
    """One statement for many rows: what it costs to enter and leave the driver is paid once for all of them.

    Args:
        sentence: says what it does, and who does it.
        table: whose columns the rows are of, by name.
        columns: names of the values of a row, in order.
        build: makes the statement.
        key: how many of the first columns say which row is written, if rows may be given that write the same one.
            These are written by one statement after the other: PostgreSQL refuses to write a row twice in one.
        tells: what other workers may have to know when it is executed, of its rows.
    """

    def __init__(
        self,
        sentence: str,
        table: Table,
        columns: Sequence[str],
        build: Callable[[SqlDialect, Rows], ClauseElement],
        key: int = 0,
        tells: Tells | None = None,
    ) -> None:
        self.sentence = sentence
        self._table = table
        self.columns = columns
        self._build = build
        self.key = key
        self.tells = tells

    def build(self, words: SqlDialect, count: int) -> ClauseElement:
        """The statement for so many rows, as SQLAlchemy has it."""
        clause: ClauseElement = built(self._build(words, Rows(self._table, self.columns, count)))
        return clause

    def text(self, words: SqlDialect, count: int) -> str:
        """The statement for so many rows, as the driver takes it. The parameters of a row follow those of another."""
        known = words.texts.known_rows(self.sentence)
        return self.compiled(words, count).sql if known is None else known.of(count)

    def compiled(self, words: SqlDialect, count: int) -> StatementText:
        """The text of the statement for so many rows, as SQLAlchemy writes it.

        Raises:
            ValueError: the parameters of a row do not come in the order of its columns.
        """
        text = words.texts.built((self, count), lambda: self.build(words, count))
        expected = tuple(f"{name}_{index}" for index in range(count) for name in self.columns)
        if text.names != expected:
            raise ValueError(f"columns must be in the order of the table: {text.names[: len(self.columns)]}")
        return text


def each_value(column: ColumnElement[str], *where: ColumnElement[bool]) -> CTE:
    """The different values (`id`) of a column, after them a null: from one to the next in an index that begins with
    what `where` fixes, and then the column. It costs the same however many rows have each.
    """
    found = select(func.min(column).label("id")).where(*where).cte("found", recursive=True)
    following = select(func.min(column)).where(*where, column > found.c.id)
    return found.union_all(select(following.scalar_subquery()).where(found.c.id.is_not(None)))


def insert_new(sentence: str, table: Table, columns: Sequence[str], tells: Tells | None = None) -> MultiRowStatement:
    """Inserts rows; those that are there already stay as they are."""

    def build(words: SqlDialect, rows: Rows) -> ClauseElement:
        insertion: ClauseElement = words.insert(table).values(rows.values).on_conflict_do_nothing()
        return insertion

    return MultiRowStatement(sentence, table, columns, build, tells=tells)


def constant(value: str) -> ColumnElement[str]:
    """A text that is part of a statement."""
    assert value.isidentifier(), value
    return literal_column(f"'{value}'", Text)


class Transaction:
    """Executes statements on one connection.

    Attributes:
        tidings: what other workers may have to know of it, if others write at the same time.
    """

    def __init__(self, connection: Connection, words: SqlDialect) -> None:
        self.connection = connection
        self._words = words
        self._texts, self._rows = words.texts.statements, words.texts.rows
        self._held: set[tuple[object, str]] = set()  # locks, the exclusive ones also as such
        self.kept: dict[object, Any] = {}
        """What is known in this transaction only, by whoever knows it."""
        self._follows: list[Callable[[], object]] = []
        self.tidings = Tidings()

    def begin(self) -> None:
        """A transaction begins: what one before it left behind counts no more."""
        if self.kept:
            self.kept = {}
        if self._follows:
            self._follows = []
        if self._held:
            self._held = set()
        if self.tidings:
            self.tidings = Tidings()

    @property
    def tables(self) -> Mapping[str, TableText]:
        """The tables of the schema, by name."""
        return self._words.texts.tables

    def lock(self, locks: Sequence[Lock]) -> None:
        """Take the locks that are known when the transaction begins."""
        if self._words.shared and locks:
            self._words.lock(self.connection, locks)
            self._note(locks)

    def hold(self, of: Callable[P, Sequence[Lock]], *about: P.args, **named: P.kwargs) -> bool:
        """Hold the locks `of` something that is found out about only now; whether it did not hold all of them already.

        Then what was read before may be wrong.

        Raises:
            NotFree: others hold one: the transaction begins again, and takes them at its begin.
        """
        if not self._words.shared:
            return False
        asked = of(*about, **named)
        missing = [lock for lock in asked if (lock.kind, f"{lock.exclusive} {lock.key}") not in self._held]
        if not missing:
            return False
        self._words.lock(self.connection, sorted(set(missing)), late=True)
        self._note(missing)
        return True

    def _note(self, locks: Sequence[Lock]) -> None:
        for lock in locks:
            self._held.add((lock.kind, f"{lock.exclusive} {lock.key}"))
            self._held.add((lock.kind, f"False {lock.key}"))

    def beat(self) -> int | None:
        """The time by the clock by which leases are counted."""
        return self._words.beat()

    @property
    def is_shared(self) -> bool:
        """Whether others write at the same time."""
        return self._words.shared

    def see_that_it_goes_on(self, error: Exception) -> None:
        """For whoever puts a row off because of an error, and goes on: raise it again if no row is at fault."""
        if isinstance(error, NotFree) or not self._words.is_of_row(error):
            raise error

    def on_commit(self, follow: Callable[[], object]) -> None:
        """Have something follow from this transaction, in memory: after its COMMIT, and never without it."""
        self._follows.append(follow)

    @property
    def follows(self) -> Sequence[Callable[[], object]]:
        """The calls that are to follow the COMMIT, in order."""
        return self._follows

    def execute(self, statement: Statement, parameters: Mapping[str, object] | None = None) -> Cursor:
        """Execute once."""
        if statement.tells is not None and self._words.shared:
            statement.tells(self.tidings, parameters)
        return self.connection.execute(*self.text(statement, parameters or {}))

    def text(self, statement: Statement, parameters: Mapping[str, object]) -> tuple[str, list[object]]:
        """A statement as the driver takes it."""
        text = self._texts.get(statement) or self._text(statement)
        given = {**text.fixed, **parameters} if text.fixed else parameters
        return text.sql, [given[name] for name in text.names]

    def ordered(self, statement: Statement) -> str:
        """The text of a statement that is executed with a tuple of its parameters."""
        return (self._texts.get(statement) or self._text(statement)).sql

    def _text(self, statement: Statement) -> StatementText:
        text = self._texts[statement] = statement.text(self._words)
        return text

    def execute_rows(self, bulk: MultiRowStatement, rows: Sequence[tuple[object, ...]]) -> list[tuple[Any, ...]]:
        """Execute for all rows; what it returns. In several statements of sizes that are powers of two."""
        if bulk.tells is not None and self._words.shared:
            bulk.tells(self.tidings, rows)
        if bulk.key and len(rows) > 1:
            return [row for part in _apart(rows, bulk.key) for row in self._execute_rows(bulk, part)]
        return self._execute_rows(bulk, rows)

    def _execute_rows(self, bulk: MultiRowStatement, rows: Sequence[tuple[object, ...]]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        done = 0
        while done < len(rows):
            count = min(1 << (len(rows) - done).bit_length() - 1, LARGEST)
            text = self._rows.get((bulk, count)) or self._text_of_rows(bulk, count)
            parameters = list(itertools.chain.from_iterable(rows[done : done + count]))
            found += self.connection.execute(text, parameters).fetchall()
            done += count
        return found

    def _text_of_rows(self, bulk: MultiRowStatement, count: int) -> str:
        text = self._rows[bulk, count] = bulk.text(self._words, count)
        return text

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()


def _apart(rows: Sequence[tuple[object, ...]], key: int) -> Iterator[Sequence[tuple[object, ...]]]:
    """The rows in parts, in their order: no two of a part write the same row."""
    keys: set[tuple[object, ...]] = set()
    first = 0
    for index, row in enumerate(rows):
        if row[:key] in keys:
            yield rows[first:index]
            first = index
            keys.clear()
        keys.add(row[:key])
    yield rows[first:]
