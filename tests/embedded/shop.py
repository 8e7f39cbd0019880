"""A shop whose function `order` has several versions, to see what becomes of a run that an older one began."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import inngest
from tests.embedded import databases

TRIGGER = inngest.TriggerEvent(event="app/start")


class Shop:
    """One app whose function `order` has several versions, on one database."""

    def __init__(self, folder: Path) -> None:
        self.database = databases.url_in(folder)
        self.did: list[str] = []
        self.may_ship = asyncio.Event()

    def _does(self, name: str) -> Any:
        async def handler() -> str:
            self.did.append(name)
            if name == "ship":
                await self.may_ship.wait()
            if name == "wait":
                await asyncio.Event().wait()
            return name

        return handler

    async def until(self, step: str) -> None:
        """A handler has begun."""
        while step not in self.did:  # noqa: ASYNC110 - handlers of several engines are looked at
            await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def engine(self, *steps: str, **options: Any) -> AsyncGenerator[tuple[inngest.Engine, Any]]:
        """An engine with the version that calls these steps."""
        client = inngest.Inngest(app_id="app")

        @client.create_function(fn_id="order", trigger=TRIGGER, **options)
        async def order(ctx: inngest.Context) -> list[str]:
            for step in steps:
                await ctx.step.run(step, self._does(step))
            return list(steps)

        async with inngest.Engine([order], database=self.database, retry_interval=0, drain_timeout=100) as engine:
            yield engine, order

    async def begun(self, **options: Any) -> str:
        """A run of the old version: it has charged, and its worker stopped while it ships."""
        async with self.engine("charge", "ship", **options) as (engine, _):
            await engine.send(inngest.Event(name="app/start"))
            await self.until("ship")
            (run,) = await engine.runs()
        self.did.clear()
        self.may_ship.set()
        return run.id
