"""However the loop of an engine ends, its runs are as after `kill -9`: a teardown decides nothing about them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

import inngest
from tests import processes
from tests.embedded import databases

EACH = 3
"""Events that are sent, each of which starts a run of every function."""


class Shop:
    """Functions whose handlers hang in their first process, and each of which sees its cancellation in its own way."""

    def __init__(self, talk: processes.Talk | None = None) -> None:
        self._talk = talk
        self._speaking = threading.Lock()
        self.client = inngest.Inngest(app_id="shop")
        names = ("straight", "gathered", "grouped", "raced", "undoing", "translating", "swallowing", "returning")
        for name in (*names, "timed", "sleeping", "plain", "plainly_parallel"):
            create = self.client.create_function(fn_id=name, trigger=inngest.TriggerEvent(event="go"), retries=0)
            create(getattr(self, f"_{name}"))

    def _say_begun(self, talk: processes.Talk) -> None:
        with self._speaking:
            talk.say("begun")

    async def _hang(self) -> str:
        if self._talk is not None:
            self._say_begun(self._talk)
            await asyncio.Event().wait()
        return "done"

    def _hang_plainly(self) -> str:
        if self._talk is not None:
            self._say_begun(self._talk)
            threading.Event().wait()
        return "done"

    async def _straight(self, ctx: inngest.Context) -> str:
        await ctx.step.run("first", lambda: "first")
        return await ctx.step.run("hang", self._hang)

    async def _gathered(self, ctx: inngest.Context) -> Sequence[str]:
        return await asyncio.gather(ctx.step.run("a", self._hang), ctx.step.run("b", lambda: "b"))

    async def _grouped(self, ctx: inngest.Context) -> object:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(ctx.step.run("a", self._hang))
            group.create_task(ctx.step.run("b", lambda: "b"))
        return task.result()

    async def _raced(self, ctx: inngest.Context) -> object:
        async def chain() -> str:
            await ctx.step.sleep("for ever", 300_000)
            return "late"

        return await ctx.group.race((lambda: ctx.step.run("a", self._hang), chain))

    async def _undoing(self, ctx: inngest.Context) -> str:
        """Undoes what it has given up, which it has not."""
        try:
            return await ctx.step.run("charge", self._hang)
        except asyncio.CancelledError:
            await ctx.step.run("refund", lambda: "refunded")
            raise

    async def _translating(self, ctx: inngest.Context) -> str:
        """Its handler makes a failure for good of its cancellation."""

        async def handler() -> str:
            try:
                return await self._hang()
            except asyncio.CancelledError:
                raise inngest.NonRetriableError("interrupted") from None

        return await ctx.step.run("a", handler)

    async def _swallowing(self, ctx: inngest.Context) -> str:
        """Its body makes one of it."""
        try:
            return await ctx.step.run("a", self._hang)
        except BaseException:
            raise inngest.NonRetriableError("interrupted") from None

    async def _returning(self, ctx: inngest.Context) -> str:
        """Its body returns a value instead."""
        try:
            return await ctx.step.run("a", self._hang)
        except BaseException:
            return "interrupted"

    async def _timed(self, ctx: inngest.Context) -> str:
        async with asyncio.timeout(600):
            return await ctx.step.run("a", self._hang)

    async def _sleeping(self, ctx: inngest.Context) -> object:
        """A sleep beside a step that runs: it is recorded, and waits."""
        return await asyncio.gather(ctx.step.run("a", self._hang), ctx.step.sleep("b", 1))

    def _plain(self, ctx: inngest.ContextSync) -> str:
        return ctx.step.run("a", self._hang_plainly)

    def _plainly_parallel(self, ctx: inngest.ContextSync) -> object:
        return ctx.group.parallel(
            (lambda: ctx.step.run("a", self._hang_plainly), lambda: ctx.step.run("b", self._hang_plainly))
        )

    @property
    def handlers(self) -> int:
        """How many hang when all have begun."""
        return EACH * 13


OUTPUTS = {
    "gathered": ["done", "b"],
    "raced": [0, "done"],
    "sleeping": ["done", None],
    "plainly_parallel": ["done", "done"],
}
"""What functions return that do not return "done"."""


async def _engine(talk: processes.Talk, database: str, drain_timeout: int = 60_000) -> inngest.Engine:
    client = Shop(talk).client
    return inngest.Engine(client, database=database, drain_timeout=drain_timeout, thread_pool_size=100)


async def _send(engine: inngest.Engine) -> None:
    await engine.send([inngest.Event(name="go") for _ in range(EACH)])


async def _hear(talk: processes.Talk, what: str) -> None:
    assert await asyncio.to_thread(talk.hear) == what


async def _without_stop(talk: processes.Talk, database: str) -> None:
    engine = await _engine(talk, database)
    await engine.start()
    await _send(engine)
    await _hear(talk, "end")


async def _raising(talk: processes.Talk, database: str) -> NoReturn:
    await _without_stop(talk, database)
    raise RuntimeError("the application fails")


async def _with_a_limit(talk: processes.Talk, database: str) -> None:
    """A time limit on the shutdown: it is over as soon as that has begun."""
    engine = await _engine(talk, database)
    await engine.start()
    await _send(engine)
    await _hear(talk, "end")
    stopping = asyncio.ensure_future(engine.stop())
    await asyncio.sleep(0)  # it has begun
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stopping


async def _until_interrupted(talk: processes.Talk, database: str) -> None:
    async with await _engine(talk, database) as engine:
        await _send(engine)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            talk.say("interrupted")
            raise


async def _stopping_at_once(talk: processes.Talk, database: str) -> None:
    async with await _engine(talk, database, drain_timeout=0) as engine:
        await _send(engine)
        await _hear(talk, "end")


def works(talk: processes.Talk, main: Callable[[processes.Talk, str], Awaitable[None]], database: str) -> None:
    """A worker, until it ends as it ends."""

    async def run() -> None:
        await main(talk, database)

    with contextlib.suppress(RuntimeError, KeyboardInterrupt):
        asyncio.run(run())
    os._exit(0)  # without waiting for what hangs


@pytest.mark.parametrize("main", [_without_stop, _raising, _with_a_limit, _stopping_at_once])
async def test_a_loop_that_ends_takes_nothing_from_its_runs(
    main: Callable[[processes.Talk, str], Awaitable[None]], tmp_path: Path
) -> None:
    database = databases.url_in(tmp_path)
    with processes.started(works, main, database) as worker:
        for _ in range(Shop().handlers):
            await asyncio.to_thread(worker.expect, "begun")
        worker.say("end")
        await asyncio.to_thread(worker.join)
    await all_complete(database)


@pytest.mark.parametrize("signals", [[signal.SIGKILL], [signal.SIGINT, signal.SIGKILL], [signal.SIGINT] * 2])
async def test_a_signal_takes_nothing_from_runs(signals: list[signal.Signals], tmp_path: Path) -> None:
    database = databases.url_in(tmp_path)
    with processes.started(works, _until_interrupted, database) as worker:
        for _ in range(Shop().handlers):
            await asyncio.to_thread(worker.expect, "begun")
        for place, one in enumerate(signals):
            if place > 0:
                await asyncio.to_thread(worker.expect, "interrupted")
            os.kill(worker.pid, one)
        await asyncio.to_thread(worker.join)
    await all_complete(database)


async def all_complete(database: str) -> None:
    """The next engine ends every run well, and each as if nothing had happened."""
    async with inngest.Engine(Shop().client, database=database, retry_interval=0) as engine:
        runs = await engine.runs(limit=1000)
        for run in runs:
            await engine.wait(run.id)
        runs = await engine.runs(limit=1000)
    outputs = Counter((run.function_id.removeprefix("shop-"), str(run.output)) for run in runs)
    names = [function.id.removeprefix("shop-") for function in Shop().client.functions]
    assert outputs == {(name, str(OUTPUTS.get(name, "done"))): EACH for name in names}
