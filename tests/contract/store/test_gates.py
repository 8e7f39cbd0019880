"""Gates and timers: an event's consequences are written with it (P1), whenever they are due."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.engine.domain.model import Event, Run, RunStatus
from inngest.engine.ports import Store
from inngest.engine.records import EventCursor, Fired, Written
from tests.contract.store import values
from tests.contract.store.stores import PLACES, examples_on
from tests.contract.store.values import NOW, accept, acceptance, claim_one, event, function, owner

KEY = {"key": "event.data.k"}


async def registered(store: Store, **config: Any) -> None:
    """Give the function `app-a`, which `go` starts, a configuration."""
    await store.register([function("a", "go", config=json.dumps(config))], replace_app=None, now=NOW)


async def go(store: Store, at: int = NOW, *, k: object = None, key: str = "", ts: int | None = None) -> list[Run]:
    """Accept an event at a time; the runs that it starts."""
    sent = event("go", now=at, key=key, ts=ts, data=json.dumps({"k": k}))
    return [start.run for start, _ in await accept(store, sent, now=at)]


async def all_runs(store: Store) -> Sequence[Run]:
    return await store.runs(event_id=None, function_id="app-a", status=None, limit=100, before=None)


async def cancelled_at(store: Store, now: int) -> Sequence[str]:
    """Fire; ids of the runs that it cancelled."""
    heard = values.hear(store)
    await fired(store, now)
    return heard.take().cancelled


async def fired(store: Store, now: int) -> Fired:
    """Fire, and see that what it started can be claimed."""
    answer = await store.fire(now)
    for start in answer.started:
        view = await store.run(start.run.id)
        assert view is not None
        assert view.run == start.run
    return answer


# -- rate limit


@pytest.mark.parametrize("kind", sorted(PLACES))
def test_no_window_has_more_starts_than_the_limit(tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    @settings(max_examples=examples_on(kind, 30), deadline=None)
    @given(
        limit=st.integers(1, 3),
        times=st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from("ab")), min_size=1, max_size=25),
    )
    def window(limit: int, times: list[tuple[int, str]]) -> None:
        async def story() -> list[tuple[int, str]]:
            store = PLACES[kind](tmp_path_factory.mktemp("rates")).store()
            await store.open(NOW)
            await registered(store, rateLimit={"limit": limit, "period": "1s", **KEY})
            started = [(at, k) for at, k in sorted(times) if await go(store, NOW + at, k=k)]
            await store.close()
            return started

        started = asyncio.run(story())
        for k in "ab":
            asked = sorted(at for at, of in times if of == k)
            expected: list[int] = []  # an event is surplus only if the window that ends with it is full
            for at in asked:
                if sum(at - 1_000 < before <= at for before in expected) < limit:
                    expected.append(at)
            assert [at for at, of in started if of == k] == expected

    window()


async def test_an_earlier_clock_counts_later_starts(store: Store) -> None:
    await registered(store, rateLimit={"limit": 1, "period": "1s"})
    assert len(await go(store, NOW + 500)) == 1
    assert await go(store, NOW) == []


async def test_a_duplicate_does_not_count(store: Store) -> None:
    await registered(store, rateLimit={"limit": 2, "period": "1s"})
    assert len(await go(store, key="once")) == 1
    assert await go(store, key="once") == []
    assert len(await go(store)) == 1


async def test_starts_of_one_transaction_are_counted(store: Store) -> None:
    await registered(store, rateLimit={"limit": 2, "period": "1s"})
    answers = await asyncio.gather(*(store.accept(acceptance(event(), event())) for _ in range(3)))
    assert [len(answer.started) for answer in answers] == [2, 0, 0]


# -- idempotency


async def test_a_key_is_free_after_a_day_and_is_none_of_an_event(store: Store) -> None:
    await registered(store, idempotency="event.data.k")
    assert len(await go(store, k="x", key='"x"')) == 1
    assert await go(store, NOW + 86_399_999, k="x") == []
    assert len(await go(store, NOW + 86_400_000, k="x")) == 1
    assert len(await go(store, k="y")) == 1
    assert len(await go(store)) == len(await go(store, k=False)) == 1  # no key


async def test_a_surplus_event_does_not_take_the_key(store: Store) -> None:
    await registered(store, idempotency="event.data.k", rateLimit={"limit": 1, "period": "1s"})
    assert len(await go(store, k=1)) == 1
    assert await go(store, k=2) == []
    assert len(await go(store, NOW + 1_000, k=2)) == 1
    assert await go(store, NOW + 2_000, k=1) == []
    assert len(await go(store, NOW + 2_000, k=3)) == 1  # one with a key that is taken did not count


# -- debounce


async def test_each_event_moves_the_start_of_its_key(store: Store, other: Store) -> None:
    await registered(store, debounce={"period": "10s", **KEY})
    assert await go(store, k="a") == await go(store, NOW + 1, k="b") == []
    assert store.timer_due == NOW + 10_000
    assert await go(other, NOW + 5_000, k="a") == []
    await store.look_at_timers()
    early = await fired(store, NOW + 10_000)
    assert (early.started, early.next_due) == ([], NOW + 10_001)
    (first,) = (await fired(store, NOW + 10_001)).started
    last = await fired(other, NOW + 15_000)
    assert (len(last.started), last.next_due) == (1, None)
    assert (await fired(store, NOW + 99_000)).started == []
    assert first.run.created_at == NOW + 10_001


async def test_an_event_that_moves_a_start_as_it_falls_due_is_not_lost(store: Store) -> None:
    """The timers of one look are those of parcels, and those that their events move."""
    await registered(store, debounce={"period": "2s"})
    await go(store, k="first")
    late = event("go", data=json.dumps({"k": "late"}))
    await store.put_parcel([late], NOW)
    assert (await fired(store, NOW + 2_000)).started == []
    (start,) = (await fired(store, NOW + 4_000)).started
    assert start.run.event_id == late.id
    assert (await fired(store, NOW + 99_000)).started == []


async def test_an_older_event_moves_the_start_and_does_not_start(store: Store) -> None:
    await registered(store, debounce={"period": "10s"})
    await go(store, k="newer", ts=NOW)
    await go(store, NOW + 5_000, k="older", ts=NOW - 1)
    assert (await fired(store, NOW + 14_999)).started == []
    (start,) = (await fired(store, NOW + 15_000)).started
    view = await store.run(start.run.id)
    assert view is not None
    assert view.event.data == '{"k": "newer"}'


async def test_the_rest_is_asked_when_a_debounce_is_over(store: Store) -> None:
    await registered(store, debounce={"period": "1s", **KEY}, rateLimit={"limit": 1, "period": "60s"})
    for k in range(3):
        await go(store, k=k)
    assert len((await fired(store, NOW + 1_000)).started) == 1
    assert await go(store, NOW + 61_000, k=0) == []
    assert len((await fired(store, NOW + 62_000)).started) == 1


async def test_a_debounce_outlives_its_function(store: Store) -> None:
    await registered(store, debounce={"period": "1s"})
    await go(store)
    await store.register([], replace_app="app", now=NOW)
    (start,) = (await fired(store, NOW + 1_000)).started
    assert (start.run.function_id, start.run.function_version, start.run.retries) == ("app-a", "v1", 4)


# -- batch


async def test_a_batch_is_over_when_it_is_full_or_late(store: Store) -> None:
    await registered(store, batchEvents={"maxSize": 3, "timeout": "10s"})
    assert [await go(store), await go(store, NOW + 1)] == [[], []]
    (run,) = await go(store, NOW + 2)
    claimed = await claim_one(store, now=NOW + 2)
    assert (claimed.run.id, len(claimed.events)) == (run.id, 3)
    assert claimed.events[0].id == run.event_id
    assert store.timer_due is not None
    assert await go(store, NOW + 5_000) == await go(store, NOW + 14_000) == []
    assert (await fired(store, NOW + 14_999)).started == []
    (start,) = (await fired(store, NOW + 15_000)).started
    view = await store.run(start.run.id)
    assert view is not None
    assert [one.received_at for one in view.batch] == [NOW + 5_000, NOW + 14_000]
    assert len((await claim_one(store, now=NOW + 15_000)).events) == 2


async def test_a_batch_that_is_filled_as_it_falls_due_starts_once(store: Store) -> None:
    await registered(store, batchEvents={"maxSize": 2, "timeout": "2s"})
    await go(store)
    await store.put_parcel([event("go")], NOW)
    (start,) = (await fired(store, NOW + 2_000)).started
    view = await store.run(start.run.id)
    assert view is not None
    assert len(view.batch) == 2
    assert (await fired(store, NOW + 99_000)).started == []


async def test_batches_of_one_transaction(store: Store) -> None:
    await registered(store, batchEvents={"maxSize": 2, **KEY})
    sent = [
        event(now=NOW, key=key, data=json.dumps({"k": k})) for key, k in (("", 1), ("x", 1), ("x", 1), ("", 1), ("", 2))
    ]
    started = [start.run for start, _ in await accept(store, *sent)]
    assert [run.event_id for run in started] == [sent[0].id]
    (other,) = await go(store, NOW + 10**9, k=1)
    assert other.event_id == sent[3].id
    assert (await fired(store, NOW + 10**12)).started == []  # without a timeout it waits


# -- singleton


async def test_a_singleton_is_free_when_its_run_has_ended(store: Store) -> None:
    await registered(store, singleton={"mode": "skip", **KEY})
    (run,) = await go(store, k=1)
    (skipped,) = await go(store, k=1)
    assert (skipped.status, skipped.ended_at) == (RunStatus.SKIPPED, NOW)
    assert json.loads(skipped.error or "")["message"] == f"singleton: run {run.id} has not ended"
    assert [one.status for one in [*await go(store, k=2), *await go(store)]] == [RunStatus.QUEUED] * 2
    claimed = await claim_one(store)
    assert claimed.run.id == run.id
    assert [one.status for one in await go(store, k=1)] == [RunStatus.SKIPPED]
    await values.commit(store, claimed, values.end())
    assert [one.status for one in await go(store, k=1)] == [RunStatus.QUEUED]


async def test_a_run_that_is_cancelled_does_not_end_before_it_began(store: Store) -> None:
    """What takes its place was sent before it, and is stored after it."""
    await registered(store, singleton={"mode": "cancel"})
    (first,) = await go(store, NOW + 100)
    (second,) = await go(store, NOW)
    (third,) = await go(store, NOW + 300)
    ends = {run.id: (run.status, run.ended_at) for run in await all_runs(store)}
    assert ends == {
        first.id: (RunStatus.CANCELLED, NOW + 100),
        second.id: (RunStatus.CANCELLED, NOW + 300),
        third.id: (RunStatus.QUEUED, None),
    }


async def test_a_singleton_that_cancels_leaves_the_last(store: Store) -> None:
    await registered(store, singleton={"mode": "cancel"})
    await go(store)
    claimed = await claim_one(store)
    heard = values.hear(store)
    answer = await store.accept(acceptance(event(), event(), claim=[owner(), owner()]))
    (second, no_owner), (third, _) = answer.started
    assert no_owner is None  # it was cancelled in the same transaction
    assert list(heard.take().cancelled) == [claimed.run.id, second.run.id]
    statuses = {run.id: run.status for run in await all_runs(store)}
    assert statuses == {
        claimed.run.id: RunStatus.CANCELLED,
        second.run.id: RunStatus.CANCELLED,
        third.run.id: RunStatus.QUEUED,
    }
    assert await values.commit(store, claimed, values.end()) is Written.LOST
    assert (await claim_one(store)).run.id == third.run.id


# -- pauses


async def test_a_paused_function_is_not_claimed(store: Store, other: Store) -> None:
    (before,) = await go(store)
    owned = await claim_one(store)
    assert await store.pause("app-a", "queue", NOW)
    answer = await other.accept(acceptance(event(), claim=[owner("other")]))
    ((start, claimed_by),) = answer.started
    assert (start.run.status, claimed_by) == (RunStatus.QUEUED, None)
    await values.commit(store, owned, values.release(NOW))
    await accept(store, event("c"))
    claims = await other.claim(owner("other"), 9, sorted(values.FUNCTIONS), NOW + 1, alone=True)
    assert [one.run.function_id for one in claims.runs] == ["app-c"]
    assert claims.next_due is None
    assert await store.resume("app-a", NOW)
    claims = await store.claim(owner(), 9, sorted(values.FUNCTIONS), NOW + 1, alone=True)
    assert {one.run.id for one in claims.runs} == {before.id, start.run.id}


async def test_a_run_that_must_be_alone_stays_so_through_a_pause(store: Store) -> None:
    await go(store)
    for _ in range(3):
        await store.begin_session(values.session("dying"))
        await claim_one(store, "dying")
        await store.end_session("dying", NOW, died=True)
    await store.pause("app-a", "queue", NOW)
    await store.resume("app-a", NOW)
    assert (await store.claim(owner(), 1, sorted(values.FUNCTIONS), NOW, alone=False)).alone_due


async def test_only_known_functions_are_paused(store: Store) -> None:
    assert not await store.pause("app-x", "queue", NOW)
    assert not await store.resume("app-x", NOW)
    assert await store.resume("app-a", NOW)


# -- timeouts


async def test_a_run_that_has_begun_has_until_its_own_end(store: Store) -> None:
    await registered(store, timeouts={"start": "10s", "finish": "20s"})
    (begun,) = await go(store)
    claimed = await claim_one(store, now=NOW + 9_000)
    (late,) = await go(store, NOW + 1)
    assert not await cancelled_at(store, NOW + 10_000)
    assert await cancelled_at(store, NOW + 10_001) == [late.id]
    assert not await cancelled_at(store, NOW + 28_999)
    assert await cancelled_at(store, NOW + 29_000) == [begun.id]
    assert await values.commit(store, claimed, values.end()) is Written.LOST
    assert (await fired(store, NOW + 10**9)).next_due is None


async def test_a_run_of_the_future_has_its_time_from_then(store: Store) -> None:
    await registered(store, timeouts={"start": "10s"})
    (run,) = await go(store, ts=NOW + 60_000)
    assert not await cancelled_at(store, NOW + 69_999)
    assert await cancelled_at(store, NOW + 70_000) == [run.id]


async def test_plain_functions_set_no_timers(store: Store) -> None:
    await go(store)
    assert store.timer_due is None
    assert (await fired(store, NOW + 10**9)).next_due is None


# -- cancelling


async def test_an_event_cancels_as_long_as_it_is_listened_for(store: Store) -> None:
    await registered(store, cancel=[{"event": "stop", "timeout": "10s"}])

    async def stop(at: int) -> Sequence[str]:
        heard = values.hear(store)
        await store.accept(acceptance(event("stop", now=at), now=at))
        return heard.take().cancelled

    (run,) = await go(store)
    assert await stop(NOW + 9_999) == [run.id]
    await go(store)
    assert not await stop(NOW + 10_000)


# -- removing what is old


async def stored(store: Store, *sent: Event) -> list[bool]:
    """Whether events are still stored: one that is starts nothing more."""
    await store.register([function("b", "go")], replace_app="app", now=NOW)
    return [not await accept(store, one) for one in sent]


async def test_an_event_that_is_collected_is_not_removed(store: Store) -> None:
    config = {"period": "7d"}
    batch = function("b", "go", config=json.dumps({"batchEvents": {"maxSize": 9}}))
    await store.register(
        [function("a", "go", config=json.dumps({"debounce": config})), batch], replace_app="app", now=NOW
    )
    sent = [event(), event()]
    await accept(store, *sent)
    assert await store.remove_events(EventCursor(0, ""), NOW + 1) is not None
    (start,) = (await fired(store, NOW + 7 * 86_400_000)).started
    assert start.run.event_id == sent[1].id
    assert await stored(store, *sent) == [True, True]


async def test_the_events_of_a_batch_go_with_its_run(store: Store) -> None:
    await registered(store, batchEvents={"maxSize": 2})
    sent = [event(), event()]
    await accept(store, *sent)
    await values.commit(store, await claim_one(store), values.end())
    await store.remove_events(EventCursor(0, ""), NOW + 1)
    assert len(await store.runs(event_id=sent[1].id, function_id=None, status=None, limit=9, before=None)) == 1
    await store.remove_runs(NOW + 1)
    assert await stored(store, *sent) == [False, False]


async def test_starts_are_counted_no_longer_than_they_can_matter(store: Store) -> None:
    await registered(store, rateLimit={"limit": 1, "period": "1d"})
    await go(store)
    await store.remove_keys(NOW + 86_399_999)
    assert await go(store, NOW + 86_399_999) == []
    assert not await store.remove_keys(NOW + 86_460_000)
    assert len(await go(store, NOW)) == 1
