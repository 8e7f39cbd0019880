"""What tests of `ctx.defer` share: a function that is deferred, and what is recorded of defers."""

from __future__ import annotations

import asyncio
from typing import Any

import inngest
from inngest import Run

from .stage import Stage


class Cleaner:
    """A function that is deferred, and what it was started with."""

    def __init__(self, stage: Stage, fn_id: str = "clean", *, fails: bool = False, **options: Any) -> None:
        self.seen: list[dict[str, Any]] = []
        self.started = asyncio.Semaphore(0)
        self._fails = fails
        trigger = inngest.TriggerEvent(event="test/never")
        self.function = stage.client.create_function(fn_id=fn_id, trigger=trigger, retries=0, **options)(self._clean)

    async def _clean(self, ctx: inngest.Context) -> str:
        self.seen.append(dict(ctx.event.data))
        self.started.release()
        if self._fails:
            raise RuntimeError("dirty")
        return "clean"

    async def starts(self, count: int) -> list[Any]:
        """What so many runs were started with, but for what the engine adds."""
        for _ in range(count):
            await self.started.acquire()
        return [{key: value for key, value in data.items() if key != "_inngest"} for data in self.seen]


def told(run: Run) -> list[tuple[str, str]]:
    return [(one.id, one.status) for one in run.defers]


async def the_run(engine: inngest.Engine, function: inngest.Function[Any]) -> Run:
    (run,) = await engine.runs(function=function)
    return await engine.run(run.id)
