"""`python -m benchmarks.trace [ROUTE]`: how long the ways through the engine are; with a route, each call of its way.

Calls are counted, and nothing is timed. Each route is walked several times on an engine that is warm, and the shortest
walk counts: nothing else fell due meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import httpx

import inngest
from inngest.server.app import create_app

from .figures import Bar, table
from .processes import DISK, MEMORY, folder
from .tracing import QUIET, Trace, Tracer

SAMPLES = 9

WARM = 6
"""Steps before those that count: writes are done on the loop when the last ones were quick."""

IDLE = 2.5
"""Seconds for which an engine that has nothing to do is watched: all that it repeats often, it does once a second."""

ROUTES = {
    "step": "one `step.run`, from the call to its value",
    "send": "`client.send` → finished run of two steps",
    "plain": "the same with a plain function",
    "http": "HTTP event through the app of `inngest dev` → finished run of two steps",
    "cancel": "`engine.cancel` of a run whose handler runs, until all is quiet",
}

BARS = {"step": (60, 18), "send": (300, 45), "cancel": (150, 30)}
"""Route → the most calls, and the most files."""


async def add_one(value: int) -> int:
    return value + 1


def add_one_plainly(value: int) -> int:
    return value + 1


class Routes:
    """The ways that are walked, on an engine of their own."""

    def __init__(self, database: Path, tracer: Tracer) -> None:
        self._tracer = tracer
        self._steps: list[Trace] = []
        self._began = asyncio.Event()  # a handler that is to be cancelled
        self._client = inngest.Inngest(app_id="trace")
        self._two_steps, self._two_plain = self._function("two", self._two), self._function("plain", self._two_plainly)
        self._row, self._long = self._function("row", self._in_a_row), self._function("long", self._wait)
        self.engine = inngest.Engine(self._client, database=f"sqlite:///{database}")

    def _function(self, name: str, body: Callable[..., object]) -> inngest.Function[object]:
        trigger = inngest.TriggerEvent(event=f"trace/{name}")
        made: inngest.Function[object] = self._client.create_function(fn_id=name, trigger=trigger)(body)  # type: ignore[arg-type]
        return made

    async def _two(self, ctx: inngest.Context) -> int:
        return await ctx.step.run("second", add_one, await ctx.step.run("first", add_one, 1))

    def _two_plainly(self, ctx: inngest.ContextSync) -> int:
        return ctx.step.run("second", add_one_plainly, ctx.step.run("first", add_one_plainly, 1))

    async def _in_a_row(self, ctx: inngest.Context) -> None:
        for index in range(WARM):
            await ctx.step.run(f"warm-{index}", add_one, index)
        for index in range(WARM):
            self._tracer.begin()
            await ctx.step.run(f"step-{index}", add_one, index)
            self._steps.append(self._tracer.end())

    async def _wait(self, ctx: inngest.Context) -> None:
        async def wait() -> None:
            self._began.set()
            await asyncio.Event().wait()

        await ctx.step.run("wait", wait)

    async def warm_up(self) -> None:
        """Compile what all ways compile; then nothing is left to do."""
        for function in (self._two_steps, self._two_plain, self._row):
            await self.engine.invoke(function)
        await asyncio.sleep(QUIET)

    async def shortest(self, route: str) -> Trace:
        """The shortest of several walks."""
        return min([await self._walk(route) for _ in range(SAMPLES)], key=lambda one: len(one.calls))

    async def _walk(self, route: str) -> Trace:
        await self.engine.invoke(self._row)
        match route:
            case "step":
                return min(self._steps, key=lambda one: len(one.calls))
            case "send":
                return await self._until_quiet(lambda: self._client.send(inngest.Event(name="trace/two")))
            case "plain":
                return await self._until_quiet(lambda: self._client.send(inngest.Event(name="trace/plain")))
            case "http":
                return await self._over_http()
            case _:
                return await self._cancelled()

    async def _over_http(self) -> Trace:
        transport = httpx.ASGITransport(app=create_app(self.engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:

            async def post() -> None:
                (await http.post("/e/key", json={"name": "trace/two", "data": {}})).raise_for_status()

            await post()  # the app builds itself when it is asked for the first time
            return await self._until_quiet(post)

    async def _cancelled(self) -> Trace:
        self._began.clear()
        await self._client.send(inngest.Event(name="trace/long"))
        await self._began.wait()
        [run] = await self.engine.runs(function=self._long, limit=1)
        return await self._until_quiet(lambda: self.engine.cancel(run.id))

    async def _until_quiet(self, begin: Callable[[], Awaitable[object]]) -> Trace:
        await self._tracer.quiet()
        self._tracer.begin()
        await begin()
        await self._tracer.quiet()
        return self._tracer.end()


async def trace(routes: list[str]) -> Mapping[str, Trace]:
    """Walk these routes."""
    tracer = Tracer()
    try:
        with folder(MEMORY if MEMORY.is_dir() else DISK) as path:
            ways = Routes(path / "trace.db", tracer)
            async with ways.engine:
                await ways.warm_up()
                await tracer.learn(IDLE)
                return {route: await ways.shortest(route) for route in routes}
    finally:
        tracer.close()


def _report(walked: Mapping[str, Trace]) -> str:
    rows = [
        [ROUTES[route], *map(str, (len(one.calls), one.functions, one.files, one.file_changes, one.thread_changes))]
        for route, one in walked.items()
    ]
    bars = [
        Bar(f"{what} of {ROUTES[route]}", figure, limit)
        for route, limits in BARS.items()
        for what, figure, limit in zip(
            ("calls", "files"), (len(walked[route].calls), walked[route].files), limits, strict=True
        )
    ]
    heads = ["way", "calls", "functions", "files", "changes of file", "changes of thread"]
    return f"{table(heads, rows)}\n\n{table(['bar', 'limit', 'counted', ''], [bar.row() for bar in bars])}"


def main() -> None:
    """Walk all routes, or tell the way of one."""
    asked = sys.argv[1:]
    if unknown := [route for route in asked if route not in ROUTES]:
        sys.exit(f"expected a route of {', '.join(ROUTES)}, got {', '.join(unknown)}")
    walked = asyncio.run(trace(asked or list(ROUTES)))
    print("\n\n".join(one.walk() for one in walked.values()) if asked else _report(walked))


if __name__ == "__main__":
    main()
