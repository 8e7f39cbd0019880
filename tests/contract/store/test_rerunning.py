"""A run is run again: another run for the same events, with the memos from before a step, in their order."""

from __future__ import annotations

import json

import pytest

from inngest.engine.domain.model import FailedAttempt, Origin, Run, RunStatus
from inngest.engine.ports import Store
from inngest.engine.records import Claimed, EventCursor, Fork, Forked, RunView
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Opcode
from inngest.protocol.steps import hash_step_id
from tests.contract.store import values
from tests.contract.store.values import (
    NOW,
    accept,
    begin,
    claim_one,
    commit,
    end,
    event,
    function,
    memo,
    new_id,
    open_step,
    record,
    step,
)

LATER = NOW + 10_000


def fork(run_id: str, step: str | None = None, given: str | None = None, now: int = LATER) -> Fork:
    return Fork(run_id, new_id(now), new_id(now), step, given, now)


async def rerun(store: Store, run_id: str, step: str | None = None, given: str | None = None) -> Run:
    forked = await store.fork(fork(run_id, step, given))
    assert forked.run is not None, forked.refusal
    return forked.run


async def view(store: Store, run_id: str) -> RunView:
    found = await store.run(run_id)
    assert found is not None
    return found


async def three_steps(store: Store) -> Claimed:
    """A run with three memos, one of them a repeat, an attempt that failed, and a step that waits for its next."""
    claimed = await begin(store)
    repeat = Memo(step("one", 1), Opcode.STEP_RUN, 1, "2", None, NOW, 2, NOW, metadata='{"usage":null}')
    failed = FailedAttempt(hash_step_id("one:1"), 0, NOW, NOW, ErrorInfo("Error", "no"))
    changes = record(memo("one", 0), repeat, memo("two", 2), open_steps=[open_step("three")])
    await commit(store, claimed, changes._replace(failed=(failed,)))
    return claimed


@pytest.mark.parametrize("ends", [False, True])
async def test_from_the_start_nothing_is_kept(store: Store, other: Store, ends: bool) -> None:
    claimed = await three_steps(store)
    if ends:
        await commit(store, claimed, end())
    run = await rerun(other, claimed.run.id)
    assert (run.origin, run.status, run.event_id) == (Origin(claimed.run.id), RunStatus.QUEUED, claimed.run.event_id)
    assert (run.created_at, run.attempt, run.parent_id) == (LATER, 0, None)
    found = await view(store, run.id)
    assert (found.run, found.memos, found.open, found.failed) == (run, [], [], [])
    assert (await view(store, claimed.run.id)).reruns == [run.id]
    again = await claim_one(store, now=LATER)
    assert (again.run.id, again.run.origin, again.memos) == (run.id, run.origin, [])
    assert again.events == claimed.events


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("one", 0),
        ("one:1", 1),
        ("two", 2),
        ("three", 3),
        (hash_step_id("one:1"), 1),
        (hash_step_id("two").upper(), 2),
    ],
)
async def test_from_a_step_on_what_came_before_is_kept_in_its_order(store: Store, asked: str, kept: int) -> None:
    claimed = await three_steps(store)
    before = await view(store, claimed.run.id)
    run = await rerun(store, claimed.run.id, asked)
    found = await view(store, run.id)
    assert (found.memos, found.open, found.failed) == (before.memos[:kept], [], [])
    assert found.metadata == {hashed: text for hashed, text in before.metadata.items() if kept > 1}
    assert run.origin is not None
    assert (run.origin.kept, run.origin.input) == (kept, None)
    assert hash_step_id(run.origin.step) == run.origin.hash
    assert await view(store, claimed.run.id) == before._replace(reruns=[run.id])
    again = await claim_one(store, now=LATER)
    assert (again.memos, again.state.seq, again.state.steps) == (before.memos[:kept], kept, kept)


async def test_arguments_are_kept_with_the_run(store: Store, other: Store) -> None:
    claimed = await three_steps(store)
    run = await rerun(store, claimed.run.id, "one:1", '[1,"x"]')
    origin = (await view(other, run.id)).run.origin
    assert origin is not None
    assert origin == Origin(claimed.run.id, hash_step_id("one:1"), "one:1", '[1,"x"]', 1)
    assert origin.inputs == {hash_step_id("one:1"): '[1,"x"]'}


async def test_a_rerun_of_a_rerun_is_of_that(store: Store) -> None:
    claimed = await three_steps(store)
    first = await rerun(store, claimed.run.id, "two")
    second = await rerun(store, first.id, "one:1")
    found = await view(store, second.id)
    assert found.run.origin is not None
    assert (found.run.origin.run_id, [one.step.text for one in found.memos]) == (first.id, ["one"])


async def test_data_of_the_event_are_replaced_in_another_event(store: Store) -> None:
    claimed = await begin(store)
    run = await rerun(store, claimed.run.id, given='{"b":2}')
    found = await view(store, run.id)
    assert (found.event.data, found.event.name, found.event.key) == ('{"b":2}', "go", "")
    assert found.event.id != claimed.run.event_id
    assert (await view(store, claimed.run.id)).event.data == '{"a":1}'
    listed = await store.runs(event_id=None, function_id=None, status=None, limit=9, before=None)
    assert {one.id for one in listed} == {run.id, claimed.run.id}  # it has started nothing else


async def refused(store: Store, run_id: str, step: str | None = None, given: str | None = None) -> Forked:
    forked = await store.fork(fork(run_id, step, given))
    assert forked.run is None
    return forked


async def test_what_cannot_be_is_refused_with_the_reason(store: Store) -> None:
    claimed = await three_steps(store)
    run_id = claimed.run.id
    assert (await refused(store, "unknown")).refusal is None
    unknown = (await refused(store, run_id, "for")).refusal
    steps = "expected one of 'one', 'one:1', 'two', 'three'"
    assert unknown == ("from_step", f"run {run_id} has no step 'for': {steps}")
    assert len(await store.runs(event_id=None, function_id=None, status=None, limit=9, before=None)) == 1
    await store.register([function("b", "both")], replace_app="app", now=NOW)
    gone = (await refused(store, run_id)).refusal
    assert gone == ("", f"function app-a of run {run_id} is not known any more, or archived")


async def test_only_steps_with_a_handler_take_arguments(store: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, record(open_steps=[values.sleeping("nap", LATER)]))
    found = (await refused(store, claimed.run.id, "nap", "[]")).refusal
    assert found is not None
    assert (found.argument, "'nap' is a Sleep" in found.text) == ("input", True)
    assert (await rerun(store, claimed.run.id, "nap")).origin is not None


async def test_no_gate_asks_about_it_and_its_lane_does(store: Store) -> None:
    config = {
        "concurrency": [{"limit": 1}],
        "rateLimit": {"limit": 1, "period": "1h"},
        "idempotency": "event.data.a",
        "singleton": {"mode": "skip"},
        "timeouts": {"finish": "10s"},
    }
    await store.register([function("a", "go", config=json.dumps(config))], replace_app=None, now=NOW)
    claimed = await begin(store)
    runs = [await rerun(store, claimed.run.id) for _ in range(2)]
    assert [run.status for run in runs] == [RunStatus.QUEUED] * 2
    assert runs[0].lane == claimed.run.lane is not None
    claims = await store.claim(values.owner(), 9, sorted(values.FUNCTIONS), LATER, alone=False)
    assert list(claims.runs) == []  # the one that runs has the only slot
    await commit(store, claimed, end(), now=LATER)
    assert (await claim_one(store, now=LATER, alone=False)).run.id == runs[0].id
    await store.fire(LATER + 10_000)
    over = await view(store, runs[0].id)
    assert (over.run.status, "timeouts.finish" in (over.run.error or "")) == (RunStatus.CANCELLED, True)


async def test_it_waits_while_its_function_is_paused_also_if_that_skips_events(store: Store) -> None:
    claimed = await begin(store)
    await store.pause("app-a", "skip", NOW)
    run = await rerun(store, claimed.run.id)
    assert run.status is RunStatus.QUEUED
    assert not (await store.claim(values.owner(), 9, sorted(values.FUNCTIONS), LATER, alone=False)).runs
    await store.resume("app-a", LATER)
    assert (await claim_one(store, now=LATER)).run.id == run.id


async def test_a_rerun_of_a_batch_outlives_the_run(store: Store) -> None:
    batched = json.dumps({"batchEvents": {"maxSize": 2, "timeout": "1s"}})
    await store.register([function("a", "go", config=batched)], replace_app=None, now=NOW)
    for number in (1, 2):
        await accept(store, event("go", data=json.dumps({"number": number})))
    claimed = await claim_one(store)
    await commit(store, claimed, end())
    run = await rerun(store, claimed.run.id)
    text = (await refused(store, claimed.run.id, None, '{"a":1}')).refusal
    assert text is not None
    assert (text.argument, "by a batch of events" in text.text) == ("input", True)
    assert not await store.remove_runs(LATER)
    place: EventCursor | None = EventCursor(0, "")
    while place is not None:
        place = await store.remove_events(place, LATER)
    assert await store.run(claimed.run.id) is None
    again = await claim_one(store, now=LATER)
    assert (again.run.id, again.events) == (run.id, claimed.events)


async def test_what_invoked_the_run_hears_nothing_of_its_rerun(store: Store) -> None:
    heard = values.hear(store)
    claimed = await begin(store)
    run = await rerun(store, claimed.run.id)
    assert heard.take().queued
    assert (run.parent_id, run.parent_hash) == (None, None)


async def test_the_same_command_creates_one_run(store: Store) -> None:
    claimed = await three_steps(store)
    asked = fork(claimed.run.id, "two")
    first, second = await store.fork(asked), await store.fork(asked)
    assert first.run == second.run
    assert len((await view(store, claimed.run.id)).reruns) == 1
