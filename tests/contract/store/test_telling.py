"""An event is stored once, and told in pages, however many wait for it; whoever is owed it gets it (P8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from inngest.engine.domain import subscriptions
from inngest.engine.domain.model import Changes, Released, SubscriptionKind, Wait
from inngest.engine.records import Claimed, Commit, EventCursor, Notifications, Written
from inngest.engine.store.sql import SqlStore
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Opcode, OpenStep, OpTarget
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import NOW, acceptance, event, function, owner, step

WAITERS = 1_100
LARGE = json.dumps({"text": "y" * 1_000_000})
NEWS = step("news")
UNTIL = NOW + 1_000
MOST = 2_000
OF = {"go": "app-a", "late": "app-b"}


@pytest.fixture
def database(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "telling.db")


@pytest.fixture
async def store(database: Counting) -> AsyncGenerator[SqlStore]:
    opened = SqlStore(database, InlineExecutor(), CountedIds(), POLICY)
    await opened.open(NOW)
    await opened.register([function("a", "go"), function("b", "late")], replace_app=None, now=NOW)
    await opened.begin_session(values.session())
    yield opened
    await opened.close()


async def waiting(
    store: SqlStore, count: int, kind: SubscriptionKind = SubscriptionKind.STEP, name: str = "go", until: int = UNTIL
) -> list[Claimed]:
    """Runs that wait for `news`, or are cancelled by it, and are let go."""
    for at in range(0, count, 100):
        await values.accept(store, *(event(name) for _ in range(min(100, count - at))))
    runs: list[Claimed] = []
    while len(runs) < count:
        runs += (await store.claim(owner(), 100, [OF[name]], NOW, alone=True)).runs
    await asyncio.gather(*(store.commit(_wait(claimed, kind, until)) for claimed in runs))
    return runs


def _wait(claimed: Claimed, kind: SubscriptionKind, until: int = UNTIL) -> Commit:
    opened = OpenStep(NEWS, Opcode.WAIT_FOR_EVENT, 0, until, NOW)
    watch = subscriptions.bound(claimed.run.id, NEWS.hash, kind, "news", None, {}, until)
    assert watch is not None
    changes = Changes(0, open=[opened], waits=[Wait(opened, OpTarget("news", None))], transition=Released(until))
    return Commit(claimed.owner, "app-a", changes, NOW, waiting=True, subscriptions=[watch])


async def post(store: SqlStore, now: int = NOW, data: str = "{}") -> Notifications:
    heard = values.hear(store)
    await store.accept(acceptance(event("news", now=now, data=data), now=now))
    return heard.take()


async def rest(store: SqlStore) -> list[Notifications]:
    """What follows, page by page."""
    told: list[Notifications] = []
    heard = values.hear(store)
    while store.timer_due is not None and store.timer_due <= NOW:
        await store.fire(NOW)
        told.append(heard.take())
    return told


def _size(database: Counting) -> int:
    return sum(path.stat().st_size for path in database.path.parent.glob("telling.db*"))


async def test_an_event_is_stored_once_however_many_wait(store: SqlStore, database: Counting) -> None:
    runs = await waiting(store, WAITERS)
    store.tidy()
    database.rows.clear()
    before = _size(database)
    told = [await post(store, data=LARGE), *await rest(store)]
    assert [arrival.run_id for news in told for arrival in news.arrivals] == sorted(one.run.id for one in runs)
    assert len(told) > 3
    assert max(database.rows) <= MOST
    assert _size(database) - before < 4 * len(LARGE)
    (arrival,) = await store.arrivals([runs[-1].run.id])
    assert arrival.data is not None
    assert json.loads(arrival.data)["data"] == json.loads(LARGE)


async def test_an_event_cancels_page_by_page(store: SqlStore, database: Counting) -> None:
    runs = await waiting(store, 300, SubscriptionKind.CANCEL)
    database.rows.clear()
    told = [await post(store), *await rest(store)]
    assert sorted(run for news in told for run in news.cancelled) == sorted(one.run.id for one in runs)
    assert max(database.rows) <= MOST


async def test_who_waits_after_the_event_does_not_get_its_later_pages(store: SqlStore) -> None:
    await waiting(store, 400)
    first = await post(store)
    (late,) = await waiting(store, 1, name="late")
    told = [first, *await rest(store)]
    assert late.run.id not in {arrival.run_id for news in told for arrival in news.arrivals}
    assert [arrival.run_id for arrival in (await post(store)).arrivals] == [late.run.id]


async def test_events_are_told_in_the_order_in_which_they_came(store: SqlStore) -> None:
    runs = await waiting(store, 400)
    await post(store, data='"first"')
    assert (await post(store, data='"second"')).arrivals == ()  # the first is still to be told
    await rest(store)
    came = await store.arrivals([one.run.id for one in runs])
    assert {json.loads(str(arrival.data))["data"] for arrival in came} == {"first"}


async def _put_off(store: SqlStore, now: int) -> str:
    """The first timer that is due cannot be done."""
    first = (await store.due_timers(now))[0]
    await store.put_timer_off(first, "it cannot be told", now)
    return first


async def _texts(store: SqlStore, runs: Sequence[Claimed]) -> list[str]:
    came = await store.arrivals([one.run.id for one in runs])
    return sorted(json.loads(str(arrival.data))["data"] for arrival in came)


async def test_an_event_that_was_put_off_is_not_overtaken(store: SqlStore) -> None:
    runs = await waiting(store, 400)
    told = len((await post(store, data='"first"')).arrivals)
    assert told < len(runs)
    await _put_off(store, NOW)
    await post(store, data='"second"')
    await rest(store)
    assert await _texts(store, runs) == ["first"] * told  # the second waits for it
    while store.timer_due is not None and store.timer_due <= NOW + 1_000:
        await store.fire(NOW + 1_000)
    assert await _texts(store, runs) == ["first"] * len(runs)


async def test_an_event_that_cannot_be_told_for_a_minute_holds_up_no_other(store: SqlStore) -> None:
    runs = await waiting(store, 400, until=NOW + 1_000_000)
    told = len((await post(store, data='"first"')).arrivals)
    at, first = NOW, ""
    while at < NOW + 60_000:
        assert await _texts(store, runs) == ["first"] * told
        first = await _put_off(store, at)
        await post(store, now=at, data=f'"{at}"')
        while store.timer_due is not None and store.timer_due <= at:
            await store.fire(at)
        at = store.timer_due or at
    assert await store.due_timers(at)
    assert first == await _put_off(store, at)
    while store.timer_due is not None and store.timer_due <= at:
        await store.fire(at)
    texts = await _texts(store, runs)
    assert len(texts) == len(runs)
    assert set(texts) == {"first", str(NOW)}


async def _claimed(store: SqlStore, now: int) -> Claimed:
    """A run that begins."""
    await values.accept(store, event("late", now=now))
    (claimed,) = (await store.claim(owner(), 1, [OF["late"]], now, alone=True)).runs
    return claimed


async def test_time_does_not_run_out_for_who_is_owed_an_event(store: SqlStore) -> None:
    """It is due by its time-out, and claimed, before its page is told."""
    runs = await waiting(store, 400)
    told = {arrival.run_id for arrival in (await post(store)).arrivals}
    claimed: list[Claimed] = []
    while claims := (await store.claim(owner(), 1_000, ["app-a"], UNTIL, alone=True)).runs:
        claimed += claims
    owed = [one for one in claimed if one.run.id not in told]
    assert len(owed) == len(runs) - len(told) > 0
    for one in owed:
        whole = await store.read(one) if one.unread else one
        assert whole is not None
        assert [arrival.hash for arrival in whole.arrivals] == [NEWS.hash]


async def test_a_time_out_that_is_recorded_becomes_the_event_that_is_owed(store: SqlStore) -> None:
    await waiting(store, 400)
    busy = await _claimed(store, NOW)
    opened = _wait(busy, SubscriptionKind.STEP)
    assert (
        await store.commit(opened._replace(changes=opened.changes._replace(transition=None)))
    ).written is Written.DONE
    await post(store)
    memo = Memo(NEWS, Opcode.WAIT_FOR_EVENT, 0, "null", None, UNTIL, 0, NOW)
    late = Commit(busy.owner, "app-a", Changes(0, memos=[memo]), UNTIL, begins_anew=True, waiting=True)
    receipt = await store.commit(late)
    assert json.loads(str(receipt.settled[NEWS.hash].data))["name"] == "news"


async def test_a_run_does_not_end_before_an_event_that_cancels_it(store: SqlStore) -> None:
    await waiting(store, 200, SubscriptionKind.CANCEL)
    busy = await _claimed(store, NOW)
    opened = _wait(busy, SubscriptionKind.CANCEL)
    assert (
        await store.commit(opened._replace(changes=opened.changes._replace(transition=None)))
    ).written is Written.DONE
    assert busy.run.id not in (await post(store)).cancelled
    end = Commit(busy.owner, "app-a", values.end(), NOW, waiting=True)
    heard = values.hear(store)
    receipt = await store.commit(end)
    assert (receipt.written, list(heard.take().cancelled)) == (Written.LOST, [busy.run.id])
    view = await store.run(busy.run.id)
    assert view is not None
    assert "news" in ErrorInfo.from_json(str(view.run.error)).message


async def test_an_event_that_is_still_to_be_told_stays(store: SqlStore) -> None:
    await waiting(store, 400)
    await post(store)
    place: EventCursor | None = EventCursor(0, "")
    while place is not None:
        place = await store.remove_events(place, NOW + 1)
    assert sum(len(news.arrivals) for news in await rest(store)) > 0
