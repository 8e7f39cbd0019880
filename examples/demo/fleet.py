"""The demo as a fleet: three workers share a PostgreSQL database, and two of them are killed while orders go on."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import inngest

from . import ledger
from .commands import INNGEST, PATIENCE, DemoError, until, until_begun, until_more_lines
from .commands import inngest as command
from .compare import differences, table
from .telling import chapter, say, show_table

LEASE = "2s"
"""Others take over so long after a worker was killed; the default of 15 s would make the demo longer."""

WORKER = ("worker", "examples/demo/functions.py", "--lease", LEASE, "--retry-interval", "1s")
ORDERS = 12
LINES = 20
"""Lines that the workers write into the ledger until another one is killed."""


class FleetStory:
    """The demo, chapter by chapter.

    Args:
        folder: for all that it writes.
        log: takes what the workers print.
        database: URL of a PostgreSQL database.
    """

    def __init__(self, folder: Path, log: IO[bytes], database: str) -> None:
        self._ledger = folder / "ledger.jsonl"
        self._carrier = folder / "carrier-is-open"
        self._database = database
        self._log = log
        self._workers: dict[int, subprocess.Popen[bytes]] = {}  # by process
        self._killed: set[int] = set()
        self._runs: dict[str, str] = {}  # their ids, by what they are about

    def tell(self) -> list[str]:
        """All of it; what differed in the end."""
        try:
            asyncio.run(self._story())
        finally:
            for worker in self._workers.values():
                worker.kill()
                worker.wait()
        chapter(5, "What the steps wrote themselves, and what the engine recorded")
        return self._compare()

    async def _story(self) -> None:
        chapter(1, "Three workers start; the database is a PostgreSQL one")
        for _ in range(3):
            self._start()
        await asyncio.to_thread(until, self._all_run, "the workers do not start: see engine.log")
        say(f"They run: processes {', '.join(map(str, self._workers))}.")
        # Whoever sends needs no worker and no server: an engine without functions.
        async with inngest.Engine([], database=self._database) as engine:
            chapter(2, "Events are sent, by a process that runs no function")
            await self._send(engine, [("page", "app/my_function", {"user_id": "user-4711"})])
            await self._send(engine, [("order-A", "shop/order.placed", {"order": "order-A"})])
            await asyncio.to_thread(until_begun, self._ledger, "order-A", "ship")
            say("order-A is charged; its e-mail went out at the third attempt; and `ship` waits for the carrier.")
            chapter(3, "kill -9 of the worker that ships")
            self._kill(self._who("order-A", "ship"))
            await asyncio.to_thread(until_begun, self._ledger, "order-A", "ship", times=2)
            other = self._who("order-A", "ship")
            say(f"Its lease of {LEASE} is over, and process {other} has taken over. The carrier opens.")
            self._carrier.touch()
            chapter(4, "Orders go on, and another one is killed among them")
            orders = [f"order-{number}" for number in range(1, ORDERS + 1)]
            await self._send(engine, [(order, "shop/order.placed", {"order": order}) for order in orders])
            await asyncio.to_thread(until_more_lines, self._ledger, LINES)
            self._kill(self._who())
            await self._until_completed(engine)
            say(f"{len(self._runs) - 1} orders are shipped, the last ones by the one worker that is left.")
        for worker in self._workers.values():
            worker.terminate()
            if (code := await asyncio.to_thread(worker.wait, PATIENCE)) != 0:
                raise DemoError(f"the worker did not stop cleanly: exit code {code}")

    # -- processes

    def _start(self) -> None:
        say(f"$ inngest {shlex.join(WORKER)} &")
        told = {
            "INNGEST_DATABASE": self._database,
            "DEMO_LEDGER": str(self._ledger),
            "DEMO_CARRIER": str(self._carrier),
        }
        worker = subprocess.Popen(
            [INNGEST, *WORKER],
            env={**os.environ, **told},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self._workers[worker.pid] = worker

    def _all_run(self) -> bool:
        return Path(self._log.name).read_text(encoding="utf-8").count("inngest.worker: running ") >= len(self._workers)

    def _who(self, order: str = "", step: str = "") -> int:
        """The process of the newest try of a step; of any step of a worker that lives, if none is named."""
        tries = [one for one in ledger.read(self._ledger) if not order or (one.order, one.step) == (order, step)]
        return [one.process for one in tries if one.process in self._workers][-1]

    def _kill(self, process: int) -> None:
        """`kill -9`: no warning, no time to tidy up."""
        worker = self._workers.pop(process)
        worker.kill()
        worker.wait()
        self._killed.add(process)
        say(f"$ kill -9 {process}")

    # -- events and runs

    async def _send(self, engine: inngest.Engine, wanted: Sequence[tuple[str, str, dict[str, inngest.JSON]]]) -> None:
        events = [inngest.Event(name=name, data=data) for _, name, data in wanted]
        ids = await engine.send(events)
        shown = ", ".join(f"Event({one.name!r}, {json.dumps(one.data)})" for one in events[:2])
        say(f"engine.send([{shown}{', …' * (len(ids) > 2)}])")
        for (about, _, _), event_id in zip(wanted, ids, strict=True):
            (run,) = await engine.runs(event_id=event_id)
            self._runs[about] = run.id

    async def _until_completed(self, engine: inngest.Engine) -> None:
        for about, run_id in self._runs.items():
            async with asyncio.timeout(PATIENCE):
                while not (run := await engine.run(run_id)).ended_at:  # noqa: ASYNC110 - in another process
                    await asyncio.sleep(0.05)
            if run.status is not inngest.RunStatus.COMPLETED:
                raise DemoError(f"the run of {about} is {run.status}: {run.error}")

    # -- what came of it

    def _compare(self) -> list[str]:
        arguments = ("--database", self._database, "--json")
        runs = {about: json.loads(command("run", run_id, *arguments)) for about, run_id in self._runs.items()}
        tries = ledger.read(self._ledger)
        rows = list(table(tries, {about: runs[about] for about in ("page", "order-A")}))
        show_table([("", "step", "the ledger", "the engine's attempts"), *rows])
        cut = sum(one.end is None for one in tries)
        say(f"\nand {len(runs) - 2} more orders. Two workers were killed, which cut {cut} tries off.")
        found = differences(tries, runs, self._killed)
        if len(self._killed) != 2 or ("order-A", "ship", None) not in [(one.order, one.step, one.end) for one in tries]:
            found.append("the kill was to cut off `ship` of order-A, and did not")
        return found
