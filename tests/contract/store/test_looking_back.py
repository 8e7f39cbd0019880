"""A step may wait for what came before: stored events are searched beside the writer, and none is missed (P8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import TypeVar
from unittest import mock

import pytest

from inngest.engine.domain import subscriptions
from inngest.engine.domain.effects import Effects
from inngest.engine.domain.model import Changes, Event, SubscriptionKind, Wait
from inngest.engine.errors import StoreError
from inngest.engine.records import Claimed, Commit, EventCursor, Receipt, Written
from inngest.engine.store import looking_back, parcels
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Transaction
from inngest.protocol.opcodes import Opcode, OpenStep, OpTarget
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import NOW, acceptance, event, function, memo, record, step

R = TypeVar("R")

PAID = step("paid")
SINCE = NOW - 60_000
FEW, MANY = 10, 3 * looking_back.LOOKS


@pytest.fixture
def database(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "looking.db")


@pytest.fixture
async def store(database: Counting) -> AsyncGenerator[SqlStore]:
    opened = SqlStore(database, InlineExecutor(), CountedIds(), POLICY)
    await opened.open(NOW)
    await opened.register([function("a", "go")], replace_app=None, now=NOW)
    await opened.begin_session(values.session())
    yield opened
    await opened.close()


async def stored(store: SqlStore, count: int, wanted: int = -1, start: int = 0) -> None:
    """Events that were received before; the one of that number is looked for."""
    for first in range(start, start + count, 100):
        numbers = range(first, min(first + 100, start + count))
        data = [json.dumps({"order": 7 if number == wanted else -1, "number": number}) for number in numbers]
        await store.accept(acceptance(*(event("paid", data=one) for one in data)))


def looking(store: SqlStore, claimed: Claimed) -> asyncio.Future[Receipt]:
    """The run begins to wait, and looks back."""
    opened = OpenStep(PAID, Opcode.WAIT_FOR_EVENT, 0, NOW + 1_000, NOW)
    same = "async.data.order + 0 == event.data.order"  # no index helps
    watch = subscriptions.bound(
        claimed.run.id, PAID.hash, SubscriptionKind.STEP, "paid", same, {"data": {"order": 7}}, NOW + 1_000
    )
    assert watch is not None
    changes = Changes(0, open=[opened], waits=[Wait(opened, OpTarget("paid", same))])
    watches_ = [watch._replace(since=SINCE)]
    return store.commit(Commit(claimed.owner, "app-a", changes, NOW, waiting=True, subscriptions=watches_))


async def came(store: SqlStore, claimed: Claimed) -> list[int]:
    arrivals = await store.arrivals([claimed.run.id])
    return [json.loads(str(arrival.data))["data"]["number"] for arrival in arrivals]


@pytest.mark.parametrize("wanted", [0, looking_back.LOOKS - 1, looking_back.LOOKS, MANY - 1])
async def test_what_came_before_is_found_on_whatever_page(store: SqlStore, wanted: int) -> None:
    await stored(store, MANY, wanted)
    claimed = await values.begin(store)
    heard = values.hear(store)
    await looking(store, claimed)
    assert [arrival.run_id for arrival in heard.take().arrivals] == [claimed.run.id]
    assert await came(store, claimed) == [wanted]


async def test_the_writer_searches_nothing_that_was_stored_before(store: SqlStore, database: Counting) -> None:
    costs: list[int] = []
    for count in (FEW, MANY):
        await stored(store, count)
        claimed = await values.begin(store)
        costs.append(await database.of(looking(store, claimed)))
        assert await came(store, claimed) == []
    assert costs[1] <= 1.1 * costs[0]


async def test_what_is_stored_while_it_looks_back_is_not_missed(store: SqlStore) -> None:
    await stored(store, MANY)
    claimed = await values.begin(store)
    looks = looking(store, claimed)
    await stored(store, 1, wanted=MANY, start=MANY)
    assert not looks.done()
    await looks
    assert await came(store, claimed) == [MANY]


async def test_later_commits_of_the_run_wait_for_the_search(store: SqlStore) -> None:
    await stored(store, MANY)
    claimed = await values.begin(store)
    order: list[str] = []
    looks = looking(store, claimed)
    after = values.committing(store, claimed, record(memo("after", 0)))
    looks.add_done_callback(lambda _: order.append("looks"))
    after.add_done_callback(lambda _: order.append("after"))
    assert (await after).written is Written.DONE
    await looks
    assert order == ["looks", "after"]


async def test_what_was_found_may_be_removed_meanwhile(store: SqlStore) -> None:
    await stored(store, MANY, wanted=3)
    claimed = await values.begin(store)
    looks = looking(store, claimed)
    place: EventCursor | None = EventCursor(0, "")
    while place is not None:
        place = await store.remove_events(place, NOW + 1)
    await stored(store, 1, wanted=MANY, start=MANY)
    await looks
    assert await came(store, claimed) == [MANY]


# -- what fails beside the writer


def _sending(claimed: Claimed, count: int) -> list[Commit]:
    """Commits of a run, of which the first sends more than is stored with it."""
    large = [event("paid", data=json.dumps("y" * 2_900_000)) for _ in range(2)]
    first = Commit(claimed.owner, "app-a", record(memo("step 0", 0)), NOW, Effects(parcel=large))
    return [first, *(Commit(claimed.owner, "app-a", record(memo(f"step {n}", n)), NOW) for n in range(1, count))]


@pytest.mark.parametrize("error", [StoreError("the disk is full"), LookupError("an error of ours")])
async def test_what_cannot_be_stored_before_a_commit_is_stored_with_it(store: SqlStore, error: Exception) -> None:
    claimed = await values.begin(store)
    plan = [error]
    parts_of = parcels.parts_of

    def failing(parcel: str, events: Sequence[Event]) -> list[parcels.Parts]:
        if plan:
            raise plan.pop()
        return parts_of(parcel, events)

    with mock.patch.object(parcels, "parts_of", failing):
        sent = [store.commit(one) for one in _sending(claimed, 3)]
        assert [receipt.written for receipt in await asyncio.gather(*sent)] == [Written.DONE] * 3
    assert plan == []


async def test_commits_that_cannot_be_handed_on_are_answered(store: SqlStore) -> None:
    claimed = await values.begin(store)

    async def stage(events: Sequence[Event], now: int) -> str:
        return "a parcel"

    def submit(commit: Commit) -> asyncio.Future[Receipt]:
        raise LookupError("an error of ours")

    async def look(read: Callable[[Transaction], R]) -> R:
        raise AssertionError("nothing is searched")

    looking_back_ = looking_back.LookingBack(look, submit, stage)
    sent = [looking_back_.commit(one) for one in _sending(claimed, 3)]
    assert [type(one) for one in await asyncio.gather(*sent, return_exceptions=True)] == [LookupError] * 3
