"""Ours: an embedded engine, through its public door."""

from __future__ import annotations

import time
from typing import Any, Self

import inngest

from .verbs import STEPS_OF_A_RUN, callers_in_turn, each_after_a_pause, timed

client = inngest.Inngest(app_id="bench")


async def echo(value: int) -> int:
    return value


@client.create_function(fn_id="steps", trigger=inngest.TriggerEvent(event="bench/steps"))
async def steps(ctx: inngest.Context) -> int:
    count = int(str(ctx.event.data["count"]))
    for index in range(count):
        await ctx.step.run(f"step-{index}", echo, index)
    return count


class Ours:
    """An engine as it comes, but for the limit on steps.

    Args:
        database: a file, or the URL of a database of a server.
        functions: beside the one that each has.
        options: of the engine.
    """

    def __init__(self, database: str, *functions: inngest.Function[Any], **options: Any) -> None:
        url = database if "://" in database else f"sqlite:///{database}"
        self.engine = inngest.Engine([steps, *functions], database=url, max_steps=10_000, **options)

    async def __aenter__(self) -> Self:
        await self.engine.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.engine.stop()

    async def sequence(self, steps: int, repeats: int) -> float:
        async def work() -> None:
            for _ in range(repeats):
                await self._invoke(steps)

        return await timed(work)

    async def latencies(self, count: int, pause: float) -> list[float]:
        return await each_after_a_pause(count, pause, lambda: self._invoke(1))

    async def crowd(self, runs: int, callers: int, steps: int = STEPS_OF_A_RUN) -> list[float]:
        cpu = time.process_time()
        seconds = await timed(lambda: callers_in_turn(runs, callers, lambda: self._invoke(steps)))
        return [seconds, time.process_time() - cpu]

    async def _invoke(self, count: int) -> None:
        result = await self.engine.invoke(steps, data={"count": count})
        if result != count:
            raise AssertionError(f"a run of {count} steps returned {result!r}")
