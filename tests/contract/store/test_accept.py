"""Accepting events: what is acknowledged is stored, with every run that it starts (P1)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from inngest.engine.domain.model import RunStatus
from inngest.engine.ports import Store
from inngest.protocol import limits
from tests.contract.store import values
from tests.contract.store.values import NOW, accept, acceptance, event, owner


async def test_an_event_starts_each_function_that_it_triggers(store: Store) -> None:
    sent = event("both")
    started = await accept(store, sent)
    assert sorted(start.run.function_id for start, _ in started) == ["app-b", "app-c"]
    for start, claimed_by in started:
        assert claimed_by is None
        view = await store.run(start.run.id)
        assert view is not None
        assert (view.run, view.event, view.worker) == (start.run, sent, None)
        assert view.run.status is RunStatus.QUEUED


async def test_an_event_that_starts_nothing_is_stored(store: Store) -> None:
    sent = event("unheard")
    assert await accept(store, sent) == []
    await store.register([values.function("a", "unheard")], replace_app=None, now=NOW)
    assert await accept(store, sent) == []  # it is known


async def test_an_event_that_is_stored_already_starts_nothing(store: Store, other: Store) -> None:
    sent = event()
    assert len(await accept(store, sent)) == 1
    assert await accept(store, sent) == []
    assert await accept(other, sent) == []
    assert len(await store.runs(event_id=sent.id, function_id=None, status=None, limit=9, before=None)) == 1


async def test_an_event_that_is_sent_twice_at_the_same_moment_starts_its_runs_once(store: Store) -> None:
    sent = event()
    answers = await asyncio.gather(*(store.accept(acceptance(sent)) for _ in range(3)))
    assert [len(answer.started) for answer in answers] == [1, 0, 0]
    assert len(await store.runs(event_id=sent.id, function_id=None, status=None, limit=9, before=None)) == 1


async def test_an_event_that_is_twice_in_a_batch_starts_its_runs_once(store: Store) -> None:
    sent = event()
    assert len(await accept(store, sent, sent)) == 1


async def test_a_key_starts_a_function_once_within_its_period(store: Store) -> None:
    first, again = event("both", key="k"), event("both", key="k")
    assert len(await accept(store, first)) == 2
    assert await accept(store, again) == []
    assert await accept(store, event("c", key="k")) == []  # app-c has had it
    assert len(await accept(store, event("both", key="other"))) == 2
    later = NOW + limits.IDEMPOTENCY_PERIOD
    assert await accept(store, event("both", key="k", now=later - 1), now=later - 1) == []
    assert len(await accept(store, event("both", key="k", now=later), now=later)) == 2


async def test_a_key_that_is_sent_twice_at_the_same_moment_starts_one_run(store: Store) -> None:
    answers = await asyncio.gather(*(store.accept(acceptance(event(key="k"))) for _ in range(3)))
    assert [len(answer.started) for answer in answers] == [1, 0, 0]


async def test_a_run_that_is_claimed_as_it_is_accepted_begins_at_once(store: Store, other: Store) -> None:
    mine = owner()
    ((start, claimed_by),) = (await store.accept(acceptance(event(), claim=[mine]))).started
    assert claimed_by is not None
    assert (claimed_by.session, claimed_by.token, claimed_by.run_id) == (mine.session, mine.token, start.run.id)
    view = await store.run(start.run.id)
    assert view is not None
    assert (view.run.status, view.run.started_at, view.worker) == (RunStatus.RUNNING, NOW, "worker")
    claims = await other.claim(owner("other"), 9, ["app-a"], NOW, alone=True)
    assert (list(claims.runs), claims.next_due) == ([], None)


async def test_only_as_many_runs_are_claimed_as_there_are_owners(store: Store) -> None:
    answer = await store.accept(acceptance(event(), event(), event(), claim=[owner(), owner()]))
    assert [claimed_by is None for _, claimed_by in answer.started] == [False, False, True]


async def test_only_functions_of_the_worker_are_claimed(store: Store) -> None:
    asked = acceptance(event("both"), claim=[owner(), owner()], functions=frozenset({"app-c"}))
    started = (await store.accept(asked)).started
    claimed = {start.run.function_id: claimed_by is not None for start, claimed_by in started}
    assert claimed == {"app-b": False, "app-c": True}


async def test_a_run_that_may_not_begin_yet_is_not_claimed(store: Store) -> None:
    later = NOW + limits.FUTURE_EVENT_GRACE + 1
    ((start, claimed_by),) = (await store.accept(acceptance(event(ts=later), claim=[owner()]))).started
    assert claimed_by is None
    assert start.due_at == later
    assert (await store.claim(owner(), 1, ["app-a"], later - 1, alone=True)).next_due == later
    assert len((await store.claim(owner(), 1, ["app-a"], later, alone=True)).runs) == 1


@pytest.mark.parametrize("session_id", ["worker", "never-was"])
async def test_a_worker_that_is_declared_dead_claims_nothing_as_it_accepts(store: Store, session_id: str) -> None:
    await store.end_session("worker", NOW, died=True)
    ((start, claimed_by),) = (await store.accept(acceptance(event(), claim=[owner(session_id)]))).started
    assert claimed_by is None
    await store.begin_session(values.session("next"))
    assert (await values.claim_one(store, "next")).run.id == start.run.id


async def test_the_plan_sees_the_functions_that_another_process_has_just_registered(store: Store, other: Store) -> None:
    assert await accept(store, event("new")) == []
    await other.register([values.function("late", "new")], replace_app=None, now=NOW)
    with values.seen_by_the_domain() as seen:
        started = await accept(store, event("new"))
    assert [start.run.function_id for start, _ in started] == ["app-late"]
    assert sorted(seen[-1].functions) == ["app-a", "app-b", "app-c", "app-late"]


async def test_an_acceptance_that_fails_takes_no_other_down(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad, last = event(), event(), event()
    values.break_planning(monkeypatch, bad)
    answers = await asyncio.gather(
        store.accept(acceptance(good)),
        store.accept(acceptance(bad)),
        store.accept(acceptance(last)),
        return_exceptions=True,
    )
    assert isinstance(answers[1], RuntimeError)
    for answer in (answers[0], answers[2]):
        assert not isinstance(answer, BaseException)
        assert len(answer.started) == 1
    monkeypatch.undo()
    assert len(await accept(store, bad)) == 1  # nothing of it was stored


async def test_what_was_accepted_begins_though_its_sender_has_gone(store: Store) -> None:
    """A sender that is cancelled has no use for the answer; the runs that were claimed must begin all the same."""
    heard = values.hear(store)

    async def send() -> None:
        await store.accept(acceptance(event(), claim=[owner()]))

    sender = asyncio.ensure_future(send())
    await asyncio.sleep(0)
    sender.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sender
    assert [len(answer.started) for _, answer in heard.commands] == [1]


class Failing(values.Heard):
    """A listener that fails with the first command."""

    def on_committed(self, command: object, answer: Any) -> Any:
        """A command was written."""
        super().on_committed(command, answer)
        if len(self.commands) == 1:
            raise RuntimeError("a mistake")
        return answer


async def test_a_listener_that_fails_takes_no_other_down(store: Store) -> None:
    store.listen(Failing())
    failing, passing = store.accept(acceptance(event())), store.accept(acceptance(event()))
    with pytest.raises(RuntimeError, match="a mistake"):
        await failing
    assert len((await passing).started) == 1
