"""What a store on PostgreSQL tells others of each transaction, and what it does not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from inngest.engine.ports import Store
from inngest.engine.store.sql import SqlStore
from inngest.engine.wake_ports import EVERYTHING, News
from tests.contract.store import values
from tests.contract.store.stores import PLACES, Place, news_of
from tests.contract.store.values import NOW, accept, begin, commit, end, event, release


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return PLACES["postgres"](tmp_path)


class Worker:
    """The ear of a store.

    Attributes:
        kept: functions whose runs this worker takes.
    """

    makes_requests = True

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.heard_at: list[News] = []

    def keeps(self, function_id: str) -> bool:
        return function_id in self.kept

    def concerns(self, news: News) -> bool:
        self.heard_at.append(news)
        return True

    def heard(self) -> None:
        """It asks by itself."""


@pytest.fixture
async def worker(other: Store) -> Worker:
    """That of `other`."""
    found = Worker()
    other.hear(found)
    return found


async def test_jobs_are_told_unless_their_worker_takes_them(
    place: Place, store: Store, other: Store, worker: Worker
) -> None:
    await news_of(place, other, store)
    worker.kept = {"app-a"}
    await accept(other, event("both"))
    assert await news_of(place, other, store) == News(due={"app-b": NOW, "app-c": NOW})
    await accept(other, event("go"))
    assert not await news_of(place, other, store)
    worker.kept.clear()
    await accept(other, event("go"))
    assert (await news_of(place, other, store)).due == {"app-a": NOW}


async def test_what_is_let_go_is_told_with_its_time(place: Place, store: Store, other: Store, worker: Worker) -> None:
    claimed = await begin(other, session_id="other")
    await news_of(place, other, store)
    await commit(other, claimed, release(NOW + 9))
    assert (await news_of(place, other, store)).due == {"app-a": NOW + 9}


async def test_steps_are_told_to_nobody(place: Place, store: Store, other: Store) -> None:
    claimed = await begin(other, session_id="other")
    await news_of(place, other, store)
    await commit(other, claimed, values.record(values.memo("step", 0)))
    await commit(other, claimed, values.record(open_steps=[values.open_step("again")]))
    assert not await news_of(place, other, store)


async def test_ends_are_told_while_somebody_waits_for_one(place: Place, store: Store, other: Store) -> None:
    first, second, third = [await begin(other, session_id="other") for _ in range(3)]
    await news_of(place, other, store)
    await commit(other, first, end())
    assert not await news_of(place, other, store)
    assert store.expect_ends()
    while (await news_of(place, other, store)).ended is not None:  # from when it is told: any may have ended before
        pass
    await commit(other, second, end())
    assert await news_of(place, other, store) == News(ended=frozenset({second.run.id}))
    store.expect_no_ends()
    while True:  # until it is known there that nobody waits
        claimed = await begin(other, session_id="other")
        await news_of(place, other, store)
        await commit(other, claimed, end())
        if not await news_of(place, other, store):
            break
    await commit(other, third, end())
    assert not await news_of(place, other, store)


async def test_a_cancellation_is_told(place: Place, store: Store, other: Store) -> None:
    claimed = await begin(store)
    await news_of(place, other, store)
    await other.cancel([claimed.run.id], "why", NOW)
    told = await news_of(place, other, store)
    assert told == News(cancelled=True)  # nobody waits for its end


@pytest.mark.parametrize("verb", ["pause", "resume", "register", "leave"])
async def test_what_changes_for_all_has_them_look_at_everything(
    place: Place, store: Store, other: Store, verb: str
) -> None:
    await news_of(place, other, store)
    if verb == "pause":
        await other.pause("app-a", "queue", NOW)
    elif verb == "resume":
        await other.resume("app-a", NOW)
    elif verb == "register":
        await other.register([values.function("d", "go")], replace_app=None, now=NOW)
    else:
        await other.end_session("other", NOW, died=False)
    assert await news_of(place, other, store) == EVERYTHING


async def test_a_timer_is_told_if_it_is_the_first(place: Place, store: Store, other: Store) -> None:
    config = json.dumps({"debounce": {"period": "10s"}})
    await other.register([values.function("slow", "slow", config=config)], replace_app=None, now=NOW)
    await news_of(place, other, store)
    await accept(other, event("slow"))
    told = await news_of(place, other, store)
    assert told.timer == other.timer_due == NOW + 10_000
    assert store.timer_due == NOW + 10_000
    await accept(other, event("slow", now=NOW + 1), now=NOW + 1)
    assert not await news_of(place, other, store)


async def test_who_comes_is_told(place: Place, store: Store, other: Store) -> None:
    await news_of(place, other, store)
    await other.begin_session(values.session("third"))
    assert await news_of(place, other, store) == News(sessions=True)


async def test_what_nobody_needs_is_told_to_who_comes(place: Place, store: Store) -> None:
    """Whoever was alone has told nothing; the next one does not know what it has missed."""
    heard = Worker()
    store.hear(heard)
    assert isinstance(store, SqlStore)
    await store.end_session("worker", NOW, died=False)
    assert [one.id for one in await store.sessions()] == []  # it knows of nobody now
    await accept(store, event())
    late = place.store()
    await late.open(NOW)
    late.news()
    await late.begin_session(values.session("late"))
    while not late.news().everything:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await late.close()
