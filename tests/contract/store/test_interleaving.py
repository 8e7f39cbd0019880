"""Two writers on one PostgreSQL database keep all promises, whichever of their statements come first."""

from __future__ import annotations

import itertools
import uuid
import zlib
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from inngest.engine.domain.model import Event
from inngest.engine.store import claiming, events, locking
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.dialects.postgres import locking as locks_of_postgres
from inngest.engine.store.dialects.postgres.locking import ROWS
from inngest.engine.store.locks import Kind, Lock
from inngest.engine.store.statement import Transaction
from tests.contract.store.interleaving import CONFLICT, Pair, Town, Towns, race
from tests.contract.store.pairs import PAIRS
from tests.contract.store.stores import ALL_EXAMPLES, MODES

IN_MODES = 7
"""Of so many statements of a pair one is tried in each mode."""


@pytest.fixture(scope="module")
def towns() -> Generator[Towns]:
    """For each mode a schema of its own, and three stores on it."""
    towns = Towns()
    yield towns
    towns.close()


@pytest.fixture
def town(towns: Towns, request: pytest.FixtureRequest) -> Town:
    """That of a mode."""
    return towns[request.param]


def every(mode: str, pair: Pair) -> slice:
    """The statements before which the other writer comes: all, or some; in modes fewer, of each pair others."""
    if ALL_EXAMPLES:
        return slice(0, None, 1)
    if not mode:
        return slice(0, None, 2)
    return slice(zlib.crc32(f"{mode} {pair.name}".encode()) % IN_MODES, None, IN_MODES)


RACES = [
    pytest.param(mode, pair, id=f"{pair.name} {mode}".strip())
    for number, mode in enumerate(MODES)
    for pair in PAIRS
    if not mode or ALL_EXAMPLES or zlib.crc32(pair.name.encode()) % (2 * (len(MODES) - 1)) == number - 1
]
"""Each pair in the usual mode, and of two one in one of the others, or each in all."""


@pytest.mark.parametrize(("town", "pair"), RACES, indirect=["town"])
def test_whoever_is_first_no_promise_is_broken(town: Town, pair: Pair) -> None:
    deadlocks, conflicts = town.deadlocks(), town.met(CONFLICT)
    assert race(town, pair, every(town.mode, pair)) == []
    assert town.deadlocks() == deadlocks
    assert town.met(CONFLICT) == conflicts or "serializable" in town.mode


# -- each rule is needed


def _unique(name: str) -> Lock:
    return Lock(Kind.GUARD, f"{name} {uuid.uuid4()}")


_of_commit = locking.of_commit
_insert = events.insert


def _all_are_new(tx: Transaction, sent: Sequence[Event]) -> set[str]:
    _insert(tx, sent)
    return {one.id for one in sent}


WITHOUT: dict[str, tuple[Any, str, Any, str]] = {
    "the own run of a commit": (
        locking,
        "of_commit",
        lambda commit: [lock for lock in _of_commit(commit) if lock.kind is not Kind.RUN],
        "record two steps / be declared dead",
    ),
    "runs that an event is told to": (locking, "of_arrivals", lambda _: [], "let go / event it waits for"),
    "topics": (locking, "topic", _unique, "event / wait that looks back"),
    "gates": (locking, "gate", lambda *_: _unique("gate"), "event / event at a rate limit"),
    "what is collected": (locking, "of_timers", lambda _: [], "fire / event of a batch"),
    "budgets": (locking, "of_lanes", lambda _: [], "begin / begin in a lane"),
    "runs of a cancellation": (locking, "runs", lambda _: [], "wait and be let go / cancel"),
    "claims that never wait": (claiming, "_busy", lambda *_: set(), "cancel / claim"),
    "an event that is new": (events, "insert", _all_are_new, "event / the same event"),
}
"""Rules that are taken away, and a pair of writers that breaks a promise then."""


@pytest.mark.parametrize("town", [""], indirect=True)
@pytest.mark.parametrize("rule", WITHOUT)
def test_each_rule_is_needed(town: Town, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    module, name, instead, found_by = WITHOUT[rule]
    before = town.deadlocks()
    monkeypatch.setattr(module, name, instead)
    (pair,) = (one for one in PAIRS if one.name == found_by)
    assert race(town, pair) or town.deadlocks() > before


@pytest.mark.parametrize("town", ["rows"], indirect=True)
def test_rows_are_what_keeps_writers_apart_where_guards_are_rows(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = itertools.cycle(range(ROWS))
    monkeypatch.setattr(locks_of_postgres, "row_of", lambda _: next(chance))
    (pair,) = (one for one in PAIRS if one.name == "event / wait that looks back")
    assert race(town, pair)


def test_transactions_are_serializable_where_nothing_is_held_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresDatabase, "isolation", "READ COMMITTED")
    town = Town("serializable")
    (pair,) = (one for one in PAIRS if one.name == "event / wait that looks back")
    assert race(town, pair)
    town.close()
