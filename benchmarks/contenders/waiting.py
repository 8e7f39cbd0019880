"""Runs that wait for events: `… DATABASE FEW MANY SAMPLES BROAD ROUNDS`; prints one JSON object."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import inngest
from inngest.engine.domain.event_view import EventView
from inngest.engine.domain.model import Event

BATCH = 500
STRIDE = 997
"""Waits that come one after the other are not woken one after the other: they lie side by side on the disk."""

HOUR = 3_600_000
BROAD = "async.data.amount > event.data.limit"
"""No equality: an index cannot help, and each such wait must be asked."""


class House:
    """An engine on a database of its own, and runs that wait in it."""

    def __init__(self, database: Path) -> None:
        self.client = inngest.Inngest(app_id="bench")
        self._function("keyed", self._keyed)
        self._function("broad", self._broad)
        for name in ("offer", "nothing"):
            self._function(f"last-{name}", partial(self._last, name))
        self.engine = inngest.Engine(self.client, database=f"sqlite:///{database}")
        self._database = database
        self.opened_in = 0.0  # seconds for all waits
        self.open: deque[int] = deque()  # numbers of runs, in a mixed order
        self._entered: set[int] = set()
        self._number = 0  # runs so far
        self._awaited = 0  # runs that are to wait
        self._woken: dict[str, asyncio.Future[float]] = {}

    def _function(self, name: str, body: Callable[[inngest.Context], Awaitable[None]]) -> None:
        self.client.create_function(fn_id=name, trigger=inngest.TriggerEvent(event=f"bench/{name}"))(body)

    async def _keyed(self, ctx: inngest.Context) -> None:
        self._enter(ctx)
        equal = "async.data.order == event.data.order"
        paid = await ctx.step.wait_for_event("paid", event="bench/paid", if_exp=equal, timeout=HOUR)
        if paid is None:
            raise AssertionError("nothing came")
        self._woken.pop(str(paid.data["order"])).set_result(time.perf_counter())

    async def _broad(self, ctx: inngest.Context) -> None:
        self._enter(ctx)
        await ctx.step.wait_for_event("offer", event="bench/offer", if_exp=BROAD, timeout=HOUR)

    async def _last(self, name: str, ctx: inngest.Context) -> None:
        self._enter(ctx)
        await ctx.step.wait_for_event("offer", event=f"bench/{name}", if_exp=BROAD, timeout=HOUR)
        self._woken.pop(name).set_result(time.perf_counter())

    def _enter(self, ctx: inngest.Context) -> None:
        self._entered.add(int(str(ctx.event.data["limit"])))

    async def fill(self, name: str, count: int) -> None:
        """So many more runs wait."""
        numbers = range(self._number, self._number + count)
        self._number += count
        began = time.perf_counter()
        for begin in range(0, count, BATCH):
            await self.engine.send([_event(f"bench/{name}", number) for number in numbers[begin : begin + BATCH]])
        await self._waiting(count)
        self.opened_in += time.perf_counter() - began
        for offset in range(STRIDE):
            self.open.extend(numbers[offset::STRIDE])

    async def settled(self) -> None:
        """Until every run was entered, and none of them executes code."""
        await _until(lambda: len(self._entered) == self._number and not self.engine.running_steps)

    async def _waiting(self, more: int) -> None:
        """Until so many more runs wait, and this is stored: an event that comes before it would not wake them."""
        self._awaited += more
        await self.settled()
        with contextlib.closing(sqlite3.connect(self._database)) as connection:
            count = partial(connection.execute, "SELECT count(*) FROM inngest_waits")
            await _until(lambda: count().fetchone()[0] == self._awaited)

    async def wake(self) -> tuple[float, float]:
        """One event for one of the runs: seconds until its code went on, and CPU seconds of all of it."""
        order = _order(self.open.popleft())
        self._awaited -= 1
        went_on = self._woken[order] = asyncio.get_running_loop().create_future()
        cpu, began = time.process_time(), time.perf_counter()
        await self.engine.send(inngest.Event(name="bench/paid", data={"order": order}))
        taken = await went_on - began
        await self.settled()
        return taken, time.process_time() - cpu

    async def told(self, name: str) -> float:
        """Sends an event that wakes the youngest run, which is told last, and returns the seconds until then."""
        number, self._number = self._number, self._number + 1
        await self.engine.send(inngest.Event(name=f"bench/last-{name}", data={"limit": -2 - number}))
        await self._waiting(1)
        went_on = self._woken[name] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self.engine.send(inngest.Event(name=f"bench/{name}", data={"amount": -1}))
        taken = await went_on - began
        await self.settled()
        self._awaited -= 1
        return taken


async def _until(true: Callable[[], bool]) -> None:
    while True:
        if true():
            return
        await asyncio.sleep(0.001)


def _event(name: str, number: int) -> inngest.Event:
    return inngest.Event(name=name, data={"order": _order(number), "limit": number})


def _order(number: int) -> str:
    return f"order-{number}"


async def wakes(houses: dict[str, House], samples: int) -> dict[str, list[tuple[float, float]]]:
    """What it takes to wake a run, in turns; another one waits in its stead before the next."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in houses}
    for index in range(samples):
        for name in houses if index % 2 else reversed(houses):
            found[name].append(await houses[name].wake())
            await houses[name].fill("keyed", 1)
    return found


async def broad(house: House, count: int, rounds: int) -> list[dict[str, float]]:
    """Compares, in seconds, an event that asks `count` waits before it wakes one, with one that asks one only."""
    found = []
    for index in range(rounds + 1):
        taken = {}
        for name in ("offer", "nothing") if index % 2 else ("nothing", "offer"):
            taken[name] = await house.told(name)
        taken["evaluator"] = _evaluated(count)
        found.append(taken)
    return found[1:]


def _evaluated(count: int) -> float:
    """Seconds of so many evaluations as the store has them done, without the store."""
    view = EventView(Event("01", "bench/offer", '{"amount": -1}', 1, "", 1), 1)
    parameters = [f"[{number}]" for number in range(count)]
    began = time.perf_counter()
    for one in parameters:
        if view.matches(BROAD, one):
            raise AssertionError("it matched")
    return time.perf_counter() - began


async def main() -> None:
    """Measure once."""
    database, *numbers = sys.argv[1:]
    few, many, samples, broad_waits, rounds = map(int, numbers)
    houses = {name: House(Path(f"{database}-{name}")) for name in ("few", "many", "broad")}
    async with contextlib.AsyncExitStack() as stack:
        for house in houses.values():
            await stack.enter_async_context(house.engine)
        await houses["few"].fill("keyed", few)
        await houses["many"].fill("keyed", many)
        answer: dict[str, Any] = {"opened_in": houses["many"].opened_in}
        asked = {name: houses[name] for name in ("few", "many")}
        await wakes(asked, 10)
        answer |= await wakes(asked, samples)
        await houses["broad"].fill("broad", broad_waits)
        answer["broad"] = await broad(houses["broad"], broad_waits, rounds)
    print(json.dumps(answer), flush=True)


asyncio.run(main())
