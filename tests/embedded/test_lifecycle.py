"""An engine's life in its process: start, use, stop, and what may not be done when."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import inngest
from inngest.errors import EngineBindingError, EngineStateError, StoreError
from tests.embedded import databases

client = inngest.Inngest(app_id="life")


class Gate:
    """A function whose handler waits until it is let through, and what it did."""

    def __init__(self, *, plain: bool = False) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.calls: list[str] = []
        self.client = inngest.Inngest(app_id="gate")
        create = self.client.create_function(fn_id="gate", trigger=inngest.TriggerEvent(event="gate"))
        self.function: inngest.Function[object] = create(self._plain) if plain else create(self._async)

    async def _async(self, ctx: inngest.Context) -> object:
        await ctx.step.run("first", self.first)
        await ctx.step.run("wait", self.wait)
        return self.result(ctx.attempt)

    def _plain(self, ctx: inngest.ContextSync) -> object:
        ctx.step.run("first", self.first)
        ctx.step.run("wait", self.wait_plainly)
        return self.result(ctx.attempt)

    def first(self) -> None:
        self.calls.append("first")

    async def wait(self) -> None:
        self.calls.append("wait")
        self.entered.set()
        await asyncio.to_thread(self.open.wait)

    def wait_plainly(self) -> None:
        self.calls.append("wait")
        self.entered.set()
        self.open.wait()

    def result(self, attempt: int) -> object:
        return {"attempt": attempt}

    async def is_entered(self) -> None:
        await asyncio.to_thread(self.entered.wait)


@pytest.fixture(params=["async", "plain"])
def gate(request: pytest.FixtureRequest) -> Iterator[Gate]:
    gate = Gate(plain=request.param == "plain")
    yield gate
    gate.open.set()  # or its thread would outlive the test


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def test_an_engine_without_functions_sends_and_reads(database: str) -> None:
    async with inngest.Engine([], database=database) as engine:
        (event_id,) = await engine.send(inngest.Event(name="nobody/listens"))
        assert await engine.runs(event_id=event_id) == []


async def test_a_clean_stop_leaves_one_file(tmp_path: Path) -> None:
    async with inngest.Engine([], database=databases.url_in(tmp_path)) as engine:
        await engine.send(inngest.Event(name="nobody/listens"))
        assert await engine.runs() == []  # a reader has the file open too
    assert sorted(os.listdir(tmp_path)) == ["inngest.db", "inngest.db-workers"]
    assert os.listdir(tmp_path / "inngest.db-workers") == []


async def test_an_engine_that_is_not_started_says_so(database: str) -> None:
    engine = inngest.Engine([], database=database)
    with pytest.raises(EngineStateError, match=r"is not started: use `async with Engine\(…\)`"):
        await engine.send(inngest.Event(name="early"))
    with pytest.raises(EngineStateError, match="is not started"):
        engine.send_sync(inngest.Event(name="early"))
    await engine.stop()  # nothing to stop
    await engine.start()
    await engine.stop()


async def test_an_engine_that_runs_is_not_started_again(database: str) -> None:
    engine = inngest.Engine([], database=database)
    async with engine:
        with pytest.raises(EngineStateError, match="the engine runs already"):
            await engine.start()
        assert await engine.runs() == []


async def test_an_engine_that_is_stopped_says_so(database: str) -> None:
    async with inngest.Engine([], database=database) as engine:
        pass
    await engine.stop()
    with pytest.raises(EngineStateError, match="the engine is stopped"):
        await engine.send(inngest.Event(name="late"))
    with pytest.raises(EngineStateError, match="the engine is stopped"):
        engine.runs_sync()


async def test_a_failed_start_can_be_tried_again(tmp_path: Path) -> None:
    gate = Gate()
    engine = inngest.Engine([gate.function], database=f"sqlite:///{tmp_path}/not-yet/inngest.db")
    with pytest.raises(StoreError, match="does not exist"):
        await engine.start()
    (tmp_path / "not-yet").mkdir()
    async with engine:
        assert await engine.runs() == []


async def test_one_client_is_in_one_engine(database: str) -> None:
    gate = Gate()
    async with inngest.Engine([gate.function], database=database):
        with pytest.raises(EngineBindingError, match='the client "gate" runs in another Engine'):
            await inngest.Engine(gate.client, database=database).start()
    async with inngest.Engine(gate.client, database=database):
        pass


# -- plain code


def test_an_engine_in_plain_code(database: str) -> None:
    gate = Gate()
    gate.open.set()
    with inngest.Engine([gate.function], database=database) as engine:
        assert engine.invoke_sync(gate.function) == {"attempt": 0}
        (event_id,) = engine.send_sync(inngest.Event(name="gate"))
        (run,) = engine.runs_sync(event_id=event_id)
        assert engine.wait_sync(run.id) == {"attempt": 0}
        assert [step.id for step in engine.run_sync(run.id).steps] == ["first", "wait"]
        assert gate.client.send_sync(inngest.Event(name="unheard"))
    with pytest.raises(EngineStateError, match="the engine is stopped"):
        engine.runs_sync()


def test_twins_can_be_called_from_any_thread(database: str) -> None:
    gate = Gate()
    gate.open.set()
    results: list[object] = []
    with inngest.Engine([gate.function], database=database) as engine:
        threads = [threading.Thread(target=lambda: results.append(engine.invoke_sync(gate.function))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [{"attempt": 0}] * 5


async def test_a_twin_on_the_engines_own_loop_would_wait_for_itself(database: str) -> None:
    gate = Gate()
    async with inngest.Engine([gate.function], database=database) as engine:
        calls: list[Callable[[], object]] = [
            lambda: engine.invoke_sync(gate.function),
            lambda: engine.send_sync(inngest.Event(name="gate")),
            lambda: engine.wait_sync("run"),
            lambda: engine.run_sync("run"),
            engine.runs_sync,
            lambda: gate.client.send_sync(inngest.Event(name="gate")),
        ]
        for call in calls:
            with pytest.raises(EngineStateError, match="own event loop would wait for itself: await"):
                call()


def test_an_engine_belongs_to_its_loop(database: str) -> None:
    engine = inngest.Engine([], database=database)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(engine.start())
    with pytest.raises(EngineStateError, match="loop that the engine was started on does not run"):
        engine.runs_sync()
    with pytest.raises(EngineStateError, match="runs on another event loop"):
        asyncio.run(engine.runs())
    loop.run_until_complete(engine.stop())
    loop.close()


def test_a_block_that_is_entered_twice_ends_well(database: str) -> None:
    with inngest.Engine([], database=database) as engine:
        with pytest.raises(EngineStateError, match="runs already"), engine:
            pass
        assert engine.runs_sync() == []


# -- stopping


async def test_a_handler_that_ends_in_time_is_recorded(gate: Gate, database: str) -> None:
    engine = inngest.Engine([gate.function], database=database)
    await engine.start()
    invoked = asyncio.ensure_future(engine.invoke(gate.function))
    await gate.is_entered()
    stopping = asyncio.ensure_future(engine.stop())
    await asyncio.sleep(0)
    gate.open.set()
    await stopping
    with pytest.raises(
        EngineStateError, match=r"was stopped before run .* had ended; it goes on when an engine starts"
    ):
        await invoked

    async with inngest.Engine([gate.function], database=database) as again:
        (run,) = await again.runs()
        assert await again.wait(run.id) == {"attempt": 0}
        full = await again.run(run.id)
    assert gate.calls == ["first", "wait"]
    assert [len(step.attempts) for step in full.steps] == [1, 1]


async def test_a_handler_that_does_not_end_is_left_behind(
    gate: Gate, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Stopping takes no longer than it may, and what was cut is neither an attempt nor a takeover."""
    engine = inngest.Engine([gate.function], database=database, drain_timeout=0)
    await engine.start()
    (event_id,) = await engine.send(inngest.Event(name="gate"))
    await gate.is_entered()
    await engine.stop()
    async with inngest.Engine([], database=database) as engine:
        (run_id,) = [run.id for run in await engine.runs(event_id=event_id)]
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []

    gate.open.set()
    async with inngest.Engine([gate.function], database=database) as again:
        assert await again.wait(run_id) == {"attempt": 0}
        full = await again.run(run_id)
    assert gate.calls == ["first", "wait", "wait"]
    assert [[attempt.number for attempt in step.attempts] for step in full.steps] == [[0], [0]]


def test_plain_code_ends_while_a_handler_sleeps(database: str) -> None:
    gate = Gate(plain=True)
    with inngest.Engine([gate.function], database=database, drain_timeout=0) as engine:
        engine.send_sync(inngest.Event(name="gate"))
        gate.entered.wait()
    gate.open.set()
    with inngest.Engine([gate.function], database=database) as again:
        (run,) = again.runs_sync()
        assert again.wait_sync(run.id) == {"attempt": 0}


async def test_what_a_handler_sends_while_the_engine_stops_is_accepted(database: str) -> None:
    own = inngest.Inngest(app_id="own")
    entered, go_on = asyncio.Event(), asyncio.Event()

    @own.create_function(fn_id="sends", trigger=inngest.TriggerEvent(event="sends"))
    async def sends(ctx: inngest.Context) -> None:
        async def send() -> list[str]:
            entered.set()
            await go_on.wait()
            return await own.send(inngest.Event(name="sent"))

        await ctx.step.run("send", send)

    engine = inngest.Engine([sends], database=database)
    await engine.start()
    await engine.send(inngest.Event(name="sends"))
    await entered.wait()
    stopping = asyncio.ensure_future(engine.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    async with inngest.Engine([sends], database=database) as again:
        (run,) = await again.runs()
        await again.wait(run.id)
        (step,) = (await again.run(run.id)).steps
    assert [attempt.error for attempt in step.attempts] == [None]


async def test_several_may_stop_it(gate: Gate, database: str) -> None:
    engine = inngest.Engine([gate.function], database=database)
    await engine.start()
    await engine.send(inngest.Event(name="gate"))
    await gate.is_entered()
    stopping = [asyncio.ensure_future(engine.stop()) for _ in range(3)]
    await asyncio.sleep(0)
    stopping[0].cancel()
    gate.open.set()
    results = await asyncio.gather(*stopping, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [None, None]
    with pytest.raises(EngineStateError, match="is stopped"):
        await engine.runs()


async def test_a_run_whose_sender_gave_up_begins_all_the_same(database: str) -> None:
    own = inngest.Inngest(app_id="own")
    begun = asyncio.Event()

    @own.create_function(fn_id="begins", trigger=inngest.TriggerEvent(event="begins"))
    async def begins(ctx: inngest.Context) -> None:
        begun.set()

    async with inngest.Engine([begins], database=database) as engine:
        sending = asyncio.ensure_future(engine.send(inngest.Event(name="begins")))
        await asyncio.sleep(0)  # it has handed the event over, and waits
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await begun.wait()
