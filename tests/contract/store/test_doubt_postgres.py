"""A COMMIT on PostgreSQL whose answer is lost, wherever its connection broke: every verb tells what is stored (P10)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import uuid
import zlib
from collections.abc import Callable, Generator
from typing import Any

import psycopg
import pytest

from inngest.engine.records import Acceptance
from inngest.engine.store import tables
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.numbers import Numbers
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Connection
from tests import postgres
from tests.contract.store import values, writing
from tests.contract.store.cutting import Cut, Proxy
from tests.contract.store.stores import ALL_EXAMPLES, MODES, POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import NOW, event, owner
from tests.contract.store.writing import (
    VERBS,
    Verb,
    accepts_and_begins,
    cancels,
    claims,
    records_alone,
    records_here,
    signals,
)

DIRECT = [mode for mode in MODES if not mode.startswith("pooled")]
"""Modes in which a proxy is before the server itself: PgBouncer would hear of the end of a connection in its place."""

LONE: dict[Verb, bytes] = {records_alone: b"inngest_steps", records_here: b"inngest_steps"}
"""Verbs whose statement is a transaction of its own, and what it names; all others end with COMMIT."""

COMMIT = b"COMMIT\0"
"""The end of a transaction on the wire; `READ COMMITTED` is in its begin."""

HELD = 4_711
"""The advisory lock that a COMMIT asks for here."""

_SLOW = f"""
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_advisory_xact_lock_shared({HELD}); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON inngest_writers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON inngest_steps
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
"""


class Repeating(CountedIds):
    """Ids of which a transaction that is written again has the same.

    Args:
        after: the number of the last one that somebody else has made.
    """

    def __init__(self, after: int) -> None:
        super().__init__()
        self._made = after
        self._begun = self._furthest = 0

    def begin(self, *, again: bool) -> None:
        """A transaction begins: the one before it is over, or begins again."""
        self._furthest = max(self._furthest, self._made)
        if again:
            self._made = self._begun
        else:
            self._made = self._begun = self._furthest


class _Database(PostgresDatabase):
    def __init__(self, url: str, ids: Repeating) -> None:
        super().__init__(url)
        self._ids = ids
        self._seen = -1
        self.committed: Callable[[], int] = lambda: 0

    def begin(self, connection: Connection) -> None:
        self._ids.begin(again=self.committed() == self._seen)
        self._seen = self.committed()
        super().begin(connection)


class Scene:
    """A schema that is reached through a proxy, and somebody who looks. It is not there yet.

    Args:
        mode: of the database.
    """

    def __init__(self, mode: str) -> None:
        self._schema = "s" + uuid.uuid4().hex
        self.proxy = Proxy(postgres.server())
        # Where statements are prepared, a COMMIT is a number on the wire: they are not, where nobody listens.
        silent = MODES[mode] if "wake=poll" in MODES[mode] else f"{MODES[mode]}&wake=poll".lstrip("&")
        self._url = self.proxy.server.url(schema=self._schema, modes=silent)
        self._eye = psycopg.connect(postgres.server().conninfo, autocommit=True)
        self._eye.execute(f"SET search_path TO {self._schema}".encode())

    def create(self) -> None:
        """Have the schema created, and each COMMIT ask for the lock that `slow` takes."""

        async def opened() -> None:
            store = self.store()
            await store.open(NOW)
            await store.close()

        asyncio.run(opened())
        self._eye.execute(_SLOW.encode())

    def store(self, *, after: int = 0) -> SqlStore:
        """Another store, whose ids come after those of others, if they are on one schema at once."""
        ids = Repeating(after)
        database = _Database(self._url, ids)
        store = SqlStore(database, InlineExecutor(), ids, POLICY)
        database.committed = lambda: store.commits
        return store

    def clean(self) -> None:
        """As if nothing had ever been written, but for the generation of functions."""
        names = [name for name in tables.metadata.tables if name != tables.meta.name]
        self._eye.execute("; ".join(f"DELETE FROM {name}" for name in names).encode())
        self._eye.execute(b"DELETE FROM inngest_meta WHERE key = 'time'")
        self._eye.execute(b"UPDATE inngest_meta SET value = '0' WHERE key IN ('generation', 'retention_since')")

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows, but for the numbers of batches, and times of the server."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        for name, table in tables.metadata.tables.items():
            if name != tables.writers.name:
                columns = ", ".join(f'"{one.name}"' for one in table.columns if one.name != "beat_at")
                found[name] = sorted(self._eye.execute(f"SELECT {columns} FROM {name}".encode()).fetchall(), key=repr)
        return found

    @contextlib.contextmanager
    def slow(self) -> Generator[None]:
        """COMMIT lasts until somebody else waits for the transaction; or until the block ends."""
        self._eye.execute(f"SELECT pg_advisory_lock({HELD})".encode())
        over = threading.Event()
        watching = threading.Thread(target=self._release, args=(over,))
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()

    def _release(self, over: threading.Event) -> None:
        waits = b"SELECT 1 FROM pg_locks WHERE NOT granted AND locktype <> 'advisory'"
        while not over.wait(0.001) and self._eye.execute(waits).fetchone() is None:
            pass
        self._eye.execute(f"SELECT pg_advisory_unlock({HELD})".encode())

    def close(self) -> None:
        """End it."""
        self._eye.close()
        self.proxy.close()


@pytest.fixture(scope="module", params=DIRECT if ALL_EXAMPLES else [""])
def scene(request: pytest.FixtureRequest) -> Generator[Scene]:
    """A schema of its own, in each mode."""
    scene = Scene(request.param)
    scene.create()
    yield scene
    scene.close()


def told(scene: Scene, verb: Verb, how: Cut | None) -> object:
    """What a verb tells, and what is stored then, if its connection is cut like this."""

    async def story() -> object:
        store = scene.store()
        try:
            await writing.opened(store)
            act = await verb(store)
            heard = values.hear(store)
            with scene.slow() if how is Cut.DURING else contextlib.nullcontext():
                if how is not None:
                    scene.proxy.arm(how, LONE.get(verb, COMMIT))
                before = scene.proxy.cuts
                answer = await act()
            assert scene.proxy.cuts == before + (how is not None)
            assert store.trouble is None
        finally:
            await store.close()
        return answer, heard.told, scene.contents()

    scene.clean()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "_numbers", itertools.count(1))
        return asyncio.run(story())


def cuts(verb: Verb) -> list[Cut]:
    """Where it is cut: in each way, or for most verbs only where it was done."""
    seldom = not ALL_EXAMPLES and zlib.crc32(verb.__name__.encode()) % 4
    return [Cut.AFTER] if seldom else list(Cut)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_what_is_stored_is_told_wherever_the_connection_broke(scene: Scene, verb: Verb) -> None:
    expected = told(scene, verb, None)
    for how in cuts(verb):
        assert told(scene, verb, how) == expected, how


@pytest.mark.parametrize("how", list(Cut))
def test_the_first_batch_of_a_writer_is_found_out_too(scene: Scene, how: Cut) -> None:
    """There is no row of a number yet, for whose lock it could wait."""
    scene.clean()

    async def story() -> None:
        first, second = scene.store(), scene.store(after=1_000)
        await writing.opened(first)
        await second.open(NOW)
        with scene.slow() if how is Cut.DURING else contextlib.nullcontext():
            scene.proxy.arm(how, COMMIT)
            accepted = await second.accept(Acceptance([event("go")], [owner()], values.FUNCTIONS, NOW))
        assert [owned is not None for _, owned in accepted.started] == [True]
        assert len(scene.contents()["inngest_runs"]) == 1
        for store in (first, second):
            await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("how", list(Cut))
def test_an_engine_whose_schema_is_in_doubt_looks_again(how: Cut) -> None:
    scene = Scene("")

    async def story() -> None:
        scene.proxy.arm(how, COMMIT)
        store = scene.store()
        await store.open(NOW)
        assert scene.proxy.cuts == 1
        assert await store.sessions() == []
        await store.close()

    asyncio.run(story())
    scene.close()


@pytest.mark.parametrize("verb", [accepts_and_begins, cancels, claims, signals], ids=lambda verb: verb.__name__)
def test_without_the_numbers_of_batches_it_would_not_be_known(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, verb: Verb
) -> None:
    expected = told(scene, verb, None)
    monkeypatch.setattr(Numbers, "is_stored", lambda *_: False)
    assert told(scene, verb, Cut.AFTER) != expected
