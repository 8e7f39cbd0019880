"""Events that nobody listens to: `… DATABASE EVENTS SENDERS ROUNDS`; prints one JSON object."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from pathlib import Path

import inngest

BATCH = 100

client = inngest.Inngest(app_id="bench")


@client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="bench/other"))
async def other(ctx: inngest.Context) -> None:
    """Listens to something else."""


def data_of(number: int) -> dict[str, object]:
    """As much as an event may have."""
    return {"order": f"order-{number}", "amount": number, "currency": "EUR", "lines": [{"sku": "A-1", "count": 2}]}


async def sent(engine: inngest.Engine, events: int, senders: int) -> list[float]:
    """Seconds, and CPU seconds, of so many events by so many senders, each of whom waits until a batch is stored."""
    left = iter(range(0, events, BATCH))

    async def sender() -> None:
        for begin in left:
            batch = [inngest.Event(name="bench/paid", data=data_of(begin + index)) for index in range(BATCH)]
            ids = await engine.send(batch)
            if len(set(ids)) != BATCH:
                raise AssertionError(f"sent {BATCH} events, got {len(set(ids))} ids")

    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(senders)))
    return [time.perf_counter() - began, time.process_time() - cpu]


class Floor:
    """The least that it can cost: a batch is one `executemany` and one `COMMIT`, into a table with its key."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(database)
        self._connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"
            "CREATE TABLE facts (id TEXT PRIMARY KEY, name TEXT, data TEXT, ts INTEGER) WITHOUT ROWID"
        )
        self._number = 0

    def sent(self, events: int) -> list[float]:
        """Seconds, and CPU seconds."""
        cpu, began = time.process_time(), time.perf_counter()
        for begin in range(0, events, BATCH):
            rows = [
                (f"{self._number + index:026}", "bench/paid", json.dumps(data_of(begin + index)), begin)
                for index in range(BATCH)
            ]
            self._number += BATCH
            self._connection.executemany("INSERT INTO facts VALUES (?, ?, ?, ?)", rows)
            self._connection.commit()
        return [time.perf_counter() - began, time.process_time() - cpu]


async def main() -> None:
    """Measure once."""
    database, *numbers = sys.argv[1:]
    events, senders, rounds = map(int, numbers)
    floor = Floor(Path(f"{database}-floor"))
    found = []
    async with inngest.Engine([other], database=f"sqlite:///{database}") as engine:
        for _ in range(rounds + 1):
            taken = {"floor": floor.sent(events)}
            taken["one"] = await sent(engine, events, 1)
            taken["several"] = await sent(engine, events, senders)
            found.append(taken)
    print(json.dumps(found[1:]), flush=True)


asyncio.run(main())
