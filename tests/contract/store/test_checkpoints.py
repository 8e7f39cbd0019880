"""Checkpoints at a worker that does not own the run: recorded once, and the owner learns of it when it commits."""

from __future__ import annotations

import json

from inngest.engine.domain.advance.reports import Report
from inngest.engine.domain.model import Changes, Defer, RunStatus
from inngest.engine.domain.remote import DISCOVERY
from inngest.engine.ports import Store
from inngest.engine.records import Checkpoint, Claimed, Commit, Receipt, RunView, Told, Written
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.wire.operations import COMPLETE
from inngest.protocol.wire.responses import Reply, ReplyKind
from tests.contract.store import values
from tests.contract.store.values import NOW, accept, event, open_step, owner, step

LATER = NOW + 50


def ran(step_id: str, data: str = "1") -> Op:
    return Op(Opcode.STEP_RUN, step(step_id), data=data)


async def begin(store: Store, *, attempt: int = 0) -> Claimed:
    """A run that the worker owns, and whose call is under way."""
    claimed = await values.begin(store)
    if attempt:
        await values.commit(store, claimed, values.record(open_steps=[open_step("old")], attempt=attempt))
    return claimed


async def save(store: Store, claimed: Claimed, *ops: Op, generation: int | None = None) -> bool:
    given = claimed.run.discovery.generation if generation is None else generation
    return await store.checkpoint(Checkpoint(claimed.run.id, given, ops, LATER))


async def read(store: Store, claimed: Claimed) -> RunView:
    view = await store.run(claimed.run.id)
    assert view is not None
    return view


async def test_what_was_done_is_recorded_in_its_order(store: Store, other: Store) -> None:
    claimed = await begin(store)
    failed = Op(Opcode.STEP_FAILED, step("c"), error=ErrorInfo("ValueError", "no", code="x"))
    assert await save(other, claimed, ran("a"), ran("b", '{"x":2}'), failed)
    view = await read(store, claimed)
    assert [(memo.step.id, memo.data, memo.seq) for memo in view.memos] == [
        ("a", "1", 0),
        ("b", '{"x":2}', 1),
        ("c", None, 2),
    ]
    assert view.worker == "worker"  # its call goes on
    assert view.run.status is RunStatus.RUNNING


async def test_a_checkpoint_that_comes_again_changes_nothing(store: Store, other: Store) -> None:
    claimed = await begin(store)
    assert await save(other, claimed, ran("a", "1"))
    before = await read(store, claimed)
    assert await save(other, claimed, ran("a", "2"))
    assert await save(other, claimed, ran("a", "2"), ran("b"))
    view = await read(store, claimed)
    assert [memo.data for memo in view.memos] == ["1", "1"]
    assert view.memos[0] == before.memos[0]


async def test_a_known_step_alone_does_not_disturb_the_owner(store: Store, other: Store) -> None:
    claimed = await begin(store)
    assert await values.commit(store, claimed, values.record(values.memo("a", 0))) is Written.DONE
    assert await save(other, claimed, ran("a"))
    assert await values.commit(store, claimed, values.end()) is Written.DONE


async def test_the_attempts_of_the_body_begin_anew(store: Store, other: Store) -> None:
    claimed = await begin(store)
    await values.commit(store, claimed, values.release(NOW + 1, attempt=2))
    (again,) = (await store.claim(owner(), 1, ["app-a"], NOW + 2, alone=True)).runs
    assert again.run.attempt == 2
    assert await save(other, again, ran("a"))
    assert (await read(store, again)).run.attempt == 0


async def test_another_generation_records_nothing(store: Store, other: Store) -> None:
    claimed = await begin(store)
    given = claimed.run.discovery.generation
    for generation in (given - 1, given + 1, -1):
        assert not await save(other, claimed, ran("a"), generation=generation)
    assert (await read(store, claimed)).memos == []
    assert await values.commit(store, claimed, values.end()) is Written.DONE


async def test_a_run_that_nobody_calls_records_nothing(store: Store, other: Store) -> None:
    claimed = await begin(store)
    await values.commit(store, claimed, values.release(NOW + 1_000))
    assert not await save(other, claimed, ran("a"))
    unknown = Checkpoint("unknown", 0, [ran("a")], LATER)
    assert not await other.checkpoint(unknown)


async def test_a_run_that_is_over_records_nothing(store: Store, other: Store) -> None:
    claimed = await begin(store)
    await values.commit(store, claimed, values.end())
    assert not await save(other, claimed, ran("a"))

    cancelled = await begin(store)
    await store.cancel([cancelled.run.id], "no more", NOW)
    assert not await save(other, cancelled, ran("a"))


async def test_the_owner_commits_nothing_more_and_the_run_is_claimed_with_what_was_recorded(
    store: Store, other: Store
) -> None:
    claimed = await begin(store)
    assert await save(other, claimed, ran("a"))

    assert not store.record_here(claimed.owner, values.memo("b", 0))
    assert await values.commit(store, claimed, values.record(values.memo("b", 0))) is Written.LOST
    assert await values.commit(store, claimed, values.end()) is Written.LOST

    (again,) = (await store.claim(owner(), 9, ["app-a"], NOW + 1, alone=True)).runs
    assert again.run.id == claimed.run.id
    assert [memo.step.id for memo in again.memos] == ["a"]
    assert again.run.discovery.generation > claimed.run.discovery.generation
    assert await values.commit(store, again, values.record(values.memo("b", 1))) is Written.DONE
    assert await values.commit(store, again, values.end()) is Written.DONE


async def test_only_the_run_that_was_touched_goes_back(store: Store, other: Store) -> None:
    first, second = await begin(store), await begin(store)
    assert await save(other, first, ran("a"))
    lost = values.committing(store, first, values.record(values.memo("b", 0)))
    done = values.committing(store, second, values.record(values.memo("b", 0)))
    assert ((await lost).written, (await done).written) == (Written.LOST, Written.DONE)
    assert (await read(store, second)).worker == "worker"
    assert (await read(store, first)).worker is None


async def test_what_its_app_tells_the_owner_of_a_touched_run_is_recorded(store: Store, other: Store) -> None:
    claimed = await begin(store)
    assert await save(other, claimed, ran("a"))

    async def told(name: str, *, going_on: bool) -> Receipt:
        report = Report(DISCOVERY, NOW, Reply(ReplyKind.REPORTED, ops=[ran(name)]))
        decided = values.record(values.memo(name, 0))  # the owner does not know of the first
        commit = Commit(claimed.owner, claimed.run.function_id, decided, LATER, told=Told(report, 0.5, going_on))
        receipt: Receipt = await store.commit(commit)
        return receipt

    for place, name in enumerate(("b", "c"), 1):
        receipt = await told(name, going_on=True)
        assert receipt.again is not None
        assert (receipt.written, [memo.seq for memo in receipt.again.memos]) == (Written.DONE, [place])
        assert (await read(store, claimed)).worker == "worker"
    assert (await told("c", going_on=True)).written is Written.DONE
    assert (await told("d", going_on=False)).written is Written.LOST
    view = await read(store, claimed)
    assert ([memo.step.id for memo in view.memos], view.worker) == (["a", "b", "c", "d"], None)


async def test_several_checkpoints_in_a_row_are_recorded(store: Store, other: Store) -> None:
    claimed = await begin(store)
    for name in ("a", "b", "c"):
        assert await save(other, claimed, ran(name))
    assert [memo.seq for memo in (await read(store, claimed)).memos] == [0, 1, 2]


async def test_slots_of_a_touched_run_are_given_back(store: Store, other: Store) -> None:
    limited = values.function("a", "go", config=json.dumps({"concurrency": 1}))
    await store.register([limited], replace_app=None, now=NOW)
    for _ in range(2):
        await accept(store, event("go"))
    (claimed,) = (await store.claim(owner(), 9, ["app-a"], NOW, alone=True)).runs
    assert await save(other, claimed, ran("a"))
    assert await values.commit(store, claimed, values.end()) is Written.LOST

    ended: set[str] = set()
    for _ in range(2):
        (one,) = (await store.claim(owner(), 9, ["app-a"], LATER + 1, alone=True)).runs
        assert await values.commit(store, one, values.end()) is Written.DONE
        ended.add(one.run.id)
    assert len(ended) == 2


async def test_a_checkpoint_may_end_the_run(store: Store, other: Store) -> None:
    claimed = await begin(store)
    assert await save(other, claimed, ran("a"), Op(Opcode.RUN_COMPLETE, COMPLETE, data='"done"'))
    view = await read(store, claimed)
    assert (view.run.status, view.run.output, view.worker) == (RunStatus.COMPLETED, '"done"', None)
    assert await values.commit(store, claimed, values.end()) is Written.LOST
    assert (await store.claim(owner(), 9, ["app-a"], LATER, alone=True)).runs == []


async def test_what_is_deferred_too_much_is_rejected_and_does_not_start(store: Store, other: Store) -> None:
    claimed = await begin(store)
    many = [Op(Opcode.DEFER_ADD, step(f"{number}"), target=OpTarget("app-b", data="{}")) for number in range(22)]
    assert await save(other, claimed, *many[:19])
    assert await save(other, claimed, *many[19:])
    found = (await read(store, claimed)).defers
    assert [isinstance(one, Defer) and one.rejected is not None for one in found] == [False] * 20 + [True] * 2
    assert await save(other, claimed, Op(Opcode.RUN_COMPLETE, COMPLETE, data="1"))
    assert len((await store.claim(owner(), 99, ["app-b"], LATER, alone=True)).runs) == 20


async def test_what_is_deferred_starts_when_the_run_ends(store: Store, other: Store) -> None:
    claimed = await begin(store)
    wanted = OpTarget("app-b", data='{"n":1}')
    assert await save(other, claimed, Op(Opcode.DEFER_ADD, step("later"), target=wanted))
    (defer,) = (await read(store, claimed)).defers
    assert (defer.function_id, defer.data) == ("app-b", '{"n":1}')
    assert isinstance(defer, Defer)
    assert await save(other, claimed, Op(Opcode.RUN_COMPLETE, COMPLETE, data="1"))
    assert [run.run.function_id for run in (await store.claim(owner(), 9, ["app-b"], LATER, alone=True)).runs] == [
        "app-b"
    ]


async def test_an_open_step_is_finished(store: Store, other: Store) -> None:
    claimed = await begin(store)
    assert await values.commit(store, claimed, Changes(0, open=[open_step("a", attempt=0)])) is Written.DONE
    assert await save(other, claimed, ran("a", "7"))
    view = await read(store, claimed)
    assert ([memo.data for memo in view.memos], view.open) == (["7"], [])


async def test_a_run_with_a_large_state_is_read_whole(store: Store, other: Store) -> None:
    claimed = await begin(store)
    for number in range(5):  # together more than a page
        large = values.memo(f"s{number}", number, '"' + "x" * 600_000 + '"')
        assert await values.commit(store, claimed, values.record(large)) is Written.DONE
    assert await save(other, claimed, ran("s0"), ran("new"))
    view = await read(store, claimed)
    assert (view.memos[-1].step.id, view.memos[-1].seq) == ("new", 5)
