"""The database fails: commits keep the order of their calls, each is answered, and nothing of it stays in memory."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from inngest.engine.ports import Store
from inngest.engine.records import Claimed, Receipt, Written
from inngest.engine.store import entering, lanes
from inngest.errors import StoreError, StoreFullError
from tests.contract.store import values
from tests.contract.store.failing import FailingPlace, Fails, error
from tests.contract.store.test_doubt import opened, turns
from tests.contract.store.values import NOW, accept, begin, committing, event, function, memo
from tests.contract.store.writing import TIMED

FULL = (Fails.NOT_STORED, error("database or disk is full"))


@pytest.fixture
def place(tmp_path: Path) -> FailingPlace:
    return FailingPlace(tmp_path)


@pytest.fixture
async def store(place: FailingPlace) -> AsyncGenerator[Store]:
    store = await opened(place)
    yield store
    place.database.plan = []
    place.executor.let_come()
    await store.close()


def is_full(store: Store) -> bool:
    """Whether commits wait for space."""
    return isinstance(store.trouble, StoreFullError)


def steps(place: FailingPlace) -> list[tuple[object, object]]:
    """The memos that are stored, and their places."""
    connection = sqlite3.connect(place.path)
    rows = connection.execute("SELECT step_id, seq FROM inngest_steps WHERE seq IS NOT NULL ORDER BY seq").fetchall()
    connection.close()
    return rows


def recording(store: Store, claimed: Claimed, seq: int, *names: str) -> asyncio.Future[Receipt]:
    """A record of these steps, under way."""
    return committing(store, claimed, values.record(*(memo(name, seq + place) for place, name in enumerate(names))))


async def test_commits_keep_their_order_while_one_is_held(place: FailingPlace, store: Store) -> None:
    claimed = await begin(store)
    place.database.plan = [FULL]
    place.executor.replies = []  # nobody has heard yet that the first one failed
    first = recording(store, claimed, 0, "first", "first-b")
    await turns()
    second = recording(store, claimed, 2, "second")
    await turns()
    place.executor.let_come()
    third = recording(store, claimed, 3, "third")
    await turns()
    assert steps(place) == []
    assert is_full(store)
    order: list[str] = []
    for name, future in (("third", third), ("second", second), ("first", first)):
        future.add_done_callback(lambda _, name=name: order.append(name))  # type: ignore[misc]
    store.retry()
    assert [(await one).written for one in (first, second, third)] == [Written.DONE] * 3
    await turns()
    assert order == ["first", "second", "third"]
    assert steps(place) == [("first", 0), ("first-b", 1), ("second", 2), ("third", 3)]
    assert store.trouble is None


async def test_what_fails_again_stays_before_what_came_later(place: FailingPlace, store: Store) -> None:
    claimed, other = await begin(store), await begin(store)
    place.database.plan = [FULL, FULL]
    first = recording(store, claimed, 0, "first", "first-b")
    await turns()
    later = [recording(store, claimed, 2, "second"), recording(store, other, 0, "other")]
    store.retry()
    await turns()
    assert steps(place) == []
    store.retry()
    assert [(await one).written for one in (first, *later)] == [Written.DONE] * 3
    assert [name for name, _ in steps(place) if name != "other"] == ["first", "first-b", "second"]


async def test_who_gives_up_tells_each_why(place: FailingPlace, store: Store) -> None:
    one, two = await begin(store), await begin(store)
    place.database.plan = [FULL] * 2
    first = recording(store, one, 0, "x", "y")
    await turns()
    second = recording(store, two, 0, "x", "y")
    await turns()
    store.give_up()
    for future in (first, second):
        with pytest.raises(StoreFullError, match="no space is left"):
            await future
    assert is_full(store)


async def test_after_one_that_was_given_up_no_other_of_its_run_is_written(place: FailingPlace, store: Store) -> None:
    one, two = await begin(store), await begin(store)
    place.database.plan = [FULL]
    given_up = recording(store, one, 0, "x", "y")
    await turns()
    store.give_up()
    after = recording(store, one, 2, "z")
    other = recording(store, two, 0, "other")
    for future in (given_up, after):
        with pytest.raises(StoreFullError):
            await future
    assert (await other).written is Written.DONE
    assert steps(place) == [("other", 0)]


async def test_trouble_is_over_when_what_was_held_fails_for_its_data(place: FailingPlace, store: Store) -> None:
    one, two = await begin(store), await begin(store)
    place.database.plan = [FULL, (Fails.NOT_STORED, ValueError("a value that cannot be written"))]
    bad = recording(store, one, 0, "x", "y")
    await turns()
    assert is_full(store)
    store.retry()
    with pytest.raises(ValueError, match="a value that cannot"):
        await bad
    assert store.trouble is None
    assert (await recording(store, two, 0, "x", "y")).written is Written.DONE


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("lone \ud800", UnicodeEncodeError),
        (object(), sqlite3.ProgrammingError),
        (2**70, OverflowError),
    ],
)
async def test_a_value_that_cannot_be_written_fails_alone(
    place: FailingPlace, store: Store, value: Any, kind: type[Exception]
) -> None:
    one, two, three = await begin(store), await begin(store), await begin(store)
    good = recording(store, one, 0, "x", "y")
    bad = committing(store, two, values.record(memo("bad", 0, value), memo("y", 1)))
    late = recording(store, three, 0, "x", "y")
    with pytest.raises(kind):
        await bad
    assert (await good).written is (await late).written is Written.DONE
    assert store.trouble is None


async def test_an_error_of_sql_in_one_command_is_answered(place: FailingPlace, store: Store) -> None:
    """As the others of its batch are, and is not held for ever."""
    one, two = await begin(store), await begin(store)
    good = recording(store, one, 0, "x", "y")
    change(place, "CREATE TRIGGER picky BEFORE INSERT ON inngest_steps WHEN NEW.step_id = 'bad' "
                  "BEGIN SELECT json('{'); END")  # fmt: skip
    bad = recording(store, two, 0, "bad", "y")
    with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):
        await bad
    assert (await good).written is Written.DONE
    assert store.trouble is None
    assert (await recording(store, two, 0, "fine", "y")).written is Written.DONE


def change(place: FailingPlace, sql: str) -> None:
    connection = sqlite3.connect(place.path, isolation_level=None)
    connection.execute(sql)
    connection.close()


# -- what a transaction that is undone has left in memory


async def test_functions_that_were_not_stored_are_not_known(place: FailingPlace, store: Store) -> None:
    other = place.store()
    await other.open(NOW)
    place.database.plan = [FULL]
    together: Sequence[object] = await asyncio.gather(
        store.pause("app-a", "skip", NOW), accept(store, event("go")), return_exceptions=True
    )
    assert [type(one) for one in together] == [StoreFullError, StoreFullError]
    await other.register([function("new", "new")], replace_app=None, now=NOW)  # it is given the number of the pause
    ((start, _),) = await accept(store, event("new"))
    assert start.run.function_id == "app-new"
    ((start, _),) = await accept(store, event("go"))
    assert start.run.status == "QUEUED"
    await other.close()


async def test_a_timer_that_was_not_removed_is_not_forgotten(place: FailingPlace, store: Store) -> None:
    await store.register([TIMED], replace_app=None, now=NOW)
    await accept(store, event("timed"))
    assert store.timer_due == NOW + 10_000
    place.database.plan = [FULL]
    with pytest.raises(StoreError):
        await store.fire(NOW + 10_000)
    assert store.timer_due == NOW + 10_000
    assert len((await store.fire(NOW + 10_000)).started) == 1
    assert store.timer_due is None


async def test_a_timer_that_was_not_set_is_not_known(place: FailingPlace, store: Store) -> None:
    place.database.plan = [FULL]
    with pytest.raises(StoreError):
        await accept(store, event("timed"))
    assert store.timer_due is None


async def test_who_sends_what_sql_refuses_is_told_by_a_store_error(place: FailingPlace, store: Store) -> None:
    change(
        place, "CREATE TRIGGER picky BEFORE INSERT ON inngest_events WHEN NEW.key = 'bad' BEGIN SELECT json('{'); END"
    )
    bad, good = await asyncio.gather(
        accept(store, event("go", key="bad")), accept(store, event("go")), return_exceptions=True
    )
    assert isinstance(bad, StoreError)
    assert "malformed JSON" in str(bad)
    assert not isinstance(good, BaseException)
    assert len(good) == 1


@pytest.mark.parametrize("reads", [(lanes, "rules_of"), (entering, "taken")], ids=["a lane", "a run"])
async def test_no_row_is_put_off_because_the_database_fails(
    place: FailingPlace, store: Store, reads: tuple[Any, str]
) -> None:
    config = '{"concurrency": 1}'
    await store.register([function("laned", "laned", config=config)], replace_app=None, now=NOW)
    ((start, _),) = await accept(store, event("laned"))
    with mock.patch.object(*reads, side_effect=error("database or disk is full")), pytest.raises(StoreFullError):
        await store.claim(values.owner(), 1, ["app-laned"], NOW, alone=True)
    assert place.contents()["inngest_troubles"] == []
    claims = await store.claim(values.owner(), 1, ["app-laned"], NOW, alone=True)
    assert [claimed.run.id for claimed in claims.runs] == [start.run.id]
