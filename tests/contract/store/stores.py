"""The stores that must keep the contract, and what the tests hand them."""

from __future__ import annotations

import asyncio
import itertools
import os
import uuid
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine

from inngest.engine.domain.model import Policy
from inngest.engine.ports import Store
from inngest.engine.store.database import Database
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.sql import SqlStore
from inngest.engine.wake_ports import NOTHING, News
from inngest.protocol import ulids
from tests import postgres

R = TypeVar("R")
A = TypeVar("A")

POLICY = Policy(max_steps=1_000, retry_interval=None)


class Place(Protocol):
    """Where stores keep what they are given: several may be open on one place, as those of several processes are."""

    def store(self) -> Store:
        """Another store on this place; it is not open yet."""
        ...

    def database(self) -> Database:
        """The same without a store, for who writes beside them."""
        ...


class SqlitePlace:
    """A file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "contract.db"
        self._ids = CountedIds()

    def store(self) -> SqlStore:
        """Another store on this file."""
        return SqlStore(self.database(), InlineExecutor(), self._ids, POLICY)

    def database(self) -> SqliteDatabase:
        """The file."""
        return SqliteDatabase(self.path, durable=False, nap=_never)


class PostgresPlace:
    """A schema of a database that is empty.

    Args:
        folder: of the test; nothing is in it.
        mode: one of `MODES`.
    """

    def __init__(self, folder: Path, mode: str = "") -> None:
        self._ids = CountedIds()
        self._schema = "s" + uuid.uuid4().hex
        self._mode = mode

    def store(self) -> SqlStore:
        """Another store on this schema."""
        return SqlStore(self.database(), InlineExecutor(), self._ids, POLICY)

    def database(self) -> PostgresDatabase:
        """The schema."""
        return PostgresDatabase(url_in(self._mode, self._schema))


MODES = {
    "": "",
    "rows": "guards=rows",
    "serializable": "isolation=serializable",
    "polling": "wake=poll&index=plain",
    "pooled": "wake=poll",
    "pooled-serializable": "wake=poll&isolation=serializable",
}
"""Modes of PostgreSQL by name, and what chooses them in a URL. What is *pooled* comes through PgBouncer."""


def url_in(mode: str, schema: str, more: str = "") -> str:
    """The URL of a schema in a mode, with more parameters."""
    server = postgres.pooler() if mode.startswith("pooled") else postgres.server()
    return server.url(schema=schema, modes="&".join(part for part in (MODES[mode], more) if part))


ALL_EXAMPLES = os.environ.get("EXAMPLES") == "all"
"""Whether what takes long on PostgreSQL is done as often as elsewhere, and in all modes: `make full` has it so."""

FEWER = 5
"""Of so many examples on PostgreSQL one is tried in each run of the suite: a transaction takes longer there."""

SELDOM = 4
"""Of so many of these one is tried in each mode."""

RARE = 12
"""Of so many tests of the contract one is told in some mode."""

PLACES: dict[str, Callable[[Path], Place]] = {
    "sqlite": SqlitePlace,
    **{f"postgres-{mode}".rstrip("-"): partial(PostgresPlace, mode=mode) for mode in MODES},
}
"""By name."""

IN_MODES = [f"postgres-{mode}" for mode in MODES if mode]
"""The names of those in other modes than the usual ones."""


def kinds(test: str) -> Sequence[str]:
    """The places on which a test of the contract is told, by its name: SQLite, PostgreSQL, and of the modes all, or for
    some tests one.
    """
    chosen = zlib.crc32(test.encode()) % (RARE * len(IN_MODES))
    return ["postgres", "sqlite", *(IN_MODES if ALL_EXAMPLES else IN_MODES[chosen : chosen + 1])]


def examples_on(kind: str, examples: int) -> int:
    """How many examples are tried on stores of one kind."""
    if kind == "sqlite" or ALL_EXAMPLES:
        return examples
    return max(1, examples // FEWER // (SELDOM if kind in IN_MODES else 1))


def search(machine: type[RuleBasedStateMachine], kind: str, examples: int) -> None:
    """Look for a difference in sequences of calls on stores of one kind: the same search each time."""
    case = type(f"{machine.__name__} of {kind}", (machine,), {"kind": kind}).TestCase  # type: ignore[attr-defined]
    case.settings = settings(
        max_examples=examples_on(kind, examples),
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    case("runTest").debug()


_marks = (f"mark-{number}" for number in itertools.count())


async def news_of(place: Place, other: Store, store: Store) -> News:
    """All that `store` is told of what `other` has done so far. Where nobody is told anything, it asks."""
    if isinstance(place, SqlitePlace):
        return store.news()
    found = NOTHING
    for mark in _marks:
        other.tell(News(due={mark: 0}))  # it comes after all that was told before
        while True:
            news = store.news()
            due = {one: at for one, at in news.due.items() if not one.startswith("mark-")}
            found = found.and_then(news._replace(due=due))
            if news.everything:
                break  # the mark may be part of it
            if mark in news.due:
                return found
            await asyncio.sleep(0.001)
    raise AssertionError


def _never(_: float) -> None:
    raise AssertionError("stores that write one after the other are never in each other's way")


class CountedIds:
    """Ids that are the same each time; they sort by their time, and by when they were made."""

    def __init__(self) -> None:
        self._made = 0

    def ulid(self, now: int) -> str:
        """The next id."""
        self._made += 1
        return ulids.make(now, self._made.to_bytes(10, "big"))

    def token(self) -> str:
        """The next token."""
        self._made += 1
        return f"token-{self._made}"

    def random(self) -> float:
        """Always in the middle."""
        return 0.5


class InlineExecutor:
    """Does all work in the caller's thread."""

    async def run(self, work: Callable[[], R]) -> R:
        """Read."""
        return work()

    def start_writer(self, work: Callable[[], None]) -> None:
        """Write soon: what is submitted in the same turn of the loop is written together."""
        asyncio.get_running_loop().call_soon(work)

    def start_brief(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        """Write soon, here if that is possible."""

        def write() -> None:
            if not here():
                otherwise()

        asyncio.get_running_loop().call_soon(write)

    def here(self, write: Callable[[A], bool], given: A, *, lone: bool = False) -> bool:
        """Write at once."""
        return write(given)

    def reply(self, callback: Callable[[], None]) -> None:
        """Call back."""
        callback()

    def close(self, patience: float | None = None) -> bool:
        return True
