"""Lanes: who may execute (P7), in which order, and when to look again."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from functools import partial

import pytest

from inngest.engine.ports import Store
from inngest.engine.records import Written
from tests.contract.store import values
from tests.contract.store.laned import (
    ALL,
    BOTH,
    NAMES,
    accept_here,
    claim,
    event,
    function,
    ids,
    queue,
    take,
)
from tests.contract.store.values import NOW, commit, end, record, release


@pytest.fixture
async def laned(store: Store, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Store]:
    """A store with functions that limit themselves; it tells of no damage, since there is none."""
    await store.register(ALL, replace_app=None, now=NOW)
    yield store
    assert [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []


# -- slots


async def test_no_more_execute_than_there_are_slots_in_the_order_in_which_they_came(laned: Store) -> None:
    x = await queue(laned, "keyed", "x", "x", "x", "x")
    y = await queue(laned, "keyed", "y")
    assert sorted(ids(await take(laned))) == sorted([*x[:2], *y])


async def test_lanes_that_are_full_do_not_hide_those_behind_them(laned: Store) -> None:
    users = [str(number) for number in range(60)]
    await queue(laned, "pair", *users)
    assert len(await take(laned)) == 3
    changed = function("both-limits", "pair", version="v2", config=json.loads(BOTH.config))
    await laned.register([changed], replace_app=None, now=NOW + 1)  # all of its lanes are looked at again
    behind = await queue(laned, "keyed", "x", now=NOW + 2)
    assert ids(await take(laned, 1, now=NOW + 2)) == behind


async def test_who_ends_or_waits_lets_the_next_in(laned: Store) -> None:
    runs = await queue(laned, "keyed", *["x"] * 4)
    first, second = await take(laned)
    await commit(laned, first, end())
    assert ids(await take(laned)) == [runs[2]]
    await commit(laned, second, release(NOW + 1_000))
    assert ids(await take(laned)) == [runs[3]]
    assert ids(await take(laned, now=NOW + 2_000)) == []


async def test_a_run_that_goes_on_needs_a_slot_and_comes_before_those_that_begin(laned: Store) -> None:
    runs = await queue(laned, "keyed", *["x"] * 5)
    first, second = await take(laned)
    await commit(laned, first, release(NOW + 5))
    (third,) = await take(laned)
    await commit(laned, second, end(), now=NOW + 10)
    assert ids(await take(laned, now=NOW + 10)) == [runs[0]]
    await commit(laned, third, end(), now=NOW + 10)
    assert ids(await take(laned, now=NOW + 10)) == [runs[3]]


async def test_a_record_keeps_the_slot(laned: Store) -> None:
    await queue(laned, "keyed", *["x"] * 3)
    first, _ = await take(laned)
    await commit(laned, first, record(values.memo("step", 0)))
    assert await take(laned) == []


async def test_both_limits_must_have_room(laned: Store) -> None:
    x = await queue(laned, "pair", "x", "x")
    rest = await queue(laned, "pair", "a", "b", "c")
    first, *others = await take(laned)
    assert ids([first, *others]) == [x[0], *rest[:2]]
    await commit(laned, others[0], end())
    assert ids(await take(laned)) == [rest[2]]  # and not the other of x
    await commit(laned, first, end())
    assert ids(await take(laned)) == [x[1]]


async def test_a_slot_that_cannot_be_used_is_passed_on(laned: Store) -> None:
    """All wait for the function's budget; the one that is woken first finds that its user's is full."""
    await queue(laned, "pair", "x", "y", "z")
    first, _, _ = await take(laned)
    await queue(laned, "pair", "y", "new")  # both are blocked; y has a run that executes
    await commit(laned, first, end())
    (taken,) = await take(laned)
    assert taken.events[0].data == '{"user":"new"}'


async def test_functions_share_a_budget_and_each_has_its_limit(laned: Store) -> None:
    small = await queue(laned, "small", 1, 2)
    large = await queue(laned, "large", 1, 2)
    taken = await take(laned)
    assert sorted(ids(taken)) == sorted([small[0], large[0]])
    by_function = {claimed.run.function_id: claimed for claimed in taken}
    await commit(laned, by_function["app-small"], end())
    assert ids(await take(laned)) == [large[1]]


async def test_what_begins_as_it_comes_takes_a_slot(laned: Store) -> None:
    begun = await accept_here(laned, "keyed", ["x"] * 4)
    assert len(begun) == 2
    assert await take(laned) == []
    more = await accept_here(laned, "keyed", ["x", "y"])
    assert [start.position.lane.budgets[0][-3:] for start in more if start.position] == ['"y"']


async def test_what_comes_does_not_overtake_what_waits(laned: Store) -> None:
    (waiting,) = await queue(laned, "keyed", "x")
    assert await accept_here(laned, "keyed", ["x"]) == []
    assert ids(await take(laned))[0] == waiting


async def test_slots_of_a_dead_worker_are_free(laned: Store, other: Store) -> None:
    runs = await queue(laned, "keyed", *["x"] * 3)
    assert len(await take(laned)) == 2
    await other.end_session("worker", NOW, died=True)
    claims = await other.claim(values.owner("other"), 9, NAMES, NOW, alone=True)
    assert ids(claims.runs) == runs[:2]


async def test_who_was_declared_dead_gives_nothing_back_twice(laned: Store, other: Store) -> None:
    await queue(laned, "keyed", *["x"] * 4)
    first, second = await take(laned)
    await other.end_session("worker", NOW, died=True)
    theirs = (await other.claim(values.owner("other"), 9, NAMES, NOW, alone=True)).runs
    await commit(laned, first, end())
    await commit(laned, second, release(NOW))
    assert (await other.claim(values.owner("other"), 9, NAMES, NOW, alone=True)).runs == []
    await commit(other, theirs[0], end())
    assert len((await other.claim(values.owner("other"), 9, NAMES, NOW, alone=True)).runs) == 1


async def test_a_run_that_must_be_alone_waits_for_its_slot(laned: Store, other: Store) -> None:
    (quarantined,) = await queue(laned, "small", 1)
    for count in range(3):
        name = f"doomed-{count}"
        await other.begin_session(values.session(name))
        assert len((await other.claim(values.owner(name), 1, NAMES, NOW, alone=True)).runs) == 1
        await other.end_session(name, NOW, died=True)
    assert len(await accept_here(laned, "small", [2])) == 1
    claims = await claim(laned)
    assert (ids(claims.runs), claims.alone_due) == ([], False)
    assert claims.next_due is not None
    await laned.end_session("worker", NOW, died=False)
    await laned.begin_session(values.session())
    assert quarantined in ids((await claim(laned, now=claims.next_due)).runs)


# -- extra slots


async def test_further_handlers_take_slots_that_are_free(laned: Store) -> None:
    await queue(laned, "large", 1)
    (claimed,) = await take(laned)
    lane = claimed.run.lane
    assert lane is not None
    extra = partial(laned.extra_slots, claimed.owner, lane, now=NOW)
    assert await extra(wanted=6) == 2
    assert await extra(wanted=6) == 2  # asked again, it changes nothing
    waiting = await queue(laned, "large", 2)
    assert await take(laned) == []
    assert await extra(wanted=1) == 1
    assert await extra(wanted=2) == 1
    assert ids(await take(laned)) == waiting


async def test_extra_slots_go_with_the_run(laned: Store) -> None:
    await queue(laned, "keyed", "x")
    (claimed,) = await take(laned)
    lane = claimed.run.lane
    assert lane is not None
    assert await laned.extra_slots(claimed.owner, lane, 9, NOW) == 2
    runs = await queue(laned, "keyed", "x", "x", "x")
    await commit(laned, claimed, end())
    assert ids(await take(laned)) == runs[:2]
    assert await laned.extra_slots(claimed.owner, lane, 2, NOW) == 0


async def test_those_who_wait_come_before_further_handlers(laned: Store) -> None:
    await queue(laned, "pair", "x")
    (claimed,) = await take(laned)
    lane = claimed.run.lane
    assert lane is not None
    await queue(laned, "pair", "x")
    assert await laned.extra_slots(claimed.owner, lane, 2, NOW) == 1


# -- throttle


async def test_a_run_that_was_put_off_before_it_began_asks_its_throttle_again(
    laned: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It is claimed in the second for which another start is due: one of the two may begin."""
    await queue(laned, "spaced", "x", "x")
    (claimed,) = await take(laned)
    until = await laned.put_run_off(claimed.owner, "damaged", NOW, taken_at=claimed.at, alone=False)
    caplog.clear()
    assert until == NOW + 1_000
    assert len(await take(laned, now=until)) == 1
    assert len(await take(laned, now=until + 1_000)) == 1


async def test_starts_are_spread(laned: Store) -> None:
    runs = await queue(laned, "throttled", *range(5))
    claims = await claim(laned)
    assert ids(claims.runs) == runs[:2]
    assert claims.next_due == NOW + 500
    assert ids(await take(laned, now=NOW + 499)) == []
    assert ids(await take(laned, now=NOW + 500)) == [runs[2]]
    assert ids(await take(laned, now=NOW + 1_500)) == runs[3:]


async def test_only_starts_are_spread(laned: Store) -> None:
    (run, late) = await queue(laned, "spaced", "x", "x")
    (claimed,) = await take(laned)
    await commit(laned, claimed, release(NOW + 10))
    claims = await claim(laned)
    assert (ids(claims.runs), claims.next_due) == ([], NOW + 10)
    claims = await claim(laned, now=NOW + 10)
    assert (ids(claims.runs), claims.next_due) == ([run], NOW + 1_000)
    assert ids(await take(laned, now=NOW + 1_000)) == [late]


async def test_what_begins_as_it_comes_is_spread_too(laned: Store) -> None:
    assert len(await accept_here(laned, "throttled", [1, 2, 3])) == 2
    claims = await claim(laned)
    assert (ids(claims.runs), claims.next_due) == ([], NOW + 500)


# -- order


async def test_lanes_are_served_in_turns(laned: Store) -> None:
    many = await queue(laned, "keyed", *["big"] * 50)
    few = await queue(laned, "keyed", "small", now=NOW + 1)
    taken = await claim(laned, 2, now=NOW + 1)
    assert ids(taken.runs) == [many[0], *few]


async def test_plain_functions_and_lanes_share_the_room(laned: Store) -> None:
    await queue(laned, "plain", *range(50))
    await queue(laned, "throttled", 1)
    await queue(laned, "keyed", "x")
    first = [(await claim(laned, 1)).runs[0].run.function_id for _ in range(4)]
    assert first.count("app-plain") == 2
    rest = await claim(laned, 60)
    assert len(rest.runs) == 48


async def test_a_priority_makes_a_run_older(laned: Store) -> None:
    started = await values.accept(laned, *(event("ranked", data={"rank": rank}) for rank in (0, -5, 10, 5)))
    runs = [start.run.id for start, _ in started]
    assert ids(await take(laned, 1)) == [runs[2], runs[3], runs[0], runs[1]]


async def test_a_priority_starts_nothing_before_it_is_due(laned: Store) -> None:
    future = NOW + 10_000
    await values.accept(laned, event("ranked", ts=future, data={"rank": 600}))
    ((late, _),) = await values.accept(laned, event("ranked", data={"rank": -600}))
    claims = await claim(laned)
    assert (ids(claims.runs), claims.next_due) == ([late.run.id], future)
    assert len(await take(laned, now=future)) == 1


@pytest.mark.parametrize("others", [0, 1_200])
async def test_of_several_lanes_each_begins_with_its_priority_when_their_runs_fall_due_together(
    laned: Store, others: int
) -> None:
    future = NOW + 10_000
    ranks = {user: [-300, 0, 300, 100, -100] for user in "abc"}
    ranks["a"] += [-200] * others  # more than what one transaction has queue
    data = [{"user": user, "rank": rank} for user, of_user in ranks.items() for rank in of_user]
    for one in data:
        await values.accept(laned, event("ranked-lanes", ts=future, data=one))
    first = [json.loads(claimed.events[0].data) for claimed in await take(laned, now=future)]
    assert sorted((one["user"], one["rank"]) for one in first) == [(user, 300) for user in "abc"]


async def test_an_event_from_the_future_waits_without_a_slot(laned: Store) -> None:
    future = NOW + 10_000
    await values.accept(laned, *(event("keyed", ts=future, data={"user": "x"}) for _ in range(3)))
    assert (await claim(laned)).next_due == future
    assert len(await accept_here(laned, "plain", [1])) == 1
    (now,) = await queue(laned, "keyed", "x")
    assert ids(await take(laned)) == [now]
    assert len(await take(laned, now=future)) == 1


# -- configuration


async def test_a_new_limit_holds_for_those_who_wait(laned: Store) -> None:
    runs = await queue(laned, "keyed", *["x"] * 6)
    assert len(await take(laned)) == 2
    more = {"concurrency": [{"limit": 4, "key": "event.data.user"}]}
    await laned.register([function("keyed", "keyed", version="v2", config=more)], replace_app=None, now=NOW)
    assert ids(await take(laned)) == runs[2:4]
    await laned.register([function("keyed", "keyed", version="v3")], replace_app=None, now=NOW)
    assert ids(await take(laned)) == runs[4:]


async def test_only_functions_that_were_asked_for_are_served(laned: Store) -> None:
    await queue(laned, "keyed", "x")
    await queue(laned, "throttled", "x")
    claims = await claim(laned, functions=["app-throttled", "app-unknown"])
    assert [claimed.run.function_id for claimed in claims.runs] == ["app-throttled"]
    assert claims.next_due is None


async def test_a_lane_that_nobody_serves_does_not_keep_a_slot_for_ever(laned: Store) -> None:
    """The slot that two functions share is free, and the turn is that of the one which no worker has."""
    await queue(laned, "large", 1, 2)
    taken = await take(laned)
    await queue(laned, "small", 1)
    blocked = await queue(laned, "large", 3)
    for claimed in taken:
        await commit(laned, claimed, end())
    later = NOW + 60_000
    found: list[str] = []
    for _ in range(3):
        found += ids((await claim(laned, now=later, functions=["app-large"])).runs)
    assert found == blocked


async def test_claims_at_the_same_moment_share_the_slots(laned: Store, other: Store) -> None:
    await queue(laned, "keyed", *["x"] * 9)
    claims = await asyncio.gather(*(claim(laned, 5) for _ in range(3)))
    assert sum(len(one.runs) for one in claims) == 2
    assert (await other.claim(values.owner("other"), 5, NAMES, NOW, alone=True)).runs == []


# -- with gates


async def test_runs_of_a_paused_function_take_no_slots_and_come_back_in_order(laned: Store) -> None:
    first = await queue(laned, "keyed", "x", "x", "x")
    (taken, other) = await take(laned)
    assert await laned.pause("app-keyed", "queue", NOW)
    second = await queue(laned, "keyed", "x", "y")
    await commit(laned, taken, release(NOW))
    await commit(laned, other, end())
    assert (ids(await take(laned)), (await claim(laned)).next_due) == ([], None)
    assert await laned.resume("app-keyed", NOW)
    assert sorted(ids(await take(laned))) == sorted([first[0], first[2], second[1]])


async def test_functions_beside_a_paused_one_have_their_slots(laned: Store) -> None:
    await queue(laned, "small", 1)
    (taken,) = await take(laned)
    await queue(laned, "small", 2)
    await laned.pause("app-small", "queue", NOW)
    large = await queue(laned, "large", 1, 2)
    await commit(laned, taken, end())
    assert ids(await take(laned)) == large


async def test_who_takes_the_place_of_a_single_run_gets_its_slot_when_that_has_returned(laned: Store) -> None:
    await queue(laned, "alone", 1)
    (old,) = await take(laned)
    (new,) = await queue(laned, "alone", 2)
    assert await take(laned) == []
    assert await laned.free_slots(old.owner, 0, NOW)
    assert ids(await take(laned)) == [new]


async def test_a_batch_queues_when_it_is_over(laned: Store) -> None:
    assert await queue(laned, "batched", 1) == []
    (run,) = await queue(laned, "batched", 2)
    await queue(laned, "batched", 3, 4)
    assert ids(await take(laned)) == [run]


async def test_a_cancelled_run_gives_its_slot_back_when_its_handlers_have_returned(laned: Store) -> None:
    runs = await queue(laned, "keyed", *["x"] * 4)
    first, _ = await take(laned)
    await laned.cancel([runs[0]], "because", NOW)
    await laned.cancel([runs[2]], "because", NOW)
    assert await take(laned) == []
    assert await laned.free_slots(first.owner, 0, NOW)
    assert ids(await take(laned)) == [runs[3]]
    assert not await laned.free_slots(first.owner, 0, NOW)


async def test_slots_that_are_kept_are_free_when_their_worker_is_gone(laned: Store, other: Store) -> None:
    runs = await queue(laned, "keyed", *["x"] * 4)
    first, _ = await take(laned)
    await laned.cancel([runs[0]], "because", NOW)
    assert await other.end_session("worker", NOW, died=True)
    assert not await laned.free_slots(first.owner, 0, NOW)
    await other.begin_session(values.session("next"))
    claims = await other.claim(values.owner("next"), 9, NAMES, NOW, alone=True)
    assert len(claims.runs) == 2


@pytest.mark.parametrize("over", [True, False])
async def test_a_commit_keeps_the_slots_of_handlers_that_have_not_returned(laned: Store, over: bool) -> None:
    runs = await queue(laned, "keyed", *["x"] * 4)
    first, _ = await take(laned)
    changes = end() if over else release(NOW + 60_000)
    assert await commit(laned, first, changes, busy=1) is Written.DONE
    assert await take(laned) == []
    assert await laned.free_slots(first.owner, 0, NOW)
    assert ids(await take(laned)) == [runs[2]]


async def test_a_slot_reaches_a_function_that_can_use_it_if_others_are_paused(laned: Store) -> None:
    await queue(laned, "left", "first")
    (busy,) = await take(laned)
    await queue(laned, "left", "second")
    (waiting,) = await queue(laned, "right", "third", now=NOW + 1)
    assert await take(laned, now=NOW + 1) == []
    assert await laned.pause("app-left", "queue", NOW + 1)
    await commit(laned, busy, end(), now=NOW + 2)
    (going_on,) = await take(laned, now=NOW + 2)
    assert going_on.run.id == waiting


async def test_a_slot_reaches_a_function_that_can_use_it_if_nobody_serves_others(laned: Store) -> None:
    await queue(laned, "left", "first")
    (busy,) = await take(laned)
    (second,) = await queue(laned, "left", "second")
    (third,) = await queue(laned, "right", "third", now=NOW + 1)
    assert await take(laned, now=NOW + 1) == []
    await commit(laned, busy, end(), now=NOW + 2)
    (going_on,) = (await claim(laned, now=NOW + 2, functions=["app-right"])).runs
    assert going_on.run.id == third
    await commit(laned, going_on, end(), now=NOW + 3)
    assert ids(await take(laned, now=NOW + 3)) == [second]
