"""The page of statements says what the code says, and each statement has its sentence.

A file of its own: it tests `tests/house/sql.py`.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest
from sqlalchemy import literal_column, select
from sqlalchemy.sql import ClauseElement

from inngest.engine.store import reading, tables
from inngest.engine.store.statement import MultiRowStatement, Rows, SqlDialect
from tests.house import sql
from tests.house.tree import ROOT

PACKAGE = ROOT / "src" / "inngest"

LONGEST = 25  # words


def test_the_page_is_as_the_code_is() -> None:
    assert sql.PAGE.read_text(encoding="utf-8") == sql.page(), "make sql writes it again"


def test_each_statement_has_a_sentence_of_its_own() -> None:
    sentences = {f"{module}.{name}": statement.sentence for module, name, statement in sql.statements()}
    assert [name for name, said in sentences.items() if not said.endswith(".") or not said[:1].isupper()] == []
    assert [name for name, said in sentences.items() if len(said.split()) > LONGEST] == []
    assert [name for name, said in sentences.items() if said.split()[0] in {"Who", "What", "Whose"}] == []
    assert [said for said, count in Counter(sentences.values()).items() if count > 1] == []


def test_statements_are_found_where_they_are_written() -> None:
    found = {f"{module}.{name}" for module, name, _ in sql.statements()}
    assert {"jobs.INSERT_JOBS", "committing.RECORD", "committing.WRITE_MEMOS", "events.INSERT_EVENTS"} <= found
    assert "claiming.INSERT_JOBS" not in found


@pytest.mark.parametrize("dialect", [name for name, words in sql.DIALECTS.items() if words.texts.file is not None])
def test_what_is_shipped_is_as_the_code_is(dialect: str) -> None:
    words = sql.DIALECTS[dialect]
    assert words.texts.file is not None
    assert words.texts.file.read_text(encoding="utf-8") == sql.file(words), "make sql writes it again"


def test_no_two_statements_are_found_by_one_sentence() -> None:
    executed = [statement.sentence for statement in sql.executed()]
    assert len(executed) == len(set(executed))
    assert set(reading.RUNS.values()) <= set(sql.executed())


def test_a_statement_whose_rows_are_not_alike_is_not_taken_apart() -> None:
    words = sql.DIALECTS["SQLite"]

    def counting(_: SqlDialect, rows: Rows) -> ClauseElement:
        given = rows.as_table()
        clause: ClauseElement = select(given.c.id).where(literal_column(str(len(rows.values))) == literal_column("1"))
        return clause

    with pytest.raises(ValueError, match="for 1 rows"):
        sql.in_parts(MultiRowStatement("A test reads rows.", tables.runs, ("id",), counting), words)


def test_sqlalchemy_is_imported_where_statements_are_built_and_migrated_only() -> None:
    importing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(from|import) (sqlalchemy|alembic)\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    store = {
        "core.py",
        "side_tables.py",
        "tables.py",
        "dialects/postgres/words.py",
    }  # the last is imported with that database only
    building = {f"engine/store/{name}" for name in store}
    users = {"embedded/transactions/of_sqlalchemy.py"}  # it is imported by who has a connection of it already
    assert {name for name in importing if not name.startswith("engine/store/migrations/")} == building | users
