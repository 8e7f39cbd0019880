"""Committing: only the owner writes (P3, P4), all of it or nothing, and in the order of the calls."""

from __future__ import annotations

import asyncio
import json

import pytest

from inngest.engine.domain.model import Changes, Ended, FailedAttempt, RunStatus
from inngest.engine.ports import Store
from inngest.engine.records import Claimed, RunView, Written
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Opcode
from tests.contract.store import values
from tests.contract.store.values import (
    COMPLETED,
    FAILED,
    NOW,
    begin,
    claim_one,
    commit,
    committing,
    end,
    event,
    memo,
    open_step,
    record,
    release,
    sleeping,
)


async def look(store: Store, claimed: Claimed) -> RunView:
    """What is stored of a run."""
    view = await store.run(claimed.run.id)
    assert view is not None
    return view


async def test_what_the_owner_records_is_there(store: Store, other: Store) -> None:
    claimed = await begin(store)
    first, second, nap = memo("first", 0), memo("second", 1), sleeping("nap", NOW + 5)
    assert await commit(store, claimed, record(first, open_steps=[nap])) is Written.DONE
    assert await commit(store, claimed, record(second)) is Written.DONE
    view = await look(other, claimed)
    assert (view.memos, view.open, view.worker) == ([first, second], [nap], "worker")
    assert view.run.status is RunStatus.RUNNING


@pytest.mark.parametrize("ended", [COMPLETED, FAILED], ids=["completed", "failed"])
async def test_a_run_that_ended_belongs_to_nobody(store: Store, ended: Ended) -> None:
    claimed = await begin(store)
    assert await commit(store, claimed, end(ended, memo("last", 0)), now=NOW + 9) is Written.DONE
    view = await look(store, claimed)
    assert (view.run.status, view.run.output, view.run.ended_at) == (ended.status, ended.output, NOW + 9)
    assert view.run.error == (None if ended.error is None else ended.error.to_json())
    assert (len(view.memos), view.worker) == (1, None)
    assert await commit(store, claimed, record(memo("after", 1))) is Written.LOST
    claims = await store.claim(values.owner(), 1, sorted(values.FUNCTIONS), NOW + 99_999, alone=True)
    assert (list(claims.runs), claims.next_due) == ([], None)


async def test_a_run_that_is_let_go_can_be_claimed(store: Store, other: Store) -> None:
    claimed = await begin(store)
    nap = sleeping("nap", NOW + 5)
    assert await commit(store, claimed, release(NOW + 5, attempt=2, open_steps=[nap])) is Written.DONE
    assert await commit(store, claimed, record(memo("after", 0))) is Written.LOST
    again = await claim_one(other, "other", now=NOW + 5)
    assert (again.run.id, again.run.attempt, again.open) == (claimed.run.id, 2, [nap])
    assert again.run.takeovers == 0


async def test_a_run_that_waits_for_something_else_has_no_job(store: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, release(None))
    claims = await store.claim(values.owner(), 1, sorted(values.FUNCTIONS), NOW + 10**12, alone=True)
    assert (list(claims.runs), claims.next_due) == ([], None)


async def test_commits_of_one_run_apply_in_the_order_of_the_calls(store: Store) -> None:
    claimed = await begin(store)
    answers = [
        committing(store, claimed, record(open_steps=[open_step("flaky", attempt=1)])),
        committing(store, claimed, record(open_steps=[open_step("flaky", attempt=2, due_at=NOW + 7)])),
        committing(store, claimed, record(memo("flaky", 0))),
        committing(store, claimed, record(memo("other", 1))),
        committing(store, claimed, end(COMPLETED, memo("last", 2))),
    ]
    assert [one.written for one in await asyncio.gather(*answers)] == [Written.DONE] * 5
    view = await look(store, claimed)
    assert [one.step.text for one in view.memos] == ["flaky", "other", "last"]
    assert (view.open, view.run.status) == ([], RunStatus.COMPLETED)


async def test_commits_of_many_runs_at_the_same_moment_stay_apart(store: Store) -> None:
    claimed = [await begin(store) for _ in range(9)]
    await store.end_session("worker", NOW, died=True)
    await store.begin_session(values.session("next"))
    kept = [await claim_one(store, "next") for _ in range(5)]
    answers = [
        *(committing(store, one, record(memo("step", 0, '"stale"'))) for one in claimed),
        *(committing(store, one, end(COMPLETED, memo("step", 0, f'"{one.run.id}"'))) for one in kept),
    ]
    assert [one.written for one in await asyncio.gather(*answers)] == [Written.LOST] * 9 + [Written.DONE] * 5
    for one in kept:
        view = await look(store, one)
        assert ([one.data for one in view.memos], view.run.status) == ([f'"{one.run.id}"'], RunStatus.COMPLETED)


async def test_a_step_is_recorded_once(store: Store) -> None:
    claimed = await begin(store)
    first = memo("step", 0, '"first"')
    await commit(store, claimed, record(first))
    await commit(store, claimed, record(memo("step", 1, '"second"')))
    await commit(store, claimed, record(open_steps=[open_step("step", attempt=9)]))
    view = await look(store, claimed)
    assert (view.memos, view.open) == ([first], [])


async def test_an_open_step_keeps_its_first_deadline_until_its_next_attempt(store: Store) -> None:
    claimed = await begin(store)
    nap = sleeping("nap", NOW + 5)
    await commit(store, claimed, record(open_steps=[nap, open_step("flaky", attempt=1, due_at=NOW + 1)]))
    await commit(store, claimed, record(open_steps=[nap._replace(due_at=NOW + 50)]))
    await commit(store, claimed, record(open_steps=[open_step("flaky", attempt=1, due_at=NOW + 70)]))
    assert sorted((await look(store, claimed)).open) == sorted([nap, open_step("flaky", attempt=1, due_at=NOW + 1)])
    later = open_step("flaky", attempt=2, due_at=NOW + 9)
    await commit(store, claimed, record(open_steps=[later]))
    assert sorted((await look(store, claimed)).open) == sorted([nap, later])


async def test_the_attempts_of_the_body_begin_anew_when_a_step_is_recorded(store: Store, other: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, release(NOW, attempt=3))
    claimed = await claim_one(store)
    assert claimed.run.attempt == 3
    await commit(store, claimed, record(memo("step", 0), attempt=0))
    await other.end_session("worker", NOW, died=True)
    assert (await claim_one(other, "other")).run.attempt == 0


async def test_failed_attempts_are_kept(store: Store) -> None:
    claimed = await begin(store)
    error = ErrorInfo("Error", "no", "stack")
    of_step = FailedAttempt(values.step("step").hash, 0, NOW, NOW + 1, error)
    of_body = [FailedAttempt("", attempt, NOW, NOW + 2 + attempt, error) for attempt in (0, 1)]
    for one in (of_step, *of_body, of_step):  # the last is a repetition
        await commit(store, claimed, Changes(0, failed=[one]))
    assert (await look(store, claimed)).failed == [of_step, *of_body]


async def test_an_owner_that_was_declared_dead_writes_nothing(store: Store, other: Store) -> None:
    claimed = await begin(store)
    await other.end_session("worker", NOW, died=True)
    sent = event("both")
    assert await commit(store, claimed, end(COMPLETED, memo("step", 0)), events=[sent]) is Written.LOST
    view = await look(store, claimed)
    assert (view.memos, view.run.status, view.worker) == ([], RunStatus.RUNNING, None)
    assert await store.runs(event_id=sent.id, function_id=None, status=None, limit=9, before=None) == []
    taken = await claim_one(other, "other")
    assert await commit(store, claimed, record(memo("step", 0))) is Written.LOST
    assert await commit(other, taken, record(memo("step", 0))) is Written.DONE


async def test_a_session_that_comes_again_does_not_bring_its_runs_back(store: Store) -> None:
    claimed = await begin(store)
    await store.end_session("worker", NOW, died=True)
    await store.begin_session(values.session())
    assert await commit(store, claimed, record(memo("step", 0))) is Written.LOST


async def test_sent_events_are_stored_with_what_they_start(store: Store) -> None:
    claimed = await begin(store)
    sent = [event("both"), event("unheard")]
    assert await commit(store, claimed, record(memo("send", 0)), events=sent) is Written.DONE
    started = await store.runs(event_id=sent[0].id, function_id=None, status=None, limit=9, before=None)
    assert sorted(run.function_id for run in started) == ["app-b", "app-c"]
    assert await values.accept(store, *sent) == []  # both are stored
    claims = await store.claim(values.owner(), 9, sorted(values.FUNCTIONS), NOW, alone=True)
    assert sorted(one.run.id for one in claims.runs) == sorted(run.id for run in started)


async def test_an_event_that_is_sent_again_starts_nothing(store: Store) -> None:
    sent = event("both")
    claimed = await begin(store)
    await asyncio.gather(
        committing(store, claimed, record(memo("one", 0)), events=[sent]),
        committing(store, claimed, record(memo("other", 1)), events=[sent]),
    )
    await commit(store, claimed, record(memo("last", 2)), events=[sent])
    assert len(await store.runs(event_id=sent.id, function_id=None, status=None, limit=9, before=None)) == 2


async def test_a_commit_that_fails_writes_nothing_and_takes_no_other_down(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, good = await begin(store), await begin(store)

    bad = event("bad")
    values.break_planning(monkeypatch, bad)
    failing = committing(store, claimed, end(COMPLETED, memo("step", 0)), events=[bad])
    passing = committing(store, good, record(memo("step", 0)))
    with pytest.raises(RuntimeError, match="cannot be planned"):
        await failing
    assert (await passing).written is Written.DONE
    view = await look(store, claimed)
    assert (view.memos, view.run.status, view.worker) == ([], RunStatus.RUNNING, "worker")


async def test_a_commit_is_written_whoever_stops_waiting_for_it(store: Store) -> None:
    claimed = await begin(store)
    answer = committing(store, claimed, record(memo("step", 0)))
    assert not answer.cancel()
    assert (await answer).written is Written.DONE


async def test_every_kind_of_step_comes_back_as_it_was(store: Store) -> None:
    claimed = await begin(store)
    kinds = [Opcode.STEP_RUN, Opcode.SLEEP]
    memos = [memo(f"step-{kind}", seq)._replace(kind=kind, attempt=3) for seq, kind in enumerate(kinds)]
    repeated = memo("again", 2)._replace(step=values.step("again", 7))
    await commit(store, claimed, record(*memos, repeated))
    assert (await look(store, claimed)).memos == [*memos, repeated]


async def _started(store: Store, function_id: str) -> int:
    return len(await store.runs(event_id=None, function_id=function_id, status=None, limit=100, before=None))


async def test_a_run_that_ends_is_not_cancelled_by_an_event_of_the_same_batch(store: Store) -> None:
    config = json.dumps({"cancel": [{"event": "stop"}]})
    functions = [values.function("a", "go", config=config), values.function("b", "other"), values.function("c", "c")]
    await store.register(functions, replace_app=None, now=values.NOW)
    ending, sending = await values.begin(store), await values.begin(store, name="other")
    both = [
        values.committing(store, ending, values.end(values.FAILED), events=[values.event("c")]),  # what follows from it
        values.committing(store, sending, values.record(values.memo("s", 0)), events=[values.event("stop")]),
    ]
    assert [(await one).written for one in both] == [Written.DONE, Written.DONE]
    view = await store.run(ending.run.id)
    assert view is not None
    assert view.run.status is RunStatus.FAILED
    assert await _started(store, "app-c") == 1


async def test_a_run_ends_once_though_two_commits_of_a_batch_end_it(store: Store) -> None:
    claimed = await values.begin(store)
    both = [values.committing(store, claimed, values.end(values.FAILED), events=[values.event("c")]) for _ in range(2)]
    assert [(await one).written for one in both] == [Written.DONE, Written.LOST]
    assert await _started(store, "app-c") == 1
