"""The places in which a database, and others, may still know of something that was erased."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable, Mapping
from pathlib import Path

from inngest.engine.store.core import ClauseElement, ColumnElement, bindparam, func, of, select
from inngest.engine.store.database import Database
from inngest.engine.store.dialects.sqlite import upkeep
from inngest.engine.store.statement import Connection, SqlDialect, Statement, Transaction

ELSEWHERE = "logs and traces of your processes, and what your code wrote elsewhere"


def search(database: Database, connection: Connection, text: str) -> dict[str, int]:
    """How many rows of each column of the database hold a text, as it is or as JSON escapes it, also JSON within JSON:
    "table.column" → rows.

    Nothing is told of columns that do not. Upper and lower case may be taken for the same.
    """
    tx, tables = Transaction(connection, database), of("inngest.engine.store.tables", "metadata").follow().tables
    asked = {f"form_{place}": f"%{_escaped(form)}%" for place, form in enumerate(_forms(text))}
    found: dict[str, int] = {}
    for table in database.texts.tables:
        for name, column in tables[table].columns.items():
            if database.texts.tables[table].columns[name].number:
                continue
            holds = (column.like(bindparam(form), escape="\\") for form in asked)
            statement = Statement(f"A search counts {table}.{name}.", _counting(functools.reduce(operator.or_, holds)))
            row = tx.execute(statement, asked).fetchone()
            if row is not None and row[0]:
                found[f"{table}.{name}"] = int(row[0])
    return found


def _counting(holds: ColumnElement[bool]) -> Callable[[SqlDialect], ClauseElement]:
    return lambda _: select(func.count()).where(holds)


def _forms(text: str) -> list[str]:
    """The text, and all that it becomes in a JSON text, and in one that stands in another, as events of a parcel do."""
    forms = {text}
    for _ in range(2):
        forms |= {json.dumps(form, ensure_ascii=ascii)[1:-1] for form in forms for ascii in (False, True)}
    return sorted(forms)


def _escaped(text: str) -> str:
    """A text as LIKE takes it for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def searched(text: str, found: Mapping[str, int]) -> str | None:
    """Where a text was found, as a sentence; None if it was not."""
    if not found:
        return None
    where = ", ".join(f"{name} ({count:,})" for name, count in found.items())
    return f"{text!r} is still in {where}"


def of_file(path: Path, *, wal_is_empty: bool) -> list[str]:
    """The leftovers of a file, in sentences."""
    told: list[str] = []
    if not wal_is_empty:
        told.append(f"{path}-wal was in use, and may hold it until its readers are done: `inngest db vacuum --yes`")
    copies = upkeep.copies_of(path)
    if copies:
        told.append(f"copies of the database hold what they held: {', '.join(map(str, copies))}, and others elsewhere")
    else:
        told.append("copies of the database, if you have made any, hold what they held")
    return [*told, ELSEWHERE]


def of_server(warnings: list[str]) -> list[str]:
    """The leftovers of a PostgreSQL server, in sentences."""
    return [
        *(f"the server warns: {one}" for one in warnings),
        "backups of the server, its WAL archive and replicas hold what they held",
        "rows that are gone are overwritten in its files as their space is used again; VACUUM FULL writes tables anew",
        ELSEWHERE,
    ]
