"""Reading: runs as they are, newest first; and what a closed store does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from inngest.engine.domain.model import Run, RunStatus
from inngest.engine.errors import StoreClosedError
from inngest.engine.ports import Store
from inngest.engine.records import Written
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.sql import SqlStore
from tests.contract.store import values
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor, Place, news_of
from tests.contract.store.values import COMPLETED, FAILED, NOW, accept, begin, commit, end, event

R = TypeVar("R")


async def listed(
    store: Store,
    *,
    event_id: str | None = None,
    function_id: str | None = None,
    status: RunStatus | None = None,
    limit: int = 20,
    before: str | None = None,
) -> list[Run]:
    return list(await store.runs(event_id=event_id, function_id=function_id, status=status, limit=limit, before=before))


async def test_a_run_that_is_not_there(store: Store) -> None:
    assert await store.run("nothing") is None
    assert list(await store.ended(["nothing"])) == []
    assert await listed(store, event_id="nothing") == []


async def test_runs_are_listed_newest_first_and_page_by_page(store: Store) -> None:
    created = [(await accept(store, event(now=NOW + at), now=NOW + at))[0][0].run.id for at in range(7)]
    newest_first = created[::-1]
    assert [run.id for run in await listed(store)] == newest_first
    first = await listed(store, limit=3)
    second = await listed(store, limit=3, before=first[-1].id)
    third = await listed(store, limit=3, before=second[-1].id)
    assert [run.id for run in (*first, *second, *third)] == newest_first


async def test_filters_are_joined(store: Store) -> None:
    sent = event("both")
    await accept(store, sent)
    await accept(store, event("c"))
    claims = await store.claim(values.owner(), 1, ["app-b"], NOW, alone=True)
    await commit(store, claims.runs[0], end(FAILED))
    assert len(await listed(store)) == 3
    assert len(await listed(store, event_id=sent.id)) == 2
    assert len(await listed(store, function_id="app-c")) == 2
    assert len(await listed(store, function_id="app-c", event_id=sent.id)) == 1
    (failed,) = await listed(store, status=RunStatus.FAILED)
    assert (failed.function_id, failed.status) == ("app-b", RunStatus.FAILED)
    assert await listed(store, status=RunStatus.FAILED, function_id="app-c") == []


async def test_cancelled_runs_are_found_by_when_they_ended_page_by_page(store: Store) -> None:
    done, *cancelled = [await begin(store) for _ in range(6)]
    await commit(store, done, end(COMPLETED))
    ids = sorted(one.run.id for one in cancelled)
    await store.cancel(ids[:3], "enough", NOW + 10)
    await store.cancel(ids[3:], "too much", NOW + 20)
    assert [run.id for run in await store.cancelled(NOW, "", 9)] == ids
    first = await store.cancelled(NOW + 10, "", 2)
    second = await store.cancelled(NOW + 10, first[-1].id, 2)
    assert [run.id for run in (*first, *second)] == ids[:4]
    assert (first[0].ended_at, "enough" in (first[0].error or "")) == (NOW + 10, True)
    assert [run.id for run in await store.cancelled(NOW + 11, "", 9)] == ids[3:]
    assert list(await store.cancelled(NOW + 21, "", 9)) == []


async def test_the_ended_ones_of_some_runs(store: Store) -> None:
    done, failed, running = [await begin(store) for _ in range(3)]
    await commit(store, done, end(COMPLETED))
    await commit(store, failed, end(FAILED))
    ids = [done.run.id, failed.run.id, running.run.id]
    found = {run.id: run for run in await store.ended(ids)}
    assert {run_id: run.status for run_id, run in found.items()} == {
        done.run.id: RunStatus.COMPLETED,
        failed.run.id: RunStatus.FAILED,
    }
    assert (found[done.run.id].output, found[failed.run.id].output) == ('"done"', None)
    assert list(await store.ended([])) == []


async def test_what_others_wrote_is_noticed_once(place: Place, store: Store, other: Store) -> None:
    await news_of(place, other, store)
    assert not await news_of(place, other, store)
    await accept(store, event())
    assert not await news_of(place, other, store)  # its own writes are not foreign
    await accept(other, event())
    assert await news_of(place, other, store)
    assert not await news_of(place, other, store)
    await other.runs(event_id=None, function_id=None, status=None, limit=1, before=None)
    await other.claim(values.owner("other"), 1, [], NOW, alone=True)
    assert not await news_of(place, other, store)  # who looks and finds nothing has written nothing


async def test_what_others_wrote_before_the_first_look_is_noticed_too(place: Place, store: Store, other: Store) -> None:
    await accept(other, event())
    assert await news_of(place, other, store)
    assert not await news_of(place, other, store)


async def test_a_store_that_is_always_writing_notices_what_others_wrote_too(
    place: Place, store: Store, other: Store
) -> None:
    await news_of(place, other, store)
    await accept(other, event())
    under_way = store.accept(values.acceptance(event()))
    found = [bool(store.news())]  # it is writing, and cannot tell perhaps; but it finds out
    await under_way
    under_way = store.accept(values.acceptance(event()))
    found.append(bool(await news_of(place, other, store)))
    await under_way
    assert any(found)
    assert not await news_of(place, other, store)


async def test_what_was_committed_is_there_when_it_is_opened_again(place: Place, store: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, values.record(values.memo("step", 0)))
    await store.close()
    again = place.store()
    await again.open(NOW)
    view = await again.run(claimed.run.id)
    assert view is not None
    assert (view.run, len(view.memos), view.worker) == (claimed.run, 1, "worker")
    assert [one.id for one in await again.sessions()] == ["worker"]
    await again.close()


async def test_a_closed_store_says_so(store: Store) -> None:
    claimed = await begin(store)
    await store.close()
    await store.close()
    for verb in (
        accept(store, event()),
        store.claim(values.owner(), 1, ["app-a"], NOW, alone=True),
        commit(store, claimed, end()),
        store.begin_session(values.session("late")),
        store.sessions(),
        store.run(claimed.run.id),
        store.ended([claimed.run.id]),
        listed(store),
    ):
        with pytest.raises(StoreClosedError):
            await verb
    assert not store.news()
    store.tidy()


async def test_closing_finishes_what_was_asked(place: Place, store: Store) -> None:
    sent = event()
    answer = asyncio.ensure_future(store.accept(values.acceptance(sent)))
    await asyncio.sleep(0)
    await store.close()
    assert len((await answer).started) == 1
    again = place.store()
    await again.open(NOW)
    assert len(await listed(again, event_id=sent.id)) == 1
    await again.close()


async def test_tidying_changes_nothing(store: Store) -> None:
    claimed = await begin(store)
    store.tidy()
    store.tidy()
    assert await commit(store, claimed, end(COMPLETED)) is Written.DONE
    store.tidy()
    view = await store.run(claimed.run.id)
    assert view is not None
    assert view.run.status is RunStatus.COMPLETED


class Gate(InlineExecutor):
    """Reads wait until it is open."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def run(self, work: Callable[[], R]) -> R:
        """Read, in time."""
        await self.open.wait()
        return work()


async def test_a_read_that_was_asked_before_closing_says_so_too(tmp_path: Path) -> None:
    gate = Gate()
    gate.open.set()
    store = SqlStore(SqliteDatabase(tmp_path / "gate.db", durable=False), gate, CountedIds(), POLICY)
    await store.open(NOW)
    assert await store.run("none") is None  # from here on it has a connection to read by
    gate.open.clear()
    late = asyncio.ensure_future(store.run("none"))
    await asyncio.sleep(0)
    await store.close()
    gate.open.set()
    with pytest.raises(StoreClosedError):
        await late
