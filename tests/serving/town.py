"""A place for workers and apps in virtual time: one database, real engines, and calls that leave no process."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from inngest.engine.domain.model import Ended, FunctionSpec, RunStatus, Transport
from inngest.engine.invokers.ports import Carrier
from inngest.engine.records import RunView
from inngest.protocol.opcodes import SentEvent
from tests.simulation.faults import Fault
from tests.simulation.history import Entry, History
from tests.simulation.loop import SimLoop
from tests.simulation.process import Process
from tests.simulation.surroundings import looking

PATIENCE, DAYS = 300, 3 * 86_400
"""Seconds of virtual time until a test gives up: waiting for something to happen, and for a run to end."""

URL = "http://app.test/api/inngest"


def remote(function_id: str, config: Mapping[str, object] | None = None, **values: Any) -> FunctionSpec:
    """A function of an app, as that has registered it: "app-f" hears "app/f", or what `events` says."""
    app_id, _, name = function_id.partition("-")
    return FunctionSpec(
        **{
            "id": function_id,
            "app_id": app_id,
            "name": name,
            "version": "v1",
            "retries": 2,
            "events": (f"{app_id}/{name}",),
            "failure_of": None,
            "config": json.dumps({"id": function_id, **(config or {})}),
            "transport": Transport.HTTP,
            "url": f"{URL}?fnId={function_id}&stepId=step",
            "uuid": f"uuid-of-{function_id}",
            **values,
        }
    )


class Town:
    """See the module. Nothing goes wrong by itself.

    Args:
        folder: where the database is.
        carrier: carries calls.
        seed: decides the order of what happens at the same time.
    """

    retry_interval: int | None = 1_000
    max_in_flight = 100
    max_steps = 1_000
    requests = 10
    threads = 4
    look = 200
    """Milliseconds between looks at what other workers did."""
    wall = 0
    away_until = 0

    def __init__(self, folder: Path, carrier: Carrier | None, seed: int = 0) -> None:
        self.path = folder / "town.db"
        self.carrier = carrier
        self.loop = SimLoop(random.Random(f"{seed}/turns"))
        self.history = History()
        self.locks: set[str] = set()
        self.processes: list[Process] = []
        self._chance = random.Random(f"{seed}/processes")
        self._latencies = random.Random(f"{seed}/latencies")
        self._boundaries = 0

    def drive(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let something happen, to its end; then all workers stop."""
        try:
            with looking(self.look):
                self.loop.drive(self._whole(main()))
        finally:
            self.loop.end()
            for process in self.processes:
                process.dead = True
                process.database.abandon()
                process.threads.abandon()
        assert self.loop.troubles == []

    async def _whole(self, main: Coroutine[Any, Any, None]) -> None:
        await main
        for process in self.processes:
            if not process.dead:
                await process.stop()

    async def worker(self, *functions: FunctionSpec) -> Process:
        """A worker that has begun; these functions are registered."""
        process = Process(self, len(self.processes), (), 0, self._chance, self.carrier)
        self.processes.append(process)
        await process.start()
        if functions:
            await self.register(process, *functions)
        return process

    async def register(self, process: Process, *functions: FunctionSpec) -> None:
        """Apps have registered these functions with a worker."""

        async def registering() -> None:
            await process.store.register(functions, replace_app=None, now=process.clock.now())
            await process.service.see_functions()

        await process.call(registering)

    async def send(self, process: Process, name: str, data: Mapping[str, object] | None = None, key: str = "") -> None:
        """An event comes."""
        await process.call(lambda: process.service.intake.send([SentEvent(name, json.dumps(dict(data or {})), key, 0)]))

    async def runs(self, process: Process, function_id: str) -> list[RunView]:
        """The runs of a function, the oldest first."""

        async def reading() -> list[RunView]:
            found = await process.store.runs(
                event_id=None, function_id=function_id, status=None, limit=100, before=None
            )
            views = [await process.store.run(run.id) for run in reversed(found)]
            return [view for view in views if view is not None]

        return await process.call(reading)

    async def ended(self, process: Process, function_id: str) -> Ended:
        """The end of the only run of a function; it need not have begun."""
        while not (found := await self.runs(process, function_id)):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        (view,) = found
        return await self.end_of(process, view.run.id)

    async def end_of(self, process: Process, run_id: str) -> Ended:
        """The end of a run."""
        return await asyncio.wait_for(process.call(lambda: process.service.ends.wait(run_id)), DAYS)

    async def result(self, process: Process, name: str = "app/f", data: Mapping[str, object] | None = None) -> object:
        """Send an event, and wait for the result of the run of "app-f"."""
        await self.send(process, name, data)
        ended = await self.ended(process, "app-f")
        assert ended.status is RunStatus.COMPLETED, ended
        return json.loads(ended.output or "null")

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = self.loop.time() + PATIENCE
        while not condition():
            assert self.loop.time() < deadline, "it never comes to that"
            await asyncio.sleep(0.001)

    # -- a realm without faults

    def note(self, entry: Entry) -> None:
        self.history.note(entry)

    def now(self) -> int:
        return self.loop.now_us

    def latency(self) -> int:
        return self._latencies.choice((20, 100, 300))

    def boundary(self) -> tuple[int, Fault | None]:
        self._boundaries += 1
        return self._boundaries, None

    def finds_busy(self, process: Process) -> bool:
        return False

    def repeats(self, process: Process) -> bool:
        return False

    def deafens(self, process: Process) -> Fault | None:
        return None

    def moves_away(self, process: Process, us: int) -> None:
        raise AssertionError("files stay where they are")

    def fired(self, fault: Fault, process: Process | None) -> None:
        pass

    def died(self, process: Process) -> None:
        pass
