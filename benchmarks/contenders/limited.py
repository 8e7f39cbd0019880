"""Runs with limits beside others: `… DATABASE BACKLOG SAMPLES SECONDS RUNS CALLERS ROUNDS`; prints one JSON object."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import inngest

from .verbs import STEPS_OF_A_RUN, callers_in_turn, timed

BATCH = 500
SLOTS = 4
STEP = 0.05
"""Seconds of a step of the key that is drained."""


class House:
    """An engine on a database of its own."""

    def __init__(self, database: Path) -> None:
        self.client = inngest.Inngest(app_id="bench")
        self.released = asyncio.Event()
        self.busy = 0.0  # seconds of handlers
        one = [inngest.Concurrency(limit=1, key="event.data.key")]
        slots = [inngest.Concurrency(limit=SLOTS, key="event.data.key")]
        wide = [inngest.Concurrency(limit=1_000, key="event.data.key")]
        often = inngest.Throttle(limit=1_000_000, period=1_000, burst=1_000_000)
        self.other = self._function("other", self._at_once)
        self.keyed = self._function("keyed", self._at_once, concurrency=wide)
        self.held = self._function("held", self._hold, concurrency=one)
        self.drained = self._function("drained", self._work, concurrency=slots)
        self.plain = self._function("plain", self._steps)
        self.limited = self._function("limited", self._steps, concurrency=wide, throttle=often)
        self.engine = inngest.Engine(self.client, database=f"sqlite:///{database}", drain_timeout=100)

    def _function(
        self, name: str, body: Callable[[inngest.Context], Awaitable[None]], **options: Any
    ) -> inngest.Function[None]:
        return self.client.create_function(fn_id=name, trigger=inngest.TriggerEvent(event=f"bench/{name}"), **options)(
            body
        )

    async def _at_once(self, ctx: inngest.Context) -> None:
        """Nothing to do."""

    async def _hold(self, ctx: inngest.Context) -> None:
        await ctx.step.run("hold", self.released.wait)

    async def _work(self, ctx: inngest.Context) -> None:
        async def work() -> None:
            began = time.perf_counter()
            await asyncio.sleep(STEP)
            self.busy += time.perf_counter() - began

        await ctx.step.run("work", work)

    async def _steps(self, ctx: inngest.Context) -> None:
        async def echo(value: int) -> int:
            return value

        for index in range(STEPS_OF_A_RUN):
            await ctx.step.run(f"step-{index}", echo, index)

    async def send(self, name: str, count: int) -> None:
        """Events with the same key."""
        for begin in range(0, count, BATCH):
            events = min(BATCH, count - begin)
            await self.engine.send([inngest.Event(name=f"bench/{name}", data={"key": "same"}) for _ in range(events)])


async def latencies(empty: House, full: House, samples: int) -> dict[str, list[float]]:
    """Seconds of runs of functions that nothing blocks, in turns."""
    found: dict[str, list[float]] = {"empty": [], "full": [], "empty-keyed": [], "full-keyed": []}
    for index in range(samples):
        for name, house in (("empty", empty), ("full", full)) if index % 2 else (("full", full), ("empty", empty)):
            for kind, function in ((name, house.other), (f"{name}-keyed", house.keyed)):
                began = time.perf_counter()
                await house.engine.invoke(function, data={"key": index})
                found[kind].append(time.perf_counter() - began)
    return found


async def drain(house: House, seconds: float) -> float:
    """How much of its slots a key uses while many of its runs wait."""
    await house.send("drained", int(2 * SLOTS * seconds / STEP))
    await asyncio.sleep(STEP * 4)
    before, began = house.busy, time.perf_counter()
    await asyncio.sleep(seconds)
    return (house.busy - before) / SLOTS / (time.perf_counter() - began)


async def crowds(house: House, runs: int, callers: int, rounds: int) -> list[dict[str, list[float]]]:
    """Seconds and CPU seconds of many runs without limits, and with limits that do not bind; in turns."""
    keys = iter(range(10**9))
    found = []
    for index in range(rounds + 1):
        taken = {}
        pair = [("plain", house.plain), ("limited", house.limited)]
        for name, function in pair if index % 2 else reversed(pair):

            async def one(function: inngest.Function[None] = function) -> None:
                await house.engine.invoke(function, data={"key": next(keys) % 50})

            cpu = time.process_time()
            seconds = await timed(lambda one=one: callers_in_turn(runs, callers, one))  # type: ignore[misc]
            taken[name] = [seconds, time.process_time() - cpu]
        found.append(taken)
    return found[1:]


async def main() -> None:
    """Measure once."""
    database, backlog, samples, seconds, runs, callers, rounds = sys.argv[1:]
    empty, full = House(Path(database)), House(Path(f"{database}-full"))
    async with empty.engine, full.engine:
        answer: dict[str, Any] = {"crowds": await crowds(empty, int(runs), int(callers), int(rounds))}
        await full.send("held", int(backlog) + 1)
        await latencies(empty, full, 10)
        answer |= await latencies(empty, full, int(samples))
        answer["busy"] = await drain(full, float(seconds))
    print(json.dumps(answer), flush=True)


asyncio.run(main())
