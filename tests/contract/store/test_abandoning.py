"""A store is abandoned, because its loop ends: everybody who waits is answered, whatever the database does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inngest.engine.ports import Store
from inngest.engine.records import Receipt, Written
from inngest.errors import StoreClosedError, StoreError
from tests.contract.store import values
from tests.contract.store.failing import FailingPlace, Fails, error
from tests.contract.store.test_doubt import opened, turns
from tests.contract.store.test_trouble import FULL, recording
from tests.contract.store.values import NOW, begin


@pytest.fixture
def place(tmp_path: Path) -> FailingPlace:
    return FailingPlace(tmp_path)


async def refused(answer: asyncio.Future[Receipt]) -> StoreError:
    """Why a commit was not written; it is told without the database."""
    with pytest.raises(StoreError) as caught:
        await asyncio.wait_for(asyncio.shield(answer), 60)
    return caught.value


async def test_what_is_held_and_what_comes_later_fails(place: FailingPlace) -> None:
    store = await opened(place)
    claimed = await begin(store)
    place.database.plan = [FULL]
    held = recording(store, claimed, 0, "held", "held-b")
    await turns()
    behind = recording(store, claimed, 2, "behind")
    store.abandon()
    later = recording(store, claimed, 3, "later")

    assert [type(await refused(one)) for one in (held, behind, later)] == [StoreClosedError] * 3
    with pytest.raises(StoreClosedError):
        await store.run(claimed.run.id)
    with pytest.raises(StoreClosedError):
        await store.begin_session(values.session("late"))
    store.abandon()
    store.disconnect()
    store.disconnect()


async def test_what_is_in_doubt_is_answered(place: FailingPlace) -> None:
    store = await opened(place)
    claimed = await begin(store)
    place.database.closes = 10**9
    place.database.plan = [(Fails.UNANSWERED, error("disk I/O error"))]
    doubtful = recording(store, claimed, 0, "doubtful", "doubtful-b")
    await turns()
    assert not doubtful.done()
    assert store.trouble is not None
    store.abandon()

    assert isinstance(await refused(doubtful), StoreError)
    store.disconnect()


async def test_what_was_written_before_stays_written(place: FailingPlace) -> None:
    store = await opened(place)
    claimed = await begin(store)
    written = recording(store, claimed, 0, "written")
    assert (await written).written is Written.DONE
    store.abandon()
    store.disconnect()

    other = await reopened(place)
    found = await other.run(claimed.run.id)
    assert found is not None
    assert [memo.step.text for memo in found.memos] == ["written"]
    await other.close()


async def reopened(place: FailingPlace) -> Store:
    """Another store on the place."""
    store = place.store()
    await store.open(NOW)
    return store
