"""Requests of steps: each is one worker's at a time, and is answered once (P0, P4)."""

from __future__ import annotations

import asyncio
from unittest import mock

import pytest

from inngest.engine.domain.hosts import Hosts
from inngest.engine.domain.model import (
    Changes,
    FailedAttempt,
    Released,
    StoredRequest,
    Subscription,
    SubscriptionKind,
    Wait,
)
from inngest.engine.ports import Store
from inngest.engine.records import (
    NO_NOTIFICATIONS,
    Circle,
    Claimed,
    Commit,
    DueRequests,
    Notifications,
    RequestAttempt,
    RequestClaims,
    RequestKey,
    Written,
)
from inngest.engine.store import due_requests, requests
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Arrival, Memo, Opcode, OpenStep, OpTarget
from tests.contract.store import values
from tests.contract.store.values import NOW, begin, claim_one, step

GET = step("get")
ANYWHERE = Circle()
YEAR = NOW + 366 * 24 * 3_600_000


def asking(
    claimed: Claimed, *, secret: bool = False, again: bool = False, release: bool = False, host: str = "x:80"
) -> Commit:
    """The step `get` asks for a request."""
    run_id = claimed.run.id
    waiting = Wait(OpenStep(GET, Opcode.GATEWAY, 0, YEAR, NOW), OpTarget("GET http://x/"))
    watch = Subscription(run_id, GET.hash, SubscriptionKind.REQUEST, "request:GET http://x/", "", "", "", "[]", YEAR)
    changes = Changes(0, open=() if again else [waiting.step], transition=Released(YEAR) if release else None)
    asked = StoredRequest(run_id, GET.hash, Opcode.GATEWAY, '{"url":"http://x/"}', 4, host, secret, again)
    return Commit(
        claimed.owner,
        claimed.run.function_id,
        changes,
        NOW,
        waiting=True,
        subscriptions=() if again else [watch],
        requests=[asked],
    )


async def asked(store: Store, *, secret: bool = False, release: bool = True, host: str = "x:80") -> Claimed:
    """A run whose step asked for a request; it is released."""
    claimed = await begin(store)
    assert (await store.commit(asking(claimed, secret=secret, release=release, host=host))).written is Written.DONE
    return claimed


async def find(
    store: Store, session: str = "worker", now: int = NOW + 1, hosts: Hosts | None = None, circle: Circle = ANYWHERE
) -> DueRequests:
    """What this worker could take."""
    return await store.due_requests(session, hosts or Hosts(50, {}), now, circle)


async def next_due(store: Store, session: str = "worker") -> int | None:
    """When the first falls due that it could take, if it is later than all time that was."""
    return (await find(store, session, 0)).next_due


async def claims_of(store: Store, session: str = "worker", now: int = NOW + 1, places: int = 50) -> RequestClaims:
    """Claim what is due."""
    due = await find(store, session, now, Hosts(places, {}))
    return await store.claim_requests(session, due.keys, now)


def answer(
    claimed: Claimed, *, session: str = "worker", again_at: int | None = None, attempt: int = 0, now: int = NOW + 5
) -> RequestAttempt:
    """What an attempt gave: a result, or that there is another one."""
    run_id = claimed.run.id
    failed = FailedAttempt(GET.hash, attempt, NOW + 1, now, ErrorInfo("GatewayError", "no"))
    arrival = Arrival(run_id, GET.hash, '"got"', None, now, attempt, NOW + 1, '{"a":1}')
    key = RequestKey(run_id, GET.hash)
    if again_at is None:
        return RequestAttempt(session, key, attempt, arrival, now, None, now)
    return RequestAttempt(session, key, attempt, None, again_at, failed, now)


async def answered(store: Store, what: RequestAttempt) -> Notifications:
    """Write what an attempt gave; what that does to its run."""
    heard = values.hear(store)
    await store.answer_request(what)
    return heard.take()


async def keys(store: Store, session: str = "worker", now: int = NOW + 1) -> list[RequestKey]:
    """Claim what is due; what it was."""
    return [held.key for held in (await claims_of(store, session, now)).requests]


async def test_a_request_is_taken_once(store: Store, other: Store) -> None:
    claimed = await asked(store)
    assert await next_due(other, "other") == NOW
    claims = await claims_of(store, now=NOW)
    (held,) = claims.requests
    assert (held.key, held.kind, held.request) == (
        RequestKey(claimed.run.id, GET.hash),
        Opcode.GATEWAY,
        '{"url":"http://x/"}',
    )
    assert (held.attempt, held.retries, held.secret, held.host, claims.missed) == (0, 4, False, "x:80", False)
    assert await keys(other, "other") == []
    assert await next_due(other, "other") is None


async def test_no_more_are_taken_than_there_is_room_for(store: Store) -> None:
    await asked(store)
    await asked(store)
    due = await find(store, hosts=Hosts(1, {}))
    assert (len(due.keys), due.waiting, due.next_due) == (1, True, None)
    assert len((await store.claim_requests("worker", due.keys, NOW + 1)).requests) == 1
    assert len(await keys(store)) == 1


async def test_its_answer_wakes_the_run_with_what_it_is(store: Store) -> None:
    claimed = await asked(store)
    await keys(store)
    told = await answered(store, answer(claimed))
    assert [arrival.data for arrival in told.arrivals] == ['"got"']
    assert told.queued
    taken = await claim_one(store, now=NOW + 10)
    (arrival,) = taken.arrivals
    assert (arrival.hash, arrival.data, arrival.started_at, arrival.metadata) == (GET.hash, '"got"', NOW + 1, '{"a":1}')
    assert await store.requests_of("worker") == []


async def test_it_is_answered_once_and_by_who_has_it(store: Store, other: Store) -> None:
    claimed = await asked(store)
    await keys(store)
    assert await answered(other, answer(claimed, session="other")) == NO_NOTIFICATIONS
    assert (await answered(store, answer(claimed))).arrivals
    assert await answered(store, answer(claimed)) == NO_NOTIFICATIONS


async def test_another_attempt_is_anyones(store: Store, other: Store) -> None:
    claimed = await asked(store)
    await keys(store)
    assert await answered(store, answer(claimed, again_at=NOW + 1_000)) == NO_NOTIFICATIONS
    assert (await next_due(store), await keys(store, now=NOW + 999)) == (NOW + 1_000, [])
    (held,) = (await claims_of(other, "other", NOW + 1_000)).requests
    assert held.attempt == 1
    view = await store.run(claimed.run.id)
    assert view is not None
    assert [(failed.step, failed.attempt, failed.error.name) for failed in view.failed] == [
        (GET.hash, 0, "GatewayError")
    ]


async def test_a_worker_that_is_gone_has_none(store: Store, other: Store) -> None:
    claimed = await asked(store)
    await keys(store)
    assert await other.end_session("worker", NOW + 2, died=True)
    assert await answered(store, answer(claimed)) == NO_NOTIFICATIONS
    assert (await claims_of(store, now=NOW + 3)).fenced
    assert await keys(other, "other") == [RequestKey(claimed.run.id, GET.hash)]


async def test_only_who_knows_its_credentials_can_make_it(store: Store, other: Store) -> None:
    claimed = await asked(store, secret=True)
    key = RequestKey(claimed.run.id, GET.hash)
    assert await next_due(other, "other") is None
    assert await keys(other, "other") == []
    assert (await store.requests_of("worker"), await store.requests_of("other")) == ([key], [])
    assert await keys(store) == [key]
    await store.answer_request(answer(claimed, again_at=NOW + 9))
    assert await keys(other, "other", now=NOW + 9) == []
    assert await keys(store, now=NOW + 9) == [key]


async def test_when_they_are_lost_the_run_is_due_and_tells_them(store: Store, other: Store) -> None:
    claimed = await asked(store, secret=True)
    await keys(store)
    assert await other.end_session("worker", NOW + 2, died=True)
    assert await keys(other, "other") == []
    again = await claim_one(other, "other", now=NOW + 2)
    assert again.run.id == claimed.run.id
    assert (await other.commit(asking(again, secret=True, again=True, release=True))).written is Written.DONE
    assert await keys(other, "other") == [RequestKey(claimed.run.id, GET.hash)]


async def test_asking_again_after_the_answer_asks_for_nothing(store: Store) -> None:
    claimed = await asked(store, secret=True)
    await keys(store)
    await store.answer_request(answer(claimed))
    taken = await claim_one(store, now=NOW + 10)
    await store.commit(asking(taken, secret=True, again=True))
    assert await next_due(store) is None


@pytest.mark.parametrize("how", ["ends", "is cancelled", "gives it up"])
async def test_nothing_is_left_when_nobody_waits(store: Store, how: str) -> None:
    claimed = await asked(store, release=False)
    await keys(store)
    memo = Memo(GET, Opcode.GATEWAY, 0, None, None, NOW, cancelled=True)
    changes = values.end() if how == "ends" else values.record(memo)
    if how == "is cancelled":
        await store.cancel([claimed.run.id], "enough", NOW)
    else:
        commit = Commit(claimed.owner, claimed.run.function_id, changes, NOW, waiting=True)
        assert (await store.commit(commit)).written is Written.DONE
    assert await store.requests_of("worker") == []
    assert await answered(store, answer(claimed)) == NO_NOTIFICATIONS


async def test_a_step_that_is_given_up_in_the_same_batch_asks_for_nothing(store: Store) -> None:
    claimed = await begin(store)
    memo = Memo(GET, Opcode.GATEWAY, 0, None, None, NOW, cancelled=True)
    given_up = Commit(claimed.owner, claimed.run.function_id, values.record(memo), NOW, waiting=True)
    blocker = begin(store)  # the writer is busy: the two commits get into one batch
    both = asyncio.gather(store.commit(asking(claimed)), store.commit(given_up))
    await blocker
    assert {receipt.written for receipt in await both} == {Written.DONE}
    assert await next_due(store) is None


async def test_metadata_of_a_memo_is_shown(store: Store) -> None:
    claimed = await begin(store)
    memo = values.memo("a", 0)._replace(metadata='{"usage":{}}')
    await values.commit(store, claimed, values.record(memo, values.memo("b", 1)))
    view = await store.run(claimed.run.id)
    assert view is not None
    assert view.metadata == {step("a").hash: '{"usage":{}}'}


async def test_a_request_that_cannot_be_read_is_put_off_and_the_others_are_made(store: Store) -> None:
    await asked(store)
    await asked(store)
    with mock.patch.object(requests, "Opcode", side_effect=[ValueError("no such kind"), Opcode.GATEWAY]):
        claims = await claims_of(store)
    assert (len(claims.requests), claims.missed) == (1, True)
    assert await next_due(store) == NOW + 1 + 1_000
    assert len(await keys(store, now=NOW + 1_001)) == 1


async def test_one_that_another_worker_took_meanwhile_is_missed(store: Store, other: Store) -> None:
    for _ in range(2):
        await asked(store)
    first, second = (await find(store)).keys
    assert len((await other.claim_requests("other", [second], NOW + 1)).requests) == 1
    claims = await store.claim_requests("worker", [second, first], NOW + 1)
    assert ([held.key for held in claims.requests], claims.missed) == ([first], True)


async def test_a_host_takes_no_more_places_than_it_leaves_free(store: Store) -> None:
    for _ in range(5):
        await asked(store, host="slow:80")
    quick = await asked(store, host="quick:80")
    due = await find(store, hosts=Hosts(4, {}))
    assert ([key.run_id for key in due.keys][-1], len(due.keys), due.waiting) == (quick.run.id, 3, True)


async def test_the_backlog_of_a_host_is_passed_over_in_circles(store: Store) -> None:
    """With a page of one, all others are found by their hosts, a few at a time, and each once."""
    for host in ("a", "b", "b", "c", "d"):
        await asked(store, host=host)
    circle, found = Circle("b"), list[tuple[int, str]]()
    with mock.patch.object(due_requests, "PAGE", 1), mock.patch.object(due_requests, "HOSTS", 1):
        for _ in range(4):
            due = await find(store, hosts=Hosts(9, {"a": 8}), circle=circle)
            circle = due.circle
            found.append((len(due.keys), circle.after))
    assert found == [(1, "c"), (1, "d"), (0, "a"), (1, "b")]
    assert circle == Circle("b")
