"""Cancellations of many runs: each run once, by function, time and condition; listed, deleted, and ended by others."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from inngest.engine.domain.model import RunStatus
from inngest.engine.ports import Store
from inngest.engine.records import Cancellation, RunQuery
from inngest.engine.store.bulk_cancelling import LOOKED_AT
from inngest.engine.store.sql import SqlStore
from inngest.protocol import ulids
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor, SqlitePlace
from tests.contract.store.values import NOW, accept, event

LATER = NOW + 3_600_000


def asked(**more: Any) -> Cancellation:
    """A cancellation of the runs of `app-a`."""
    return Cancellation("C1", "app", "app-a", None, LATER, None, LATER)._replace(**more)


async def started(store: Store, count: int) -> None:
    """Runs of `app-a`."""
    for number in range(count):
        at = NOW + number
        await accept(store, event("go", now=at, data=f'{{"n": {number % 2}}}'), now=at)


async def cancelled(store: Store) -> int:
    return len(await store.list_runs(RunQuery(1_000, statuses=[RunStatus.CANCELLED])))


async def whole(store: Store, one: Cancellation) -> list[int]:
    """How many were cancelled, page by page."""
    await store.begin_cancellation(one)
    found, more = [], True
    while more:
        page = await store.go_on_with_cancellation(one.id, LATER)
        found.append(page.ended)
        more = page.more
    return found


async def test_page_by_page(store: Store) -> None:
    await started(store, 100)
    await accept(store, event("both", now=NOW), now=NOW)
    assert await whole(store, asked()) == [80, 20]
    assert await cancelled(store) == 100
    assert await whole(store, asked(id="C2")) == [0]


async def test_only_what_was_queued_in_the_time(store: Store) -> None:
    await started(store, 10)
    assert await whole(store, asked(started_after=NOW + 3, started_before=NOW + 7)) == [4]
    found = await store.list_runs(RunQuery(100, statuses=[RunStatus.CANCELLED]))
    assert sorted(run.created_at for run in found) == [NOW + 3, NOW + 4, NOW + 5, NOW + 6]


async def test_only_where_the_condition_holds(store: Store) -> None:
    await started(store, 10)
    assert await whole(store, asked(expression="event.data.n == 1")) == [5]
    assert await whole(store, asked(id="C2", expression="event.data.none.at.all == 1")) == [0]


async def test_what_its_maker_leaves_is_ended_by_others(store: Store, other: Store) -> None:
    await started(store, 200)
    await store.begin_cancellation(asked())
    assert (await store.go_on_with_cancellation("C1", LATER)).more
    while (fired := await other.fire(LATER + 60_000)).next_due is not None and fired.next_due <= LATER + 60_000:
        pass
    assert await cancelled(store) == 200
    page = await store.go_on_with_cancellation("C1", LATER)
    assert (page.ended, page.more) == (0, False)


async def test_one_that_is_deleted_ends_nothing_more(store: Store, other: Store) -> None:
    await started(store, 100)
    await store.begin_cancellation(asked())
    await store.go_on_with_cancellation("C1", LATER)
    assert await other.delete_cancellation("C1", LATER)
    assert not await other.delete_cancellation("C1", LATER)
    assert not await other.delete_cancellation("unknown", LATER)
    page = await store.go_on_with_cancellation("C1", LATER)
    assert (page.ended, page.more) == (0, False)
    await store.fire(LATER + 60_000)
    assert await cancelled(store) == 80
    assert await store.cancellations(10, None) == []


async def test_they_are_listed_newest_first_from_a_place_on(store: Store) -> None:
    for number in range(5):
        await store.begin_cancellation(asked(id=f"C{number}", expression="true", created_at=LATER + number))
    first = await store.cancellations(2, None)
    assert first == [asked(id=f"C{one}", expression="true", created_at=LATER + one) for one in (4, 3)]
    await store.begin_cancellation(asked(id="C9"))
    rest = await store.cancellations(10, first[-1].id)
    assert [one.id for one in rest] == ["C2", "C1", "C0"]


@pytest.mark.parametrize("before", [NOW, NOW + 60_000])
async def test_old_ones_are_removed(store: Store, before: int) -> None:
    old, new = ulids.make(NOW + 1, bytes(10)), ulids.make(NOW + 120_000, bytes(10))
    for one in (old, new):
        await store.begin_cancellation(asked(id=one))
    while await store.remove_runs(before):
        pass
    expected = [new, old] if before == NOW else [new]
    assert [one.id for one in await store.cancellations(10, None)] == expected


@pytest.mark.parametrize("expression", [None, "event.data.n == 0"])
@pytest.mark.parametrize("damage", ["UPDATE inngest_events SET data='{'", "UPDATE inngest_runs SET attempt='x'"])
async def test_on_sqlite_damaged_rows_keep_no_other_run_from_its_end(
    tmp_path: Path, damage: str, expression: str | None
) -> None:
    place = SqlitePlace(tmp_path)
    store = place.store()
    await store.open(NOW)
    await store.register([values.function("a", "go")], replace_app=None, now=NOW)
    await started(store, 3)
    (first, *_) = await store.list_runs(RunQuery(1, descending=False))
    of = first.event_id if "events" in damage else first.id
    with contextlib.closing(sqlite3.connect(place.path)) as connection:
        connection.execute(f"{damage} WHERE id=?", (of,))
        connection.commit()
    meant = 3 if expression is None else 2
    assert await whole(store, asked(expression=expression)) == [meant - (bool(expression) and "events" in damage)]
    await store.close()


async def test_what_others_have_recorded_makes_no_transaction_longer(tmp_path: Path) -> None:
    async def cost(others: int) -> int:
        database = Counting(tmp_path / f"{others}.db")
        store = SqlStore(database, InlineExecutor(), CountedIds(), POLICY)
        await store.open(NOW)
        await store.register([values.function("b", "both")], replace_app=None, now=NOW)
        await store.begin_session(values.session())
        for _ in range(0, others, 500):
            await accept(store, *(event("both") for _ in range(500)), now=NOW)
        await store.begin_cancellation(asked())
        found, more = [], True
        while more:
            before = database.steps
            more = (await store.go_on_with_cancellation("C1", LATER)).more
            found.append(database.steps - before)
        await store.close()
        return max(found)

    assert await cost(3 * LOOKED_AT) < 1.5 * await cost(LOOKED_AT)


async def test_runs_beyond_those_of_others_are_found(store: Store) -> None:
    for _ in range(0, LOOKED_AT + 500, 500):
        await accept(store, *(event("both") for _ in range(500)), now=NOW)
    await started(store, 3)
    assert sum(await whole(store, asked())) == 3


async def test_old_ones_are_removed_also_while_there_are_always_runs_to_remove(store: Store) -> None:
    await started(store, 1)
    old = ulids.make(NOW + 1, bytes(10))
    assert await whole(store, asked(id=old)) == [1]
    assert not await store.remove_runs(LATER + 1)  # one transaction: the next time there are others
    assert (await store.cancellations(10, None), await store.list_runs(RunQuery(10))) == ([], [])
