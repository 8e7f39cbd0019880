"""Lists of runs are found by indexes: what they read does not grow with the history of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inngest.engine.domain.model import RunStatus
from inngest.engine.records import Place, RunQuery
from inngest.engine.store import listing, reading, schema
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Connection, Transaction
from inngest.protocol import ulids

HISTORY = 30_000
RARE = range(7)
CREATED = 1_700_000_000_000
INSTRUCTIONS = 1_000
"""Of SQLite's machine, between two looks of the test. To read through the history takes over 600,000."""


def run_id(number: int) -> str:
    return ulids.make(CREATED + number * 1_000, number.to_bytes(10, "big"))


def row(number: int, function: str = "often", status: str = "COMPLETED") -> tuple[object, ...]:
    at = CREATED + number * 1_000
    return (run_id(number), function, "1", f"event-{number}", status, at, 3, at, at, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a long history, whose oldest runs are those that are looked for."""
    path = tmp_path_factory.mktemp("lists") / "lists.db"
    database = SqliteDatabase(path)
    connection: Any = database.connect()
    schema.prepare(database, connection)
    columns = (
        "id, function_id, function_version, event_id, status, created_at, retries, started_at, ended_at, attempt, "
        "takeovers, takeover_steps, watched, slots"
    )
    rows = [row(number, "rare", "FAILED" if number % 2 else "COMPLETED") for number in RARE]
    rows += [row(number) for number in range(len(RARE), HISTORY)]
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO inngest_runs ({columns}) VALUES ({', '.join('?' * 14)})", rows)
    connection.execute("COMMIT")
    connection.close()
    return path


class Counted:
    """A transaction, and how much it has read."""

    def __init__(self, path: Path) -> None:
        database = SqliteDatabase(path)
        self.connection: Connection = database.connect()
        self.looks = 0
        file: Any = self.connection  # sqlite3's
        file.set_progress_handler(self._look, INSTRUCTIONS)
        self.tx = Transaction(self.connection, database)

    def _look(self) -> int:
        self.looks += 1
        return 0


@pytest.fixture
def counted(path: Path) -> Iterator[Counted]:
    counted = Counted(path)
    yield counted
    counted.connection.close()


FAILED = [RunStatus.FAILED]
OLD = CREATED + len(RARE) * 1_000
QUERIES = {
    "a function": (RunQuery(50, functions=["rare"]), list(RARE)),
    "several functions": (RunQuery(50, functions=["rare", "unknown"]), list(RARE)),
    "failures": (RunQuery(50, statuses=FAILED), [1, 3, 5]),
    "failures of a function": (RunQuery(50, functions=["rare"], statuses=FAILED), [1, 3, 5]),
    "the end of a time": (RunQuery(50, until=OLD - 3_000), [0, 1, 2, 3]),
    "an event": (RunQuery(50, event_id="event-3", functions=["rare"]), [3]),
    "no deferred ones of a function": (RunQuery(50, functions=["rare"], deferred=False), list(RARE)),
    "a place": (RunQuery(50, after=Place(CREATED + 2_000, run_id(2))), [0, 1]),
}
"""What is asked for, and the numbers of the runs that are found, the oldest first."""


@pytest.mark.parametrize("name", QUERIES)
def test_what_a_list_reads_does_not_grow_with_the_history(counted: Counted, name: str) -> None:
    asked, expected = QUERIES[name]
    found = [run.id for run in listing.runs(counted.tx, asked)]
    assert found == [run_id(number) for number in reversed(expected)]
    # Runs of a time are looked for around it, since ids may be a little older than their runs.
    assert counted.looks < (150 if name == "the end of a time" else 10)


@pytest.mark.parametrize("descending", [True, False])
def test_lists_of_functions_are_merged_in_order(counted: Counted, descending: bool) -> None:
    asked = RunQuery(len(RARE) + 3, functions=["often", "rare"], descending=descending)
    found = [run.id for run in listing.runs(counted.tx, asked)]
    numbers = range(HISTORY - 1, HISTORY - 1 - asked.limit, -1) if descending else range(asked.limit)
    assert found == [run_id(number) for number in numbers]


@pytest.mark.parametrize(
    ("function", "status", "expected"),
    [("rare", None, list(RARE)), (None, RunStatus.FAILED, [1, 3, 5]), ("rare", RunStatus.FAILED, [1, 3, 5])],
)
def test_so_do_the_lists_for_people(
    counted: Counted, function: str | None, status: RunStatus | None, expected: list[int]
) -> None:
    found = reading.runs(counted.tx, event_id=None, function_id=function, status=status, limit=50, before=None)
    assert [run.id for run in found] == [run_id(number) for number in reversed(expected)]
    assert counted.looks < 10


def test_a_look_through_the_history_would_be_seen(counted: Counted) -> None:
    assert listing.runs(counted.tx, RunQuery(50, statuses=[RunStatus.CANCELLED])) == []
    assert counted.looks > 150
