"""What every contender can be asked to do."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

STEPS_OF_A_RUN = 5
"""Steps of a run wherever many runs are measured at once."""


class Contender(Protocol):
    """One way to run steps durably, started."""

    async def sequence(self, steps: int, repeats: int) -> float:
        """Seconds that `repeats` runs take, one after the other, each of so many trivial steps in a row."""
        ...

    async def latencies(self, count: int, pause: float) -> list[float]:
        """Seconds of each of `count` runs of one step; before each, nothing happens for `pause` seconds."""
        ...

    async def crowd(self, runs: int, callers: int) -> list[float]:
        """Seconds, and CPU seconds of the process, of runs of five steps that so many callers start and wait for."""
        ...


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds that work takes. The garbage that was there before is nobody's fault."""
    gc.collect()
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def each_after_a_pause(count: int, pause: float, work: Callable[[], Awaitable[object]]) -> list[float]:
    """Seconds of each piece of work, each begun when all is quiet."""
    gc.collect()
    taken = []
    for _ in range(count):
        await asyncio.sleep(pause)
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return taken


async def callers_in_turn(runs: int, callers: int, work: Callable[[], Awaitable[object]]) -> None:
    """So many runs by so many callers, each of whom waits for one before it starts the next."""
    left = iter(range(runs))

    async def caller() -> None:
        for _ in left:
            await work()

    await asyncio.gather(*(caller() for _ in range(callers)))


async def evenly(count: int, seconds: float, start: Callable[[int], Awaitable[object]]) -> None:
    """Start so many things evenly over a time, each at its own moment, without waiting for the one before."""
    began = time.monotonic()
    tasks: set[asyncio.Task[object]] = set()
    for index in range(count):
        left = began + index * seconds / count - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        task = asyncio.ensure_future(_awaited(start(index)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.gather(*tasks)


async def _awaited(thing: Awaitable[object]) -> object:
    return await thing
