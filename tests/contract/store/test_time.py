"""The greatest time that a database has seen."""

from __future__ import annotations

from inngest.engine.ports import Store
from inngest.engine.store.times import OFTEN
from tests.contract.store.stores import Place, news_of
from tests.contract.store.values import NOW, accept, event, owner

LATER = NOW + 3_600_000


async def test_what_is_written_keeps_its_time(store: Store, other: Store) -> None:
    await accept(store, event("x"), now=LATER)

    assert await other.greatest_time() == LATER


async def test_a_time_that_is_hardly_later_or_earlier_is_not_written_again(store: Store) -> None:
    await store.keep_time(LATER)
    for now in (LATER - 5, LATER + OFTEN, LATER + 1):
        await accept(store, event("x"), now=now)

    assert await store.greatest_time() == LATER

    await accept(store, event("x"), now=LATER + OFTEN + 1)
    assert await store.greatest_time() == LATER + OFTEN + 1


async def test_the_end_of_a_worker_keeps_its_time(store: Store, other: Store) -> None:
    await store.end_session("worker", LATER, died=False)

    assert await other.greatest_time() == LATER


async def test_to_look_for_work_in_vain_writes_nothing(place: Place, store: Store, other: Store) -> None:
    before = await store.greatest_time()
    await news_of(place, store, other)
    claims = await store.claim(owner(), 5, ["a"], LATER, alone=True)
    assert not claims.runs
    assert not await news_of(place, store, other)
    assert await store.greatest_time() == before


async def test_a_time_that_is_not_believed_is_forgotten(store: Store, other: Store) -> None:
    await store.keep_time(LATER)
    await other.keep_time(NOW, anew=True)

    assert await store.greatest_time() == NOW
