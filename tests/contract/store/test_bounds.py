"""No transaction writes over 2,000 rows, whatever a verb concerns; a crash between two of its parts loses nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path

import pytest

from inngest.engine.domain.lanes import Lane, range_of
from inngest.engine.domain.model import FunctionSpec
from inngest.engine.errors import StoreError
from inngest.engine.records import Claimed, EventCursor
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Connection
from inngest.protocol import limits
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.failing import error
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import NOW, event, function, owner

MOST = 2_000
MANY = 2_100
LIMITED = json.dumps({"concurrency": [{"limit": 1, "key": "event.data.user"}]})


class Dying(Counting):
    """A file whose process dies.

    Attributes:
        left: so many commits happen; before the next the process is gone. None: it lives.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.left: int | None = None

    def commit(self, connection: Connection) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise error("database or disk is full")
        super().commit(connection)


class OwnIds(CountedIds):
    """Ids that are none of those that the tests give."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def ulid(self, now: int) -> str:
        return f"{super().ulid(now)}-{self._name}"

    def token(self) -> str:
        return f"{super().token()}-{self._name}"


@pytest.fixture
def database(tmp_path: Path) -> Dying:
    return Dying(tmp_path / "bounds.db")


@pytest.fixture
async def store(database: Dying) -> AsyncGenerator[SqlStore]:
    opened = SqlStore(database, InlineExecutor(), OwnIds("first"), POLICY)
    await opened.open(NOW)
    await opened.register([function("a", "go")], replace_app=None, now=NOW)
    await opened.begin_session(values.session())
    yield opened
    await opened.close()


async def next_process(database: Dying) -> SqlStore:
    """A store on the same file, after the first one's process is gone."""
    database.left = None
    store = SqlStore(Counting(database.path), InlineExecutor(), OwnIds("next"), POLICY)
    await store.open(NOW)
    await store.begin_session(values.session("next"))
    await store.look_at_timers()
    return store


async def fired(store: SqlStore, now: int = NOW) -> int:
    """All that is due is done; how many runs that starts."""
    count = 0
    while store.timer_due is not None and store.timer_due <= now:
        count += len((await store.fire(now)).started)
    return count


async def queued(store: SqlStore, count: int, *, users: bool = False) -> None:
    """So many runs of app-a wait."""
    for first in range(0, count, 100):
        numbers = range(first, min(first + 100, count))
        await values.accept(
            store, *(event(data=json.dumps({"user": f"u{number}" if users else "u"})) for number in numbers)
        )


async def claimed(store: SqlStore, count: int, session: str = "worker") -> list[Claimed]:
    """So many runs that a worker has taken."""
    runs: list[Claimed] = []
    while len(runs) < count:
        found = (await store.claim(owner(session), count, ["app-a"], NOW, alone=True)).runs
        assert found
        runs += found
    return runs


async def dies(database: Dying, work: Awaitable[object], *, after: int = 1) -> None:
    """The process ends after so many commits of something."""
    database.left = after
    with pytest.raises(StoreError):
        await work


async def test_functions_are_registered_page_by_page(store: SqlStore, database: Dying) -> None:
    functions = [function(f"f{number}", "many") for number in range(MANY)]
    database.rows.clear()
    await store.register(functions, replace_app="app", now=NOW)
    assert max(database.rows) <= MOST
    await store.register(functions[:1], replace_app="app", now=NOW)
    assert max(database.rows) <= MOST
    (begun,) = await values.accept(store, event("many"))
    assert begun[0].run.function_id == "app-f0"


async def test_lanes_of_a_function_that_changed_are_looked_at_page_by_page(store: SqlStore, database: Dying) -> None:
    def limited(version: str) -> FunctionSpec:
        return function("a", "go", version=version, config=LIMITED)

    await store.register([limited("v2")], replace_app=None, now=NOW)
    await queued(store, MANY, users=True)
    database.rows.clear()
    await dies(database, _twice(store, limited("v3")))
    again = await next_process(database)
    await fired(again)
    assert max(database.rows) <= MOST
    assert len(await claimed(again, MANY, "next")) == MANY
    await again.close()


async def _twice(store: SqlStore, changed: FunctionSpec) -> None:
    await store.register([changed], replace_app=None, now=NOW)
    await store.fire(NOW)


async def test_runs_of_a_worker_that_died_go_back_page_by_page(store: SqlStore, database: Dying) -> None:
    await queued(store, 1_000)
    await claimed(store, 1_000)
    database.rows.clear()
    await dies(database, store.end_session("worker", NOW, died=True), after=2)
    assert max(database.rows) <= MOST
    again = await next_process(database)
    assert "worker" in {session.id for session in await again.sessions()}
    fenced = await again.claim(owner("worker"), 9, ["app-a"], NOW, alone=True)
    assert fenced.fenced
    assert await again.end_session("worker", NOW, died=False)  # how it ended was known before
    assert not await again.end_session("worker", NOW, died=False)
    assert {session.id for session in await again.sessions()} == {"next"}
    assert {one.run.takeovers for one in await claimed(again, 1_000, "next")} == {1}
    await again.close()


async def test_runs_are_cancelled_page_by_page(store: SqlStore, database: Dying) -> None:
    await queued(store, 600)
    runs = [run.id for run in await store.runs(event_id=None, function_id="app-a", status=None, limit=600, before=None)]
    database.rows.clear()
    assert sorted(await store.cancel(runs, "enough", NOW)) == sorted(runs)
    assert max(database.rows) <= MOST


async def test_a_large_run_is_removed_page_by_page(store: SqlStore, database: Dying) -> None:
    await queued(store, 1)
    (one,) = await claimed(store, 1)
    for first in range(0, MANY, 500):
        memos = [values.memo(f"s{number}", number) for number in range(first, min(first + 500, MANY))]
        await values.commit(store, one, values.record(*memos))
    await values.commit(store, one, values.end())
    database.rows.clear()
    await dies(database, _removed(store))
    again = await next_process(database)
    await _removed(again)
    assert max(database.rows) <= MOST
    assert await again.run(one.run.id) is None
    await again.close()


async def _removed(store: SqlStore) -> None:
    while await store.remove_runs(NOW + 1):
        pass


async def test_keys_go_page_by_page(store: SqlStore, database: Dying) -> None:
    for first in range(0, MANY, 100):
        await values.accept(store, *(event(key=f"k{number}") for number in range(first, first + 100)))
    database.rows.clear()
    pages = 1
    while await store.remove_keys(NOW + limits.IDEMPOTENCY_PERIOD):
        pages += 1
    assert pages > MANY // MOST
    assert max(database.rows) <= MOST


async def test_missed_ticks_are_fired_page_by_page(store: SqlStore, database: Dying) -> None:
    trigger = {"cron": "* * * * *", "catchUp": "all", "catchUpLimit": MANY}
    config = json.dumps({"triggers": [trigger]})
    await store.register([function("ticking", config=config)], replace_app=None, now=NOW)
    later = NOW + MANY * limits.MINUTE
    database.rows.clear()
    await dies(database, fired(store, later), after=3)
    again = await next_process(database)
    await fired(again, later)
    ticked = await again.runs(event_id=None, function_id="app-ticking", status=None, limit=10_000, before=None)
    assert len(ticked) == MANY
    assert max(database.rows) <= MOST
    await again.close()


async def test_runs_that_are_late_are_cancelled_page_by_page(store: SqlStore, database: Dying) -> None:
    config = json.dumps({"timeouts": {"start": "1s"}})
    await store.register([function("a", "go", config=config)], replace_app=None, now=NOW)
    await queued(store, 600)
    database.rows.clear()
    await dies(database, fired(store, NOW + 1_000), after=2)
    again = await next_process(database)
    await fired(again, NOW + 1_000)
    assert max(database.rows) <= MOST
    found = await again.runs(event_id=None, function_id="app-a", status=None, limit=10_000, before=None)
    assert {run.status.value for run in found} == {"CANCELLED"}
    await again.close()


async def test_steps_are_tried_again_page_by_page(store: SqlStore, database: Dying) -> None:
    await queued(store, 1)
    (one,) = await claimed(store, 1)
    steps = [values.open_step(f"s{number}") for number in range(MANY)]
    for first in range(0, MANY, 500):
        await values.commit(store, one, values.record(open_steps=steps[first : first + 500]))
    await values.commit(store, one, values.release(NOW + 1_000))
    database.rows.clear()
    retried = await store.retry_now(one.run.id, NOW)
    assert len(retried.steps) == MANY
    assert max(database.rows) <= MOST


async def test_old_events_go_page_by_page(store: SqlStore, database: Dying) -> None:
    for first in range(0, MANY, 100):
        await values.accept(store, *(event("nobody") for _ in range(first, first + 100)))
    database.rows.clear()
    place: EventCursor | None = EventCursor(0, "")
    while place is not None:
        place = await store.remove_events(place, NOW + 1)
    assert max(database.rows) <= MOST


async def test_a_claim_does_not_read_through_starts_that_are_delayed(tmp_path: Path) -> None:
    """With a priority, their order is another one than that in which they fall due."""
    config = json.dumps({"priority": {"run": "event.data.rank"}})
    taken: dict[int, int] = {}
    for count in (100, 900):
        database = Counting(tmp_path / f"delayed-{count}.db")
        store = SqlStore(database, InlineExecutor(), OwnIds("first"), POLICY)
        await store.open(NOW)
        await store.register([function("a", "go", config=config)], replace_app=None, now=NOW)
        await store.begin_session(values.session())
        for first in range(0, count, 100):
            ranks = [number % 600 for number in range(first, first + 100)]
            later = [event(ts=NOW + 300_000 + rank, data=json.dumps({"rank": rank})) for rank in ranks]
            await values.accept(store, *later)
        await values.accept(store, event(data='{"rank":0}'))
        claim = store.claim(owner(), 10, ["app-a"], NOW, alone=True)
        taken[count] = await database.of(claim)
        due = await store.claim(owner(), 10, ["app-a"], NOW + 400_000, alone=True)
        assert [one.run.created_at for one in due.runs] == [NOW] * 10
        highest = sorted((json.loads(str(one.events[0].data))["rank"] for one in due.runs), reverse=True)
        assert highest[0] == min(count, 600) - 1
        await store.close()
    assert taken[900] < 1.2 * taken[100]


def test_lanes_of_a_function_are_found_by_their_ids() -> None:
    first, last = range_of("app-a")
    for name, inside in (("app-a", True), ("app-a2", False), ("app-", False), ('app-a"', False), ("app-b", False)):
        assert (first < Lane(name, ("b",), None).id < last) is inside
