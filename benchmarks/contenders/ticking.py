"""Functions whose crons tick together: `… DATABASE CRONS MINUTES`; prints one JSON object."""

from __future__ import annotations

import asyncio
import datetime
import json
import sys
import time
from collections import defaultdict

import inngest

EVERY_MINUTE = ("* * * * *", "*/1 * * * *", "TZ=Europe/Paris * * * * *", "TZ=Asia/Kolkata 0-59 * * * *")


class Ticks:
    """When each function was entered, by the time of its tick."""

    def __init__(self, count: int, minutes: int) -> None:
        self.at: dict[float, dict[int, float]] = defaultdict(dict)  # unix seconds of the tick → function → unix seconds
        self.over = asyncio.Event()
        self._count = count
        self._minutes = minutes

    def note(self, tick: float, number: int) -> None:
        """A function was entered for a tick."""
        self.at[tick][number] = time.time()
        if len(self.whole) == self._minutes:
            self.over.set()

    @property
    def whole(self) -> list[float]:
        """The ticks that all functions were entered for, in order."""
        return sorted(tick for tick, found in self.at.items() if len(found) == self._count)


def functions(client: inngest.Inngest, count: int, ticks: Ticks) -> list[inngest.Function[None]]:
    """So many functions that tick with every minute."""

    def one(number: int) -> inngest.Function[None]:
        trigger = inngest.TriggerCron(cron=EVERY_MINUTE[number % len(EVERY_MINUTE)])

        @client.create_function(fn_id=f"cron-{number}", trigger=trigger)
        async def cron(ctx: inngest.Context) -> None:
            at = datetime.datetime.fromisoformat(str(ctx.event.data["scheduledAt"]))
            ticks.note(at.timestamp(), number)

        return cron

    return [one(number) for number in range(count)]


async def created(engine: inngest.Engine, tick: float, count: int) -> list[float]:
    """Unix seconds at which the runs of a tick were created."""
    found: list[float] = []
    before = None
    while page := await engine.runs(limit=1_000, before=before):
        times = [run.created_at.timestamp() for run in page]
        found += [at for at in times if tick <= at < tick + 60]
        if times[-1] < tick:
            break
        before = page[-1].id
    if len(found) != count:
        raise AssertionError(f"expected {count} runs of a tick, got {len(found)}")
    return found


async def main() -> None:
    """Measure once."""
    database, *numbers = sys.argv[1:]
    count, minutes = map(int, numbers)
    ticks = Ticks(count, minutes)
    client = inngest.Inngest(app_id="bench")
    engine = inngest.Engine(functions(client, count, ticks), database=f"sqlite:///{database}")
    began = time.perf_counter()
    await engine.start()
    started_in = time.perf_counter() - began
    try:
        await asyncio.wait_for(ticks.over.wait(), 60 * (minutes + 2))
        rounds = []
        for tick in ticks.whole:
            fired = [at - tick for at in await created(engine, tick, count)]
            rounds.append({"fired": fired, "entered": [at - tick for at in ticks.at[tick].values()]})
    finally:
        await engine.stop()
    print(json.dumps({"started_in": started_in, "rounds": rounds}), flush=True)


asyncio.run(main())
