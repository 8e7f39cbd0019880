"""The statements of the store, by name, as each database gets them.

`make sql` writes them into the reference, and for each dialect into the file from which the store takes them, with what
creates the schema.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Integer, Table
from sqlalchemy.schema import CreateIndex, CreateTable

from inngest.engine import store
from inngest.engine.store import migrations, tables
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import LARGEST, MultiRowStatement, SqlDialect, Statement
from inngest.engine.store.texts import RowsText
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "statements.md"

DIALECTS: Mapping[str, SqlDialect] = {
    "SQLite": SqliteDatabase(Path("any.db")),
    "PostgreSQL": PostgresDatabase("postgresql://"),
}
"""By name."""

ROWS = 2
"""Rows for which a statement of many is shown."""

INTRODUCTION = f"""\
# Statements

The store executes these statements, and besides them those that create and migrate the schema. They are written once
in SQLAlchemy Core (decision [0003](../decisions/0003-statements-run-on-the-drivers-cursor.md)), and shipped as text
for SQLite (decision [0073](../decisions/0073-statements-are-shipped-as-text.md)). This page shows them as each database
gets them, by the module of `inngest.engine.store` and the name under which they are found there. A statement for many
rows is shown for {ROWS}.

`make sql` writes this page, and the file.
"""


def statements() -> Iterator[tuple[str, str, Statement | MultiRowStatement]]:
    """All statements of the store that have a name: by the module that writes them, by name."""
    for module, name, value in _values():
        if isinstance(value, Statement | MultiRowStatement):
            yield module, name, value


def executed() -> Iterator[Statement | MultiRowStatement]:
    """All statements of the store, also those that stand in a mapping."""
    for _, _, value in _values():
        found = value.values() if isinstance(value, dict) else [value]
        yield from (one for one in found if isinstance(one, Statement | MultiRowStatement))


def _values() -> Iterator[tuple[str, str, object]]:
    for found in pkgutil.walk_packages(store.__path__, f"{store.__name__}."):
        if found.name.startswith(migrations.__name__):
            continue
        module = importlib.import_module(found.name)
        written = _names(Path(str(module.__file__)))
        for name, value in vars(module).items():
            if name in written:
                yield found.name.removeprefix(f"{store.__name__}."), name, value


def _names(source: Path) -> set[str]:
    """What a module assigns, and does not import."""
    assigned = [node for node in ast.parse(source.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign)]
    return {name.id for node in assigned for name in ast.walk(node) if isinstance(name, ast.Name)}


def text(statement: Statement | MultiRowStatement, words: SqlDialect) -> str:
    """A statement as a database gets it."""
    clause = statement.build(words) if isinstance(statement, Statement) else statement.build(words, ROWS)
    lines = words.texts.compiled(clause).sql.splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip())


def page() -> str:
    """The page of the reference."""
    parts = [INTRODUCTION]
    heading = ""
    for module, name, statement in statements():
        if module != heading:
            heading = module
            parts.append(f"## {module}\n")
        parts.append(f"### {module}.{name}\n\n{statement.sentence}\n")
        for dialect, words in DIALECTS.items():
            parts.append(f'```sql title="{dialect}"\n{text(statement, words)}\n```\n')
    return "\n".join(parts)


def file(words: SqlDialect) -> str:
    """The file of a dialect: `texts.py` reads it."""
    single: dict[str, object] = {}
    rows: dict[str, object] = {}
    for statement in executed():
        if isinstance(statement, Statement):
            single[statement.sentence] = words.texts.compiled(statement.build(words))
        else:
            rows[statement.sentence] = in_parts(statement, words)
    content = {
        "tables": {table.name: _table(table, words) for table in tables.metadata.sorted_tables},
        "statements": single,
        "rows": rows,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def in_parts(statement: MultiRowStatement, words: SqlDialect) -> RowsText:
    """A statement for many rows, as what it says before, of, and after its rows.

    Raises:
        ValueError: it does not say so of one row, or of as many as there are at most.
    """
    row = f"({', '.join('?' for _ in statement.columns)})"
    before, _, after = statement.compiled(words, 2).sql.partition(f"{row}, {row}")
    parts = RowsText(before, row, after)
    for count in (1, LARGEST):
        if (said := statement.compiled(words, count).sql) != parts.of(count):
            raise ValueError(f"expected, for {count} rows, {parts.of(count)}, got {said}")
    return parts


def _table(table: Table, words: SqlDialect) -> Mapping[str, Any]:
    indexes = sorted(table.indexes, key=lambda one: str(one.name))
    creating: list[CreateTable | CreateIndex] = [CreateTable(table), *map(CreateIndex, indexes)]
    return {
        "create": [str(one.compile(dialect=words.dialect)) for one in creating],
        "columns": {one.name: (isinstance(one.type, Integer), bool(one.nullable)) for one in table.columns},
    }


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for words in DIALECTS.values():
        if words.texts.file is not None:
            words.texts.file.write_text(file(words), encoding="utf-8")
