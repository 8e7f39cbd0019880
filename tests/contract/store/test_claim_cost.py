"""What a claim costs, counted in steps of SQLite's machine: what is queued for others costs it nothing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inngest.engine.domain.model import FunctionSpec
from inngest.engine.store.sql import SqlStore
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import NOW, function

KEYED = json.dumps({"concurrency": [{"limit": 1, "key": "event.data.user"}]})
MINE = [function("mine", "mine"), function("own", "own", config=KEYED)]
OTHERS = [
    function("plain", "plain", app="other"),
    function("keyed", "keyed", app="other", config=KEYED),
    function("spaced", "spaced", app="other", config=json.dumps({"throttle": {"limit": 1, "period": "60s"}})),
]
SERVED = [one.id for one in MINE]
FEW, MANY = 300, 3_000
MINUTE = 60_000


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[tuple[SqlStore, Counting]]:
    database = Counting(folder.with_suffix(".db"))
    store = SqlStore(database, InlineExecutor(), CountedIds(), POLICY)
    await store.open(NOW)
    await store.register([*MINE, *OTHERS], replace_app=None, now=NOW)
    await store.begin_session(values.session())
    yield store, database
    await store.close()


async def send(store: SqlStore, names: list[str], count: int, delay: int = 0) -> None:
    """Events of several names, each for a user of its own."""
    for number in range(0, count, 100):
        users = [json.dumps({"user": user}) for user in range(number, number + 100)]
        await values.accept(store, *(values.event(name, data=data, ts=NOW + delay) for data in users for name in names))


async def foreign(store: SqlStore, count: int) -> None:
    await send(store, ["plain", "keyed", "spaced"], count)


async def asleep(store: SqlStore, count: int) -> None:
    await send(store, ["mine", "own"], count, delay=60 * MINUTE)


async def forgotten(store: SqlStore, count: int) -> None:
    await foreign(store, count)
    await store.register([], replace_app="other", now=NOW)


async def paused(store: SqlStore, count: int) -> None:
    await send(store, ["mine", "own"], count)
    for one in MINE:
        await store.pause(one.id, "queue", NOW)


async def claim(store: SqlStore, served: list[str], now: int) -> int:
    return len((await store.claim(values.owner(), 10, served, now, alone=True)).runs)


Crowd = Callable[[SqlStore, int], Awaitable[None]]


@pytest.mark.parametrize("crowd", [foreign, asleep, forgotten, paused], ids=lambda one: one.__name__)
async def test_a_claim_costs_the_same_beside_many(tmp_path: Path, crowd: Crowd) -> None:
    """Of nothing, and of a run; also when it looks for what can be forgotten."""
    costs: dict[int, list[int]] = {}
    more: FunctionSpec = function("more", "more")
    for count in (FEW, MANY):
        async with opened(tmp_path / str(count)) as (store, database):
            await store.register([more], replace_app=None, now=NOW)
            await crowd(store, count)
            served = [*SERVED, more.id]
            costs[count] = []
            for look in range(3):
                now = NOW + look * MINUTE
                costs[count].append(await database.of(claim(store, served, now)))
                await values.accept(store, values.event("more", now=now), now=now)
                costs[count].append(await database.of(claim(store, served, now)))
    for few, many in zip(costs[FEW], costs[MANY], strict=True):
        assert many <= 1.1 * few, costs


async def test_a_claim_costs_the_same_beside_runs_that_it_has_put_on_hold(tmp_path: Path) -> None:
    """They were on hold before this worker started, which has entered them since: others are before it now."""
    costs: dict[int, int] = {}
    for count in (FEW, MANY):
        async with opened(tmp_path / str(count)) as (store, database):
            jobs = [(f"{number:05}", SERVED[0], NOW + MINUTE, NOW + MINUTE, NOW - 1) for number in range(count)]
            with contextlib.closing(sqlite3.connect(database.path)) as connection, connection:
                connection.executemany(
                    "INSERT INTO inngest_jobs "
                    "(id, run_id, function_id, due_at, score, held_at, held_by, queue_class, lane, start) "
                    "VALUES (?1, ?1, ?2, ?3, ?4, ?5, 'worker', 2, '', 0)",
                    jobs,
                )
            asked = store.claim(values.owner(), 10, SERVED, NOW, alone=True, probes=10)
            costs[count] = await database.of(asked)
    assert costs[MANY] <= 1.1 * costs[FEW], costs


async def test_a_pause_costs_the_same_whatever_is_queued(tmp_path: Path) -> None:
    costs: dict[int, tuple[int, int]] = {}
    for count in (FEW, MANY):
        async with opened(tmp_path / str(count)) as (store, database):
            await send(store, ["mine", "own"], count)
            pause = await database.of(store.pause(SERVED[1], "queue", NOW))
            costs[count] = pause, await database.of(store.resume(SERVED[1], NOW))
            assert await claim(store, SERVED, NOW) == 10
    assert costs[FEW] == costs[MANY]


async def test_steps_are_counted(tmp_path: Path) -> None:
    """Else the tests above could not fail."""
    async with opened(tmp_path / "counted") as (store, database):
        before = await database.of(claim(store, SERVED, NOW))
        await send(store, ["mine"], 10)
        assert await database.of(claim(store, SERVED, NOW)) > 2 * before > 0
