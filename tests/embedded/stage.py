"""A stage for stories about one function: an engine without pauses between attempts, and what it recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import inngest
from inngest import Run, StepRecord
from inngest.errors import RunFailedError
from tests.embedded import databases

TRIGGER = inngest.TriggerEvent(event="test/start")

AsyncBody = Callable[[inngest.Context], Awaitable[object]]
PlainBody = Callable[[inngest.ContextSync], object]


@dataclass
class Stage:
    """An engine on a database of its own."""

    folder: Path
    client: inngest.Inngest = field(default_factory=lambda: inngest.Inngest(app_id="test"))
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def database(self) -> str:
        """Where it is kept."""
        return databases.url_in(self.folder)

    def function(self, body: Any, fn_id: str = "f", **options: Any) -> inngest.Function[Any]:
        """A function of the client."""
        return self.client.create_function(fn_id=fn_id, trigger=TRIGGER, **options)(body)

    @asynccontextmanager
    async def engine(self, *functions: inngest.Function[Any]) -> AsyncGenerator[inngest.Engine, None]:
        """Run an engine."""
        options = {"retry_interval": 0, **self.options}
        async with inngest.Engine(list(functions), database=self.database, **options) as engine:
            yield engine

    async def run(self, body: AsyncBody | PlainBody, data: Mapping[str, object] | None = None, **options: Any) -> Run:
        """Run a body once, to its end, well or not."""
        function = self.function(body, **options)
        async with self.engine(function) as engine:
            try:
                await engine.invoke(function, data=data)
            except RunFailedError as error:
                return await engine.run(error.run_id)
            (run,) = await engine.runs()
            return await engine.run(run.id)

    async def held(self, body: AsyncBody | PlainBody, **options: Any) -> Run:
        """Run a body until its run is on hold."""
        function = self.function(body, **options)
        async with self.engine(function) as engine:
            await engine.send(inngest.Event(name="test/start"))
            (run,) = await engine.runs()
            return await until_held(engine, run.id)


async def until_held(engine: inngest.Engine, run_id: str, times: int = 1) -> Run:
    """A run, when it has been put on hold so often since it went on last."""
    while True:
        run = await engine.run(run_id)
        assert run.ended_at is None, run
        if run.hold is not None and run.hold.times >= times:
            return run
        await asyncio.sleep(0.01)


def step(run: Run, step_id: str) -> StepRecord:
    """A step of a run."""
    (found,) = [one for one in run.steps if one.id == step_id]
    return found


def failure(run: Run) -> tuple[str, str]:
    """Why a run failed: name and code."""
    assert run.status == "FAILED", run
    assert run.error is not None
    return run.error.name, run.error.code or ""


def message(run: Run) -> str:
    """Why a run failed, in words."""
    assert run.error is not None, run
    return run.error.message
