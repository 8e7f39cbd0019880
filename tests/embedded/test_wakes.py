"""Workers of one PostgreSQL database tell each other what concerns them: nobody waits for a look at everything, and
nobody looks at what concerns others. Looks at everything are an hour apart here: what is not told hangs.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple

import psycopg
import pytest

import inngest
from inngest.engine import looks, service
from inngest.engine.pruner import Pruner
from inngest.engine.store.dialects.postgres import leases
from inngest.engine.store.sql import SqlStore
from inngest.engine.wake_ports import News
from inngest.errors import RunCancelledError
from inngest.runtime.shared_databases import LEASE
from tests import postgres
from tests.embedded.test_several_engines import LONG

BEAT = "WITH beat AS"
"""A sign of life begins so."""

EVERYTHING_EVERY = looks.MAX_WAIT_MS
"""Milliseconds between two looks at everything, if they are not an hour apart."""


@pytest.fixture
def schema() -> Iterator[str]:
    """The name of a schema that is not there yet; it is removed afterwards."""
    name = "s" + uuid.uuid4().hex
    yield name
    postgres.server().execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture(autouse=True)
def rare_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "MAX_WAIT_MS", LONG)


class Statements:
    """What each engine asks of the server, by its name, but for signs of life."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.of: dict[str, list[str]] = defaultdict(list)
        execute: Callable[..., Any] = psycopg.RawCursor.execute

        def counted(cursor: Any, query: Any, *given: Any, **more: Any) -> Any:
            text = query if isinstance(query, str) else query.decode()
            if not text.startswith(BEAT):
                self.of[cursor.connection.info.get_parameters()["application_name"]].append(text)
            return execute(cursor, query, *given, **more)

        patch.setattr(psycopg.RawCursor, "execute", counted)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """From now on."""
    return Statements(monkeypatch)


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Released with each question for news."""
    asked, news = asyncio.Semaphore(0), SqlStore.news

    def counted(store: SqlStore) -> News:
        asked.release()
        return news(store)

    monkeypatch.setattr(SqlStore, "news", counted)
    return asked


class Place:
    """The engines of one schema, by name."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    def engine(self, name: str, *served: Served, **options: Any) -> inngest.Engine:
        """An engine that the server knows by its name, with a client of its own."""
        url = f"{postgres.server().url(schema=self._schema)}&application_name={name}"
        create = inngest.Inngest(app_id="shop").create_function
        functions = [
            create(fn_id=one.name, trigger=inngest.TriggerEvent(event=one.event), **one.options)(one.body)
            for one in served
        ]
        return inngest.Engine(functions, database=url, **options)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the tables."""
        return postgres.server().execute(sql, schema=self._schema)


@pytest.fixture
def place(schema: str) -> Place:
    return Place(schema)


async def at_rest(asked: Callable[[], int], polls: asyncio.Semaphore) -> None:
    """Until nothing is asked while there are looks enough for what was heard."""
    before = -1
    while before != asked():
        before = asked()
        while not polls.locked():
            await polls.acquire()
        for _ in range(12):
            await polls.acquire()


def channel_of(statements: Statements, name: str) -> str:
    """The channel on which an engine listens."""
    return next(text for text in statements.of[name] if text.startswith("LISTEN")).split()[1]


class Served(NamedTuple):
    """A function, as each worker that serves it makes it."""

    body: Callable[[inngest.Context], Awaitable[object]]
    name: str
    event: str = "go"
    options: Mapping[str, Any] = {}


async def _counts(ctx: inngest.Context) -> object:
    first = await ctx.step.run("first", lambda: 1)
    return first + await ctx.step.run("second", lambda: 1)


PACK = Served(_counts, "pack", "pack")


async def result_of(engine: inngest.Engine, event: str) -> object:
    """What the run gives that an event starts, wherever it runs."""
    (event_id,) = await engine.send(inngest.Event(name=event))
    (run,) = await engine.runs(event_id=event_id)
    return await engine.wait(run.id)


async def test_an_uninvolved_worker_asks_nothing(
    place: Place, statements: Statements, polls: asyncio.Semaphore
) -> None:
    """Neither one that serves others, nor one that serves the same: who has accepted the events has room for them."""
    both, other = Served(_counts, "both", "both"), Served(_counts, "other", "other")
    async with place.engine("worker", both) as worker, place.engine("idle", both, other):
        await at_rest(lambda: len(statements.of["idle"]), polls)
        statements.of["idle"].clear()
        for _ in range(10):
            assert await asyncio.gather(*(result_of(worker, "both") for _ in range(20))) == [2] * 20
        assert await result_of(worker, "other") == 2  # by the idle one, which has heard all else before
        asked = statements.of["idle"]
    claim = next(index for index, text in enumerate(asked) if "inngest_sessions" in text)
    assert [text.partition(" ")[0] for text in asked[:claim]] == ["BEGIN"]  # it begins with the claim
    assert len(statements.of["worker"]) > 200


async def test_who_knows_of_no_other_worker_tells_nothing(place: Place, statements: Statements) -> None:
    async with place.engine("alone", PACK, max_runs_in_flight=1) as worker:
        await result_of(worker, "pack")
        told = [text for text in statements.of["alone"] if "pg_notify" in text]
        assert await asyncio.gather(*(result_of(worker, "pack") for _ in range(20))) == [2] * 20
        assert [text for text in statements.of["alone"] if "pg_notify" in text] == told


async def test_a_run_that_is_due_begins_where_its_function_is(place: Place) -> None:
    async with place.engine("sender") as sender, place.engine("worker", PACK):
        for _ in range(3):
            assert await result_of(sender, "pack") == 2  # and its end is told


async def test_what_a_worker_has_no_room_for_is_told(place: Place) -> None:
    begun, go_on = asyncio.Queue[None](), asyncio.Event()

    async def holds(ctx: inngest.Context) -> None:
        async def hold() -> None:
            begun.put_nowait(None)
            await go_on.wait()

        await ctx.step.run("hold", hold)

    one, two, three = (
        place.engine(name, Served(holds, "holds"), max_runs_in_flight=1) for name in ("one", "two", "three")
    )
    async with one, two, three:
        await one.send([inngest.Event(name="go") for _ in range(3)])
        for _ in range(3):
            await begun.get()
        go_on.set()


async def test_a_run_that_falls_due_where_there_is_no_room_is_told(place: Place) -> None:
    """Its worker had room when it was let go, so that nobody was told of it then."""
    begun, go_on, slept = asyncio.Queue[None](), asyncio.Event(), asyncio.Event()

    async def sleeps(ctx: inngest.Context) -> None:
        await ctx.step.sleep("nap", 1_000)
        slept.set()

    async def holds(ctx: inngest.Context) -> None:
        async def hold() -> None:
            begun.put_nowait(None)
            await go_on.wait()

        await ctx.step.run("hold", hold)

    naps, keeps = Served(sleeps, "sleeps", "sleep"), Served(holds, "holds")
    async with place.engine("one", naps, keeps, max_runs_in_flight=2) as one, place.engine("two", naps):
        await one.send(inngest.Event(name="sleep"))
        while not place.execute("SELECT 1 FROM inngest_jobs"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await one.send([inngest.Event(name="go"), inngest.Event(name="go")])
        await begun.get()
        await begun.get()
        await slept.wait()
        go_on.set()


@pytest.mark.parametrize("waits", ["event", "signal"])
async def test_what_comes_for_a_run_wakes_it_where_it_is(place: Place, waits: str) -> None:
    """In flight, since another branch of it executes; and let go."""
    came, woken = asyncio.Event(), asyncio.Queue[object]()

    async def wait(ctx: inngest.Context, name: str) -> object:
        if waits == "signal":
            found = await ctx.step.wait_for_signal(name, signal=name, timeout=LONG)
        else:
            found = await ctx.step.wait_for_event(name, event=name, timeout=LONG)
        woken.put_nowait(name)
        return found

    async def body(ctx: inngest.Context) -> None:
        await ctx.group.parallel((lambda: wait(ctx, "owned"), lambda: ctx.step.run("holds", came.wait)))
        await wait(ctx, "free")

    async with place.engine("sender") as sender, place.engine("worker", Served(body, "waits")):

        async def tell(name: str) -> None:
            if waits == "signal":
                while await sender.send_signal(name) is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            else:
                (run,) = await sender.runs()
                while name not in {one.id for one in (await sender.run(run.id)).steps if one.status == "waiting"}:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await sender.send(inngest.Event(name=name))

        await sender.send(inngest.Event(name="go"))
        await tell("owned")
        assert await woken.get() == "owned"
        came.set()
        await tell("free")
        while await woken.get() != "free":  # the first one again, when the body is entered anew
            pass


async def test_a_run_that_is_cancelled_stops_where_it_executes(place: Place) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def holds(ctx: inngest.Context) -> None:
        async def hold() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        await ctx.step.run("hold", hold)

    async with (
        place.engine("sender") as sender,
        place.engine("worker", Served(holds, "holds")),
        place.engine("waits") as third,
    ):
        await sender.send(inngest.Event(name="go"))
        await begun.wait()
        (run,) = await sender.runs()
        waiting = asyncio.ensure_future(third.wait(run.id))
        await asyncio.sleep(0)
        assert await sender.cancel(run.id)
        await stopped.wait()
        with pytest.raises(RunCancelledError):
            await waiting


async def test_runs_of_a_worker_that_stops_go_on_elsewhere(place: Place) -> None:
    """Also one that sleeps: only that worker knew when it is due."""
    begun, slept = asyncio.Queue[str](), asyncio.Event()

    async def sleeps(ctx: inngest.Context) -> None:
        await ctx.step.run("begin", lambda: begun.put_nowait("sleeps"))
        await ctx.step.sleep("nap", 300)
        slept.set()

    async def holds(ctx: inngest.Context) -> None:
        async def hold() -> None:
            begun.put_nowait("holds")
            await asyncio.Event().wait()

        await ctx.step.run("hold", hold)

    naps, keeps = Served(sleeps, "sleeps", "sleep"), Served(holds, "holds")
    async with place.engine("one", naps, keeps, drain_timeout=0) as one:
        await one.send([inngest.Event(name="sleep"), inngest.Event(name="go")])
        assert {await begun.get(), await begun.get()} == {"sleeps", "holds"}
        async with place.engine("two", naps, keeps, drain_timeout=0):
            await one.stop()
            assert await begun.get() == "holds"
            await slept.wait()


async def test_a_function_that_is_resumed_goes_on(place: Place) -> None:
    async with place.engine("sender") as sender, place.engine("worker", PACK) as worker:
        await sender.pause("shop-pack")
        event, *_ = await worker.send(inngest.Event(name="pack"))
        (run,) = await sender.runs(event_id=event)
        assert run.status == "QUEUED"
        waiting = asyncio.ensure_future(worker.wait(run.id))
        await sender.resume("shop-pack")
        assert await waiting == 2


async def test_a_slot_that_is_freed_is_passed_on_to_another_worker(place: Place) -> None:
    """Functions share the limit, and each worker has another one."""
    shared = {"concurrency": [inngest.Concurrency(limit=1, scope="account", key='"door"')]}
    begun, go_on, through = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def holds(ctx: inngest.Context) -> None:
        begun.set()
        await go_on.wait()

    async def waits(ctx: inngest.Context) -> None:
        through.set()

    first, second = Served(holds, "holds", "go", shared), Served(waits, "waits", "next", shared)
    async with place.engine("one", first) as one, place.engine("two", second) as two:
        await one.send(inngest.Event(name="go"))
        await begun.wait()
        event, *_ = await two.send(inngest.Event(name="next"))
        assert [run.status for run in await two.runs(event_id=event)] == ["QUEUED"]
        go_on.set()
        await through.wait()


async def test_what_a_timer_starts_begins_where_its_function_is(place: Place) -> None:
    began = asyncio.Event()

    async def debounced(ctx: inngest.Context) -> None:
        began.set()

    options = {"debounce": inngest.Debounce(period=1_000)}
    served = Served(debounced, "debounced", "go", options)
    async with place.engine("sender") as sender, place.engine("worker", served):
        await sender.send(inngest.Event(name="go"))
        await began.wait()


async def test_what_happens_while_a_worker_does_not_listen_is_seen_when_it_does(
    place: Place, statements: Statements
) -> None:
    server = postgres.server()
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'worker'"
    async with place.engine("sender") as sender, place.engine("worker", PACK):
        for _ in range(3):
            server.execute(ended)
            assert await result_of(sender, "pack") == 2
    assert sum("LISTEN" in text for text in statements.of["worker"]) >= 2


async def test_a_text_that_says_nothing_has_workers_look(
    place: Place, statements: Statements, polls: asyncio.Semaphore
) -> None:
    """As a worker of an earlier version sends it, or the outbox."""
    async with place.engine("worker", PACK) as worker:
        assert await result_of(worker, "pack") == 2
        await at_rest(lambda: len(statements.of["worker"]), polls)
        looked = len(statements.of["worker"])
        postgres.server().execute(f"SELECT pg_notify('{channel_of(statements, 'worker')}', '')")
        while not any("inngest_sessions" in text for text in statements.of["worker"][looked:]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_idle_worker_asks_less_than_once_a_second(
    place: Place, statements: Statements, polls: asyncio.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its looks at everything, its signs of life, and its looks for what is to be removed, each by how often they are.

    Where a transaction begins and ends is not counted: it comes with what is asked in it.
    """
    pruners, remove = list[Pruner](), Pruner.run_once

    def asked() -> int:
        return sum(not text.startswith(("BEGIN", "COMMIT", "ROLLBACK")) for text in statements.of["idle"])

    async def noted(pruner: Pruner) -> bool:
        pruners.append(pruner)
        return await remove(pruner)

    monkeypatch.setattr(Pruner, "run_once", noted)
    async with place.engine("idle", PACK) as idle:
        assert await result_of(idle, "pack") == 2
        while not pruners:
            await polls.acquire()
        async with place.engine("other"):
            await at_rest(asked, polls)
            statements.of["idle"].clear()
            postgres.server().execute(f"SELECT pg_notify('{channel_of(statements, 'other')}', '')")
            await at_rest(asked, polls)
            look = asked()
            while await remove(pruners[0]):
                pass
            removal = asked() - look
    assert look > 5
    assert removal > 1
    beats = leases.BEATS / (LEASE / 1_000)
    assert look / (EVERYTHING_EVERY / 1_000) + beats + removal / (service.PRUNE_MS / 1_000) <= 1
