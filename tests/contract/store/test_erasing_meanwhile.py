"""Others go on while an erasure looks for what it is about: what changes its place meanwhile is not missed."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from inngest.engine.domain.erasing import Affected, Part
from inngest.engine.ports import Store
from inngest.engine.records import Acceptance
from inngest.engine.store import affected_rows
from inngest.engine.store.affected import Ask, Search, answered
from inngest.engine.store.database import Database
from inngest.engine.store.statement import Connection, Statement, Transaction
from tests.contract.store import values
from tests.contract.store.stores import Place
from tests.contract.store.test_outbox import depth, send, sent, take, write
from tests.contract.store.values import NOW, event, function

HERS = '{"user":"ann"}'
WHERE = "event.data.user == 'ann'"
MINUTE = 60_000


async def searched(
    place: Place, before: Callable[[Statement], Awaitable[object]], known: frozenset[str] = frozenset()
) -> Affected:
    """What a search finds, if something happens before each of its statements."""
    database = place.database()
    search = Search(WHERE, NOW, known)
    asks = search.asks()
    ask = next(asks)
    while True:
        await before(ask.statement)
        rows = database.look(functools.partial(_read, database, ask))
        try:
            ask = asks.send(rows)
        except StopIteration:
            return search.found


def _read(database: Database, ask: Ask, connection: Connection) -> list[tuple[Any, ...]]:
    return answered(Transaction(connection, database), ask)


async def nothing(_: Statement) -> None:
    """Nobody does anything meanwhile."""


@pytest.mark.parametrize("way", ["outbox", "parcel"])
async def test_what_is_accepted_between_two_looks_is_found_as_one_or_the_other(
    place: Place, store: Store, way: str
) -> None:
    if way == "outbox":
        (event_id,) = send(place, sent("nobody", data=HERS))
        acceptance, where = Acceptance((), (), frozenset(), NOW, outbox=""), affected_rows.OUTBOX_AFTER
    else:
        hers = event("nobody", data=HERS)
        parcel, event_id = await store.put_parcel([hers], NOW), hers.id
        acceptance, where = Acceptance((), (), frozenset(), NOW, parcel=parcel), affected_rows.PARTS_AFTER
    looked: list[Statement] = []

    async def accepts(statement: Statement) -> None:
        """It is accepted once the search has looked at one of its two places, and before it looks at the other."""
        if statement in (affected_rows.EVENTS_AFTER, where) and statement not in looked:
            looked.append(statement)
            if len(looked) == 2:
                await store.accept(acceptance)

    found = await searched(place, accepts)
    assert await store.event(event_id) is not None
    assert {*found.roots, *(one for pending in found.pending for one in pending.events)} == {event_id}


async def runs(store: Store) -> list[str]:
    """Ids of all runs."""
    return [one.id for one in await store.runs(event_id=None, function_id=None, status=None, limit=10, before=None)]


@pytest.mark.parametrize("gate", [{"debounce": {"period": "60s"}}, {"batchEvents": {"maxSize": 5, "timeout": "60s"}}])
async def test_a_run_that_starts_of_what_was_collected_is_found(place: Place, store: Store, gate: object) -> None:
    await store.register([function("a", "go", config=json.dumps(gate))], replace_app=None, now=NOW)
    await values.accept(store, event(data=HERS))

    async def fires(statement: Statement) -> None:
        """Runs have been looked for, and what is collected has not."""
        if statement is affected_rows.MARKERS_AFTER:
            await store.fire(NOW + MINUTE)

    found = await searched(place, fires)
    assert len(await runs(store)) == 1
    assert [one.run_id for one in found.under_way] == await runs(store)


async def test_what_has_come_of_an_event_since_it_was_found_is_found_though_it_is_erased(
    place: Place, store: Store
) -> None:
    await store.register([function("a", "go", config='{"debounce":{"period":"60s"}}')], replace_app=None, now=NOW)
    await values.accept(store, event(data=HERS))
    first = await searched(place, nothing)
    await store.fire(NOW + MINUTE)
    await store.erase(Part(NOW, NOW, events=tuple(first.roots)))
    assert (await searched(place, nothing)).is_nothing
    second = await searched(place, nothing, frozenset(first.known))
    assert [one.run_id for one in second.under_way] == await runs(store)
    assert (second.roots, second.said) == ({}, {})


async def test_what_was_sent_on_a_connection_and_is_hers_is_never_accepted(place: Place, store: Store) -> None:
    ids = send(place, *(sent(data=data) for data in ("{}", HERS, '{"n":1}', HERS, '{"n":2}')))
    (alone,) = send(place, sent(data=HERS))
    found = await store.affected(WHERE, NOW)
    assert [(one.kind, one.key, one.events) for one in found.pending] == [
        ("outbox", ids[0], (ids[1], ids[3])),
        ("outbox", alone, (alone,)),
    ]
    assert (await store.erase(Part(NOW, NOW, drop=tuple(found.pending)))).dropped == 3
    assert depth(place).rows == 1
    assert (await store.affected(WHERE, NOW)).is_nothing
    assert (await store.erase(Part(NOW, NOW, drop=tuple(found.pending)))).dropped == 0
    assert [one.id for one in (await take(store)).events] == [ids[0], ids[2], ids[4]]


async def test_a_row_of_the_outbox_whose_first_event_is_hers_keeps_the_others(place: Place, store: Store) -> None:
    ids = send(place, sent(data=HERS), sent(data="{}"))
    found = await store.affected(WHERE, NOW)
    assert (await store.erase(Part(NOW, NOW, drop=tuple(found.pending)))).dropped == 1
    assert [one.id for one in (await take(store)).events] == ids[1:]


@pytest.mark.parametrize("text", ["[" * 100_000, '[{"id":"1","data":' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}]"])
async def test_a_row_of_the_outbox_that_nobody_can_read_stops_no_erasure(place: Place, store: Store, text: str) -> None:
    write(place, [("row", text, NOW)])
    await values.accept(store, event("nobody", data=HERS))
    found = await store.affected(WHERE, NOW)
    assert (len(found.roots), found.unreadable) == (1, 1)
