"""A COMMIT whose answer is lost: every verb tells what is stored, as if the answer had come (P10)."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from inngest.engine.domain import subscriptions
from inngest.engine.domain.effects import Effects
from inngest.engine.domain.model import Changes, SubscriptionKind, Wait
from inngest.engine.ports import Store
from inngest.engine.records import Claimed, Commit, Fork, Owner
from inngest.errors import StoreError
from inngest.protocol.opcodes import Memo, Opcode, OpenStep, OpTarget
from tests.contract.store import values
from tests.contract.store.failing import Failing, FailingPlace, Fails, error
from tests.contract.store.test_requests import answer, asked, claims_of, find
from tests.contract.store.test_waits import PAID, woken
from tests.contract.store.values import NOW, accept, acceptance, begin, event, function, owner, step

LATER = NOW + 60_000
LIMITED = function("limited", "limited", config='{"concurrency":[{"limit":5}]}')
TIMED = function("timed", "timed", config='{"debounce":{"period":"10s"}}')

Act = Callable[[], Awaitable[object]]


async def claims(store: Store) -> Act:
    await accept(store, event("go"), event("go"))
    return lambda: store.claim(owner(), 10, ["app-a"], NOW, alone=True)


async def accepts_and_begins(store: Store) -> Act:
    given = acceptance(event("go"), claim=[owner()])
    return lambda: store.accept(given)


async def accepts_what_is_limited(store: Store) -> Act:
    given = acceptance(*(event("limited") for _ in range(3)), claim=[owner()], functions=frozenset({"app-limited"}))
    return lambda: store.accept(given)


async def takes_slots(store: Store) -> Act:
    given = acceptance(event("limited"), claim=[owner()], functions=frozenset({"app-limited"}))
    ((start, owned),) = (await store.accept(given)).started
    assert owned is not None
    assert start.run.lane is not None
    return lambda: store.extra_slots(owned, start.run.lane or "", 2, NOW)


async def wakes(store: Store) -> Act:
    """A wait's time runs out as what it waits for comes: what came counts."""
    claimed = await begin(store)
    run_id = claimed.run.id
    open_step = OpenStep(PAID, Opcode.WAIT_FOR_EVENT, 0, LATER, NOW)
    watch = subscriptions.bound(run_id, PAID.hash, SubscriptionKind.STEP, "paid", None, {}, LATER)
    assert watch is not None
    opened = Changes(0, open=[open_step], waits=[Wait(open_step, OpTarget("paid", None))])
    await store.commit(commit_of(claimed, opened)._replace(waiting=True, subscriptions=[watch]))
    assert await woken(store, {"amount": 1}) == {run_id}
    memo = Memo(PAID, Opcode.WAIT_FOR_EVENT, 0, "null", None, NOW, 0, NOW)
    return lambda: store.commit(commit_of(claimed, values.record(memo))._replace(waiting=True))


async def opens_a_step_and_sends(store: Store) -> Act:
    claimed = await begin(store)
    sent = [event("both")]
    changes = values.record(values.memo("x", 0), open_steps=[values.open_step("y")])
    commit = commit_of(claimed, changes)._replace(effects=Effects(sent))
    return lambda: store.commit(commit)


async def ends(store: Store) -> Act:
    claimed = await begin(store)
    return lambda: store.commit(commit_of(claimed, values.end()))


async def records_alone(store: Store) -> Act:
    claimed = await begin(store)
    return lambda: store.commit(commit_of(claimed, values.record(values.memo("x", 0))))


async def runs_again(store: Store) -> Act:
    claimed = await begin(store)
    await values.commit(store, claimed, values.record(values.memo("x", 0), values.memo("y", 1)))
    fork = Fork(claimed.run.id, values.new_id(NOW), values.new_id(NOW), "y", None, NOW)
    return lambda: store.fork(fork)


async def cancels(store: Store) -> Act:
    claimed = await begin(store)
    return lambda: store.cancel([claimed.run.id], "for a reason", NOW)


async def signals(store: Store) -> Act:
    claimed = await begin(store)
    open_step = OpenStep(step("s"), Opcode.WAIT_FOR_SIGNAL, 0, LATER, NOW)
    wait = Wait(open_step, OpTarget("door", None))
    watch = subscriptions.of_step(claimed.run.id, wait, claimed.events)
    assert watch is not None
    opened = Changes(0, open=[open_step], waits=[wait])
    await store.commit(commit_of(claimed, opened)._replace(waiting=True, subscriptions=[watch]))
    return lambda: store.signal("door", "1", NOW)


async def fires(store: Store) -> Act:
    await accept(store, event("timed"))
    return lambda: store.fire(NOW + 10_000)


async def claims_requests(store: Store) -> Act:
    await asked(store)
    due = await find(store, now=NOW)
    return lambda: store.claim_requests("worker", due.keys, NOW)


async def answers_a_request(store: Store) -> Act:
    claimed = await asked(store)
    await claims_of(store, now=NOW)
    return lambda: store.answer_request(answer(claimed))


async def begins_a_session(store: Store) -> Act:
    return lambda: store.begin_session(values.session("another"))


async def ends_a_session(store: Store) -> Act:
    await begin(store)
    return lambda: store.end_session("worker", NOW, died=True)


async def registers(store: Store) -> Act:
    return lambda: store.register([function("new", "new")], replace_app=None, now=NOW)


async def pauses(store: Store) -> Act:
    await accept(store, event("go"))
    return lambda: store.pause("app-a", "queue", NOW)


async def resumes(store: Store) -> Act:
    await store.pause("app-a", "queue", NOW)
    await accept(store, event("go"))
    return lambda: store.resume("app-a", NOW)


async def removes(store: Store) -> Act:
    claimed = await begin(store)
    await store.commit(commit_of(claimed, values.end()))
    return lambda: store.remove_runs(NOW + 1)


VERBS = [
    *(claims, accepts_and_begins, accepts_what_is_limited, takes_slots, wakes, opens_a_step_and_sends, ends),
    *(records_alone, cancels, signals, fires, claims_requests, answers_a_request, begins_a_session, ends_a_session),
    *(registers, runs_again, pauses, resumes, removes),
]


def commit_of(claimed: Claimed, changes: Changes) -> Commit:
    """What an owner decided."""
    return Commit(claimed.owner, claimed.run.function_id, changes, NOW, lane=claimed.run.lane)


async def opened(place: FailingPlace) -> Store:
    """A store with a worker and functions."""
    store = place.store()
    await store.open(NOW)
    functions = [function("a", "go"), function("b", "both"), function("c", "both", app="c"), LIMITED, TIMED]
    await store.register(functions, replace_app=None, now=NOW)
    await store.begin_session(values.session())
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
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
async def test_what_is_stored_is_told(
    tmp_path: Path, same_ids: Callable[[], None], verb: Callable[[Store], Awaitable[Act]], trouble: str
) -> None:
    same_ids()
    expected = await told(tmp_path / "quiet", verb, nothing)
    same_ids()
    assert await told(tmp_path / "lost", verb, lost(trouble)) == expected


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
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
