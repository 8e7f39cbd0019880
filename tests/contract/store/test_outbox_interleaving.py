"""Workers that share a PostgreSQL database take what was sent in transactions, whichever statements come first.

A file of its own: `test_interleaving` is long, and tells of everything else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterator

import pytest

from inngest.engine.records import Acceptance, Accepted, Claimed
from inngest.engine.store import outbox
from inngest.engine.store.sql import SqlStore
from tests.contract.store.interleaving import Pair, Told, Town, race
from tests.contract.store.pairs import begun, claims, looks_back, met
from tests.contract.store.stores import ALL_EXAMPLES
from tests.contract.store.test_outbox import sent
from tests.contract.store.values import NOW


@pytest.fixture(scope="module")
def town() -> Generator[Town]:
    """A schema of its own, and three stores on it."""
    town = Town()
    yield town
    town.close()


def waiting(town: Town) -> Claimed:
    """A run that `worker` owns; what it may wait for, and an event that starts a run, were sent, each by itself."""
    claimed = begun(town)
    for one in (sent("paid"), sent("go")):
        (row,) = outbox.rows_of([one], NOW)
        town.rows("INSERT INTO inngest_outbox (id, events, at) VALUES (%s, %s, %s) RETURNING id", *row)
    return claimed


def takes(store: SqlStore, _: object) -> Awaitable[Accepted]:
    """A worker accepts what was sent."""
    return store.accept(Acceptance((), (), frozenset(), NOW, outbox=""))


def accepted(town: Town, _: object, told: Told) -> Iterator[str]:
    """All of it was accepted, by one of them, and has started what it starts once."""
    if town.rows("SELECT 1 FROM inngest_outbox"):
        yield "what was sent is still in the outbox (P6)"
    if town.rows("SELECT name FROM inngest_events ORDER BY 1") != [("go",), ("go",), ("paid",)]:
        yield "what was sent is not stored, or twice (P1)"
    if len(town.rows("SELECT 1 FROM inngest_runs")) != 2:
        yield "what was sent has not one run (P1)"
    by = [len(one.events) for one in told if isinstance(one, Accepted)]
    if sum(by) != 2:
        yield f"workers say that they accepted {by} events of two (P10)"


PAIRS = [
    Pair("take / take", waiting, takes, takes, accepted),
    Pair("take / wait that looks back", waiting, takes, looks_back, met),
    Pair("wait that looks back / take", waiting, looks_back, takes, met),
    Pair("take / claim", waiting, takes, claims("other")),
    Pair("claim / take", waiting, claims("other"), takes),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_whoever_is_first_no_promise_is_broken(town: Town, pair: Pair) -> None:
    before = town.deadlocks()
    assert race(town, pair, slice(0, None, 1 if ALL_EXAMPLES else 2)) == []
    assert town.deadlocks() == before


def test_a_worker_that_waits_for_nobody_leaves_rows_to_who_has_them(town: Town) -> None:
    """Another transaction has the row: nobody waits for it, and the other rows are taken."""
    town.clean()
    waiting(town)
    (first,), _ = town.rows("SELECT id FROM inngest_outbox ORDER BY id")
    with town.holding("SELECT 1 FROM inngest_outbox WHERE id = %s FOR UPDATE", first):
        answer = town.a.do(lambda store: takes(store, None))
        assert len(answer.events) == 1
    assert [one.id for one in town.a.do(lambda store: takes(store, None)).events] == [first]
