"""Erasing: what it is about is found by what the tables tie together, and parts are written beside others (P0–P8)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Generator, Iterator
from typing import Any

import pytest

from inngest.engine.domain import erasing
from inngest.engine.domain.erasing import Affected, AuditEntry, Done, Part
from inngest.engine.domain.model import Changes, FailedAttempt, RunStatus
from inngest.engine.ports import Store
from inngest.engine.records import Acceptance, Accepted, Claimed
from inngest.engine.store import erasing as written
from inngest.engine.store.sql import SqlStore
from inngest.expressions.errors import ExpressionError
from inngest.protocol.errors import ErrorInfo
from tests.contract.store import values
from tests.contract.store.interleaving import Pair, Told, Town, race
from tests.contract.store.stores import ALL_EXAMPLES
from tests.contract.store.values import NOW, event, function, owner

HERS = '{"user":"ann"}'
WHERE = "event.data.user == 'ann'"
MINUTE = 60_000
ENTRY = AuditEntry("audit-1", NOW, "me", erasing.ACTION, "event.data.user", None)


async def begun(store: Store, data: str) -> Claimed:
    """A run that a worker owns."""
    await values.accept(store, event(data=data))
    return await values.claim_one(store)


async def ended(store: Store) -> Claimed:
    """A run of hers that has ended."""
    claimed = await begun(store, HERS)
    await values.commit(store, claimed, values.record(values.memo("one", 0)))
    await values.commit(store, claimed, values.end())
    return claimed


async def erase_all(store: Store, found: Affected, now: int = NOW) -> list[Done]:
    """All parts, each by itself."""
    return [
        await store.erase(Part(now, now, ENTRY, memos=tuple(found.memos))),
        await store.erase(Part(now, now, keys=tuple(found.keys))),
        await store.erase(Part(now, now, runs=tuple(run.id for run in found.new_runs))),
        await store.erase(Part(now, now, events=(*found.said, *found.roots))),
    ]


async def test_an_event_and_its_run_are_found_and_written_over_once(store: Store) -> None:
    claimed = await ended(store)
    others = await begun(store, "{}")
    found = await store.affected(WHERE, NOW)
    assert (list(found.runs), found.under_way, found.is_nothing) == ([claimed.run.id], [], False)
    assert sum(one.steps for one in await erase_all(store, found)) == 1
    view = await store.run(claimed.run.id)
    assert view is not None
    assert (view.run.erased_at, view.eraser) == (NOW, "me")
    assert [memo.data for memo in view.memos] == [erasing.value(NOW)]
    assert view.event.data == erasing.value(NOW)
    again = await store.affected(WHERE, NOW)
    assert again.is_nothing
    assert (await store.affected("true", NOW)).running[0].id == others.run.id
    await erase_all(store, found, NOW + 1)  # what is repeated changes no more than the time
    assert (await store.affected(WHERE, NOW)).is_nothing
    entry = (await store.audit(10))[0]
    assert (entry.actor, entry.target) == ("me", "event.data.user")
    assert await store.audit(10, before=entry.id) == []


async def test_a_run_that_goes_on_is_not_written_over(store: Store) -> None:
    claimed = await begun(store, HERS)
    await values.commit(store, claimed, values.record(values.memo("one", 0)))
    found = await store.affected(WHERE, NOW)
    assert [one.run_id for one in found.under_way] == [claimed.run.id]
    assert (await store.erase(Part(NOW, NOW, runs=(claimed.run.id,)))) == Done()
    view = await store.run(claimed.run.id)
    assert view is not None
    assert (view.run.erased_at, view.memos[0].data) == (None, values.memo("one", 0).data)
    done = await store.erase(Part(NOW, NOW, cancel=(claimed.run.id,)))
    assert done.cancelled == (claimed.run.id,)
    assert (await store.erase(Part(NOW, NOW, runs=(claimed.run.id,)))).runs == 1


@pytest.mark.parametrize("rows", range(1, 9))
async def test_runs_are_written_over_in_parts_of_any_size(
    store: Store, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "ROWS", rows)
    ids: list[str] = []
    for count in (0, 3, 1, 4):
        claimed = await begun(store, HERS)
        failed = [
            FailedAttempt(values.step("one").hash, at, NOW, NOW + at, ErrorInfo("E", "ann")) for at in range(count)
        ]
        memos = [values.memo(str(number), number) for number in range(count)]
        await values.commit(store, claimed, Changes(0, memos=memos, failed=failed))
        await values.commit(store, claimed, values.end())
        ids.append(claimed.run.id)
    left, after, runs, steps, parts = tuple(ids), "", 0, 0, 0
    while left:
        done = await store.erase(Part(NOW, NOW, runs=left, after=after))
        left, after, runs, steps, parts = done.left, done.after, runs + done.runs, steps + done.steps, parts + 1
        assert parts < 60
    assert (runs, steps) == (4, 8)
    for run_id in ids:
        view = await store.run(run_id)
        assert view is not None
        assert (view.failed, view.run.erased_at) == ([], NOW)
        assert all(erasing.is_erased(memo.data) for memo in view.memos)


async def test_a_wrong_condition_is_refused(store: Store) -> None:
    with pytest.raises(ExpressionError):
        await store.affected("event.data.", NOW)


async def test_events_of_a_parcel_are_dropped_before_they_are_accepted(store: Store) -> None:
    events = [event("go", data=data) for data in ("{}", HERS, '{"n":1}', HERS, '{"n":2}')]
    parcel = await store.put_parcel(events, NOW)
    (pending,) = (await store.affected(WHERE, NOW)).pending
    assert (pending.kind, pending.key, pending.events) == ("parcel", parcel, (events[1].id, events[3].id))
    assert (await store.erase(Part(NOW, NOW, drop=(pending,)))).dropped == 2
    assert (await store.affected(WHERE, NOW)).is_nothing
    accepted = Accepted((), more=True)
    came: list[str] = []
    while accepted.more:
        accepted = await store.accept(Acceptance((), (), frozenset(), NOW, parcel=parcel))
        came += [one.id for one in accepted.events]
    assert came == [events[0].id, events[2].id, events[4].id]


async def test_a_parcel_of_hers_alone_is_over(store: Store) -> None:
    parcel = await store.put_parcel([event("go", data=HERS)], NOW)
    found = await store.affected(WHERE, NOW)
    await store.erase(Part(NOW, NOW, drop=tuple(found.pending)))
    accepted = await store.accept(Acceptance((), (), frozenset(), NOW, parcel=parcel))
    assert (accepted.events, accepted.more, accepted.started) == ([], False, [])
    assert (await store.affected(WHERE, NOW)).is_nothing


async def test_keys_of_her_runs_are_forgotten_and_no_others(store: Store) -> None:
    config = {"idempotency": "event.data.user", "rateLimit": {"limit": 1, "period": "60s", "key": "event.data.user"}}
    await store.register([function("a", "go", config=json.dumps(config))], replace_app=None, now=NOW)
    await ended(store)
    await begun(store, '{"user":"bob"}')
    found = await store.affected(WHERE, NOW)
    assert sorted(one.table for one in found.keys) == ["idempotency", "rates"]
    assert sum(one.keys for one in await erase_all(store, found)) == 2
    assert len(await values.accept(store, event(data=HERS))) == 1
    assert len(await values.accept(store, event(data='{"user":"bob"}'))) == 0


# -- beside others, on PostgreSQL


@pytest.fixture(scope="module")
def town() -> Generator[Town]:
    """A schema of its own, and three stores on it."""
    town = Town()
    yield town
    town.close()


def over(town: Town) -> Affected:
    """What is to be erased of a run that has ended."""
    config = {"idempotency": "event.data.user", "concurrency": [{"limit": 1, "key": "event.data.user"}]}
    spec = function("a", "go", config=json.dumps(config))
    town.setter.do(lambda store: store.register([spec], replace_app=None, now=NOW))
    town.setter.do(ended)
    return _found(town)


def _found(town: Town) -> Affected:
    found: Affected = town.setter.do(lambda store: store.affected(WHERE, NOW))
    return found


def going_on(town: Town) -> Affected:
    """What is to be erased of a run that somebody owns."""
    town.setter.do(lambda store: begun(store, HERS))
    return _found(town)


def collected(**config: object) -> Any:
    """An event that is collected, of nobody else."""

    def setup(town: Town) -> Affected:
        town.setter.do(
            lambda store: store.register([function("a", "go", config=json.dumps(config))], replace_app=None, now=NOW)
        )
        town.setter.do(lambda store: values.accept(store, event(data=HERS)))
        return _found(town)

    return setup


def _lanes(found: Affected) -> tuple[str, ...]:
    return tuple(run.lane for run in found.runs.values() if run.lane is not None)


def erases(store: SqlStore, found: Affected) -> Awaitable[Done]:
    """Runs are written over."""
    return store.erase(Part(NOW, NOW, ENTRY, runs=tuple(found.runs), lanes=_lanes(found)))


def forgets(store: SqlStore, found: Affected) -> Awaitable[Done]:
    """Keys are forgotten."""
    return store.erase(Part(NOW, NOW, keys=tuple(found.keys)))


def drops(store: SqlStore, found: Affected) -> Awaitable[Done]:
    """What is collected becomes nothing."""
    return store.erase(Part(NOW, NOW, drop=tuple(found.pending)))


def cancels(store: SqlStore, found: Affected) -> Awaitable[Done]:
    """Runs are ended."""
    return store.erase(Part(NOW, NOW, cancel=tuple(found.runs)))


def comes(store: SqlStore, _: Affected) -> Awaitable[Accepted]:
    """Another event of hers comes."""
    return store.accept(values.acceptance(event(data=HERS, now=NOW + 1), claim=[owner("other")]))


def fires(store: SqlStore, _: Affected) -> Awaitable[Any]:
    """What is collected is over."""
    return store.fire(NOW + MINUTE)


def prunes(store: SqlStore, _: Affected) -> Awaitable[bool]:
    """What is old is removed."""
    return store.remove_runs(NOW + MINUTE)


def ends(store: SqlStore, found: Affected) -> Awaitable[Any]:
    """The run is cancelled by somebody else."""
    return store.cancel(list(found.runs), "no more", NOW)


def reruns_refused(town: Town, *_: object) -> Iterator[str]:
    """A run is erased wholly, or not at all."""
    for run_id, erased_at in town.rows("SELECT id, erased_at FROM inngest_runs WHERE status = 'COMPLETED'"):
        left = town.rows("SELECT 1 FROM inngest_steps WHERE run_id = %s AND data NOT LIKE %s", run_id, "%erased%")
        if (erased_at is not None) == bool(left):
            yield f"a run is marked as erased at {erased_at}, and {len(left)} steps are not"


def dropped_or_started(town: Town, _: object, told: Told) -> Iterator[str]:
    """An event that was dropped has started nothing, and one that was not has."""
    runs = len(town.rows("SELECT 1 FROM inngest_runs"))
    if isinstance(told.a, Done) and told.a.dropped and runs > 1:
        yield "an event that was dropped has started a run"
    if isinstance(told.a, Done) and not told.a.dropped and not runs:
        yield "an event is neither dropped nor has it started a run (P1)"


BATCH = {"batchEvents": {"maxSize": 5, "timeout": "60s"}}
DEBOUNCE = {"debounce": {"period": "60s"}}

PAIRS = [
    Pair("erase / another event in its lane", over, erases, comes, reruns_refused),
    Pair("another event in its lane / erase", over, comes, erases, reruns_refused),
    Pair("erase / erase", over, erases, erases, reruns_refused),
    Pair("erase / remove what is old", over, erases, prunes, reruns_refused),
    Pair("remove what is old / erase", over, prunes, erases, reruns_refused),
    Pair("forget keys / another event of the key", over, forgets, comes),
    Pair("another event of the key / forget keys", over, comes, forgets),
    Pair("end what is to be erased / cancel", going_on, cancels, ends),
    Pair("cancel / end what is to be erased", going_on, ends, cancels),
    Pair("drop / fire of a batch", collected(**BATCH), drops, fires, dropped_or_started),
    Pair("fire / drop of a batch", collected(**BATCH), fires, drops),
    Pair("drop / event of a batch", collected(**BATCH), drops, comes),
    Pair("drop / fire of a debounce", collected(**DEBOUNCE), drops, fires, dropped_or_started),
    Pair("fire / drop of a debounce", collected(**DEBOUNCE), fires, drops),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_whoever_is_first_no_promise_is_broken(town: Town, pair: Pair) -> None:
    before = town.deadlocks()
    assert race(town, pair, slice(0, None, 1 if ALL_EXAMPLES else 2)) == []
    assert town.deadlocks() == before


def test_statuses_that_are_over_are_known() -> None:
    run = erasing.FoundRun("r", "f", RunStatus.SKIPPED, erased=False, lane=None, parent=None)
    assert run.is_over
    assert not run._replace(status=RunStatus.QUEUED).is_over
