"""Lists of runs and events: each once, in their order, by what is asked for, whatever is inserted meanwhile."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.engine.domain.model import Event, Run, RunStatus
from inngest.engine.ports import Store
from inngest.engine.records import EventQuery, Place, RunQuery
from inngest.protocol.events import DEFERRED
from tests.contract.store import values
from tests.contract.store.stores import PLACES
from tests.contract.store.values import NOW, accept, event, owner

AT = {
    "queued": lambda run: run.created_at,
    "started": lambda run: run.started_at,
    "ended": lambda run: run.ended_at,
}


async def all_pages(store: Store, asked: RunQuery) -> list[Run]:
    """All runs, page by page; after each page another run is created."""
    found: list[Run] = []
    while page := await store.list_runs(asked):
        found += page
        last = page[-1]
        asked = asked._replace(after=Place(AT[asked.time](last) or 0, last.id))
        await accept(store, event("c", now=NOW + 10_000), now=NOW + 10_000)
    return found


async def worked(store: Store) -> dict[str, Run]:
    """Six runs: of a and b, some of which have begun, ended, failed."""
    for number in range(3):
        await accept(store, event("go", now=NOW + number, key=f"k{number}"), now=NOW + number)
    await accept(store, event("both", now=NOW + 5), now=NOW + 5)
    claims = await store.claim(owner(), 2, ["app-a"], NOW + 100, alone=True)
    first, second = claims.runs
    await values.commit(store, second, values.end(), now=NOW + 200)
    await values.commit(store, first, values.end(values.FAILED), now=NOW + 300)
    await store.claim(owner(), 1, ["app-b"], NOW + 150, alone=True)
    return {run.id: run for run in await store.list_runs(RunQuery(100))}


@pytest.mark.parametrize("time", ["queued", "started", "ended"])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_each_run_once_in_the_order_of_a_time(store: Store, time: str, descending: bool, limit: int) -> None:
    runs = await worked(store)
    asked = RunQuery(limit, time=time, descending=descending, until=NOW + 1_000)
    found = await all_pages(store, asked)
    expected = sorted((AT[time](run), run.id) for run in runs.values() if AT[time](run) is not None)
    assert [(AT[time](run), run.id) for run in found] == (expected[::-1] if descending else expected)


async def test_runs_by_function_and_status(store: Store) -> None:
    runs = await worked(store)
    assert {run.function_id for run in runs.values()} == {"app-a", "app-b", "app-c"}
    found = await store.list_runs(RunQuery(9, functions=["app-a"], statuses=[RunStatus.FAILED, RunStatus.QUEUED]))
    assert sorted(run.status for run in found) == [RunStatus.FAILED, RunStatus.QUEUED]
    assert {run.function_id for run in found} == {"app-a"}
    assert await store.list_runs(RunQuery(9, functions=[])) == []
    assert await store.list_runs(RunQuery(9, functions=["no\0", "unknown"])) == []


async def test_runs_that_another_run_has_deferred(store: Store) -> None:
    others = await worked(store)
    await store.accept(values.acceptance(event(DEFERRED))._replace(invoke="app-b"))
    (deferred,) = await store.list_runs(RunQuery(9, deferred=True))
    assert deferred.function_id == "app-b"
    assert {run.id for run in await store.list_runs(RunQuery(9, deferred=False))} == set(others)
    assert await store.list_runs(RunQuery(9, ["app-a"], deferred=True)) == []
    ended = await store.list_runs(RunQuery(9, time="ended", deferred=False))
    assert len(ended) == 2


async def test_runs_within_times(store: Store) -> None:
    runs = await worked(store)
    found = await store.list_runs(RunQuery(9, time="ended", since=NOW + 200, until=NOW + 300))
    assert [run.id for run in found] == [one.id for one in runs.values() if one.ended_at == NOW + 200]
    found = await store.list_runs(RunQuery(9, since=NOW + 1, until=NOW + 5))
    assert [run.created_at - NOW for run in found] == [2, 1]


async def test_runs_of_an_event(store: Store) -> None:
    sent = event("both")
    await accept(store, sent)
    await accept(store, event("both"))
    found = await store.list_runs(RunQuery(9, event_id=sent.id, descending=False))
    assert [run.function_id for run in found] == ["app-b", "app-c"]
    assert await store.list_runs(RunQuery(9, event_id="unknown")) == []


@given(
    times=st.lists(st.integers(0, 4), max_size=12),
    limit=st.integers(1, 5),
    name=st.sampled_from([None, "x", "y", "z"]),
    since=st.none() | st.integers(0, 4),
    until=st.none() | st.integers(0, 5),
)
@settings(max_examples=30, deadline=None)
async def test_each_event_once_newest_first(
    tmp_path_factory: pytest.TempPathFactory,
    times: list[int],
    limit: int,
    name: str | None,
    since: int | None,
    until: int | None,
) -> None:
    store = PLACES["sqlite"](tmp_path_factory.mktemp("events")).store()
    await store.open(NOW)
    sent = [event("xy"[number % 2], now=NOW + at) for number, at in enumerate(times)]
    for one in sent:
        await accept(store, one, now=one.received_at)
    asked = EventQuery(
        limit,
        name=name,
        since=None if since is None else NOW + since,
        until=None if until is None else NOW + until,
    )
    found: list[Event] = []
    while page := await store.list_events(asked):
        found += page
        asked = asked._replace(after=Place(page[-1].received_at, page[-1].id))
        await accept(store, event("x", now=NOW + 9), now=NOW + 9)  # it is newer than what is still to come
    expected = [
        one
        for one in sent
        if name in (None, one.name)
        and (since is None or one.received_at >= NOW + since)
        and (until is None or one.received_at < NOW + until)
    ]
    assert found == sorted(expected, key=lambda one: (one.received_at, one.id), reverse=True)
    await store.close()


async def test_one_event(store: Store) -> None:
    sent = event("go")
    await accept(store, sent)
    assert await store.event(sent.id) == sent
    assert await store.event("unknown") is None
    assert await store.event("no\0") is None


async def test_the_job_of_a_run_is_there_while_nobody_owns_it(store: Store) -> None:
    (started,) = await accept(store, event("go"))
    run = started[0].run
    (job,) = await store.jobs(run.id)
    assert (job.run_id, job.function_id, job.due_at, job.alone) == (run.id, "app-a", NOW, False)
    await values.claim_one(store)
    assert await store.jobs(run.id) == []
    assert await store.jobs("unknown") == []


@pytest.mark.parametrize(("since", "until"), list(itertools.product([None, NOW], [None, NOW + 1])))
async def test_a_list_of_nothing_is_empty(store: Store, since: int | None, until: int | None) -> None:
    assert await store.list_runs(RunQuery(9, since=since, until=until)) == []
    assert await store.list_events(EventQuery(9, since=since, until=until)) == []
