"""Functions of the other kinds: they wait and invoke, have limits, are collected, cancelled, paused, and begun by time.

What becomes of their events is judged in `limits`; of those that are in `COMPLETE`, as that of all others.
"""

from __future__ import annotations

import asyncio
import datetime
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import inngest

from .functions import AsyncScene, Gate, add, is_told, told
from .ledger import Pen

TENANTS = 5
"""Values of the keys of limits."""

AT_A_TIME = 2
"""Handlers of one tenant of `keyed`."""

RATE = 3
"""Runs of one tenant of `rated`, in a time that is longer than a test."""

BATCH = 5
"""Events of one run of `batched`, at most."""

STARTS, BURST, SPREAD = 6, 3, 60_000
"""Starts of one tenant of `throttled`, at once and in so many milliseconds."""

TICKS = 60_000
"""Milliseconds between two runs of `tick`."""

_MONTH = datetime.timedelta(days=30)


def tenant_of(key: str) -> int:
    """Whose event it is."""
    return zlib.crc32(key.encode()) % TENANTS


def kind_of(key: str) -> str:
    """The kind of the run whose event has a key; of an event that starts none, what it does."""
    first, _, follows = key.partition("/")
    return follows or first.rpartition("-")[0]


def cause_of(key: str) -> str:
    """The key of the order from which another one follows."""
    return key.partition("/")[0]


async def waiting(scene: AsyncScene) -> None:
    async def wait() -> None:
        answer = await scene.step.wait_for_event(
            "wait",
            event="kill/answer",
            if_exp="async.data.key == event.data.key",
            timeout=_MONTH,
            since=datetime.timedelta(days=1),
        )
        assert answer is not None
        scene.got("wait", answer.data["key"])

    await scene.run("a")
    await asyncio.gather(wait(), scene.tell("ask", "asked"))
    await scene.run("b")


async def asked(scene: AsyncScene) -> None:
    await scene.run("hear")
    answer = inngest.Event(name="kill/answer", data={"key": cause_of(scene.key)})
    scene.got("answer", await scene.step.send_event("answer", answer))


async def invoking(scene: AsyncScene) -> None:
    await scene.run("a")
    data = {"key": told(scene.key, "invoked")}
    scene.got("invoke", await scene.step.invoke_by_id("invoke", function_id="invoked", data=data))
    await scene.run("b")


async def keyed(scene: AsyncScene) -> None:
    await scene.run("a")
    await asyncio.gather(scene.run("b"), scene.run("c"))


async def batched(scene: AsyncScene) -> None:
    scene.note("batch", scene.keys)
    await scene.run("a")


async def brief(scene: AsyncScene) -> None:
    await scene.run("a", "b")


async def cancelled(scene: AsyncScene) -> None:
    await scene.run("a")
    await scene.step.wait_for_event("never", event="kill/never", timeout=_MONTH)
    raise AssertionError("it was not cancelled")


class Limited(NamedTuple):
    """A kind.

    Attributes:
        play: its body.
        each: how many orders of it a round has; 0 if others start it.
        options: of `create_function`.
        steady: what is interrupted is begun again as soon as a worker is there that may.
    """

    play: Callable[[AsyncScene], Awaitable[None]]
    each: int
    options: Mapping[str, Any] = {}
    steady: bool = True


_OF_TENANT = "event.data.tenant"

KINDS: Mapping[str, Limited] = {
    "waiting": Limited(waiting, 2),
    "asked": Limited(asked, 0),
    "invoking": Limited(invoking, 2),
    "invoked": Limited(is_told, 0),
    "keyed": Limited(keyed, 8, {"concurrency": [inngest.Concurrency(limit=AT_A_TIME, key=_OF_TENANT)]}, steady=False),
    "throttled": Limited(
        brief, 1, {"throttle": inngest.Throttle(limit=STARTS, period=SPREAD, burst=BURST, key=_OF_TENANT)}
    ),
    "paused": Limited(brief, 1, steady=False),
    "batched": Limited(batched, 5, {"batch_events": inngest.Batch(max_size=BATCH, timeout=10_000)}),
    "debounced": Limited(brief, 2, {"debounce": inngest.Debounce(period=5_000, key=_OF_TENANT)}),
    "singleton": Limited(brief, 2, {"singleton": inngest.Singleton(mode="skip", key=_OF_TENANT)}),
    "rated": Limited(
        brief, 2, {"rate_limit": inngest.RateLimit(limit=RATE, period=datetime.timedelta(days=1), key=_OF_TENANT)}
    ),
    "cancelled": Limited(
        cancelled,
        2,
        {"cancel": [inngest.Cancel(event="kill/cancel", if_exp="async.data.key == event.data.key")]},
        steady=False,
    ),
}

TICK = "tick"
"""The function that begins by time alone."""

OWN_RULES = frozenset({"batched", "debounced", "singleton", "rated", "cancelled", "cancel", TICK})
"""Kinds of whose events not each has a run that completes."""


def app(pen: Pen, gate: Gate, client: inngest.Inngest) -> inngest.Inngest:
    """A client with all of them, too."""
    for kind, limited in KINDS.items():
        add(client, kind, pen, gate, limited.play, **limited.options)

    @client.create_function(fn_id=TICK, trigger=inngest.TriggerCron(cron="* * * * *", catch_up="all"))
    async def tick(ctx: inngest.Context) -> int:
        return await ctx.step.run("see", lambda: ctx.event.ts)

    return client
