"""What is looked for on behalf of runs: an event wakes exactly those that it is for, however they are found (P8)."""

from __future__ import annotations

import json

import pytest

from inngest.engine.domain import subscriptions
from inngest.engine.domain.model import Changes, Released, SubscriptionKind, Wait
from inngest.engine.ports import Store
from inngest.engine.records import Commit, Written
from inngest.protocol.opcodes import Opcode, OpenStep, OpTarget
from tests.contract.store.values import NOW, accept, acceptance, begin, event, hear, step

PAID = step("paid")
LATER = NOW + 1_000


async def waiting(store: Store, expression: str | None, own: object, *, until: int = LATER) -> str:
    """A run whose own event has this data waits for `paid`; its id."""
    claimed = await begin(store)
    open_step = OpenStep(PAID, Opcode.WAIT_FOR_EVENT, 0, until, NOW)
    watch = subscriptions.bound(
        claimed.run.id, PAID.hash, SubscriptionKind.STEP, "paid", expression, {"data": own}, until
    )
    assert watch is not None
    asked = [Wait(open_step, OpTarget("paid", expression))]
    changes = Changes(0, open=[open_step], waits=asked, transition=Released(until))
    commit = Commit(claimed.owner, claimed.run.function_id, changes, NOW, waiting=True, subscriptions=[watch])
    assert (await store.commit(commit)).written is Written.DONE
    return claimed.run.id


async def woken(store: Store, *data: object, now: int = NOW) -> set[str]:
    """The runs that events wake which come together."""
    paid = [event("paid", data=json.dumps(one), now=now) for one in data]
    heard = hear(store)
    await store.accept(acceptance(*paid, now=now))
    return {arrival.run_id for arrival in heard.take().arrivals}


@pytest.mark.parametrize(
    "expression",
    [
        "async.data.id == event.data.id",  # an index says all
        "async.data.kind == 'card' && async.data.id == event.data.id",  # an index, and a rest
        "async.data.id >= event.data.id && async.data.id < event.data.id + 1",  # no index
    ],
)
async def test_an_event_wakes_those_whose_own_event_it_fits(store: Store, expression: str) -> None:
    runs = [await waiting(store, expression, {"id": number}) for number in range(3)]
    assert await woken(store, {"kind": "card", "id": 1}) == {runs[1]}
    assert await woken(store, {"kind": "card", "id": 1}) == set()
    assert await woken(store, {"kind": "card", "id": 7}, {"kind": "card", "id": 2}) == {runs[2]}


async def test_who_waits_in_different_ways_is_found_by_one_event(store: Store) -> None:
    runs = [
        await waiting(store, "async.data.id == event.data.id", {"id": "x"}),
        await waiting(store, "async.data.amount > 5", {}),
        await waiting(store, "async.data.amount > 5", {}),
        await waiting(store, "async.data.amount > event.data.least", {"least": 6}),
        await waiting(store, None, {}),
    ]
    others = [
        await waiting(store, "async.data.id == event.data.id", {"id": "y"}),
        await waiting(store, "async.data.amount > 50", {}),
        await waiting(store, "async.data.amount > event.data.least", {"least": 7}),
        await waiting(store, "async.data.amount", {}),  # not boolean
    ]
    assert await woken(store, {"id": "x", "amount": 7}) == set(runs)
    assert await woken(store, {"id": "y", "amount": 70}) == set(others[:3])


async def test_each_of_several_events_is_asked_by_itself(store: Store) -> None:
    run = await waiting(store, "async.data.amount > 5", {})
    assert await woken(store, {"amount": 1}, {"amount": 2}) == set()
    assert await woken(store, {"amount": 1}, {"amount": 7}) == {run}


async def test_the_first_of_several_events_counts(store: Store) -> None:
    run = await waiting(store, "async.data.amount > 5", {})
    assert await woken(store, {"amount": 6}, {"amount": 7}) == {run}
    (arrival,) = await store.arrivals([run])
    assert arrival.data is not None
    assert json.loads(arrival.data)["data"] == {"amount": 6}


async def test_a_time_that_is_over_is_not_overtaken(store: Store) -> None:
    await waiting(store, None, {}, until=NOW + 5)
    run = await waiting(store, None, {}, until=NOW + 6)
    assert await woken(store, {}, now=NOW + 5) == {run}


async def test_an_event_of_another_name_wakes_nobody(store: Store) -> None:
    await waiting(store, None, {})
    assert len(await accept(store, event("go"))) == 1
    assert await woken(store, {}) != set()
