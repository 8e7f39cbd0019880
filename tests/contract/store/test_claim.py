"""Claiming: a run has one owner (P0), and begins with everything that is recorded of it (P2)."""

from __future__ import annotations

import asyncio

from inngest.engine.domain.model import RunStatus
from inngest.engine.ports import Store
from inngest.protocol.calls import EventData
from inngest.protocol.errors import ErrorInfo
from tests.contract.store import values
from tests.contract.store.values import FUNCTIONS, NOW, accept, begin, claim_one, event, memo, owner, record, release

ALL = sorted(FUNCTIONS)


async def test_a_claimed_run_has_what_is_needed_to_begin(store: Store) -> None:
    sent = event(key="mine")
    ((start, _),) = await accept(store, sent)
    asked = owner()
    claims = await store.claim(asked, 1, ALL, NOW + 5, alone=True)
    (claimed,) = claims.runs
    assert (claimed.owner.session, claimed.owner.run_id) == ("worker", start.run.id)
    assert (claimed.run.status, claimed.run.started_at) == (RunStatus.RUNNING, NOW + 5)
    assert claimed.events == [EventData("mine", sent.name, sent.data, sent.ts)]
    assert (list(claimed.memos), list(claimed.open)) == ([], [])
    assert (claims.next_due, claims.alone_due, claims.fenced) == (None, False, False)


async def test_a_run_is_claimed_once(store: Store, other: Store) -> None:
    await accept(store, event())
    claims = await asyncio.gather(*(store.claim(owner(), 1, ALL, NOW, alone=True) for _ in range(3)))
    assert sorted(len(claim.runs) for claim in claims) == [0, 0, 1]
    assert list((await other.claim(owner("other"), 1, ALL, NOW, alone=True)).runs) == []


async def test_what_is_due_first_is_claimed_first(store: Store) -> None:
    late, early = NOW + 2, NOW + 1
    second = await accept(store, event(now=late), now=late)
    first = await accept(store, event(now=early), now=early)
    third = await accept(store, event(now=late), now=late)
    expected = [started[0][0].run.id for started in (first, second, third)]
    claims = await store.claim(owner(), 2, ALL, late, alone=True)
    assert [claimed.run.id for claimed in claims.runs] == expected[:2]
    assert claims.next_due == late
    claims = await store.claim(owner(), 2, ALL, late, alone=True)
    assert [claimed.run.id for claimed in claims.runs] == expected[2:]
    assert claims.next_due is None


async def test_what_is_not_due_waits(store: Store) -> None:
    claimed = await begin(store)
    await values.commit(store, claimed, release(NOW + 100))
    claims = await store.claim(owner(), 1, ALL, NOW + 99, alone=True)
    assert (list(claims.runs), claims.next_due) == ([], NOW + 100)
    assert (await claim_one(store, now=NOW + 100)).run.id == claimed.run.id


async def test_only_functions_that_were_asked_for_are_claimed(store: Store) -> None:
    await accept(store, event("both"))
    claims = await store.claim(owner(), 9, ["app-c", "app-unknown"], NOW, alone=True)
    assert [claimed.run.function_id for claimed in claims.runs] == ["app-c"]
    assert claims.next_due is None  # what others may run is not due here
    assert list((await store.claim(owner(), 9, [], NOW, alone=True)).runs) == []


async def test_memos_come_in_the_order_of_their_commits(store: Store) -> None:
    claimed = await begin(store)
    failed = memo("z-failed", 1, None, error=ErrorInfo("Error", "no", "stack", "code"))
    given_up = memo("given-up", 2, None)._replace(cancelled=True)
    memos = [memo("m", 0, '{"a":[1,"ü\\u0000😀"]}'), failed, given_up, memo("a", 3, "null")]
    waiting = [values.sleeping("nap", NOW + 10), values.open_step("flaky", attempt=2, due_at=NOW + 5)]
    for one in memos:
        await values.commit(store, claimed, record(one))
    await values.commit(store, claimed, release(NOW, open_steps=waiting))
    again = await claim_one(store)
    assert list(again.memos) == memos
    assert sorted(again.open) == sorted(waiting)


async def test_a_worker_that_is_declared_dead_claims_nothing_and_is_told(store: Store) -> None:
    await accept(store, event())
    await store.end_session("worker", NOW, died=True)
    claims = await store.claim(owner(), 1, ALL, NOW, alone=True)
    assert (list(claims.runs), claims.fenced) == ([], True)


async def test_started_at_is_the_first_time(store: Store) -> None:
    claimed = await begin(store)
    await values.commit(store, claimed, release(NOW + 1))
    assert (await claim_one(store, now=NOW + 7)).run.started_at == NOW


async def test_a_suspect_is_in_nobodys_way(store: Store, other: Store) -> None:
    quarantined = await suspected(store, other)
    await accept(store, event())
    claims = await store.claim(owner(), 5, ALL, NOW, alone=False)
    assert (len(claims.runs), claims.alone_due, claims.next_due) == (1, True, None)
    assert claims.runs[0].run.id != quarantined


async def test_a_suspect_is_kept_for_one_worker_for_a_while(store: Store, other: Store) -> None:
    quarantined = await suspected(store, other)
    await accept(store, event())
    until = NOW + 30
    for count in (0, 5):
        claims = await store.claim(owner(), count, ALL, NOW, alone=False, keep=until)
        assert (list(claims.runs), claims.alone_due, claims.next_due) == ([], True, until)
    await other.begin_session(values.session("second"))
    claims = await other.claim(owner("second"), 1, ALL, NOW, alone=True, keep=NOW + 31)
    assert [one.run.id for one in claims.runs] not in ([], [quarantined])
    claims = await store.claim(owner(), 1, ALL, NOW + 29, alone=True, keep=until)
    assert [one.run.id for one in claims.runs] == [quarantined]


async def test_whether_a_suspect_is_still_there_is_asked_with_each_claim(store: Store, other: Store) -> None:
    quarantined = await suspected(store, other)
    assert (await store.claim(owner(), 0, ALL, NOW, alone=False, keep=NOW + 30)).alone_due
    await other.cancel([quarantined], "enough", NOW)
    claims = await store.claim(owner(), 0, ALL, NOW, alone=False, keep=NOW + 30)
    assert (list(claims.runs), claims.alone_due) == ([], False)


async def test_a_suspect_is_taken_alone_and_before_all_others(store: Store, other: Store) -> None:
    quarantined = await suspected(store, other)
    await accept(store, event())
    claims = await store.claim(owner(), 5, ALL, NOW, alone=True)
    assert [claimed.run.id for claimed in claims.runs] == [quarantined]
    assert not claims.alone_due
    assert claims.next_due is not None
    assert claims.next_due <= NOW
    assert len((await store.claim(owner(), 5, ALL, NOW, alone=False)).runs) == 1


async def test_a_suspect_that_is_not_due_yet_is_announced(store: Store, other: Store) -> None:
    """Another process's clock may be some milliseconds ahead: the worker must know when to look again."""
    quarantined = await suspected(store, other, until=NOW + 3)
    claims = await store.claim(owner(), 5, ALL, NOW, alone=True)
    assert (list(claims.runs), claims.next_due) == ([], NOW + 3)
    later = await store.claim(owner(), 5, ALL, NOW + 3, alone=True)
    assert [claimed.run.id for claimed in later.runs] == [quarantined]


async def suspected(store: Store, other: Store, until: int = NOW) -> str:
    """A run on which three workers died; `until` is what the clock of the last one's finder says."""
    ((start, _),) = await accept(store, event())
    for count in range(3):
        name = f"doomed-{count}"
        await other.begin_session(values.session(name))
        assert (await claim_one(other, name)).run.takeovers == count
        await store.end_session(name, until if count == 2 else NOW, died=True)
    return start.run.id
