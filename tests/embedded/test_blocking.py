"""Code that blocks the engine's event loop is told by the name of its step, while it does."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.embedded.blocking_report import BlockingReport
from inngest.runtime import blocked_loop
from tests.embedded import databases


class Warnings(logging.Handler):
    """What the engine warned of. Whoever waits for a warning goes on with it, whatever thread that is."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []
        self.came = threading.Semaphore(0)

    def emit(self, record: logging.LogRecord) -> None:
        if "blocked the event loop" in record.getMessage():
            self.told.append(record.getMessage())
            self.came.release()

    def block(self) -> None:
        """Block the thread until there is one warning more."""
        assert self.came.acquire(timeout=60), "no warning came"


@pytest.fixture
def warnings() -> Iterator[Warnings]:
    handler = Warnings()
    logger = logging.getLogger("inngest.engine")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told earlier: what is told is the same."""
    monkeypatch.setattr(blocked_loop, "BLOCKED", 0.4)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def run(*bodies: Any, database: str) -> None:
    """Run functions at the same time, named as what they are made from, each to its end."""
    client = inngest.Inngest(app_id="shop")
    trigger = inngest.TriggerEvent(event="go")
    functions = [client.create_function(fn_id=body.__name__, trigger=trigger)(body) for body in bodies]
    async with inngest.Engine(functions, database=database, retry_interval=0) as engine:
        await asyncio.gather(*(engine.invoke(function) for function in functions))


async def test_an_async_handler_that_blocks_is_named(warnings: Warnings, database: str) -> None:
    async def charge() -> str:
        await asyncio.sleep(0)
        warnings.block()
        return "charged"

    async def order(ctx: inngest.Context) -> str:
        return await ctx.step.run("charge", charge)

    await run(order, database=database)
    (told,) = warnings.told
    found = re.match(r"step 'charge' of function shop-order has blocked the event loop for (\d+\.\d+) s", told)
    assert found is not None, told
    assert float(found[1]) >= blocked_loop.BLOCKED
    assert f"{__file__}:" in told or "threading.py:" in told
    assert "asyncio.to_thread" in told
    assert "inngest.ContextSync" in told


@pytest.mark.usefixtures("soon")
async def test_a_plain_handler_of_an_async_function_too(warnings: Warnings, database: str) -> None:
    async def order(ctx: inngest.Context) -> None:
        await ctx.step.run("before", lambda: None)
        await ctx.step.run("charge", warnings.block)
        await ctx.step.run("charge", warnings.block)

    await run(order, database=database)
    assert [told.split(" has ")[0] for told in warnings.told] == [
        "step 'charge' of function shop-order",
        "step 'charge:1' of function shop-order",
    ]


@pytest.mark.usefixtures("soon")
async def test_of_branches_the_one_that_blocks_is_named(warnings: Warnings, database: str) -> None:
    blocked = asyncio.Event()

    async def blocks() -> None:
        warnings.block()
        blocked.set()

    async def waits() -> None:
        await blocked.wait()

    async def order(ctx: inngest.Context) -> None:
        run = ctx.step.run
        await asyncio.gather(run("a", waits), run("b", blocks), run("c", waits))

    await run(order, database=database)
    assert [told.split(" has ")[0] for told in warnings.told] == ["step 'b' of function shop-order"]


@pytest.mark.usefixtures("soon")
async def test_a_task_that_a_handler_started_is_its_steps(warnings: Warnings, database: str) -> None:
    async def inner() -> None:
        warnings.block()

    async def charge() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())

    async def order(ctx: inngest.Context) -> None:
        await ctx.step.run("charge", charge)

    await run(order, database=database)
    assert [told.split(" has ")[0] for told in warnings.told] == ["step 'charge' of function shop-order"]


@pytest.mark.usefixtures("soon")
async def test_each_execution_is_warned_of_once(
    warnings: Warnings, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed = threading.Semaphore(0)
    tell = BlockingReport.tell

    def told(self: BlockingReport, found: object, seconds: float) -> None:
        tell(self, found, seconds)
        noticed.release()

    monkeypatch.setattr(BlockingReport, "tell", told)
    attempts: list[int] = []

    async def order(ctx: inngest.Context) -> None:
        async def charge() -> None:
            attempts.append(ctx.attempt)
            for _ in range(2):
                assert noticed.acquire(timeout=60)
                await asyncio.sleep(0)  # the loop turns between the two times
            if len(attempts) == 1:
                raise ValueError

        await ctx.step.run("charge", charge)

    await run(order, database=database)
    assert attempts == [0, 1]
    assert len(warnings.told) == 2


@pytest.mark.usefixtures("soon")
async def test_code_between_steps_is_its_functions(warnings: Warnings, database: str) -> None:
    async def order(ctx: inngest.Context) -> None:
        await ctx.step.run("before", lambda: None)
        warnings.block()

    await run(order, database=database)
    (told,) = warnings.told
    assert told.startswith("function shop-order, between its steps, has blocked the event loop for ")


@pytest.mark.usefixtures("soon")
async def test_what_blocks_a_thread_is_not_warned_of(warnings: Warnings, database: str) -> None:
    """Plain functions, and what else is handed to threads, beside something that does block the loop."""
    begun, done = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        begun.release()
        assert done.wait(60)

    def plain(ctx: inngest.ContextSync) -> None:
        ctx.step.run("hold", hold)

    async def threaded(ctx: inngest.Context) -> None:
        await ctx.step.run("hold", asyncio.to_thread, hold)

    async def order(ctx: inngest.Context) -> None:
        async def charge() -> None:
            for _ in range(2):
                await asyncio.to_thread(begun.acquire)
            warnings.block()
            done.set()

        await ctx.step.run("charge", charge)

    await run(plain, threaded, order, database=database)
    assert [told.split(" has ")[0] for told in warnings.told] == ["step 'charge' of function shop-order"]
