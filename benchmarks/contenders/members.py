"""Members of a fleet: engines on one PostgreSQL database, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Self

import psycopg

import inngest
from inngest.embedded.engine import host_of
from inngest.engine.records import Owner, Session
from inngest.runtime.clock import wall_clock_ms

from .ours import Ours, client, echo
from .verbs import STEPS_OF_A_RUN, callers_in_turn, timed

LIMIT = 100
"""Runs of one key that may execute at a time."""

LEASE = 300_000
"""Milliseconds after which a member would be dead: it is stopped while it does not have its turn."""

KEY = [inngest.Concurrency(limit=LIMIT, key="event.data.key")]

_entered: defaultdict[int, asyncio.Future[int]] = defaultdict(lambda: asyncio.get_running_loop().create_future())


@client.create_function(fn_id="limited", trigger=inngest.TriggerEvent(event="bench/limited"), concurrency=KEY)
async def behind_a_limit(ctx: inngest.Context) -> int:
    for index in range(STEPS_OF_A_RUN):
        await ctx.step.run(f"step-{index}", echo, index)
    return STEPS_OF_A_RUN


@client.create_function(fn_id="woken", trigger=inngest.TriggerEvent(event="bench/woken"))
async def woken(ctx: inngest.Context) -> None:
    _entered[int(str(ctx.event.data["number"]))].set_result(time.monotonic_ns())


class Member(Ours):
    """An engine that shares its database with others.

    Args:
        url: the database.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, behind_a_limit, woken, lease=LEASE)

    async def limited(self, runs: int, callers: int) -> list[float]:
        """Like `crowd`, of runs that all have the same key."""

        async def one() -> None:
            await self.engine.invoke(behind_a_limit, data={"key": "same"})

        cpu = time.process_time()
        return [await timed(lambda: callers_in_turn(runs, callers, one)), time.process_time() - cpu]

    async def entered(self, number: int) -> int:
        """When the code of a run began that another process has started: nanoseconds of the machine's clock."""
        found = await _entered[number]
        del _entered[number]
        return found


class Brief(Ours):
    """An engine that keeps runs for a second after their end.

    Args:
        url: the database.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, lease=LEASE, retention=1_000)


class Resting(Ours):
    """An engine as it comes, whose queries are counted below it, at the driver.

    Args:
        url: the database.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._asked = 0
        for name in ("execute", "executemany"):
            setattr(psycopg.Cursor, name, self._counting(getattr(psycopg.Cursor, name)))

    def _counting(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **options: Any) -> Any:
            self._asked += 1
            return execute(*given, **options)

        return counted

    async def queries(self, seconds: float) -> int:
        """How much it asks the server within so many seconds in which nothing happens."""
        before = self._asked
        await asyncio.sleep(seconds)
        return self._asked - before


class Sender:
    """An engine without functions: what its events start is run by others.

    Args:
        url: the database.
    """

    def __init__(self, url: str) -> None:
        self._engine = inngest.Engine([], database=url, lease=LEASE)

    async def __aenter__(self) -> Self:
        await self._engine.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._engine.stop()

    async def latencies(self, count: int, pause: float) -> list[float]:
        """It runs nothing, and only rests."""
        await asyncio.sleep(pause)
        return [0.0] * count

    async def send(self, number: int) -> list[int]:
        """When an event was sent and when that was acknowledged: nanoseconds of the machine's clock."""
        began = time.monotonic_ns()
        await self._engine.send(inngest.Event(name="bench/woken", data={"number": number}))
        return [began, time.monotonic_ns()]

    async def claims(self, samples: int) -> list[float]:
        """Seconds of claims that find one run each, as a worker makes them, their commits included."""
        running = host_of(self._engine).running
        assert running is not None
        store, session, function = running.store, f"claimer-{os.getpid()}", f"{client.app_id}-woken"
        await store.begin_session(Session(session, wall_clock_ms(), "bench", os.getpid(), [function], LEASE))
        taken = []
        for number in range(samples):
            await self.send(number)
            began = time.perf_counter()
            claims = await store.claim(
                Owner(session, f"token-{number}", ""), 10, [function], wall_clock_ms(), alone=True
            )
            taken.append(time.perf_counter() - began)
            if len(claims.runs) != 1:
                raise AssertionError(f"expected a claim to find one run, got {claims}")
        await store.end_session(session, wall_clock_ms(), died=False)
        return taken


MADE: Mapping[str, Callable[[str], object]] = {
    "member": Member,
    "brief": Brief,
    "resting": Resting,
    "sender": Sender,
}
