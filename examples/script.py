"""A script that survives its own crash: what it has done is not done again when it is started once more.

Run it, press Ctrl-C (or kill it) in the middle, and run it again:

    python examples/script.py

Each month is one step. The script asks for the report by an event with an id of its own: the second start finds that
the first one has asked already, and waits for the same run.
"""

from __future__ import annotations

import asyncio
import os
import sys

import inngest

client = inngest.Inngest(app_id="reports")
MONTHS = ("January", "February", "March", "April")
SECONDS = float(os.environ.get("SECONDS_PER_MONTH", "1"))


@client.create_function(fn_id="year", trigger=inngest.TriggerEvent(event="reports/year.wanted"))
async def year(ctx: inngest.Context) -> int:
    total = 0
    for month in MONTHS:
        total += await ctx.step.run(month, add_up, month)
    return total


async def add_up(month: str) -> int:
    print(f"adding up {month} …", flush=True)
    await asyncio.sleep(SECONDS)
    return len(month)


async def main(wanted: str) -> None:
    database = os.environ.get("DATABASE", f"sqlite:///reports-{wanted}.db")  # a file of its own for each year
    async with inngest.Engine([year], database=database) as engine:
        await client.send(inngest.Event(name="reports/year.wanted", id=wanted))
        (run,) = await engine.runs(function=year, limit=1)
        print(f"the report of {wanted}: {await engine.wait(run.id)}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "2025"))
