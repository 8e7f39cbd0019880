"""The statements of the store, by name, as each database gets them: `make sql` writes them into the reference."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from inngest.engine import store
from inngest.engine.store import migrations
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import MultiRowStatement, SqlDialect, Statement
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "statements.md"

DIALECTS: Mapping[str, SqlDialect] = {"SQLite": SqliteDatabase(Path("any.db"))}
"""By name. PostgreSQL joins here."""

ROWS = 2
"""Rows for which a statement of many is shown."""

INTRODUCTION = f"""\
# Statements

The store executes these statements, and besides them those that create and migrate the schema. They are written once
in SQLAlchemy Core (decision [0003](../decisions/0003-statements-run-on-the-drivers-cursor.md)). This page shows them as
each database gets them, by the module of `inngest.engine.store` and the name under which they are found there. A
statement for many rows is shown for {ROWS}.

`make sql` writes this page.
"""


def statements() -> Iterator[tuple[str, str, Statement | MultiRowStatement]]:
    """All statements of the store: by the module that writes them, by name."""
    for found in pkgutil.walk_packages(store.__path__, f"{store.__name__}."):
        if found.name.startswith(migrations.__name__):
            continue
        module = importlib.import_module(found.name)
        written = _names(Path(str(module.__file__)))
        for name, value in vars(module).items():
            if isinstance(value, Statement | MultiRowStatement) and name in written:
                yield found.name.removeprefix(f"{store.__name__}."), name, value


def _names(source: Path) -> set[str]:
    """What a module assigns, and does not import."""
    assigned = [node for node in ast.parse(source.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign)]
    return {name.id for node in assigned for name in ast.walk(node) if isinstance(name, ast.Name)}


def text(statement: Statement | MultiRowStatement, words: SqlDialect) -> str:
    """A statement as a database gets it."""
    clause = statement.build(words) if isinstance(statement, Statement) else statement.build(words, ROWS)
    lines = str(clause.compile(dialect=words.dialect)).splitlines()
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


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
