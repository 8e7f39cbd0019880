"""A step may wait for what came before: stored events are searched beside the writer, and none is missed (P8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from inngest.engine.domain import watches
from inngest.engine.domain.model import Changes, Wait, Watching
from inngest.engine.records import Claimed, Commit, EventPlace, Receipt, Written
from inngest.engine.store import looking_back
from inngest.engine.store.sql import SqlStore
from inngest.protocol.opcodes import Opcode, OpenStep, OpTarget
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import NOW, acceptance, event, function, memo, record, step

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
    watch = watches.bound(claimed.run.id, PAID.hash, Watching.STEP, "paid", same, {"data": {"order": 7}}, NOW + 1_000)
    assert watch is not None
    changes = Changes(0, open=[opened], waits=[Wait(opened, OpTarget("paid", same))])
    watches_ = [watch._replace(since=SINCE)]
    return store.commit(Commit(claimed.owner, "app-a", changes, NOW, waiting=True, watches=watches_))


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
    place: EventPlace | None = EventPlace(0, "")
    while place is not None:
        place = await store.remove_events(place, NOW + 1)
    await stored(store, 1, wanted=MANY, start=MANY)
    await looks
    assert await came(store, claimed) == [MANY]
