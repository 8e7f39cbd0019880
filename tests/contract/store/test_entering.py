"""What is recorded of a run that is claimed: a little comes with the claim, the rest is read after it, in pages."""

from __future__ import annotations

import json

from inngest.engine.ports import Store
from inngest.engine.records import Claimed, Written
from inngest.engine.store import entering
from tests.contract.store import values
from tests.contract.store.values import NOW, accept, begin, event, memo, owner, record, release

ALL = ["app-a"]
LARGE = json.dumps("x" * (entering.BYTES // 3))
LATER = NOW + 1_000


async def recorded(store: Store, steps: int, *, data: str = LARGE) -> str:
    """A run with so many steps that waits until LATER; its id."""
    claimed = await begin(store)
    for number in range(steps):
        changes = record(memo(f"step-{number:05}", number, data))
        assert await values.commit(store, claimed, changes) is Written.DONE
    assert await values.commit(store, claimed, release(LATER, open_steps=[values.sleeping("nap", LATER)]))
    return claimed.run.id


async def claim(store: Store, count: int = 9) -> list[Claimed]:
    return list((await store.claim(owner(), count, ALL, LATER, alone=True)).runs)


def _names(claimed: Claimed) -> list[str]:
    return [one.step.id for one in claimed.memos]


async def test_what_is_too_large_for_a_claim_is_read_after_it(store: Store) -> None:
    runs = [await recorded(store, 7) for _ in range(3)]
    claimed = await claim(store)
    assert [one.run.id for one in claimed] == runs
    assert sum(len(memo.data or "") for one in claimed for memo in one.memos) <= entering.BYTES + len(LARGE)
    unread = [one for one in claimed if one.unread]
    assert len(unread) >= 2
    for one in unread:
        assert not one.memos
        whole = await store.read(one)
        assert whole is not None
        assert not whole.unread
        assert _names(whole) == [f"step-{number:05}" for number in range(7)]
        assert (whole.owner, whole.run, whole.at) == (one.owner, one.run, one.at)
        assert [step.step.id for step in whole.open] == ["nap"]
        assert [one.name for one in whole.events] == ["go"]


async def test_small_runs_come_with_the_claim(store: Store) -> None:
    for _ in range(20):
        await recorded(store, 3, data="1")
    claimed = await claim(store, 20)
    assert [(one.unread, len(one.memos), len(one.open), len(one.events)) for one in claimed] == [(False, 3, 1, 1)] * 20


async def test_steps_come_in_the_order_of_their_commits_whatever_the_pages(store: Store) -> None:
    claimed = await begin(store)
    steps = [memo(f"{number * 7919 % 4_999:05}", number, "1") for number in range(entering.ROWS + 500)]
    assert await values.commit(store, claimed, record(*steps)) is Written.DONE
    await values.commit(store, claimed, release(LATER))
    (one,) = await claim(store)
    whole = await store.read(one)
    assert whole is not None
    assert list(whole.memos) == steps


async def test_who_is_no_more_its_owner_reads_nothing(store: Store, other: Store) -> None:
    await recorded(store, 7)
    (one,) = await claim(store)
    assert one.unread
    await other.end_session("worker", LATER, died=True)
    assert await store.read(one) is None


async def test_large_events_are_read_after_the_claim_too(store: Store) -> None:
    data = json.dumps({"text": "y" * (entering.BYTES // 2)})
    config = json.dumps({"batchEvents": {"maxSize": 5, "timeout": "60s"}})
    await accept(store, *(event(data=data) for _ in range(5)))
    await store.register([values.function("b", "batch", config=config)], replace_app=None, now=NOW)
    sent = [event("batch", data=data) for _ in range(5)]
    for collected in sent:
        await accept(store, collected)
    claimed = list((await store.claim(owner(), 9, ["app-a", "app-b"], LATER, alone=True)).runs)
    assert len(claimed) == 6
    assert sum(len(event.data) for one in claimed for event in one.events) <= entering.BYTES + len(data)
    for one in claimed:
        whole = await store.read(one) if one.unread else one
        assert whole is not None
        assert [event.data for event in whole.events] == [data] * (5 if one.run.function_id == "app-b" else 1)
