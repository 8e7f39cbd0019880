"""Runs on hold are a queue of their own: others first, new workers at once, and threads in turns with the others."""

from __future__ import annotations

from collections.abc import Sequence

from inngest.engine.domain.holding import delay
from inngest.engine.domain.model import Changes, Code, Hold, Released
from inngest.engine.ports import Store
from inngest.engine.records import Claimed, Claims, Session, Written
from inngest.engine.store.holding import OTHERS_FIRST
from inngest.protocol.calls import Sign
from tests.contract.store.values import FUNCTIONS, NOW, accept, begin, claim_one, commit, event, owner, release

ALL = sorted(FUNCTIONS)
AT = NOW + 10
"""When runs are put on hold here."""

DUE = AT + 60_000
"""When they are due."""


async def on_hold(store: Store, due_at: int = DUE) -> str:
    """A run is put on hold by `worker`; its id."""
    claimed = await begin(store)
    hold = Hold(Sign.CALLED, "a", "b", "", 1, AT, AT)
    changes = Changes(0, transition=Released(due_at, hold), code=Code(hold=hold, holds=1))
    assert await commit(store, claimed, changes, now=AT) == Written.DONE
    return claimed.run.id


async def probe(
    store: Store, now: int, session: str = "worker", *, count: int = 1, threads: int | None = None
) -> Claims:
    """What a worker claims that has so many places, and so many threads if its functions need them."""
    return await store.claim(owner(session), threads or count, ALL, now, alone=True, probes=count, together=threads)


def ids(runs: Sequence[Claimed]) -> list[str]:
    return [claimed.run.id for claimed in runs]


async def test_it_is_entered_when_it_is_due_and_by_others_first(store: Store, other: Store) -> None:
    run_id = await on_hold(store)
    assert ids((await probe(store, DUE - 1)).runs) == ids((await probe(other, DUE - 1, "other")).runs) == []
    claims = await probe(store, DUE)
    assert (ids(claims.runs), claims.next_due) == ([], DUE + OTHERS_FIRST)
    assert ids((await probe(other, DUE, "other")).runs) == [run_id]


async def test_who_put_it_there_has_it_when_nobody_else_took_it(store: Store) -> None:
    run_id = await on_hold(store)
    assert ids((await probe(store, DUE + OTHERS_FIRST - 1)).runs) == []
    assert ids((await probe(store, DUE + OTHERS_FIRST)).runs) == [run_id]


async def test_who_started_since_has_it_at_once_and_who_was_there_has_not(store: Store, other: Store) -> None:
    run_id = await on_hold(store)
    assert ids((await probe(other, AT + 1, "other")).runs) == []
    await other.begin_session(Session("new", AT + 1, "host", 1, ()))
    assert ids((await probe(other, AT + 1, "new")).runs) == [run_id]


async def test_no_claim_of_others_finds_it(store: Store, other: Store) -> None:
    await on_hold(store, due_at=AT)
    claims = await other.claim(owner("other"), 9, ALL, DUE, alone=True)
    assert (ids(claims.runs), claims.next_due) == ([], None)


async def test_it_is_beside_the_others_and_shares_threads_with_them_in_turns(store: Store) -> None:
    held = [await on_hold(store, due_at=AT) for _ in range(2)]
    now = AT + OTHERS_FIRST
    for _ in range(4):
        await accept(store, event(now=now), now=now)
    claims = await probe(store, now, count=1)
    assert len(claims.runs) == 2
    first = [one.run.id for one in claims.runs if one.run.id in held]
    assert first == held[:1]
    taken: list[str] = []
    for _ in range(4):  # one thread: nobody waits for all of the others
        claims = await probe(store, now, threads=1)
        taken += ids(claims.runs)
        assert claims.next_due == now or len(taken) == 4
    assert held[1] in taken[:2]
    assert len(set(taken)) == 4


async def test_who_has_no_thread_left_is_told_that_one_is_due(store: Store) -> None:
    await on_hold(store, due_at=AT)
    await accept(store, event(now=AT), now=AT)
    await probe(store, AT + OTHERS_FIRST, threads=1)
    assert (await probe(store, AT + OTHERS_FIRST, threads=1)).next_due is None
    await on_hold(store, due_at=AT)
    assert (await probe(store, AT + 1, threads=1)).next_due == AT + OTHERS_FIRST


async def test_a_run_that_goes_on_is_a_run_like_others_again(store: Store, other: Store) -> None:
    run_id = await on_hold(store)
    (claimed,) = (await probe(other, DUE, "other")).runs
    changes = release(DUE + 5)._replace(code=claimed.run.code._replace(hold=None))
    await commit(other, claimed, changes, now=DUE)
    again = await claim_one(store, now=DUE + 5)
    assert (again.run.id, again.run.code.hold, again.run.code.holds) == (run_id, None, 1)


async def test_workers_that_die_with_it_have_it_tried_alone_and_later_each_time(store: Store) -> None:
    run_id, now = await on_hold(store), AT + 1
    for deaths in range(14):
        session = f"worker {deaths}"
        await store.begin_session(Session(session, now, "host", 1, ()))
        if deaths >= 3:  # two of them may have died of something else
            later = now + delay(deaths)
            assert ids((await probe(store, later - 1, session)).runs) == []
            now = later
        (claimed,) = (await probe(store, now, session)).runs
        assert (claimed.run.id, claimed.run.takeovers) == (run_id, deaths)
        assert claimed.run.code.hold is not None
        await store.end_session(session, now, died=True)
    await store.begin_session(Session("last", now, "host", 1, ()))
    assert await store.release(run_id, now)
    claimed = await claim_one(store, "last", now=now)
    assert (claimed.run.id, claimed.run.takeovers, claimed.run.follows) == (run_id, 0, True)
