"""The outer world of the developer's half: the wall clock and randomness of a client that sends over HTTP."""

from __future__ import annotations

import asyncio
import datetime
import os
import random
import time


def wall_clock() -> datetime.datetime:
    """Now, aware, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def wall_clock_ms() -> int:
    """Now, in unix ms."""
    return time.time_ns() // 1_000_000


def entropy(count: int) -> bytes:
    """Random bytes."""
    return os.urandom(count)


def jitter(limit: float) -> float:
    """A random float from 0 to `limit`."""
    return random.uniform(0, limit)


async def sleep(seconds: float) -> None:
    """Wait, on the event loop."""
    await asyncio.sleep(seconds)


def sleep_sync(seconds: float) -> None:
    """Wait, blocking."""
    time.sleep(seconds)
