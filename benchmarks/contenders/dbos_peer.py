"""DBOS from PyPI, on SQLite or PostgreSQL, through its public API.

Its workflows are plain functions here: in trials its async ones were as fast, and cost more CPU.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Self, TypeVar

from dbos import DBOS

from .verbs import STEPS_OF_A_RUN

R = TypeVar("R")


@DBOS.step()
def echo(value: int) -> int:
    return value


@DBOS.workflow()
def steps(count: int) -> int:
    for index in range(count):
        echo(index)
    return count


class Dbos:
    """DBOS as it comes: its own connections and their settings."""

    def __init__(self, url: str) -> None:
        DBOS(
            config={
                "name": "bench",
                "system_database_url": url,
                "log_level": "ERROR",
                "application_version": "1",
            }
        )

    async def __aenter__(self) -> Self:
        await _in_a_thread(DBOS.launch)
        return self

    async def __aexit__(self, *error: object) -> None:
        await _in_a_thread(DBOS.destroy)

    async def sequence(self, steps: int, repeats: int) -> float:
        return await _in_a_thread(lambda: _timed(lambda: [_run(steps) for _ in range(repeats)]))

    async def latencies(self, count: int, pause: float) -> list[float]:
        def work() -> list[float]:
            taken = []
            for _ in range(count):
                time.sleep(pause)
                began = time.perf_counter()
                _run(1)
                taken.append(time.perf_counter() - began)
            return taken

        return await _in_a_thread(work)

    async def crowd(self, runs: int, callers: int) -> list[float]:
        with ThreadPoolExecutor(callers) as threads:
            cpu = time.process_time()
            work = [STEPS_OF_A_RUN] * runs
            seconds = await _in_a_thread(lambda: _timed(lambda: list(threads.map(_run, work))))
            return [seconds, time.process_time() - cpu]


class DbosInWal(Dbos):
    """DBOS on a file that is in WAL mode when it comes; synchronous=FULL is SQLite's own default."""

    def __init__(self, database: Path) -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        super().__init__(f"sqlite:///{database}")


async def _in_a_thread(work: Callable[[], R]) -> R:
    # DBOS refuses its plain calls on a thread with a running event loop. What is timed is all in that thread.
    return await asyncio.to_thread(work)


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _run(count: int) -> int:
    result = steps(count)
    if result != count:
        raise AssertionError(f"a workflow of {count} steps returned {result!r}")
    return result
