"""Where writers share a database, a batch takes its locks before its first statement, each once and in one order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from inngest.engine.domain import subscriptions
from inngest.engine.domain.model import Changes, Released, SubscriptionKind, Wait
from inngest.engine.records import Claimed, Commit
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.locking import FUNCTIONS, READS_FUNCTIONS, in_order, lives
from inngest.engine.store.locks import Kind, Lock
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Connection
from inngest.protocol.opcodes import Opcode, OpenStep, OpTarget
from tests.contract.store import values
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import NOW, acceptance, event, function, owner, step


class Shared(SqliteDatabase):
    """A file that is taken to have other writers.

    Attributes:
        taken: the locks of each batch.
    """

    shared = True

    def __init__(self, path: Path) -> None:
        super().__init__(path, durable=False)
        self.taken: list[Sequence[Lock]] = []

    def lock(self, connection: Connection, locks: Sequence[Lock], *, late: bool = False) -> None:
        if late:
            return
        assert not self.has_written(connection)
        self.taken.append(locks)


async def opened(database: SqliteDatabase) -> SqlStore:
    store = SqlStore(database, InlineExecutor(), CountedIds(), POLICY)
    await store.open(NOW)
    await store.register([function("a", "go", config='{"concurrency":[{"limit":1}]}')], replace_app=None, now=NOW)
    await store.begin_session(values.session())
    return store


def topic(name: str, *, exclusive: bool = False) -> Lock:
    return Lock(Kind.GUARD, f"topic:event:{name}", exclusive)


def opens_a_wait(claimed: Claimed) -> Commit:
    opened = OpenStep(step("paid"), Opcode.WAIT_FOR_EVENT, 0, NOW + 9, NOW)
    watch = subscriptions.bound(claimed.run.id, opened.step.hash, SubscriptionKind.STEP, "paid", None, {}, NOW + 9)
    assert watch is not None
    changes = Changes(0, open=[opened], waits=[Wait(opened, OpTarget("paid"))], transition=Released(NOW + 9))
    return Commit(claimed.owner, "app-a", changes, NOW, waiting=True, lane=claimed.run.lane, subscriptions=[watch])


async def test_an_event_and_a_wait_for_it_do_not_miss_each_other(tmp_path: Path) -> None:
    database = Shared(tmp_path / "shared.db")
    store = await opened(database)
    await store.accept(acceptance(event()))
    (claimed,) = (await store.claim(owner(), 1, ["app-a"], NOW, alone=True)).runs
    database.taken.clear()
    await asyncio.gather(store.accept(acceptance(event("paid"))), store.commit(opens_a_wait(claimed)))
    (locks,) = database.taken
    assert [lock for lock in locks if lock.kind is not Kind.BUDGET] == [
        READS_FUNCTIONS,
        topic("paid", exclusive=True),
        Lock(Kind.RUN, claimed.run.id),
    ]
    assert len(locks) == 4  # the slot of the run is given back
    await store.close()


async def test_what_changes_functions_is_alone_with_them(tmp_path: Path) -> None:
    database = Shared(tmp_path / "shared.db")
    store = await opened(database)
    database.taken.clear()

    async def accept() -> None:
        await store.accept(acceptance(event("b"), event("a"), claim=[owner()]))

    pausing, cancelling = store.pause("app-a", "queue", NOW), store.cancel(["second", "first"], "enough", NOW)
    await asyncio.gather(pausing, accept(), cancelling)
    assert database.taken == [
        [lives("worker"), FUNCTIONS, topic("a"), topic("b"), Lock(Kind.RUN, "first"), Lock(Kind.RUN, "second")]
    ]
    await store.close()


async def test_a_file_takes_none(tmp_path: Path) -> None:
    store = await opened(SqliteDatabase(tmp_path / "own.db", durable=False))
    assert len((await store.accept(acceptance(event()))).started) == 1
    await store.close()


def test_locks_are_taken_in_one_order_and_once() -> None:
    asked = [Lock(Kind.RUN, "b"), topic("x"), Lock(Kind.RUN, "a"), topic("x", exclusive=True), lives("w"), topic("x")]
    assert in_order([asked[:3], asked[3:]]) == [
        lives("w"),
        topic("x", exclusive=True),
        Lock(Kind.RUN, "a"),
        Lock(Kind.RUN, "b"),
    ]
