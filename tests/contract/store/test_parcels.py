"""Many events of one call are stored together and accepted page by page, so that no transaction is large (P1)."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from inngest.engine.domain import effects
from inngest.engine.domain.effects import Effects
from inngest.engine.domain.model import Changes, Event, Released
from inngest.engine.errors import StoreError
from inngest.engine.records import Acceptance, Accepted, Commit, EventCursor
from inngest.engine.store import parcels
from inngest.engine.store.sql import SqlStore
from inngest.protocol import limits
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.failing import Failing, Fails, error
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import NOW, event, function, owner

MOST = 2_000
LARGEST = 16 * limits.MB


class OwnIds(CountedIds):
    """Ids that are none of those that the tests give."""

    def ulid(self, now: int) -> str:
        return f"{super().ulid(now)}-"


@pytest.fixture
def database(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "parcels.db")


@pytest.fixture
async def store(database: Counting) -> AsyncGenerator[SqlStore]:
    opened = await _open(database)
    yield opened
    await opened.close()


async def _open(database: Counting, worker: str = "worker") -> SqlStore:
    opened = SqlStore(database, InlineExecutor(), OwnIds(), POLICY)
    await opened.open(NOW)
    await opened.register([function("a", "go", "both"), function("b", "both")], replace_app=None, now=NOW)
    await opened.begin_session(values.session(worker))
    return opened


async def page(store: SqlStore, parcel: str, now: int = NOW) -> Accepted:
    """Accept the next events of a parcel, as a sender does."""
    none = Acceptance((), (), frozenset(), now, parcel=parcel)
    return await store.accept(none)


async def fired(store: SqlStore, now: int = NOW) -> None:
    """What follows, page by page, whoever sent it."""
    while store.timer_due is not None and store.timer_due <= now:
        await store.fire(now)


async def started(store: SqlStore, name: str) -> list[str]:
    """Ids of the events that started a function."""
    found = await store.runs(event_id=None, function_id=name, status=None, limit=10_000, before=None)
    return sorted(run.event_id for run in found)


def ids(events: Sequence[Event]) -> list[str]:
    return sorted(one.id for one in events)


async def test_a_sender_accepts_them_page_by_page(store: SqlStore, database: Counting) -> None:
    events = [event("both") for _ in range(5_000)]
    database.rows.clear()
    parcel = await store.put_parcel(events, NOW)
    assert await started(store, "app-a") == []
    came: list[str] = []
    more = True
    while more:
        answer = await page(store, parcel)
        assert answer.events
        came += [one.id for one in answer.events]
        more = answer.more
    assert came == [one.id for one in events]
    assert await started(store, "app-a") == await started(store, "app-b") == ids(events)
    assert max(database.rows) <= MOST
    assert (await page(store, parcel)).more is False


async def test_if_the_sender_is_gone_others_go_on(store: SqlStore, database: Counting) -> None:
    events = [event() for _ in range(1_000)]
    parcel = await store.put_parcel(events, NOW)
    first = await page(store, parcel)
    assert 0 < len(first.events) < len(events)
    await store.close()
    again = await _open(database, "other")
    later = NOW + parcels.PATIENCE
    await again.look_at_timers()
    assert again.timer_due is not None
    await fired(again, later)
    assert await started(again, "app-a") == ids(events)
    await again.close()


async def test_what_an_event_has_left_twice_comes_before_what_came_after_it(store: SqlStore) -> None:
    once = json.dumps({"rateLimit": {"limit": 1, "period": "1h"}})
    many = [function(f"f{number:03}", "all", config=once) for number in range(400)]
    many.append(function("last", "all", "late", config=once))
    await store.register(many, replace_app=None, now=NOW)
    first = event("all")
    await values.accept(store, first)
    await values.accept(store, event("late"))
    await fired(store)
    assert await started(store, "app-last") == [first.id]


async def test_a_step_sends_many(store: SqlStore, database: Counting) -> None:
    await values.accept(store, event())
    (claimed,) = (await store.claim(owner(), 1, ["app-a"], NOW, alone=True)).runs
    events = [event("both") for _ in range(5_000)]
    database.rows.clear()
    changes = Changes(0, transition=Released(NOW + 1))
    commit = Commit(claimed.owner, "app-a", changes, NOW, Effects(parcel=events))
    await store.commit(commit)
    await fired(store)
    assert await started(store, "app-b") == ids(events)
    assert max(database.rows) <= MOST


async def test_events_of_many_bytes_are_stored_before_the_commit_that_sends_them(tmp_path: Path) -> None:
    database = Counting(tmp_path / "bytes.db", weighs=True)
    store = await _open(database)
    await values.accept(store, event())
    (claimed,) = (await store.claim(owner(), 1, ["app-a"], NOW, alone=True)).runs
    large = json.dumps("y" * 2_900_000)
    events = [event("both", data=large) for _ in range(8)]
    commit = Commit(claimed.owner, "app-a", Changes(0), NOW, Effects(parcel=events))
    database.bytes.clear()
    await store.commit(commit)
    await fired(store)
    assert await started(store, "app-b") == ids(events)
    assert sum(database.bytes) > len(events) * len(large)
    assert max(database.bytes) < LARGEST
    await store.close()


async def test_a_parcel_that_does_not_become_whole_is_not_accepted_and_goes(tmp_path: Path) -> None:
    place = Failing(tmp_path / "parts.db")
    store = SqlStore(place, InlineExecutor(), OwnIds(), POLICY)
    await store.open(NOW)
    await store.register([function("a", "go")], replace_app=None, now=NOW)
    events = [event(data=json.dumps("y" * 2_900_000)) for _ in range(4)]
    place.plan = [None, (Fails.NOT_STORED, error("database or disk is full"))]
    with pytest.raises(StoreError):
        await store.put_parcel(events, NOW)
    await fired(store, NOW + parcels.PATIENCE)
    assert await started(store, "app-a") == []
    assert _parts(place.path) > 0
    await fired(store, NOW + parcels.ABANDONED)
    assert await started(store, "app-a") == []
    assert _parts(place.path) == 0
    assert store.timer_due is None
    await store.close()


def _parts(path: Path) -> int:
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM inngest_parcels").fetchone()
    connection.close()
    return int(count)


async def test_runs_that_are_more_than_a_page_follow(store: SqlStore, database: Counting) -> None:
    names = [f"f{number:04}" for number in range(1_200)]
    await store.register([function(name, "many") for name in names], replace_app=None, now=NOW)
    database.rows.clear()
    (sent,) = events = [event("many")]
    begun = await values.accept(store, *events)
    assert 0 < len(begun) < len(names)
    await store.remove_events(EventCursor(0, ""), NOW + 1)  # it is needed
    await fired(store)
    found = await store.runs(event_id=sent.id, function_id=None, status=None, limit=10_000, before=None)
    assert sorted(run.function_id for run in found) == [f"app-{name}" for name in names]
    assert max(database.rows) <= MOST


async def test_starts_that_were_put_off_hold_up_no_others(store: SqlStore, database: Counting) -> None:
    """While starts are left, those that are judged wait for them; but not for those that cannot be made."""
    limit = json.dumps({"rateLimit": {"limit": 5, "period": "1h"}})
    await store.register([function("a", "go", config=limit)], replace_app=None, now=NOW)
    with contextlib.closing(sqlite3.connect(database.path)) as connection, connection:
        for due_at in (NOW + 600_000, "some time"):
            row = (f"bad {due_at}", "starts", f"gone {due_at}", due_at, '""')
            connection.execute("INSERT INTO inngest_timers VALUES (?, ?, ?, ?, ?)", row)
    assert len(await values.accept(store, event("go"))) == 1
    with contextlib.closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("UPDATE inngest_timers SET due_at = ? WHERE kind = 'starts'", (NOW,))
    assert await values.accept(store, event("go")) == []


def test_few_events_are_no_parcel() -> None:
    assert not effects.is_large([event()] * effects.AT_ONCE)
    assert effects.is_large([event()] * (effects.AT_ONCE + 1))
    assert not effects.is_large([event(data="y" * 5_000_000)])
    assert effects.is_large([event(data="y" * 2_500_000)] * 2)
