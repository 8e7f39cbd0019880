"""The kinds of databases on which stories are told, and where each story has its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

from tests import postgres

KINDS = ("postgres", "sqlite")

ON_BOTH = frozenset(
    {
        "test_at_most_once",
        "test_cancelling",
        "test_concurrency",
        "test_erasing",
        "test_explaining",
        "test_gates",
        "test_on_hold",
        "test_on_hold_gates",
        "test_outbox",
        "test_outbox_killed",
        "test_race",
        "test_signals",
        "test_steps_together",
        "test_tracing_killed",
        "test_transactions",
        "test_transactions_killed",
        "test_wait_for_event",
    }
)
"""Files whose stories are told on each kind; all others are told on SQLite."""

LONG = frozenset({"test_on_hold.test_workers_that_die_while_it_replays_do_not_make_it_fail"})
"""Stories of these files that wait for leases to end: they are told on each kind with all others only."""

ALL = os.environ.get("DATABASES") == "all"
"""Tell all stories on each kind that are not about a file."""

ABOUT_FILES = frozenset(
    {
        "test_ai_infer.test_keys_are_nowhere_but_in_requests",
        "test_ai_infer.test_the_command_line_shows_the_tokens",
        "test_bad_ids",
        "test_bad_lanes",
        "test_bad_rows",
        "test_behind",
        "test_cancelling_invocations",
        "test_changed_matrix",
        "test_changed_programs",
        "test_client_http",
        "test_cron",
        "test_damaged_rows",
        "test_database_urls",
        "test_egress",
        "test_erasing_files",
        "test_examples",
        "test_first_run",
        "test_fork",
        "test_kill",
        "test_kill_faults",
        "test_kill_fleet",
        "test_kill_judge",
        "test_leases",
        "test_leftovers",
        "test_long_keys",
        "test_looks_fail_alone",
        "test_many_events",
        "test_modes",
        "test_names_of_a_database",
        "test_pages",
        "test_postgres",
        "test_reader",
        "test_retention",
        "test_side_by_side",
        "test_slow_hosts",
        "test_start_and_stop",
        "test_stop_signals",
        "test_trace_page",
        "test_trouble_files",
        "test_trouble_full",
        "test_trouble_order",
        "test_trouble_sides",
        "test_wakes",
        "test_writing_here",
    }
)
"""Files of stories, and single ones, that are told once: they look into the file of a database, or damage it, or name
their databases themselves.
"""

_kind = "sqlite"
_schemas: set[str] = set()


@contextlib.contextmanager
def used(kind: str) -> Generator[None]:
    """Stories are told on databases of this kind, which do not outlive the block."""
    global _kind  # noqa: PLW0603 - a test runs alone
    before, _kind = _kind, kind
    try:
        yield
    finally:
        _kind = before
        for schema in sorted(_schemas):
            postgres.server().execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        _schemas.clear()


def is_told_on_both(file: str, story: str) -> bool:
    """Whether a story of a file is told on each kind."""
    if ALL:
        return file not in ABOUT_FILES and f"{file}.{story}" not in ABOUT_FILES
    return file in ON_BOTH and f"{file}.{story}" not in LONG


def url_in(folder: Path) -> str:
    """The URL of the database that belongs to a folder."""
    if _kind == "sqlite":
        return f"sqlite:///{folder}/inngest.db"
    schema = _schema_of(folder)
    _schemas.add(schema)
    return postgres.server().url(schema=schema)


def execute(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Do something in the database that belongs to a folder, beside the engines; its rows."""
    if _kind == "sqlite":
        with contextlib.closing(sqlite3.connect(folder / "inngest.db")) as connection, connection:
            return connection.execute(sql).fetchall()
    return postgres.server().execute(sql, schema=_schema_of(folder))


def _schema_of(folder: Path) -> str:
    return "s" + hashlib.sha256(str(folder).encode()).hexdigest()[:32]
