"""Many runs that sleep: `… DATABASE RUNS spread OVER SLEEP`, or `… DATABASE RUNS together AFTER`.

Prints one JSON object: how late code went on after each sleep's recorded deadline, and how much memory it took.
"""

from __future__ import annotations

import array
import asyncio
import datetime
import gc
import json
import sys
import time
from pathlib import Path

import inngest

from .verbs import evenly

STATUS = Path("/proc/self/status")
BATCH = 200  # events of one `send`, where it does not matter how they come

client = inngest.Inngest(app_id="bench")


class Resumed:
    """When each run went on; its memory is taken before the measurement."""

    def __init__(self, count: int) -> None:
        self.at = array.array("d", bytes(8 * count))
        self.left = count
        self.all = asyncio.Event()

    def note(self, index: int) -> None:
        """A run goes on."""
        self.at[index] = time.time()
        self.left -= 1
        if self.left == 0:
            self.all.set()


resumed: Resumed


@client.create_function(fn_id="sleep", trigger=inngest.TriggerEvent(event="bench/sleep"))
async def sleep(ctx: inngest.Context) -> None:
    await ctx.step.sleep("rest", int(str(ctx.event.data["ms"])))
    resumed.note(int(str(ctx.event.data["index"])))


@client.create_function(fn_id="sleep-until", trigger=inngest.TriggerEvent(event="bench/sleep-until"))
async def sleep_until(ctx: inngest.Context) -> None:
    until = datetime.datetime.fromtimestamp(float(str(ctx.event.data["until"])), datetime.UTC)
    await ctx.step.sleep_until("rest", until)
    resumed.note(int(str(ctx.event.data["index"])))


async def spread(engine: inngest.Engine, runs: int, over: float, ms: int) -> dict[str, object]:
    """Runs started evenly; how late each goes on, and how much memory the process takes more."""
    await _warm_up(engine)
    peak = before = _reset(runs)

    async def start(index: int) -> None:
        await engine.send(inngest.Event(name="bench/sleep", data={"index": index, "ms": ms}))

    starting = asyncio.ensure_future(evenly(runs, over, start))
    while not resumed.all.is_set():
        peak = max(peak, _memory())
        await asyncio.sleep(0.1)
    await starting
    at = list(resumed.at)
    late = [at[index] - recorded - ms / 1000 for index, recorded in await _recorded(engine, sleep, runs)]
    return {"late": late, "memory": peak - before}


async def together(engine: inngest.Engine, runs: int, after: float) -> dict[str, object]:
    """Runs whose sleeps end within one second; how fast they go on."""
    await _warm_up(engine)
    _reset(runs)
    due = time.time() + after
    for begin in range(0, runs, BATCH):
        indexes = range(begin, min(begin + BATCH, runs))
        await engine.send(
            [
                inngest.Event(name="bench/sleep-until", data={"index": index, "until": due + index / runs})
                for index in indexes
            ]
        )
    await resumed.all.wait()
    at = list(resumed.at)
    recorded = [when for _, when in await _recorded(engine, sleep_until, runs)]
    late = [moment - due - index / runs for index, moment in enumerate(at)]
    return {"late": late, "drained": max(at) - due, "parked": due - max(recorded)}


async def _warm_up(engine: inngest.Engine) -> None:
    """Runs that load and compile what the first ones need."""
    _reset(100)
    await engine.send([inngest.Event(name="bench/sleep", data={"index": index, "ms": 100}) for index in range(100)])
    await resumed.all.wait()


def _reset(count: int) -> int:
    """Begin to count anew; the memory that is taken now."""
    global resumed  # noqa: PLW0603 - the functions of a module have no other place to say it
    resumed = Resumed(count)
    gc.collect()
    return _memory()


def _memory() -> int:
    """Bytes of this process in memory; its highest so far where the system tells no more."""
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


async def _recorded(engine: inngest.Engine, fn: inngest.Function[None], count: int) -> list[tuple[int, float]]:
    """Index of each run, and unix seconds when its sleep was recorded: the deadline counts from there."""
    found: list[tuple[int, float]] = []
    before = None
    while len(found) < count:
        page = await engine.runs(function=fn, limit=min(200, count - len(found)), before=before)
        for view in await asyncio.gather(*(engine.run(run.id) for run in page)):
            data = (view.event or {})["data"]
            assert isinstance(data, dict)
            found.append((int(data["index"]), view.steps[0].started_at.timestamp()))
        before = page[-1].id
    return found


async def main() -> None:
    """Measure once."""
    database, runs, how, *times = sys.argv[1:]
    async with inngest.Engine([sleep, sleep_until], database=f"sqlite:///{database}") as engine:
        if how == "spread":
            answer = await spread(engine, int(runs), float(times[0]), int(times[1]))
        else:
            answer = await together(engine, int(runs), float(times[0]))
    print(json.dumps(answer), flush=True)


asyncio.run(main())
