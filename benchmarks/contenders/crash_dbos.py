"""The same for DBOS, on a file in WAL mode: `… DATABASE LEDGER RUNS SECONDS first|again`.

On launch it takes up by itself the workflows that its process left behind.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from dbos import DBOS

from .ledger import Ledger
from .verbs import STEPS_OF_A_RUN, evenly

database, ledger_path, runs, seconds, life = sys.argv[1:]
ledger = Ledger(Path(ledger_path))

with closing(sqlite3.connect(database)) as connection:
    connection.execute("PRAGMA journal_mode = WAL")
DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{database}",
        "log_level": "ERROR",
        "application_version": "1",
    }
)


@DBOS.step()
async def handler(run: int, step: int) -> None:
    ledger.write("began", run, step)
    await asyncio.sleep(float(seconds))
    ledger.write("ended", run, step)


@DBOS.workflow()
async def work(run: int) -> None:
    for step in range(STEPS_OF_A_RUN):
        await handler(run, step)


async def first() -> None:
    """Start workflows evenly over one second, then work until the kill."""

    async def start(index: int) -> None:
        await DBOS.start_workflow_async(work, index)
        ledger.write("accepted", index, 0)

    await evenly(int(runs), 1.0, start)
    await asyncio.Event().wait()


async def again() -> None:
    """Wait for all workflows; print when each had ended by its record, and how many steps it has there."""
    while await DBOS.list_workflows_async(status=["PENDING", "ENQUEUED"], limit=1):  # noqa: ASYNC110 - it has no other way to tell
        await asyncio.sleep(0.05)
    answer = []
    for status in await DBOS.list_workflows_async(name="work"):
        assert status.input is not None
        assert status.completed_at is not None, status.status
        steps = await DBOS.list_workflow_steps_async(status.workflow_id)
        answer.append([status.input["args"][0], status.completed_at / 1000, len(steps)])
    print(json.dumps(answer), flush=True)


async def main() -> None:
    """Live once."""
    await asyncio.to_thread(DBOS.launch)
    try:
        await (first if life == "first" else again)()
    finally:
        await asyncio.to_thread(DBOS.destroy)


asyncio.run(main())
