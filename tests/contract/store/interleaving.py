"""Two writers on one PostgreSQL database, stepped: one stops before its k-th statement, while the other runs.

The other runs until it is done, or until it waits for a lock of the first. Then the tables are asked whether anything
is in them that no promise allows, whoever was first.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, cast

import psycopg

from inngest.engine.records import Session
from inngest.engine.store import tables
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.dialects.postgres.database import PostgresConnection
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Connection, Cursor
from tests import postgres
from tests.contract.store import values
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor, url_in

PATIENCE = 60.0
"""Seconds after which a writer that neither ends nor waits is taken to hang."""

MOST = 80
"""Statements of a verb, at most: a writer that executes more begins its transaction again and again."""


Verb = Callable[[SqlStore, Any], Awaitable[Any]]


class Gate:
    """Where a writer stops: before its k-th statement since it was armed."""

    def __init__(self) -> None:
        self._at: int | None = None
        self._count = 0
        self._reached = threading.Event()
        self._open = threading.Event()

    def arm(self, at: int) -> None:
        """Stop before that statement."""
        self._reached.clear()
        self._open.clear()
        self._count, self._at = 0, at

    def step(self) -> None:
        """A statement is about to be executed."""
        if self._at is None:
            return
        if self._count == self._at:
            self._reached.set()
            assert self._open.wait(PATIENCE)
        self._count += 1

    def reached(self, done: Future[Any]) -> bool:
        """Wait until the writer stops here; False if it ended before."""
        done.add_done_callback(lambda _: self._reached.set())
        assert self._reached.wait(PATIENCE), "the writer neither came here nor ended"
        return not done.done()

    def open(self) -> None:
        """Let it go on."""
        self._at = None
        self._open.set()


class _Stepped:
    """A connection whose statements come one by one through a gate."""

    def __init__(self, connection: PostgresConnection, gate: Gate) -> None:
        self._connection = connection
        self._gate = gate

    def execute(self, sql: str | bytes, parameters: Any = None, /, *, prepare: bool | None = None) -> Cursor:
        self._gate.step()
        query = sql.encode() if isinstance(sql, str) else sql
        return cast("Cursor", self._connection.execute(query, parameters, prepare=prepare))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    @property
    def has_written(self) -> bool:
        return self._connection.has_written

    @has_written.setter
    def has_written(self, written: bool) -> None:
        self._connection.has_written = written


DEADLOCK = "40P01"
CONFLICT = "40001"


class _Database(PostgresDatabase):
    def __init__(self, url: str, gate: Gate) -> None:
        super().__init__(url, lease=300_000)  # who is stopped by the test is stopped for as long as it takes
        self._gate = gate
        self.met: Counter[str] = Counter()

    def connect(self) -> Connection:
        return cast("Connection", _Stepped(cast("PostgresConnection", super().connect()), self._gate))

    def pause(self, tries: int, error: Exception) -> None:
        self.met[getattr(error, "sqlstate", None) or type(error).__name__] += 1
        super().pause(tries, error)


class Side:
    """A store, on a loop and a thread of its own.

    Attributes:
        store: the store.
        gate: where it stops.
        name: of its connections.
    """

    def __init__(self, mode: str, schema: str, ids: CountedIds) -> None:
        self.gate = Gate()
        self.name = f"side-{uuid.uuid4().hex}"
        url = url_in(mode, schema, f"application_name={self.name}")
        self._database = _Database(url, self.gate)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.store = SqlStore(self._database, InlineExecutor(), ids, POLICY)
        self.do(lambda store: store.open(values.NOW))

    def start(self, verb: Verb, about: Any) -> Future[Any]:
        """Have something done."""

        async def done() -> Any:
            return await verb(self.store, about)

        return asyncio.run_coroutine_threadsafe(done(), self._loop)

    def do(self, verb: Callable[[SqlStore], Awaitable[Any]]) -> Any:
        """Do something."""
        return self.start(lambda store, _: verb(store), None).result(PATIENCE)

    @property
    def met(self) -> Counter[str]:
        """For which reasons it wrote a transaction again, by SQLSTATE, and how often."""
        return self._database.met

    def close(self) -> None:
        """End it."""
        self.do(lambda store: store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Town:
    """Two writers that race, one that sets up, and somebody who looks.

    Attributes:
        a: the one that is stepped.
        b: the one that comes between.
        setter: sets up what they race about.
        mode: of the database.
        raced: how often they raced.

    Args:
        mode: of the database, one of `MODES`.
    """

    def __init__(self, mode: str = "") -> None:
        ids, schema = CountedIds(), "s" + uuid.uuid4().hex
        self.mode = mode
        self.raced = 0
        self.setter, self.a, self.b = (Side(mode, schema, ids) for _ in range(3))
        self._eye = psycopg.connect(postgres.server().conninfo, autocommit=True)
        self._eye.execute(f"SET search_path TO {schema}".encode())

    def close(self) -> None:
        """End all, and say what there was."""
        again = ", ".join(f"{count} × {state}" for state, count in sorted(self._all_met().items())) or "nothing"
        print(f"{self.mode or 'usual'}: {self.raced} races; written again for {again}")
        for side in (self.setter, self.a, self.b):
            side.close()
        self._eye.close()

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the tables."""
        return self._eye.execute(sql.encode(), parameters).fetchall()

    @contextlib.contextmanager
    def holding(self, sql: str, *parameters: object) -> Generator[None]:
        """Somebody else has done something, and does not commit it: it is rolled back when the block ends."""
        with self._eye.transaction(force_rollback=True):
            self._eye.execute(sql.encode(), parameters)
            yield

    def clean(self) -> None:
        """As if nothing had happened, but for two workers and three functions."""
        # Few rows are deleted in less time than files are made anew.
        names = [name for name in tables.metadata.tables if name != tables.meta.name]
        self._eye.execute("; ".join(f"DELETE FROM {name}" for name in names).encode())
        # What stores have in memory of the functions is read again.
        self._eye.execute(b"UPDATE inngest_meta SET value = (value::int + 1)::text WHERE key = 'generation'")
        functions = [values.function("a", "go"), values.function("b", "both"), values.function("c", "both", "c")]
        self.setter.do(lambda store: store.register(functions, replace_app=None, now=values.NOW))
        for session in (values.session("worker"), values.session("other")):
            self.setter.do(partial(_begin_session, session=session))

    def met(self, state: str) -> int:
        """How often a transaction was written again because of that SQLSTATE, so far."""
        return self._all_met()[state]

    def _all_met(self) -> Counter[str]:
        return self.setter.met + self.a.met + self.b.met

    def deadlocks(self) -> int:
        """How many there were so far."""
        return self.met(DEADLOCK)

    def _waits(self, side: Side) -> bool:
        """A pooler gives its connections the names of those who borrow them."""
        asked = "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE application_name = %s AND NOT granted"
        return bool(self.rows(asked, side.name))

    def let_run(self, side: Side, verb: Future[Any]) -> None:
        """Until it is done, or waits for a lock."""
        while not verb.done() and not self._waits(side):
            time.sleep(0.001)  # the server is asked


class Towns(dict[str, Town]):
    """Towns by their modes: each is made when it is asked for first, and serves all races in its mode."""

    def __missing__(self, mode: str) -> Town:
        town = self[mode] = Town(mode)
        return town

    def close(self) -> None:
        """End all."""
        for town in self.values():
            town.close()


class Told(NamedTuple):
    """What two writers were told; an error if there was one."""

    a: Any
    b: Any


class Pair(NamedTuple):
    """Two verbs that race.

    Attributes:
        name: for people.
        setup: what they race about; its result is handed to both.
        a: the stepped one.
        b: the one that comes between.
        check: what is wrong with what they were told and what is stored.
    """

    name: str
    setup: Callable[[Town], Any]
    a: Verb
    b: Verb
    check: Callable[[Town, Any, Told], Iterator[str]] = lambda *_: iter(())


def race(town: Town, pair: Pair, before: slice = slice(None)) -> list[str]:
    """All that goes wrong, with the statements of `a` before which `b` came: each, or those of a slice.

    If `a` has fewer statements than where the slice begins, it is one that it has.
    """
    wrong: list[str] = []
    points = range(MOST)[before]
    for at in points:
        town.clean()
        about = pair.setup(town)
        town.a.gate.arm(at)
        first = town.a.start(pair.a, about)
        stopped = town.a.gate.reached(first)
        if not stopped:
            town.a.gate.open()
            raised = [f"{type(one).__name__}: {one}" for one in (_answer(first),) if isinstance(one, Exception)]
            if at == points[0] and at > 0:
                raised += race(town, pair, slice(at // 2, at // 2 + 1))
            return wrong + raised
        second = town.b.start(pair.b, about)
        town.let_run(town.b, second)
        town.a.gate.open()
        told = Told(_answer(first), _answer(second))
        town.raced += 1
        raised = [f"{type(one).__name__}: {one}" for one in told if isinstance(one, Exception)]
        found = (*invariants(town), *pair.check(town, about, told), *raised)
        wrong += [f"{what}, when b came before statement {at}" for what in found]
    assert before.stop is not None, f"{pair.name}: a does not end"
    return wrong


def _answer(verb: Future[Any]) -> Any:
    error = verb.exception(PATIENCE)
    return error if error is not None else verb.result()


_NEVER: Sequence[tuple[str, str]] = (
    (
        "two runs of one event and function (P1)",
        "SELECT event_id FROM inngest_runs WHERE batch_id IS NULL AND origin_id IS NULL AND status <> 'SKIPPED' "
        "GROUP BY event_id, function_id HAVING count(*) > 1",
    ),
    (
        "the slots of a budget are not those that its runs hold (P7)",
        "SELECT b.budget FROM inngest_budgets b WHERE b.used <> coalesce((SELECT sum(r.slots) FROM inngest_runs r "
        "WHERE (r.lane::jsonb)->1 ? b.budget), 0) + coalesce((SELECT sum(k.slots) FROM inngest_kept_slots k "
        "WHERE (k.lane::jsonb)->1 ? b.budget), 0)",
    ),
    (
        "two steps of a run have the same place (P9)",
        "SELECT run_id FROM inngest_steps WHERE seq IS NOT NULL GROUP BY run_id, seq HAVING count(*) > 1",
    ),
    (
        "a run that has ended is owned (P3)",
        "SELECT id FROM inngest_runs WHERE ended_at IS NOT NULL AND (session_id IS NOT NULL OR slots > 0)",
    ),
    (
        "a run that has ended waits (P6)",
        "SELECT w.run_id FROM inngest_waits w JOIN inngest_runs r ON r.id = w.run_id WHERE r.ended_at IS NOT NULL",
    ),
    (
        "a run that has ended has a job (P6)",
        "SELECT j.run_id FROM inngest_jobs j JOIN inngest_runs r ON r.id = j.run_id WHERE r.ended_at IS NOT NULL",
    ),
    (
        "a run that nobody owns has not exactly one job (P6)",
        "SELECT r.id FROM inngest_runs r WHERE r.ended_at IS NULL AND r.session_id IS NULL "
        "AND (SELECT count(*) FROM inngest_jobs j WHERE j.run_id = r.id) <> 1",
    ),
    (
        "a run that somebody owns has a job (P0)",
        "SELECT r.id FROM inngest_runs r JOIN inngest_jobs j ON j.run_id = r.id WHERE r.session_id IS NOT NULL",
    ),
    (
        "a run is owned by a worker that is not there (P4, P6)",
        "SELECT r.id FROM inngest_runs r WHERE r.session_id IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM inngest_sessions s WHERE s.id = r.session_id)",
    ),
    (
        "a step has what it waits for, and its run goes on later (P8)",
        "SELECT r.id FROM inngest_runs r JOIN inngest_inbox i ON i.run_id = r.id JOIN inngest_jobs j "
        f"ON j.run_id = r.id WHERE j.due_at > {values.NOW + 10}",
    ),
    (
        "a lane waits for a budget that has room (P6, P7)",
        "SELECT l.id FROM inngest_lanes l JOIN inngest_budgets b ON b.budget = l.blocked_on "
        "WHERE b.used < l.blocked_at AND NOT EXISTS "
        "(SELECT 1 FROM inngest_lanes z WHERE z.ready_at IS NOT NULL AND z.blocked_on IS NULL)",
    ),
    (
        "a job queues in a lane that is not there (P6)",
        "SELECT j.id FROM inngest_jobs j WHERE j.lane <> '' "
        "AND NOT EXISTS (SELECT 1 FROM inngest_lanes l WHERE l.id = j.lane)",
    ),
)


def invariants(town: Town) -> Iterator[str]:
    """What is in the tables, and must never be."""
    for what, sql in _NEVER:
        if town.rows(sql):
            yield what


async def _begin_session(store: SqlStore, session: Session) -> None:
    await store.begin_session(session)
