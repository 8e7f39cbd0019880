"""What runs defer: kept beside their steps, once, for whoever owns them next; and what nobody knows is told of."""

from __future__ import annotations

from inngest.engine.domain.effects import Effects
from inngest.engine.domain.model import Changes, Defer, Ended, RunStatus
from inngest.engine.ports import Store
from inngest.engine.records import Commit, Written
from inngest.protocol.errors import ErrorInfo
from tests.contract.store import values
from tests.contract.store.values import (
    COMPLETED,
    NOW,
    begin,
    claim_one,
    commit,
    committing,
    end,
    memo,
    record,
    release,
    sleeping,
)


def defer(step_id: str, number: int, data: str = '{"n":1}', *, aborted: bool = False) -> Defer:
    return Defer(values.step(step_id), number, "app-c", data, NOW, aborted)


def deferring(*defers: Defer) -> Changes:
    return record()._replace(defers=defers)


async def defers(store: Store, run_id: str) -> list[Defer]:
    view = await store.run(run_id)
    assert view is not None
    return list(view.defers)


async def test_the_next_owner_has_them_in_order_and_neither_as_memos_nor_as_open_steps(
    store: Store, other: Store
) -> None:
    claimed = await begin(store)
    first, second, third = defer("z", 0), defer("a", 1, '{"text":"é","big":12345678901234567890}'), defer("m", 2)
    await commit(store, claimed, deferring(first, second))
    changes = release(NOW + 5, open_steps=[sleeping("nap", NOW + 5)])._replace(memos=[memo("s", 0)], defers=[third])
    await commit(store, claimed, changes)
    again = await claim_one(other, "other", now=NOW + 5)
    assert list(again.defers) == [first, second, third]
    assert ([one.step.id for one in again.memos], [one.step.id for one in again.open]) == (["s"], ["nap"])
    assert await defers(store, claimed.run.id) == [first, second, third]


async def test_why_one_is_rejected_is_kept(store: Store, other: Store) -> None:
    claimed = await begin(store)
    rejected = defer("a", 0)._replace(rejected=ErrorInfo("DeferRejectedError", "é", code="per_run_count"))
    await commit(store, claimed, deferring(rejected))
    assert await defers(other, claimed.run.id) == [rejected]


async def test_a_run_without_any_has_none(store: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, release(NOW, open_steps=[sleeping("nap", NOW)]))
    assert list((await claim_one(store)).defers) == []
    assert await defers(store, claimed.run.id) == []


async def test_the_first_data_stand_and_so_does_an_abort(store: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, deferring(defer("a", 0)))
    await commit(store, claimed, deferring(defer("a", 0, '{"n":2}')))
    assert await defers(store, claimed.run.id) == [defer("a", 0)]
    await commit(store, claimed, deferring(defer("a", 0, aborted=True)))
    await commit(store, claimed, deferring(defer("a", 0)))
    assert await defers(store, claimed.run.id) == [defer("a", 0, aborted=True)]


async def test_commits_of_one_batch_may_defer_and_abort(store: Store) -> None:
    claimed = await begin(store)
    both = [
        committing(store, claimed, deferring(defer("a", 0), defer("b", 1))),
        committing(store, claimed, deferring(defer("a", 0, aborted=True))),
    ]
    assert [(await one).written for one in both] == [Written.DONE, Written.DONE]
    assert await defers(store, claimed.run.id) == [defer("a", 0, aborted=True), defer("b", 1)]


async def test_who_lost_the_run_defers_nothing(store: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, end())
    assert await commit(store, claimed, deferring(defer("a", 0))) is Written.LOST
    assert await defers(store, claimed.run.id) == []


async def test_one_may_come_with_a_memo_and_nothing_else(store: Store) -> None:
    claimed = await begin(store)
    changes = record(memo("s", 0))._replace(defers=[defer("a", 0)])
    receipt = await store.commit(Commit(claimed.owner, "app-a", changes, NOW))
    assert receipt.written is Written.DONE
    view = await store.run(claimed.run.id)
    assert view is not None
    assert ([one.step.id for one in view.memos], list(view.defers)) == (["s"], [defer("a", 0)])


async def test_a_function_that_nobody_knows_is_told_of_when_the_run_has_ended(store: Store) -> None:
    claimed = await begin(store)
    known, unknown = defer("a", 0), defer("b", 1)._replace(function_id="app-nobody")
    ended = Ended(RunStatus.COMPLETED, "1", None, [known, unknown])
    sent = [values.event("inngest/deferred.schedule")]
    heard = values.hear(store)
    receipt = await store.commit(Commit(claimed.owner, "app-a", Changes(0, transition=ended), NOW, Effects(sent)))
    assert receipt.written is Written.DONE
    assert list(heard.take().unknown) == [(claimed.run.id, "app-nobody")]


async def test_they_go_with_their_run(store: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, deferring(defer("a", 0)))
    await commit(store, claimed, end(COMPLETED), now=NOW)
    while await store.remove_runs(NOW + 1):
        pass
    assert await store.run(claimed.run.id) is None
