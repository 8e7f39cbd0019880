"""Two writers on one PostgreSQL database: what each is told is what is stored, and neither is in the other's way for no
reason.
"""

from __future__ import annotations

import itertools
import json
import threading
import uuid
from collections.abc import Awaitable, Generator, Iterator, Sequence
from typing import Any

import psycopg
import pytest

from inngest.engine.domain import subscriptions
from inngest.engine.domain.model import Changes, Event, SubscriptionKind, Wait
from inngest.engine.ports import Store
from inngest.engine.records import Accepted, Claimed, Claims, Commit, EventCursor, Receipt
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.numbers import Numbers
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Transaction
from inngest.protocol.opcodes import Memo, Opcode, OpenStep, OpTarget
from tests import postgres
from tests.contract.store import values
from tests.contract.store.interleaving import Pair, Told, Town, race
from tests.contract.store.values import NOW, event, function, owner

LATER = NOW + 100_000
DOOR = values.step("door")
PAID = values.step("paid")


@pytest.fixture(scope="module")
def town() -> Generator[Town]:
    """Three stores on one schema."""
    town = Town()
    yield town
    town.close()


def begun(town: Town) -> Claimed:
    """A run that `worker` owns."""
    claimed: Claimed = town.setter.do(values.begin)
    return claimed


def accepts(*events: Event) -> Any:
    """Events come."""

    def verb(store: SqlStore, _: object) -> Awaitable[Accepted]:
        return store.accept(values.acceptance(*events))

    return verb


def claims(store: SqlStore, _: object) -> Awaitable[Claims]:
    """A worker claims what there is."""
    return store.claim(owner(), 5, sorted(values.FUNCTIONS), NOW, alone=True)


# -- signals


def waits_at_the_door(town: Town) -> Claimed:
    """A run that waits for a signal."""
    claimed = begun(town)
    opened = OpenStep(DOOR, Opcode.WAIT_FOR_SIGNAL, 0, LATER, NOW)
    wait = Wait(opened, OpTarget("door", None))
    watch = subscriptions.of_step(claimed.run.id, wait, claimed.events)
    assert watch is not None
    changes = Changes(0, open=[opened], waits=[wait])
    commit = Commit(claimed.owner, claimed.run.function_id, changes, NOW, waiting=True, subscriptions=[watch])
    town.setter.do(lambda store: store.commit(commit))
    return claimed


def knocks(store: SqlStore, _: object) -> Awaitable[str | None]:
    """Somebody sends the signal."""
    return store.signal("door", "1", NOW)


async def waits_no_more(store: SqlStore, claimed: Claimed) -> Receipt:
    """The run has waited in vain."""
    memo = Memo(DOOR, Opcode.WAIT_FOR_SIGNAL, 0, "null", None, NOW, 0, NOW)
    commit = Commit(claimed.owner, claimed.run.function_id, Changes(0, memos=[memo]), NOW, waiting=True)
    receipt: Receipt = await store.commit(commit)
    return receipt


def woken_once(_: Town, __: object, told: Told) -> Iterator[str]:
    """One wait takes one signal."""
    if told.a and told.b:
        yield "two signals are said to have woken one wait (P8)"


def woken_in_time(town: Town, _: object, told: Told) -> Iterator[str]:
    """A run that was woken was."""
    memos = town.rows("SELECT data FROM inngest_steps WHERE seq IS NOT NULL")
    if told.a and memos == [("null",)]:
        yield "a signal is said to have woken a run whose memo says that none came (P8)"


@pytest.mark.parametrize(
    "pair",
    [
        Pair("signal / signal", waits_at_the_door, knocks, knocks, woken_once),
        Pair("signal / time out", waits_at_the_door, knocks, waits_no_more, woken_in_time),
    ],
    ids=lambda pair: pair.name,
)
def test_a_signal_is_said_to_wake_who_has_it(town: Town, pair: Pair) -> None:
    assert race(town, pair) == []


# -- lanes


def suspected(town: Town) -> None:
    """A run in a lane with room, which must be tried alone."""
    limited = function("a", "go", config=json.dumps({"concurrency": 5}))
    town.setter.do(lambda store: store.register([limited], replace_app=None, now=NOW))
    town.setter.do(lambda store: values.accept(store, event()))
    assert town.rows("UPDATE inngest_jobs SET queue_class = 1 RETURNING id")


def comes(store: SqlStore, _: object) -> Awaitable[Accepted]:
    """Another event comes for the lane."""
    return store.accept(values.acceptance(event()))


def no_trouble(town: Town, *_: object) -> Iterator[str]:
    """Nothing is wrong with any row."""
    if found := town.rows("SELECT kind, error FROM inngest_troubles"):
        yield f"a row that others hold is put off, as one that cannot be read: {found[0]}"


def test_what_others_hold_is_not_taken_for_damaged(town: Town) -> None:
    assert race(town, Pair("event for a lane / claim alone", suspected, comes, claims, no_trouble)) == []


def test_lanes_without_limits_are_locked_in_one_order(town: Town) -> None:
    functions = [function(name, name, config=json.dumps({"priority": {"run": "1"}})) for name in "abc"]

    def prioritized(town: Town) -> None:
        town.setter.do(lambda store: store.register(functions, replace_app=None, now=NOW))

    def in_order(names: Sequence[str]) -> Any:
        return lambda store, _: accepts(*(event(name) for name in names))(store, None)

    before = town.deadlocks()
    assert race(town, Pair("events / events in another order", prioritized, in_order("abc"), in_order("cba"))) == []
    assert town.deadlocks() == before


def test_a_lane_that_others_serve_is_not_taken_for_lost(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    limited = function("a", "go", config=json.dumps({"concurrency": 5}))
    times = itertools.count(NOW, 20_000)  # each time all is swept

    def in_lane(town: Town) -> None:
        town.setter.do(lambda store: store.register([limited], replace_app=None, now=NOW))
        town.setter.do(lambda store: values.accept(store, event()))

    def sweeps(store: SqlStore, _: object) -> Awaitable[Claims]:
        return store.claim(owner(), 5, sorted(values.FUNCTIONS), next(times), alone=True)

    def takes(store: SqlStore, _: object) -> Awaitable[Claims]:
        return store.claim(owner("other"), 5, sorted(values.FUNCTIONS), NOW, alone=True)

    assert race(town, Pair("claim that sweeps / claim", in_lane, sweeps, takes)) == []
    assert "made anew" not in caplog.text


# -- looking back


def looks_back(store: SqlStore, claimed: Claimed) -> Awaitable[Any]:
    """A run begins to wait for what may have come before."""
    opened = OpenStep(PAID, Opcode.WAIT_FOR_EVENT, 0, LATER, NOW)
    found = subscriptions.bound(claimed.run.id, PAID.hash, SubscriptionKind.STEP, "paid", None, {"data": {}}, LATER)
    assert found is not None
    changes = Changes(0, open=[opened], waits=[Wait(opened, OpTarget("paid", None))])
    watch = found._replace(since=NOW - 1)
    return store.commit(
        Commit(claimed.owner, claimed.run.function_id, changes, NOW, waiting=True, subscriptions=[watch])
    )


def test_an_event_that_is_committed_after_later_ones_is_found(town: Town) -> None:
    """Who looks back sees those first, and must not take them for the last there are."""
    missed: list[int] = []
    at = 0
    while True:
        town.clean()
        claimed = begun(town)
        town.a.gate.arm(at)
        first = town.a.start(accepts(event("paid")), None)
        if not town.a.gate.reached(first):
            break
        town.setter.do(lambda store: values.accept(store, event("another")))
        second = town.b.start(looks_back, claimed)
        town.let_run(town.b, second)
        town.a.gate.open()
        first.result(60)
        second.result(60)
        missed += [at] if not town.rows("SELECT 1 FROM inngest_inbox") else []
        at += 1
    town.a.gate.open()
    assert at > 5
    assert missed == []


def came_before(town: Town) -> Claimed:
    """An old event, and a run that does not wait for it yet."""
    town.setter.do(lambda store: values.accept(store, event("paid")))
    return begun(town)


def removes(store: SqlStore, _: object) -> Awaitable[Any]:
    """Events that nobody needs are removed."""
    return store.remove_events(EventCursor(0, ""), LATER)


def is_there(town: Town, *_: object) -> Iterator[str]:
    """What a step is given is there."""
    if town.rows("SELECT 1 FROM inngest_inbox WHERE event_id NOT IN (SELECT id FROM inngest_events)"):
        yield "a step was given an event that is removed"


@pytest.mark.parametrize(
    "pair", [("look back / remove", looks_back, removes), ("remove / look back", removes, looks_back)]
)
def test_an_event_that_is_found_is_not_removed(town: Town, pair: tuple[str, Any, Any]) -> None:
    name, a, b = pair
    assert race(town, Pair(name, came_before, a, b, is_there)) == []


# -- sessions


def test_workers_that_begin_at_once_are_in_no_deadlock(town: Town) -> None:
    """Each has written before: it has ended the sessions of others, or its own was ended."""
    times = itertools.count(NOW, 100_000)

    def have_written(town: Town) -> None:
        for side in (town.a, town.b):
            side.do(lambda store: store.keep_time(next(times), anew=True))

    def begins_as(name: str) -> Any:
        return lambda store, _: store.begin_session(values.session(name))

    before = town.deadlocks()
    assert race(town, Pair("begin / begin", have_written, begins_as("one"), begins_as("two"))) == []
    assert town.deadlocks() == before


def begins(store: SqlStore, _: object) -> Awaitable[Accepted]:
    """A worker accepts an event, and begins its run at once."""
    return store.accept(values.acceptance(event(), claim=[owner()]))


@pytest.mark.parametrize("verb", [claims, begins])
def test_no_transaction_keeps_a_worker_from_telling_that_it_lives(town: Town, verb: Any) -> None:
    at, kept = 0, []
    while True:
        town.clean()
        town.setter.do(lambda store: values.accept(store, event()))
        town.a.gate.arm(at)
        done = town.a.start(verb, None)
        if not town.a.gate.reached(done):
            break
        try:
            with town.holding(
                "UPDATE inngest_sessions SET beat_at = 1 WHERE id IN (SELECT id FROM inngest_sessions "
                "WHERE id = 'worker' FOR NO KEY UPDATE NOWAIT)"
            ):
                pass
        except psycopg.errors.LockNotAvailable:
            kept.append(at)
        town.a.gate.open()
        done.result(60)
        at += 1
    town.a.gate.open()
    assert at > 5
    assert kept == []


# -- a COMMIT in doubt


@pytest.mark.parametrize("happens", [True, False], ids=["committed", "rolled back"])
async def test_the_first_batch_of_a_writer_is_looked_up_once_it_is_over(town: Town, happens: bool) -> None:
    """Its number is seen by nobody before its COMMIT, for which the server may take a while."""
    number, writer = 1, uuid.uuid4().hex
    ((schema,),) = town.rows("SELECT current_schema()")
    database = PostgresDatabase(postgres.server().url(schema=schema))
    connection = database.connect()
    found: list[bool] = []
    with psycopg.connect(postgres.server().conninfo) as lost:
        lost.execute(f"INSERT INTO {schema}.inngest_writers (id, batch) VALUES (%s, %s)".encode(), (writer, number))

        def look() -> None:
            found.append(Numbers(writer).look_up(number, database, connection, Transaction(connection, database)))

        looking = threading.Thread(target=look)
        looking.start()
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while looking.is_alive() and not town.rows(waits):
            pass
        if happens:
            lost.commit()
        else:
            lost.rollback()
        looking.join()
    connection.close()
    assert found == [happens]


# -- timers


async def test_timers_that_are_due_are_listed_by_who_only_reads(store: Store) -> None:
    timed = function("timed", "timed", config=json.dumps({"debounce": {"period": "10s"}}))
    await store.register([timed], replace_app=None, now=NOW)
    await values.accept(store, event("timed"))
    assert await store.due_timers(NOW) == []
    assert len(await store.due_timers(NOW + 10_000)) == 1
