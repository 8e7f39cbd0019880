"""The greatest time of a database is written once a second, and is not asked for in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.schema import prepare
from inngest.engine.store.statement import Cursor, Statement, Transaction
from inngest.engine.store.times import OFTEN, Keeper, greatest

NOW = 1_700_000_000_000


class Counting(Transaction):
    """A transaction that counts its statements."""

    asked = 0

    def execute(self, statement: Statement, parameters: Mapping[str, object] | None = None) -> Cursor:
        self.asked += 1
        return super().execute(statement, parameters)

    def committed(self) -> None:
        """Its COMMIT is answered."""
        for follow in self.follows:
            follow()
        self.begin()


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Counting]:
    database = SqliteDatabase(tmp_path / "x.db")
    connection = database.connect()
    prepare(database, connection, wanted=lambda: True)
    counting = Counting(connection, database)
    yield counting
    counting.close()


def test_a_time_that_was_written_lately_is_not_asked_for(tx: Counting) -> None:
    keeper = Keeper()
    keeper.keep(tx, NOW)
    tx.committed()
    for later in (0, 5, OFTEN, -OFTEN):
        keeper.keep(tx, NOW + later)
    assert tx.asked == 1

    keeper.keep(tx, NOW + OFTEN + 1)
    assert tx.asked == 2
    assert greatest(tx) == NOW + OFTEN + 1


def test_a_time_whose_transaction_was_undone_is_written_again(tx: Counting) -> None:
    keeper = Keeper()
    tx.connection.execute("BEGIN")
    keeper.keep(tx, NOW)
    tx.connection.execute("ROLLBACK")
    tx.begin()

    keeper.keep(tx, NOW)
    assert greatest(tx) == NOW


def test_a_time_that_another_store_has_written_is_asked_for_until_it_is_old(tx: Counting) -> None:
    """What this one did not write itself it does not know: it would be a second late by that."""
    Keeper().keep(tx, NOW)
    keeper = Keeper()
    for later in (1, OFTEN, OFTEN + 1):
        keeper.keep(tx, NOW + later)
        tx.committed()
    assert greatest(tx) == NOW + OFTEN + 1


def test_a_time_that_was_not_believed_is_followed_by_what_comes_after(tx: Counting) -> None:
    keeper = Keeper()
    keeper.keep(tx, NOW)
    tx.committed()
    Keeper().keep_anew(tx, NOW - 10 * OFTEN)

    keeper.keep(tx, NOW - 5 * OFTEN)
    assert greatest(tx) == NOW - 5 * OFTEN
