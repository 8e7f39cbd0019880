"""Runs that will be killed, and their second life: `… DATABASE LEDGER RUNS SECONDS first|again`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import inngest

from .ledger import Ledger
from .verbs import STEPS_OF_A_RUN, evenly

client = inngest.Inngest(app_id="bench")
database, ledger_path, runs, seconds, life = sys.argv[1:]
ledger = Ledger(Path(ledger_path))


@client.create_function(fn_id="work", trigger=inngest.TriggerEvent(event="bench/work"))
async def work(ctx: inngest.Context) -> None:
    run = int(str(ctx.event.data["run"]))
    for step in range(STEPS_OF_A_RUN):

        async def handler(step: int = step) -> None:
            ledger.write("began", run, step)
            await asyncio.sleep(float(seconds))
            ledger.write("ended", run, step)

        await ctx.step.run(f"step-{step}", handler)


async def first(engine: inngest.Engine) -> None:
    """Start runs evenly over one second, then work until the kill."""

    async def start(index: int) -> None:
        await engine.send(inngest.Event(name="bench/work", data={"run": index}))
        ledger.write("accepted", index, 0)

    await evenly(int(runs), 1.0, start)
    await asyncio.Event().wait()


async def again(engine: inngest.Engine) -> None:
    """Wait for all runs; print when each had ended, and how many steps it has on record."""
    found = await engine.runs(limit=int(runs))
    ended: dict[str, float] = {}

    async def wait(run_id: str) -> None:
        await engine.wait(run_id)
        ended[run_id] = time.time()

    await asyncio.gather(*(wait(run.id) for run in found))
    answer = []
    for run in found:
        view = await engine.run(run.id)
        data = (view.event or {})["data"]
        assert isinstance(data, dict)
        answer.append([data["run"], ended[run.id], len(view.steps)])
    print(json.dumps(answer), flush=True)


async def main() -> None:
    """Live once."""
    async with inngest.Engine([work], database=f"sqlite:///{database}", max_runs_in_flight=int(runs)) as engine:
        await (first if life == "first" else again)(engine)


asyncio.run(main())
