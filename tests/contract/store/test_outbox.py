"""What users have sent in transactions of their own is accepted in the transaction that takes it: once, or not yet."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from inngest.engine.domain import effects
from inngest.engine.ports import Store
from inngest.engine.records import Acceptance, Accepted, Owner
from inngest.engine.store import outbox
from inngest.engine.store.outbox import Depth
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Transaction
from inngest.protocol import limits, ulids
from inngest.protocol.opcodes import SentEvent
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor, Place
from tests.contract.store.values import NOW, function, owner

MOST = 2_000
_ids = iter(range(1, 1_000_000))


def sent(name: str = "go", *, ts: int = 0, key: str = "", data: str = '{"a":1}', at: int = NOW) -> SentEvent:
    """An event that has its id."""
    return SentEvent(name, data, key, ts, ulids.make(at, next(_ids).to_bytes(10, "big")))


def write(place: Place, rows: Sequence[tuple[str, str, int]], *, commits: bool = True) -> None:
    """Write rows as a transaction of a user's does."""
    database = place.database()
    connection = database.connect()
    try:
        database.begin(connection)
        connection.execute(*outbox.stores(database, rows))
        if database.waking is not None:
            connection.execute(database.waking)
        if commits:
            database.commit(connection)
        else:
            database.rollback(connection)
    finally:
        connection.close()


def send(place: Place, *events: SentEvent, at: int = NOW) -> list[str]:
    """Send events in a transaction that commits; their ids."""
    write(place, outbox.rows_of(events, at))
    return [one.id for one in events]


async def take(
    store: Store, row: str = "", *, now: int = NOW, claim: Sequence[Owner] = (), functions: Sequence[str] = ()
) -> Accepted:
    """Accept what waits, as a worker does."""
    return await store.accept(Acceptance((), claim, frozenset(functions), now, outbox=row))


async def started(store: Store, name: str = "app-a") -> list[str]:
    """Ids of the events that started a function."""
    found = await store.runs(event_id=None, function_id=name, status=None, limit=10_000, before=None)
    return sorted(run.event_id for run in found)


def depth(place: Place) -> Depth:
    """How much is in the outbox."""
    database = place.database()
    return database.look(lambda connection: outbox.depth(Transaction(connection, database)))


async def test_what_was_sent_starts_its_runs_once_and_is_gone(place: Place, store: Store) -> None:
    ids = send(place, sent(), sent("both"), sent("nobody"))
    answer = await take(store)
    assert [one.id for one in answer.events] == ids
    assert answer.more is False
    assert await started(store) == ids[:1]
    assert await started(store, "app-b") == await started(store, "app-c") == ids[1:2]
    assert depth(place) == Depth(0, 0, None, None)
    assert (await take(store)).events == []


async def test_what_was_rolled_back_was_never_sent(place: Place, store: Store) -> None:
    write(place, outbox.rows_of([sent()], NOW), commits=False)
    await store.look_at_timers()
    assert store.outbox_waits is False
    assert (await take(store)).events == []


async def test_runs_that_there_is_room_for_begin_at_once(place: Place, store: Store) -> None:
    send(place, sent(), sent())
    answer = await take(store, claim=[owner()], functions=["app-a"])
    assert [given is not None for _, given in answer.started] == [True, False]


async def test_a_store_learns_of_it_with_the_timers(place: Place, store: Store) -> None:
    assert (store.outbox_waits, store.outbox_aside) == (False, None)
    await store.look_at_timers()
    assert (store.outbox_waits, store.outbox_aside) == (False, False)
    store.news()
    send(place, sent())
    while not store.news().everything:  # noqa: ASYNC110 - it is told in a thread
        await asyncio.sleep(0)
    await store.look_at_timers()
    assert (store.outbox_waits, store.timer_due) == (True, None)
    await take(store)
    assert store.outbox_waits is False


async def test_the_time_of_an_event_is_when_it_was_sent_by_a_clock_that_may_be_ahead(
    place: Place, store: Store
) -> None:
    (early, ahead, own) = [
        *send(place, sent(), at=NOW - 5_000),
        *send(place, sent(), at=NOW + limits.HOUR),
        *send(place, sent(ts=NOW - 7), at=NOW - 5_000),
    ]
    times = {one.id: (one.ts, one.received_at) for one in (await take(store)).events}
    assert times == {early: (NOW - 5_000, NOW), ahead: (NOW, NOW), own: (NOW - 7, NOW)}
    claims = await store.claim(owner(), 3, ["app-a"], NOW, alone=True)
    assert len(claims.runs) == 3  # none waits for a time to come


async def test_an_event_whose_id_was_stored_starts_nothing_again(place: Place, store: Store) -> None:
    one = sent()
    send(place, one)
    await take(store)
    send(place, one)
    assert (await take(store)).started == []
    assert depth(place).rows == 0


async def test_an_id_of_the_users_starts_a_function_once(place: Place, store: Store) -> None:
    first, second = send(place, sent(key="order-1"), sent(key="order-1"))
    await take(store)
    assert await started(store) == [first]
    assert second != first


async def test_two_stores_take_different_rows_or_one_after_the_other(place: Place, store: Store, other: Store) -> None:
    ids = [send(place, sent())[0] for _ in range(5)]
    answers = await asyncio.gather(take(store), take(other), take(store), take(other))
    assert sorted(one.id for answer in answers for one in answer.events) == ids
    assert await started(store) == ids


BAD = {
    "no JSON": ("{", "it is no JSON"),
    "no list": ('{"id":"x"}', "expected a JSON list of events, got dict"),
    "no object": ("[1]", "events[0]: expected an object, got int"),
    "a newer member": (
        '[{"id":"%(id)s","name":"go","data":"{}","sealed":true}]',
        "events[0] has a member 'sealed': was it sent by a newer version?",
    ),
    "no id": ('[{"name":"go","data":"{}"}]', "events[0].id: expected a text, got NoneType"),
    "a wrong id": ('[{"id":"x","name":"go","data":"{}"}]', "events[0].id: not a ULID: 'x'"),
    "no name": ('[{"id":"%(id)s","data":"{}"}]', "events[0].name: expected a text, got NoneType"),
    "an engine's name": (
        '[{"id":"%(id)s","name":"inngest/function.finished","data":"{}"}]',
        "events[0]: event name is reserved for internal use",
    ),
    "data that is no text": (
        '[{"id":"%(id)s","name":"go","data":{}}]',
        "events[0].data: expected a text, got dict",
    ),
    "data that is no object": (
        '[{"id":"%(id)s","name":"go","data":"[1]"}]',
        "events[0].data: expected the JSON text of an object",
    ),
    "half of a pair": (
        '[{"id":"%(id)s","name":"go","data":"{\\"a\\":\\"\\ud800\\"}"}]',
        "events[0].data: expected the JSON text of an object",
    ),
    "a wrong time": ('[{"id":"%(id)s","name":"go","data":"{}","ts":"now"}]', "events[0].ts: expected unix millis"),
    "a time long ago": ('[{"id":"%(id)s","name":"go","data":"{}","ts":1}]', "events[0]: timestamp is before"),
    "the second": (
        '[{"id":"%(id)s","name":"go","data":"{}"},{"id":"%(id)s","name":"","data":"{}"}]',
        "events[1]: event name is empty",
    ),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_row_that_cannot_be_accepted_is_put_aside_and_stops_nobody(
    place: Place, store: Store, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    text, why = BAD[kind]
    bad = sent().id
    write(place, [(bad, text % {"id": bad} if "%(" in text else text, NOW)])
    (good,) = send(place, sent())
    with caplog.at_level(logging.ERROR):
        answer = await take(store)
    assert [one.id for one in answer.events] == [good]
    assert await started(store) == [good]
    left = depth(place)
    assert (left.rows, left.aside, left.oldest) == (1, 1, NOW)
    assert left.trouble is not None
    assert left.trouble.startswith(why)
    (line,) = caplog.messages
    assert line.startswith(f"what was sent in a transaction (row {bad} of the outbox) cannot be accepted")
    await store.look_at_timers()
    assert (store.outbox_waits, store.outbox_aside) == (False, True)  # nobody looks at it again and again
    assert (await take(store)).events == []
    assert await store.outbox_rows(aside=True) == [bad]
    assert await store.outbox_rows(aside=False) == []


async def test_a_row_that_was_put_aside_is_taken_by_who_can_read_it(place: Place, store: Store) -> None:
    (row,) = send(place, sent())
    await store.put_aside(row, "ValueError: it was too much for somebody")
    assert (await take(store)).events == []
    answer = await take(store, row)
    assert [one.id for one in answer.events] == [row]
    assert depth(place).rows == 0


async def test_it_is_told_why_an_event_has_no_run_yet(place: Place, store: Store) -> None:
    first, second, alone = [*send(place, sent(), sent()), *send(place, sent())]
    for event_id in (first, second):
        (kept,) = await store.kept_back(event_id)
        assert (kept.function_id, kept.rule, kept.run_id) == ("", "outbox", None)
        assert kept.text == "it was sent in a transaction, and no worker has accepted it yet"
    await store.put_aside(alone, "it is of a newer version")
    (kept,) = await store.kept_back(alone)
    assert kept.text.endswith("no worker that has tried can accept it: it is of a newer version")
    assert await store.kept_back(sent().id) == []
    await take(store)
    assert await store.kept_back(first) == []


async def test_who_takes_one_row_takes_no_other(place: Place, store: Store) -> None:
    first, second = (send(place, sent())[0] for _ in range(2))
    assert [one.id for one in (await take(store, second)).events] == [second]
    assert await store.outbox_rows(aside=False) == [first]


async def test_a_transaction_takes_as_much_as_it_has_room_for(tmp_path: Path) -> None:
    database = Counting(tmp_path / "outbox.db")
    store = SqlStore(database, InlineExecutor(), CountedIds(), POLICY)
    await store.open(NOW)
    await store.register([function("a", "go", "both"), function("b", "both")], replace_app=None, now=NOW)
    connection = database.connect()
    events = [sent("both") for _ in range(5_000)]
    rows = outbox.rows_of(events, NOW)
    assert all(len(json.loads(text)) <= effects.AT_ONCE for _, text, _ in rows)
    connection.execute(*outbox.stores(database, rows))
    connection.close()
    await store.look_at_timers()
    database.rows.clear()
    came: list[str] = []
    while store.outbox_waits:
        answer = await take(store)
        assert answer.events
        came += [one.id for one in answer.events]
        while store.timer_due is not None and store.timer_due <= NOW:
            await store.fire(NOW)
    assert came == [one.id for one in events]
    assert await started(store) == await started(store, "app-b") == sorted(came)
    assert max(database.rows) <= MOST
    await store.close()


async def test_large_events_are_read_a_few_at_a_time(place: Place, store: Store) -> None:
    large = json.dumps({"a": "y" * 1_500_000})
    ids = send(place, *(sent(data=large) for _ in range(5)))
    first = await take(store)
    assert (len(first.events), first.more) == (2, True)
    assert sum(len(one.data) for one in first.events) <= effects.BYTES_AT_ONCE
    came = [one.id for one in first.events]
    while store.outbox_waits:
        came += [one.id for one in (await take(store)).events]
    assert came == ids


async def test_waits_and_functions_hear_it_as_any_event(place: Place, store: Store) -> None:
    heard = values.hear(store)
    send(place, sent(data='{"amount":1}'))
    await take(store)
    ((command, answer),) = heard.commands
    assert isinstance(command, Acceptance)
    assert (command.is_page, len(answer.events), len(answer.started)) == (True, 1, 1)


def test_rows_are_of_a_megabyte_or_one_event() -> None:
    large = [sent(data=json.dumps({"a": "y" * size})) for size in (900_000, 900_000, 2_900_000, 10, 10)]
    rows = outbox.rows_of(large, NOW)
    found = [[one["id"] for one in json.loads(text)] for _, text, _ in rows]
    ids = [one.id for one in large]
    assert found == [ids[:1], ids[1:2], ids[2:3], ids[3:]]
    assert [row_id for row_id, _, _ in rows] == [ids[0], ids[1], ids[2], ids[3]]


def test_a_row_is_read_as_it_was_written() -> None:
    given = [
        sent(data='{"a":"ü \\u0000 \\ud800","n":1e400}', key="k", ts=NOW),
        sent("shop/paid", data="{}")._replace(extra='{"user":{"id":7}}'),
    ]
    (row,) = outbox.rows_of(given, NOW - 1)
    first, second = outbox.read(row[1], row[2], NOW)
    assert (first.id, first.name, first.data, first.key, first.ts, first.extra, first.received_at) == (
        *(given[0].id, "go", given[0].data, "k", NOW, None, NOW),
    )
    assert (second.ts, second.key, second.extra) == (NOW - 1, "", '{"user":{"id":7}}')
