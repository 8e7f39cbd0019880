"""Functions behind flow control, and its kin: what any SDK with the public names of `inngest` can serve."""

from __future__ import annotations

import asyncio
import datetime
import time  # noqa: F401  # of the same text without its colour
from collections import Counter
from typing import Any

import inngest

SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)
TRIES = 1_000
"""So often, every 20 ms, one looks for a run of another key: it comes if slots are counted by key."""

WITHIN: Counter[object] = Counter()
"""Runs that are within a step, by key."""


async def told(ctx: inngest.Context) -> list[Any]:
    return [event.data["n"] for event in ctx.events]


async def napped(ctx: inngest.Context) -> object:
    ms: Any = ctx.event.data["nap"]
    if ms:
        await ctx.step.sleep("nap", ms)
    return await told(ctx)


async def _met(key: object) -> bool:
    """Whether it was alone with its key, and another key was there before it or came meanwhile."""
    WITHIN[key] += 1
    alone = WITHIN[key] == 1
    for _ in range(TRIES):
        if len(WITHIN) == 2:
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    alone = alone and WITHIN[key] == 1
    WITHIN[key] -= 1
    return alone and len(WITHIN) == 2


async def met(ctx: inngest.Context) -> object:
    return [*await told(ctx), await ctx.step.run("met", _met, ctx.event.data["key"])]


async def ticked(ctx: inngest.Context) -> object:
    return [ctx.event.name, ctx.event.data["cron"]]


async def broken(ctx: inngest.Context) -> object:
    raise inngest.NonRetriableError("broken")


async def failure_told(ctx: inngest.Context) -> object:
    data: Any = ctx.event.data
    return [data["event"]["data"]["n"], data["error"]["message"]]


async def defers(ctx: inngest.Context) -> object:
    made = ctx.defer("later", function="app-deferred", data=ctx.event.data)
    if ctx.event.data["key"] == "taken back":
        made.abort()
    return await told(ctx)


GATED: dict[str, tuple[Any, dict[str, Any]]] = {
    "throttle": (told, {"throttle": inngest.Throttle(limit=1, period=SECOND)}),
    "debounce": (told, {"debounce": inngest.Debounce(period=SECOND, key="event.data.key")}),
    "rate-limit": (told, {"rate_limit": inngest.RateLimit(limit=1, period=HOUR, key="event.data.key")}),
    "singleton-skip": (napped, {"singleton": inngest.Singleton(mode="skip", key="event.data.key")}),
    "singleton-cancel": (napped, {"singleton": inngest.Singleton(mode="cancel", key="event.data.key")}),
    "priority": (
        told,
        {
            "priority": inngest.Priority(run="event.data.priority"),
            "concurrency": [inngest.Concurrency(limit=1)],
        },
    ),
    "concurrency": (met, {"concurrency": [inngest.Concurrency(limit=1, key="event.data.key")]}),
    "idempotency": (told, {"idempotency": "event.data.key"}),
    "batch": (told, {"batch_events": inngest.Batch(max_size=3, timeout=SECOND)}),
    "cron": (ticked, {"trigger": inngest.TriggerCron(cron="* * * * *")}),
    "on-failure": (broken, {"on_failure": failure_told}),
    "cancel": (napped, {"cancel": [inngest.Cancel(event="test/stop", if_exp="event.data.key == async.data.key")]}),
    "start-timeout": (
        told,
        {"timeouts": inngest.Timeouts(start=2 * SECOND), "throttle": inngest.Throttle(limit=1, period=HOUR)},
    ),
    "finish-timeout": (napped, {"timeouts": inngest.Timeouts(finish=2 * SECOND)}),
}
"""The handler of each function, and how it is configured; its events have its name."""


def functions(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    """All of them, as functions of a client."""
    made: list[inngest.Function[Any]] = []
    own: dict[str, tuple[Any, dict[str, Any]]] = {}
    if hasattr(inngest.Context, "defer"):
        own = {"defers": (defers, {}), "deferred": (told, {})}
    for name, (handler, options) in (GATED | own).items():
        trigger = inngest.TriggerEvent(event=f"test/{name}")
        make = client.create_function(fn_id=name, retries=0, **{"trigger": trigger, **options})
        made.append(make(handler))
    return made
