"""What is over and old is removed, in small parts, and nothing that somebody needs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.sql.compiler import SQLCompiler

from inngest.engine.domain.model import FailedAttempt
from inngest.engine.ports import Store
from inngest.engine.records import Claimed, EventCursor, Written
from inngest.engine.store import pruning
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Statement
from inngest.protocol import limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.steps import hash_step_id
from tests.contract.store import values
from tests.contract.store.stores import SqlitePlace
from tests.contract.store.values import NOW, accept, begin, commit, end, event, memo, open_step, record

START = EventCursor(0, "")
LATER = NOW + 10_000


async def ended(store: Store, *, at: int = NOW, steps: int = 1, data: str = "1") -> Claimed:
    """A run that has ended, with an attempt that failed."""
    claimed = await begin(store)
    failed = FailedAttempt(hash_step_id("step-0"), 0, NOW, NOW, ErrorInfo("Error", "no"))
    changes = record(*(memo(f"step-{number}", number, data) for number in range(steps)))
    await commit(store, claimed, changes._replace(failed=(failed,)))
    await commit(store, claimed, end(), now=at)
    return claimed


async def ids(store: Store) -> set[str]:
    return {run.id for run in await store.runs(event_id=None, function_id=None, status=None, limit=99, before=None)}


async def everything_is_gone(store: Store, claimed: Claimed) -> bool:
    """Whether nothing is left of a run: an event of the same id would start a new one, with nothing recorded."""
    assert await store.run(claimed.run.id) is None
    again = event(event_id=claimed.run.event_id)
    started = await accept(store, again)
    return len(started) == 1


async def test_a_run_goes_with_all_that_is_recorded_of_it(store: Store, other: Store) -> None:
    claimed = await ended(store)
    assert await other.run(claimed.run.id) is not None
    assert not await store.remove_runs(NOW + 1)
    assert await other.run(claimed.run.id) is None
    assert await other.ended([claimed.run.id]) == []
    assert await other.missing([claimed.run.id]) == [claimed.run.id]
    assert await everything_is_gone(store, claimed)


async def test_a_batch_that_a_new_configuration_drops_keeps_no_event(store: Store) -> None:
    """It was collected before its function had a rate limit instead."""
    batched = json.dumps({"batchEvents": {"maxSize": 10, "timeout": "1s"}})
    limited = json.dumps({"rateLimit": {"limit": 1, "period": "1h"}})
    await store.register([values.function("a", "go", config=batched)], replace_app=None, now=NOW)
    collected, other = event(), event(now=NOW + 1)
    await accept(store, collected)
    await store.register([values.function("a", "go", config=limited)], replace_app=None, now=NOW)
    assert len(await accept(store, other, now=NOW + 1)) == 1
    assert list((await store.fire(LATER)).started) == []
    assert await store.remove_events(START, NOW + 1) is not None
    await store.register([values.function("a", "go")], replace_app=None, now=NOW)
    assert len(await accept(store, collected, now=LATER)) == 1  # it is as if it had never come


async def test_a_run_that_ended_at_that_time_or_later_stays(store: Store) -> None:
    runs = [await ended(store, at=at) for at in (NOW, LATER, LATER + 1)]
    assert not await store.remove_runs(LATER)
    assert await ids(store) == {one.run.id for one in runs[1:]}
    view = await store.run(runs[1].run.id)
    assert view is not None
    assert [one.step.id for one in view.memos] == ["step-0"]
    assert len(view.failed) == 1


async def test_a_run_that_has_not_ended_stays_however_old(store: Store) -> None:
    running = await begin(store)
    await commit(store, running, record(memo("done", 0), open_steps=[open_step("open")]))
    await accept(store, event())
    before = await ids(store)
    assert len(before) == 2
    assert not await store.remove_runs(NOW + limits.WEEK)
    assert await store.remove_events(START, NOW + limits.WEEK) is not None
    assert await ids(store) == before
    view = await store.run(running.run.id)
    assert view is not None
    assert (len(view.memos), len(view.open)) == (1, 1)


async def test_what_an_owner_decides_about_a_run_that_is_gone_is_lost(store: Store) -> None:
    claimed = await ended(store)
    await store.remove_runs(LATER)
    assert await commit(store, claimed, record(memo("late", 1))) is Written.LOST
    assert await store.run(claimed.run.id) is None


async def test_an_event_stays_while_another_run_of_it_exists(store: Store) -> None:
    (first, _), (second, _) = await accept(store, event("both"))
    claims = await store.claim(values.owner(), 2, sorted(values.FUNCTIONS), NOW, alone=True)
    by_id = {one.run.id: one for one in claims.runs}
    await commit(store, by_id[first.run.id], end())
    assert not await store.remove_runs(NOW + 1)
    view = await store.run(second.run.id)
    assert view is not None
    assert view.event.id == first.run.event_id
    await commit(store, by_id[second.run.id], end(), now=LATER)
    assert not await store.remove_runs(LATER + 1)
    assert await everything_is_gone(store, by_id[second.run.id])


async def test_many_runs_go_in_parts(store: Store) -> None:
    runs = [await ended(store, at=NOW + number, steps=300) for number in range(7)]
    left: list[int] = []
    more = True
    while more:
        more = await store.remove_runs(NOW + 7)
        left.append(len(await ids(store)))
    assert left == [4, 1, 0]  # 302 rows each, at most 1,000 at a time, the oldest first
    assert await store.missing([one.run.id for one in runs]) == [one.run.id for one in runs]


async def test_large_runs_go_one_by_one_and_their_steps_in_parts(store: Store) -> None:
    large = '"' + "x" * (3 * limits.MB) + '"'
    for _ in range(3):
        await ended(store, steps=1, data=large)
    assert [await store.remove_runs(LATER) for _ in range(3)] == [True, True, False]
    many = await ended(store, steps=2_500)  # and an attempt that failed
    assert [await store.remove_runs(LATER) for _ in range(4)] == [True, True, True, False]
    assert await store.run(many.run.id) is None


async def test_events_without_runs_go_by_their_age(store: Store) -> None:
    old, young = event("nothing"), event("nothing", now=LATER)
    needed = event("go")
    await accept(store, old, young, needed)
    place = await store.remove_events(START, LATER)
    assert place == EventCursor(NOW, max(old.id, needed.id))
    assert place is not None
    assert await store.remove_events(place, LATER) is None
    await store.register([values.function("n", "nothing")], replace_app=None, now=NOW)
    again = [values.event(one.name, now=one.received_at, event_id=one.id) for one in (old, young, needed)]
    started = await accept(store, *again)  # those that are still there start nothing
    assert [start.run.event_id for start, _ in started] == [old.id]


async def test_many_events_go_in_parts_though_some_are_needed(store: Store) -> None:
    await accept(store, *(event("go" if number % 2 else "nothing") for number in range(2_500)))
    places: list[EventCursor] = []
    place: EventCursor | None = START
    while place is not None:
        places.append(place)
        place = await store.remove_events(place, LATER)
    assert len(places) == 4
    assert places == sorted(set(places))


async def test_keys_go_when_they_have_expired(store: Store) -> None:
    end_of_period = NOW + limits.IDEMPOTENCY_PERIOD
    await accept(store, event(key="k"))
    assert not await store.remove_keys(end_of_period - 1)
    assert await accept(store, event(key="k")) == []
    assert not await store.remove_keys(end_of_period)
    assert len(await accept(store, event(key="k"))) == 1  # though its time has not come: the key is gone


async def test_many_keys_go_in_parts(store: Store) -> None:
    for at in range(0, 1_500, 250):
        await accept(store, *(event(key=f"k{number}") for number in range(at, at + 250)))
    end_of_period = NOW + limits.IDEMPOTENCY_PERIOD
    assert [await store.remove_keys(end_of_period) for _ in range(4)] == [True, True, True, False]


FOUND_BY_INDEX = {
    "runs": (pruning.ENDED_BEFORE, "inngest_runs_by_end"),
    "events": (pruning.EVENTS_BEFORE, "inngest_events_by_age"),
    "keys": (pruning.EXPIRED_KEYS, "inngest_idempotency_by_end"),
}


@pytest.mark.parametrize(("count", "parts"), [(1, 1), (2_500, 3)])
async def test_on_sqlite_metadata_go_with_their_run_and_in_parts(tmp_path: Path, count: int, parts: int) -> None:
    place = SqlitePlace(tmp_path)
    store = place.store()
    await store.open(NOW)
    await store.register([values.function("a", "go")], replace_app=None, now=NOW)
    await store.begin_session(values.session())
    over, unfinished = await ended(store), await begin(store)
    with closing(sqlite3.connect(place.path)) as connection, connection:
        row = "INSERT INTO inngest_metadata VALUES (?, ?, NULL, NULL, 'note', '', 'set', '{}', 2, 0)"
        of_run = [(over.run.id, f"{number:05}") for number in range(count)]
        connection.executemany(row, [*of_run, (unfinished.run.id, "1")])
    calls = 1
    while await store.remove_runs(LATER):
        calls += 1
    assert calls == parts
    await store.close()
    with closing(sqlite3.connect(place.path)) as connection:
        left = connection.execute("SELECT run_id, id FROM inngest_metadata").fetchall()
    assert left == [(unfinished.run.id, "1")]


@pytest.mark.parametrize("what", sorted(FOUND_BY_INDEX))
async def test_on_sqlite_what_is_old_is_found_by_its_index(tmp_path: Path, what: str) -> None:
    """Not by reading through the table, nor by sorting what was found."""
    place = SqlitePlace(tmp_path)
    store = place.store()
    await store.open(NOW)
    statement, index = FOUND_BY_INDEX[what]
    plan = explained(place.path, statement)
    await store.close()
    assert any(f"USING INDEX {index} " in line or f"USING COVERING INDEX {index} " in line for line in plan), plan
    assert not any(line.startswith("SCAN") or "TEMP B-TREE" in line for line in plan), plan


def explained(path: Path, statement: Statement) -> list[str]:
    database = SqliteDatabase(path)
    compiled = statement.build(database).compile(dialect=database.dialect)
    assert isinstance(compiled, SQLCompiler)
    connection = sqlite3.connect(path)
    try:
        names = compiled.positiontup or ()
        rows = connection.execute(
            f"EXPLAIN QUERY PLAN {compiled}", ["" if name == "after_id" else 1 for name in names]
        ).fetchall()
    finally:
        connection.close()
    return [row[3] for row in rows]
