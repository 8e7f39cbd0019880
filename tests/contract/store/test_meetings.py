"""Whatever two writers do on one PostgreSQL database, whichever of their statements come first: no promise is broken.

Each verb meets each other, and itself, on one stage: a run that is owned and waits, others that queue behind a limit,
something that is collected, and a worker that dies. `pairs` has what races about something of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Generator, Mapping
from typing import Any, NamedTuple

import pytest

from inngest.engine.domain.model import Event
from inngest.engine.ports import Store
from inngest.engine.records import Claimed, Commit, EventCursor, Fork, Owner
from inngest.engine.store.sql import SqlStore
from tests.contract.store import pairs, values
from tests.contract.store.interleaving import Pair, Town, Verb, race
from tests.contract.store.pairs import MINUTE, limited
from tests.contract.store.stores import ALL_EXAMPLES, MODES
from tests.contract.store.values import NOW, event, owner

FEW = 241
"""Of so many meetings one is tried in each run of the suite, in each mode others."""

SPARSE = 5
"""Of so many statements of a meeting one is tried then."""


class Stage(NamedTuple):
    """What verbs are about."""

    owned: Claimed  # by `worker`; it waits for `paid`, and has a slot of a limit of two
    over: Claimed  # it has ended
    queued: str  # the id of a run behind the limit
    sent: Event  # comes during a meeting, perhaps twice


def stage(town: Town) -> Stage:
    """Everything that verbs can meet on."""
    shared = [{"limit": 2, "key": '"x"', "scope": "env"}]
    pairs.registered(
        town,
        limited("a", "go", concurrency=shared, throttle={"limit": 9, "period": "60s", "burst": 9}),
        limited("b", "both", concurrency=shared, cancel=[{"event": "paid"}]),
        limited("c", "both", singleton={"mode": "cancel"}),
        limited("d", "go", batchEvents={"maxSize": 9, "timeout": "60s"}),
        limited("e", "inngest/function.finished"),
        limited("f", "never", triggers=[{"cron": "* * * * *"}]),
    )
    pairs.accepted(town, event())
    over: Claimed = town.setter.do(values.claim_one)
    town.setter.do(lambda store: values.commit(store, over, values.end()))
    pairs.accepted(town, event())
    owned: Claimed = town.setter.do(claim_of_a)
    town.setter.do(lambda store: pairs.open_wait(store, owned))
    pairs.accepted(town, event("both"))
    pairs.accepted(town, event())
    ((queued,),) = town.rows(
        "SELECT id FROM inngest_runs WHERE function_id = 'app-a' AND status = 'QUEUED' AND session_id IS NULL"
    )
    return Stage(owned, over, str(queued), event())


async def claim_of_a(store: Store) -> Claimed:
    """The first run of the limited function."""
    claims = await store.claim(owner("worker"), 1, ["app-a"], NOW, alone=True)
    (claimed,) = claims.runs
    return claimed


def of_owned(verb: Any) -> Verb:
    """A verb about the run that is owned."""

    def asked(store: SqlStore, about: Stage) -> Awaitable[Any]:
        done: Awaitable[Any] = verb(store, about.owned)
        return done

    return asked


def claims(session: str) -> Verb:
    """A worker claims what there is, also what has just begun to be due."""

    def asked(store: SqlStore, _: Stage) -> Awaitable[Any]:
        return store.claim(owner(session), 5, [f"app-{name}" for name in "abcdef"], NOW, alone=True)

    return asked


def begins(store: SqlStore, about: Stage) -> Awaitable[Any]:
    """An event comes, and `other` begins its runs."""
    claim = [Owner("other", f"token-{number}", "") for number in range(3)]
    return store.accept(values.acceptance(about.sent, event("both"), claim=claim))


async def has_more_slots(store: SqlStore, about: Stage) -> Any:
    """The run that is owned has handlers beside its first."""
    return await store.extra_slots(about.owned.owner, str(about.owned.run.lane), 2, NOW)


async def ends(store: SqlStore, about: Stage) -> Any:
    """The run that is owned ends, though a step of it waits."""
    run = about.owned.run
    return await store.commit(
        Commit(about.owned.owner, run.function_id, values.end(), NOW, waiting=True, lane=run.lane)
    )


VERBS: Mapping[str, Verb] = {
    "accept what is waited for": pairs.pays,
    "accept": lambda store, about: store.accept(values.acceptance(about.sent)),
    "begin": begins,
    "cancel what is owned": of_owned(pairs.cancels),
    "cancel what queues": lambda store, about: store.cancel([about.queued], "no more", NOW),
    "claim": claims("worker"),
    "claim by another": claims("other"),
    "end": ends,
    "end a session": lambda store, _: store.end_session("worker", NOW, died=True),
    "extra slots": has_more_slots,
    "fire": lambda store, _: store.fire(NOW + MINUTE),
    "fork": lambda store, about: store.fork(
        Fork(about.over.run.id, values.new_id(NOW), values.new_id(NOW), None, None, NOW)
    ),
    "let go": of_owned(pairs.let_go),
    "look back": of_owned(pairs.looks_back),
    "pause": lambda store, _: store.pause("app-a", "queue", NOW),
    "record": of_owned(pairs.records("one")),
    "record two": of_owned(pairs.records("one", "two")),
    "register": lambda store, _: store.register(
        [limited("a", "go", concurrency=1), values.function("n", "go")], replace_app=None, now=NOW
    ),
    "remove events": lambda store, _: store.remove_events(EventCursor(0, ""), NOW + 1),
    "remove runs": lambda store, _: store.remove_runs(NOW + 1),
    "resume": lambda store, _: store.resume("app-a", NOW),
    "retry now": lambda store, about: store.retry_now(about.owned.run.id, NOW),
    "take over": pairs.takes_over,
    "time out": of_owned(pairs.time_out),
}
"""By name."""

OWNERS = {"end", "extra slots", "let go", "look back", "record", "record two", "time out"}
"""Verbs of the owner of a run, which asks one after the other, of one store."""

MEETINGS = [(one, other) for one in VERBS for other in VERBS if not {one, other} <= OWNERS]


@pytest.fixture(scope="module", params=list(MODES))
def town(request: pytest.FixtureRequest) -> Generator[Town]:
    """A schema of its own, and three stores on it, in each mode."""
    town = Town(request.param)
    yield town
    town.close()


def tried_in(mode: str) -> list[tuple[str, str]]:
    """The meetings that are tried in a mode."""
    return MEETINGS if ALL_EXAMPLES else MEETINGS[list(MODES).index(mode) * 17 :: FEW]


def test_no_meeting_breaks_a_promise(town: Town) -> None:
    before = town.deadlocks()
    wrong: dict[str, list[str]] = {}
    for one, other in tried_in(town.mode):
        pair = Pair(f"{one} / {other}", stage, VERBS[one], VERBS[other])
        step = 1 if ALL_EXAMPLES else SPARSE
        found = race(town, pair, slice(zlib.crc32(pair.name.encode()) % step, None, step))
        if found:
            wrong[pair.name] = found
    assert wrong == {}, wrong
    assert town.deadlocks() == before
