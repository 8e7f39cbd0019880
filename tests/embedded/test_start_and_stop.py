"""Starts that fail, are cancelled or are stopped, loops that end without a stop, and engines that start again."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import inngest
from inngest.engine.store.sql import SqlStore
from inngest.errors import EngineStateError, StoreFullError
from tests.embedded import databases
from tests.embedded.troubles import Complaints, Disk, Shop

TRIGGER = inngest.TriggerEvent(event="s/go")

MOMENTS = range(0, 60, 3)
"""Turns of the loop after which a start is disturbed: it takes fewer until it waits for a thread, and some after it."""


class App:
    """A client with a function, and where its runs are kept."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "inngest.db"
        self.client = inngest.Inngest(app_id="app")

        @self.client.create_function(fn_id="double", trigger=TRIGGER)
        async def double(ctx: inngest.Context) -> int:
            return await ctx.step.run("double", lambda: 42)

        self.double = double

    def engine(self, **options: Any) -> inngest.Engine:
        return inngest.Engine(self.client, database=f"sqlite:///{self.path}", **options)

    def left(self) -> tuple[int, list[str]]:
        """How many workers the database knows, and whose locks are there."""
        connection = sqlite3.connect(self.path)
        try:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'inngest_sessions'").fetchone()
            count = connection.execute("SELECT count(*) FROM inngest_sessions").fetchone()[0] if tables[0] else 0
        finally:
            connection.close()
        folder = self.path.with_name("inngest.db-workers")
        return count, sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


def threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("inngest"))


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """No thread of an engine outlives its test; those that are about to end are waited for."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("inngest"):
            thread.join(60)
            assert not thread.is_alive(), thread.name


# -- again


async def test_an_engine_starts_again_after_it_was_stopped(app: App) -> None:
    engine = app.engine()
    for _ in range(3):
        async with engine:
            assert await engine.invoke(app.double) == 42
            assert await app.client.send(inngest.Event(name="unheard"))
        with pytest.raises(EngineStateError, match="the engine is stopped"):
            await engine.runs()
    assert app.left() == (0, [])


def test_an_engine_starts_again_on_another_loop(app: App) -> None:
    engine = app.engine()

    async def use() -> int:
        async with engine:
            return await engine.invoke(app.double)

    assert [asyncio.run(use()) for _ in range(2)] == [42, 42]
    with engine:
        assert engine.invoke_sync(app.double) == 42


async def test_the_tests_of_a_web_application_enter_its_lifespan_twice(app: App) -> None:
    engine = app.engine()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with engine:
            yield

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse(await engine.invoke(app.double))

    web = Starlette(routes=[Route("/", answer)], lifespan=lifespan)
    for _ in range(2):
        async with (
            web.router.lifespan_context(web),
            httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://shop") as browser,
        ):
            assert (await browser.get("/")).json() == 42


async def test_an_engine_that_is_being_stopped_is_not_started(app: App) -> None:
    engine = app.engine()
    await engine.start()
    stopping = asyncio.ensure_future(engine.stop())
    await asyncio.sleep(0)
    with pytest.raises(EngineStateError, match="is being stopped already"):
        await engine.start()
    await stopping
    async with engine:
        assert await engine.invoke(app.double) == 42


# -- a start that does not come to its end


@pytest.mark.parametrize("turns", MOMENTS)
async def test_a_start_that_is_stopped_leaves_nothing(app: App, turns: int) -> None:
    engine = app.engine()
    tasks = asyncio.all_tasks()
    starting = asyncio.ensure_future(engine.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    was_started = starting.done()

    await engine.stop()
    (ended,) = await asyncio.gather(starting, return_exceptions=True)

    if not was_started and turns:  # else there was nothing to stop yet
        assert isinstance(ended, EngineStateError)
        assert str(ended) == "the engine was stopped while it started"
    if turns:
        assert asyncio.all_tasks() == tasks
    await engine.stop()
    async with engine:
        assert await engine.invoke(app.double) == 42
    assert app.left() == (0, [])


@pytest.mark.parametrize("turns", MOMENTS)
@pytest.mark.parametrize("times", [1, 2])
async def test_a_start_that_is_cancelled_leaves_nothing(app: App, turns: int, times: int) -> None:
    engine = app.engine()
    tasks = asyncio.all_tasks()
    starting = asyncio.ensure_future(engine.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    was_started = starting.done()
    for _ in range(times):
        starting.cancel()
        await asyncio.sleep(0)
    (ended,) = await asyncio.gather(starting, return_exceptions=True)

    if was_started:
        await engine.stop()
    else:
        assert isinstance(ended, asyncio.CancelledError)
    assert asyncio.all_tasks() == tasks
    assert app.left()[1] == []
    async with engine:
        assert await engine.invoke(app.double) == 42
    assert app.left() == (0, [])


async def test_a_start_that_is_cancelled_while_the_database_is_locked_ends(app: App) -> None:
    async with app.engine():
        pass
    other = sqlite3.connect(app.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine = app.engine()
    starting = asyncio.ensure_future(engine.start())
    while not threads():  # noqa: ASYNC110 - it waits for the file in a thread then
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    other.execute("ROLLBACK")
    other.close()
    async with engine:
        assert await engine.invoke(app.double) == 42


STEPS = ("open", "greatest_time", "sessions", "begin_session", "register")
"""What a start asks of its store, in this order."""


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_start_that_fails_anywhere_leaves_nothing(
    app: App, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    """Once before it is done, and once after it, as if only its answer was lost."""
    real = getattr(SqlStore, step)
    failed: list[str] = []

    async def fail(*args: Any, **more: Any) -> None:
        if after:
            await real(*args, **more)
        failed.append(step)
        raise StoreFullError("no space is left")

    async with app.engine():
        pass  # the file is there
    tasks, others = asyncio.all_tasks(), threads()
    engine = app.engine()
    with monkeypatch.context() as patch:
        patch.setattr(SqlStore, step, fail)
        for _ in range(2):  # it may be tried again
            with pytest.raises(StoreFullError):
                await engine.start()
            assert asyncio.all_tasks() == tasks
            assert app.left() == (0, [])
        await engine.stop()
    assert failed == [step, step]
    assert threads() == others
    async with engine:
        assert await engine.invoke(app.double) == 42
    assert app.left() == (0, [])


async def test_a_start_that_fails_half_way_leaves_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two clients, the second one's functions cannot be written."""
    second = inngest.Inngest(app_id="second")
    register = SqlStore.register

    async def fail(store: SqlStore, functions: Any, *, replace_app: str | None, now: int) -> Any:
        if replace_app == "second":
            raise StoreFullError("no space is left")
        return await register(store, functions, replace_app=replace_app, now=now)

    tasks = asyncio.all_tasks()
    engine = inngest.Engine([app.client, second], database=f"sqlite:///{app.path}")
    with monkeypatch.context() as patch:
        patch.setattr(SqlStore, "register", fail)
        with pytest.raises(StoreFullError):
            await engine.start()
        assert asyncio.all_tasks() == tasks
        assert app.left() == (0, [])
        with pytest.raises(EngineStateError, match="is not started"):
            await engine.runs()
    async with app.engine(), inngest.Engine(second, database=f"sqlite:///{app.path}"):
        pass
    async with engine:
        assert await engine.invoke(app.double) == 42


# -- a loop that is gone


def test_what_an_engine_held_is_free_when_its_loop_is_gone(app: App) -> None:
    engine = app.engine()

    async def never_stopped() -> int:
        await engine.start()
        return await engine.invoke(app.double)

    async def another() -> int:
        async with app.engine() as fresh:
            return await fresh.invoke(app.double)

    assert asyncio.run(never_stopped()) == 42
    assert asyncio.run(another()) == 42
    with pytest.raises(EngineStateError, match="has ended, and the engine with it: start it again"):
        engine.runs_sync()
    asyncio.run(engine.stop())
    with pytest.raises(EngineStateError, match="is stopped"):
        engine.runs_sync()
    assert app.left() == (0, [])


def test_an_engine_whose_loop_is_gone_starts_again(app: App) -> None:
    engine = app.engine()

    async def never_stopped() -> int:
        await engine.start()
        return await engine.invoke(app.double)

    assert [asyncio.run(never_stopped()) for _ in range(2)] == [42, 42]
    asyncio.run(engine.stop())


def test_the_lock_of_a_worker_goes_with_its_loop(app: App) -> None:
    """Also if nobody in this process does anything more about it: others must take over its runs."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(app.engine().start())
    (watch,) = [thread for thread in threading.enumerate() if thread.name == "inngest-watch"]
    assert len(app.left()[1]) == 1
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    watch.join(60)

    assert app.left()[1] == []


def test_a_run_goes_on_elsewhere_when_its_loop_is_gone_and_its_thread_ends(app: App) -> None:
    entered, go_on = threading.Event(), threading.Event()
    calls: list[str] = []

    @app.client.create_function(fn_id="plain", trigger=TRIGGER, retries=0)
    def plain(ctx: inngest.ContextSync) -> str:
        def wait() -> None:
            calls.append("wait")
            entered.set()
            go_on.wait(60)

        ctx.step.run("wait", wait)
        return ctx.step.run("after", lambda: "after")

    async def never_stopped() -> str:
        engine = app.engine()
        await engine.start()
        await engine.send(inngest.Event(name="s/go"))
        await asyncio.to_thread(entered.wait)
        runs = await engine.runs(function=plain)
        return runs[0].id

    async def another(run_id: str) -> object:
        async with app.engine() as fresh:
            return await fresh.wait(run_id)

    run_id = asyncio.run(never_stopped())
    go_on.set()
    assert asyncio.run(another(run_id)) == "after"
    assert calls == ["wait", "wait"]


def test_a_loop_ends_though_its_engine_could_not_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for space on the disk when the program ends without stopping its engine is not waited for."""
    disk, shop, complaints = Disk(monkeypatch.setattr), Shop(), Complaints()

    async def main() -> None:
        engine = inngest.Engine(shop.client, database=databases.url_in(tmp_path))
        await engine.start()
        await engine.send(inngest.Event(name="order"))
        await shop.is_entered()
        disk.is_full()
        shop.open.set()
        await complaints.come("no space is left")

    asyncio.run(main())
    complaints.close()


@pytest.mark.parametrize("cut", [True, False])
def test_a_loop_ends_though_the_stop_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cut: bool
) -> None:
    disk, shop, complaints = Disk(monkeypatch.setattr), Shop(), Complaints()

    async def main() -> None:
        engine = inngest.Engine(shop.client, database=databases.url_in(tmp_path), drain_timeout=60_000)
        await engine.start()
        await engine.send(inngest.Event(name="order"))
        await shop.is_entered()
        disk.is_full()
        shop.open.set()
        await complaints.come("no space is left")
        stopping = asyncio.ensure_future(engine.stop())
        await asyncio.sleep(0)
        if cut:
            stopping.cancel()

    asyncio.run(main())
    complaints.close()


# -- quietly


@pytest.mark.parametrize("then", ["stop", "start again", "nothing"])
def test_nothing_is_said_of_an_engine_whose_loop_was_closed_under_it(
    app: App, caplog: pytest.LogCaptureFixture, then: str
) -> None:
    entered: list[int] = []

    @app.client.create_function(fn_id="waits", trigger=TRIGGER, retries=0)
    async def waits(ctx: inngest.Context) -> None:
        async def handler() -> None:
            entered.append(1)
            await asyncio.sleep(3_600)

        await ctx.step.run("wait", handler)

    async def begin(engine: inngest.Engine) -> None:
        await engine.start()
        await engine.send(inngest.Event(name="s/go"))
        while True:
            if entered:
                return
            await asyncio.sleep(0.01)

    async def again(engine: inngest.Engine) -> None:
        async with engine:
            assert await engine.invoke(app.double) == 42

    engine = app.engine(drain_timeout=0)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin(engine))
    (watch,) = [thread for thread in threading.enumerate() if thread.name == "inngest-watch"]
    gc.collect()
    caplog.clear()
    loop.close()
    watch.join(60)
    if then == "stop":
        asyncio.run(engine.stop())
    elif then == "start again":
        asyncio.run(again(engine))
    del engine, loop, watch
    gc.collect()

    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("how", ["one", "parallel", "finally", "cancelled"])
async def test_nothing_is_said_when_a_plain_handler_outlives_its_engine(
    app: App, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    entered, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        go_on.wait(60)

    @app.client.create_function(fn_id="plain", trigger=TRIGGER, retries=0)
    def plain(ctx: inngest.ContextSync) -> None:
        try:
            if how == "parallel":
                ctx.group.parallel((lambda: ctx.step.run("a", wait), lambda: ctx.step.run("b", wait)))
            else:
                ctx.step.run("a", wait)
        finally:
            over.set()
            if how == "finally":
                ctx.step.run("cleanup", lambda: 1)

    gc.collect()  # what earlier tests left of loops that were gone is told now, and is not this engine's
    await asyncio.sleep(0)
    caplog.clear()
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    async with app.engine(drain_timeout=0) as engine:
        await engine.send(inngest.Event(name="s/go"))
        await asyncio.to_thread(entered.wait)
        if how == "cancelled":
            (run,) = await engine.runs(function=plain)
            await engine.cancel(run.id)
    go_on.set()
    await asyncio.to_thread(over.wait)
    for thread in threading.enumerate():
        if thread.name == "inngest-function":
            await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)

    assert said == []
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []
