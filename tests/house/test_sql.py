"""The page of statements says what the code says, and each statement has its sentence.

A file of its own: it tests `tests/house/sql.py`.
"""

from __future__ import annotations

from collections import Counter

from tests.house import sql

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
