"""A URL names a database, and the liveness of its workers; all databases of a kind share what was built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inngest.engine.store import tables
from inngest.engine.store.core import ClauseElement, built, select
from inngest.engine.store.dialects import database_of
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.dialects.postgres.locking import ROWS, Locking, row_of
from inngest.engine.store.dialects.postgres.modes import Guards, Index, Modes, read
from inngest.engine.store.dialects.postgres.words import tables_in
from inngest.engine.store.locks import Kind, Lock
from inngest.engine.store.statement import SqlDialect, Statement


def test_a_url_names_a_file_and_the_locks_beside_it(tmp_path: Path) -> None:
    database, liveness, *_ = database_of(f"sqlite:///{tmp_path / 'x.db'}")
    assert database.name == str(tmp_path / "x.db")
    assert not database.shared
    liveness.hold("session")
    assert liveness.alive("session")
    liveness.release("session")
    assert not liveness.alive("session")


def test_other_schemes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'mysql://x' names no database that is known here"):
        database_of("mysql://x")


def test_a_statement_is_built_once_for_all_schemas_of_a_process() -> None:
    times = []

    def build(_: SqlDialect) -> ClauseElement:
        times.append(1)
        clause: ClauseElement = built(select(tables.runs.c.id))
        return clause

    statement = Statement("A test reads the ids of all runs.", build)
    said = [statement.text(PostgresDatabase(f"postgresql://host/shop?schema={name}")).sql for name in ("one", "Two")]
    assert len(times) == 1
    assert [" ".join(sql.split()) for sql in said] == [
        "SELECT one.inngest_runs.id FROM one.inngest_runs",
        'SELECT "Two".inngest_runs.id FROM "Two".inngest_runs',
    ]


def test_transactions_that_are_serializable_hold_no_names_unless_the_url_says_so() -> None:
    assert read({}) == Modes()
    assert read({"isolation": "serializable"}).guards is Guards.NONE
    assert read({"isolation": "serializable", "guards": "rows"}).apart == "guards=rows&isolation=serializable"


def test_rows_of_budgets_come_after_those_of_all_guards() -> None:
    names = [f"name {number}" for number in range(5_000)]
    guards = {row_of(Lock(Kind.GUARD, name)) for name in names}
    budgets = {row_of(Lock(Kind.BUDGET, name)) for name in names}
    assert (min(guards), max(guards)) == (0, ROWS // 2 - 1)
    assert (min(budgets), max(budgets)) == (ROWS // 2, ROWS - 1)


class Asked:
    """A connection that keeps what it is asked, and finds a row for each key."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, list[object]]] = []
        self.rowcount = 0

    def execute(self, sql: str, parameters: Any = None, /) -> Asked:
        self.statements.append((sql, parameters[0]))
        return self

    def fetchone(self) -> tuple[object, ...] | None:
        return None

    def fetchall(self) -> list[tuple[object, ...]]:
        return [(1,) for _ in self.statements[-1][1]]

    def close(self) -> None:
        raise AssertionError


@pytest.mark.parametrize("late", [False, True])
def test_rows_of_guards_are_taken_by_their_numbers_neighbours_of_a_kind_together(late: bool) -> None:
    by_row = {row_of(lock): lock for lock in (Lock(Kind.GUARD, f"name {number}") for number in range(5_000))}
    shared = [by_row[number]._replace(exclusive=False) for number in (7, 3, 4)]
    locks = [by_row[5], *shared, by_row[6], by_row[4], Lock(Kind.RUN, "run")]
    asked = Asked()
    Locking(lambda table: table, 0, Guards.ROWS).take(asked, locks, late=late)
    ends = " NOWAIT" if late else ""
    assert [(sql.partition(" FOR ")[2], keys) for sql, keys in asked.statements] == [
        (f"SHARE{ends}", [3]),
        (f"UPDATE{ends}", [4, 5, 6]),
        (f"SHARE{ends}", [7]),
        (f"NO KEY UPDATE{ends}", ["run"]),
    ]


def test_where_nothing_is_held_by_name_rows_that_are_counted_in_are() -> None:
    asked = Asked()
    locks = [Lock(Kind.GUARD, "topic:event:x"), Lock(Kind.BUDGET, "budget"), Lock(Kind.BUDGET, "throttle:one")]
    Locking(lambda table: table, 0, Guards.NONE).take(asked, locks, late=False)
    assert [(sql.split()[3], keys) for sql, keys in asked.statements] == [
        ("inngest_budgets", ["budget", "throttle:one"]),
        ("inngest_throttles", ["one"]),
    ]


def test_tables_are_made_with_what_their_form_has() -> None:
    made = {form: "\n".join(one for table in tables_in(form).values() for one in table.create) for form in Index}
    assert 'COLLATE "C"' in made[Index.FULL]
    assert "fillfactor" in made[Index.FULL]
    for form in (Index.PLAIN, Index.ASYNC):
        assert "COLLATE" not in made[form]
        assert "WITH (" not in made[form]
    assert made[Index.ASYNC].count("INDEX ASYNC ") == made[Index.PLAIN].count("INDEX ") > 20
    assert "ASYNC" not in made[Index.PLAIN]
