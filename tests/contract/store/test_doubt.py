"""A COMMIT whose answer is lost: every verb tells what is stored, as if the answer had come (P10)."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from inngest.engine.ports import Store
from inngest.engine.records import Owner
from inngest.errors import StoreError
from tests.contract.store import values, writing
from tests.contract.store.failing import Failing, FailingPlace, Fails, error
from tests.contract.store.values import NOW, acceptance, begin, event, owner
from tests.contract.store.writing import CASES, CHANGE_NOTHING, VERBS, Act
from tests.unit.test_commands import WRITING

CHANGING = [verb for verb in VERBS if verb not in CHANGE_NOTHING]


def test_each_verb_that_writes_has_a_case() -> None:
    assert sorted(CASES) == sorted({*WRITING, "record_here"})


async def opened(place: FailingPlace) -> Store:
    """A store with a worker and functions."""
    store = place.store()
    await writing.opened(store)
    return store


async def told(folder: Path, verb: Callable[[Store], Awaitable[Act]], trouble: Callable[[Failing], object]) -> object:
    """What a verb tells, and what is stored then, if this happens to the database meanwhile."""
    place = FailingPlace(folder)
    store = await opened(place)
    act = await verb(store)
    heard = values.hear(store)
    trouble(place.database)
    answering = asyncio.ensure_future(act())
    for _ in range(3):
        await asyncio.sleep(0)
    if not answering.done():
        assert store.trouble is not None
        store.retry()
    answer = await asyncio.wait_for(answering, 60)
    assert store.trouble is None
    assert place.database.plan == []
    stored = place.contents()
    await store.close()
    return answer, heard.told, stored


@pytest.fixture(autouse=True)
def same_ids(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Ids that are the same in each world."""

    def again() -> None:
        monkeypatch.setattr(values, "_numbers", itertools.count(1))

    return again


def nothing(_: Failing) -> None:
    """No trouble."""


def lost(words: str, closed: int = 0) -> Callable[[Failing], None]:
    """The next commit happens, and fails; then so many transactions cannot begin."""

    def happen(database: Failing) -> None:
        database.closes = closed
        database.plan = [(Fails.UNANSWERED, error(words))]

    return happen


@pytest.mark.parametrize("trouble", ["database is locked", "disk I/O error"])
@pytest.mark.parametrize("verb", CHANGING, ids=lambda verb: verb.__name__)
async def test_what_is_stored_is_told(
    tmp_path: Path, same_ids: Callable[[], None], verb: Callable[[Store], Awaitable[Act]], trouble: str
) -> None:
    same_ids()
    expected = await told(tmp_path / "quiet", verb, nothing)
    same_ids()
    assert await told(tmp_path / "lost", verb, lost(trouble)) == expected


@pytest.mark.parametrize("verb", CHANGING, ids=lambda verb: verb.__name__)
async def test_it_is_told_when_it_can_be_found_out(
    tmp_path: Path, same_ids: Callable[[], None], verb: Callable[[Store], Awaitable[Act]]
) -> None:
    same_ids()
    expected = await told(tmp_path / "quiet", verb, nothing)
    same_ids()
    assert await told(tmp_path / "doubt", verb, lost("disk I/O error", closed=1)) == expected


async def test_what_did_not_happen_is_written_again(tmp_path: Path) -> None:
    place = FailingPlace(tmp_path)
    store = await opened(place)
    place.database.plan = [(Fails.NOT_STORED, error("database is locked"))]
    ((start, owned),) = (await store.accept(acceptance(event("go"), claim=[owner()]))).started
    assert isinstance(owned, Owner)
    assert [row[0] for row in place.contents()["inngest_runs"]] == [start.run.id]
    await store.close()


async def test_nothing_is_written_while_a_commit_is_in_doubt(tmp_path: Path) -> None:
    place = FailingPlace(tmp_path)
    store = await opened(place)
    claimed = await begin(store)
    lost("disk I/O error", closed=1_000)(place.database)
    first = store.accept(acceptance(event("go")))
    await turns()
    second = values.committing(store, claimed, values.record(values.memo("x", 0), values.memo("y", 1)))
    with pytest.raises(StoreError, match="disk I/O error"):
        await store.accept(acceptance(event("go")))
    assert not first.done()
    assert not second.done()
    place.database.closed = 0
    store.retry()
    assert len((await first).started) == 1
    await second
    assert store.trouble is None
    await store.close()


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("stored", [False, True])
async def test_a_caller_may_give_up_while_a_commit_is_in_doubt(tmp_path: Path, stored: bool, early: bool) -> None:
    place = FailingPlace(tmp_path)
    store = await opened(place)
    heard = values.hear(store)
    lost("disk I/O error", closed=1_000)(place.database)
    place.executor.replies = [] if early else None  # nobody has heard of the doubt when its caller gives up
    given = acceptance(event("go"), claim=[owner()])

    async def send() -> object:
        return await store.accept(given)

    sender = asyncio.ensure_future(send())
    await turns()
    sender.cancel()
    await turns()
    assert sender.done() is not early
    place.executor.let_come()
    await turns()
    assert sender.cancelled()
    if stored:
        place.database.closed = 0
        store.retry()
        await store.accept(acceptance(event("other")))
        assert [len(answer.started) for _, answer in heard.commands] == [1, 0]
        assert heard.refused == []
    else:
        store.give_up()
        await turns()
        assert heard.refused == [given]
    assert store.trouble is None or not stored
    await store.close()


async def test_who_stops_in_doubt_says_so(tmp_path: Path) -> None:
    place = FailingPlace(tmp_path)
    store = await opened(place)
    lost("disk I/O error", closed=1_000)(place.database)
    sent = store.accept(acceptance(event("go")))
    await turns()
    assert not sent.done()
    await store.close()
    with pytest.raises(StoreError, match="was lost, and the engine stopped before it was found out whether"):
        await sent


async def turns() -> None:
    """What is ready runs."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_numbers_of_workers_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    place = FailingPlace(tmp_path)
    for _ in range(3):
        store = place.store()
        await store.open(NOW)
        await store.begin_session(values.session())
        await store.end_session("worker", NOW, died=False)
        await store.close()
    connection = sqlite3.connect(place.path)
    rows: Sequence[object] = connection.execute("SELECT id FROM inngest_writers").fetchall()
    connection.close()
    assert len(rows) == 1


async def test_who_changes_nothing_leaves_no_number(tmp_path: Path) -> None:
    place = FailingPlace(tmp_path)
    store = await opened(place)
    other = place.store()
    await other.open(NOW)
    assert other.news()
    assert not other.news()
    await store.claim(owner(), 1, ["app-a"], NOW, alone=True)
    await store.sessions()
    assert not other.news()
    await store.close()
    await other.close()
