"""What an engine does beside what lies in its file. Arguments: file, few, many, samples, waiters. Prints JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import inngest

logging.disable(logging.CRITICAL)
client = inngest.Inngest(app_id="app")
LARGE = {"text": "y" * 1_000_000}


@client.create_function(fn_id="mine", trigger=inngest.TriggerEvent(event="mine"))
async def mine(ctx: inngest.Context) -> object:
    return await ctx.step.run("step", lambda: 1)


@client.create_function(fn_id="asleep", trigger=inngest.TriggerEvent(event="asleep"))
async def asleep(ctx: inngest.Context) -> None: ...


def _write(path: Path, statement: str, rows: list[tuple[object, ...]]) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(statement, rows)
    connection.close()


def _queue(path: Path, function: str, count: int, *, due: int) -> None:
    """Jobs of a plain function, and as many lanes of another."""
    columns = "id, run_id, function_id, due_at, queue_class, lane, start, score"
    jobs = f"INSERT INTO inngest_jobs ({columns}) VALUES (?, ?, ?, ?, 0, '', 0, ?)"
    name = f"{function}-{count}"
    _write(path, jobs, [(f"J{name}{at:09}", f"R{name}{at:09}", function, due, due) for at in range(count)])
    lanes = "INSERT INTO inngest_lanes (id, function_id, ready_at, turn) VALUES (?, ?, ?, ?)"
    laned = [json.dumps([f"laned-{function}", [f"fn:{name}:{at}"], None]) for at in range(count)]
    _write(path, lanes, [(lane, f"laned-{function}", due, f"{at:09}") for at, lane in enumerate(laned)])


async def _times(work: Callable[[], Awaitable[object]], samples: int) -> list[float]:
    taken: list[float] = []
    for _ in range(samples):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return taken


async def _beside(path: Path, count: int, samples: int) -> dict[str, list[float]]:
    """An invocation, and a pause and its end, beside what is queued for others and for the one that is paused."""
    async with inngest.Engine(client, database=f"sqlite:///{path}", durability="normal"):
        pass
    now = int(time.time() * 1_000)
    _queue(path, "app-others", count, due=now - 1_000)
    _queue(path, "app-asleep", count, due=now + 86_400_000)

    async with inngest.Engine(client, database=f"sqlite:///{path}", durability="normal") as engine:

        async def pause() -> None:
            await engine.pause(asleep)
            await engine.resume(asleep)

        await _times(lambda: engine.invoke(mine), 10)
        return {
            "invoke": await _times(lambda: engine.invoke(mine), samples),
            "pause": await _times(pause, samples // 10 + 1),
        }


async def _told(path: Path, waiters: int) -> dict[str, float]:
    """An event of 1 MB for so many who wait: what the file grows by, and what others wait meanwhile, at most."""
    async with inngest.Engine(client, database=f"sqlite:///{path}", durability="normal") as engine:
        await _times(lambda: engine.invoke(mine), 10)
        alone = max(await _times(lambda: engine.invoke(mine), 50))
        now = int(time.time() * 1_000)
        waits = "INSERT INTO inngest_waits VALUES (?, 'h', 'step', 'event:news', '', '', '', '[]', ?, 0)"
        _write(path, waits, [(f"R{at:09}", now + 3_600_000) for at in range(waiters)])
        before = _size(path)
        await client.send(inngest.Event(name="news", data=LARGE))
        worst = 0.0
        while _left(path):
            worst = max(worst, *await _times(lambda: engine.invoke(mine), 1))
        return {"alone": alone, "beside": worst, "bytes": float(_size(path) - before)}


def _left(path: Path) -> int:
    connection = sqlite3.connect(path)
    found: int = connection.execute("SELECT count(*) FROM inngest_waits").fetchone()[0]
    connection.close()
    return found


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*") if one.is_file())


async def main(path: Path, few: int, many: int, samples: int, waiters: int) -> None:
    """Measure, and print."""
    found: dict[str, object] = {}
    for name, count in (("few", few), ("many", many)):
        found[name] = await _beside(path.with_name(f"{name}.db"), count, samples)
    found["told"] = await _told(path.with_name("told.db"), waiters)
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
