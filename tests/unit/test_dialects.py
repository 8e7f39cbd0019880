"""A URL names a database, and the liveness of its workers; all databases of a kind share what was built."""

from __future__ import annotations

from pathlib import Path

import pytest

from inngest.engine.store import tables
from inngest.engine.store.core import ClauseElement, built, select
from inngest.engine.store.dialects import database_of
from inngest.engine.store.dialects.postgres import PostgresDatabase
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
