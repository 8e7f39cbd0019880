"""The outer world of the developer's half: the wall clock, randomness, and the interpreter's memory."""

from __future__ import annotations

import asyncio
import datetime
import gc
import os
import random
import time
from collections.abc import Generator
from contextlib import contextmanager


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


@contextmanager
def uncollected() -> Generator[None]:
    """Import many modules without looking for garbage: what they define lives as long as the process.

    A tenth of a cold start goes into looking. What is there at the end counts as old, as if it had been looked at:
    for one import in the life of a process, since garbage that counts as old is looked at seldom.
    Collection goes on afterwards, if it was on before.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if hasattr(gc, "freeze") and not gc.get_freeze_count():  # nothing was frozen that must stay so
                gc.freeze()
                gc.unfreeze()
            gc.enable()
