"""How the database finds what a statement asks for: never by reading through a table that grows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.sql.compiler import SQLCompiler

from inngest.engine.store import due_requests, put_off, requests, schema, tables
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Connection, MultiRowStatement, Statement
from tests.house import sql

SCANS = {
    "apps.APPS": "all apps are what is asked for",
    "apps.NOTE_ERROR": "there are few apps",
    "audit.ERASER": "there are few acts of people, and it is asked of data that were erased",
    "backlog.BLOCKED": "there are no more lanes than jobs, and metrics are read seldom",
    "backlog.JOBS": "metrics are read each 5 s at most, of what waits and not of history",
    "backlog.OPEN": "the same",
    "claiming.ASKING": "it asks whether there is a row at all",
    "counting.EVENTS": "a person asks for the count of all rows, and waits for it",
    "counting.OLDEST": "it stops after the first row",
    "counting.RUNS_BY_STATUS": "a person asks for the count of all rows",
    "counting.STEPS": "the same",
    "endpoints.FORGET_HOST": "there are few functions",
    "endpoints.RESTING": "the same",
    "explaining.WORKERS": "there are few workers",
    "looking_back.LAST": "it stops after the last row",
    "numbers.FORGET": "there are few workers, and few that are gone",
    "explaining.KEPT_HOLDERS": "there are few: handlers that go on though their run is over",
    "lanes.KEPT_HOLDING": "the same",
    "lanes.ALL_USED": "it is asked once after slots were given back of which nobody could say whose they are",
    "outbox.ASIDE": "rows that cannot be accepted are few, and wait for a person",
    "outbox.COUNTS": "there is little in the outbox: what comes is taken",
    "outbox.LOCK": "it stops after as many of the first as are taken; between them are only those that were put aside",
    "outbox.OF_EVENT_ID": "a person asks about one event, and there is little in the outbox",
    "outbox.WAITING": "the same",
    "reading.ENDING": "it stops after as many of the newest as are searched",
    "reading.FUNCTION_IDS": "all functions are what is asked for",
    "registry.FUNCTIONS": "all functions are what is asked for",
    "registry.PAUSED": "there are no more pauses than functions",
    "sessions.SESSIONS": "there are few workers",
    "timers.FIRST_AND_LAST": "it stops after the first row of an index, the last, and the first rows of the outbox",
}
"""Statements that read through a table, and why they may."""

SCAN = re.compile(r"SCAN (inngest_\w+)")


def _statements() -> Iterator[tuple[str, Statement | MultiRowStatement]]:
    """All statements of the store, by where they are written."""
    return ((f"{module}.{name}", statement) for module, name, statement in sql.statements())


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    return SqliteDatabase(tmp_path / "plans.db")


@pytest.fixture
def connection(database: SqliteDatabase) -> Iterator[Connection]:
    opened = database.connect()
    schema.prepare(database, opened)
    yield opened
    opened.close()


def plan(database: SqliteDatabase, connection: Connection, statement: Statement | MultiRowStatement) -> list[str]:
    """What SQLite says that it will do."""
    clause = statement.build(database, 2) if isinstance(statement, MultiRowStatement) else statement.build(database)
    compiled = clause.compile(dialect=database.dialect)
    assert isinstance(compiled, SQLCompiler)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {compiled}", [None for _ in compiled.positiontup or ()]).fetchall()
    return [row[3] for row in rows]


def test_no_statement_reads_through_a_table_that_grows(database: SqliteDatabase, connection: Connection) -> None:
    scans = {
        name: found
        for name, statement in _statements()
        if (found := [line for line in plan(database, connection, statement) if SCAN.match(line)])
    }
    assert scans.keys() == SCANS.keys(), scans


def test_the_statements_of_every_family_are_judged() -> None:
    judged = {name.partition(".")[0] for name, _ in _statements()}
    assert {"starting", "claiming", "committing", "lanes", "serving", "sweeping", "lane_claims", "waits"} <= judged


def test_a_statement_that_reads_through_a_table_is_seen(database: SqliteDatabase, connection: Connection) -> None:
    due = Statement(
        "A test asks what is due, without an index.",
        lambda _: select(tables.jobs.c.id).where(tables.jobs.c.due_at <= bindparam("now")),
    )
    assert any(SCAN.match(line) for line in plan(database, connection, due))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (due_requests.DUE, "inngest_requests_by_due (session_id=? AND holder=? AND due_at<?)"),
        (due_requests.NEXT_DUE, "inngest_requests_by_due (session_id=? AND holder=? AND due_at>?)"),
        (due_requests.DUE_OF_HOST, "inngest_requests_by_host (session_id=? AND holder=? AND host=? AND due_at<?)"),
        (due_requests.NEXT_HOST, "inngest_requests_by_host (session_id=? AND holder=? AND host>?)"),
    ],
)
def test_requests_are_found_past_the_backlog_of_others(
    database: SqliteDatabase, connection: Connection, statement: Statement, found: str
) -> None:
    (line,) = plan(database, connection, statement)
    assert line.endswith(found)


def test_requests_are_taken_by_their_keys(database: SqliteDatabase, connection: Connection) -> None:
    lines = plan(database, connection, requests.TAKE)
    assert any(line.endswith("inngest_requests USING PRIMARY KEY (run_id=? AND hash=?)") for line in lines), lines


def test_runs_that_are_to_be_called_later_are_found_page_by_page(
    database: SqliteDatabase, connection: Connection
) -> None:
    lines = plan(database, connection, put_off.PUT_OFF)
    place = "(queue_class,lane,start,score,id)>(?,?,?,?,?)"
    assert lines[0].endswith(f"inngest_jobs USING INDEX inngest_jobs_by_function (function_id=? AND {place})"), lines
    assert not [line for line in lines if "TEMP B-TREE" in line], lines
