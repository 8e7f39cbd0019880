"""Where a world lives, and what is set for it as long as it does: files, log, sizes of pages, looks."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

from inngest.engine import service
from inngest.engine.domain import effects, endpoints
from inngest.engine.store import allowance, entering, looking_back, schedules, schema, tables, takeovers, telling
from inngest.engine.store.dialects.sqlite import SqliteDatabase

from .database import watch
from .hosting import GoneError

TMPFS = Path("/dev/shm")

STORE = Path(tables.__file__).parent

PACES = ((20, 100, 300), (100, 500, 3_000), (100, 2_000, 40_000))
"""Microseconds that reads, writes and answers take, on machines of several kinds."""


async def quietly(work: Coroutine[Any, Any, object]) -> None:
    """Await a process that may be gone."""
    with contextlib.suppress(GoneError):
        await work


@contextlib.contextmanager
def file() -> Generator[Path]:
    """The path of one world's file, in memory if there is a place for that."""
    path = Path(tempfile.mkdtemp(prefix="pyngest-sim-", dir=TMPFS if os.access(TMPFS, os.W_OK) else None))
    try:
        yield path / "sim.db"
    finally:
        shutil.rmtree(path)


@functools.cache
def _template() -> Path:
    """A database with its schema and nothing in it: making one takes longer than a whole world."""
    holder = tempfile.TemporaryDirectory(prefix="pyngest-sim-", dir=TMPFS if os.access(TMPFS, os.W_OK) else None)
    atexit.register(holder.cleanup)
    path = Path(holder.name) / "template.db"
    database = SqliteDatabase(path)
    connection = database.connect()
    schema.prepare(database, connection)
    assert isinstance(connection, sqlite3.Connection)
    watch(connection)
    connection.close()
    return path


def copy_template(path: Path) -> None:
    """Put it there."""
    shutil.copy(_template(), path)


@contextlib.contextmanager
def silence() -> Generator[None]:
    """Nobody reads the log lines of thousands of worlds."""
    logger = logging.getLogger("inngest")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Errors(logging.Handler):
    """Hands errors of the store on."""

    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        if STORE in Path(record.pathname).parents and not record.getMessage().startswith("app "):  # one that is away
            self._told(f"the store has told of what nobody has damaged: {record.getMessage()}")


@contextlib.contextmanager
def listening(told: Callable[[str], None], *, deaf: bool) -> Generator[None]:
    """Tells the errors that the store logs: what is stored is damaged then, or the store has failed itself."""
    if deaf:
        yield
        return
    logger, handler = logging.getLogger("inngest.engine"), _Errors(told)
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


@contextlib.contextmanager
def paging(rows: int) -> Generator[None]:
    """How much of what an event causes is done with it."""
    before = allowance.ROWS, telling.LOOKS, entering.ROWS, looking_back.LOOKS, effects.AT_ONCE
    orphans, ticks = takeovers.ORPHANS, schedules.AT_ONCE
    allowance.ROWS = telling.LOOKS = entering.ROWS = looking_back.LOOKS = effects.AT_ONCE = rows
    takeovers.ORPHANS, schedules.AT_ONCE = min(rows, orphans), min(rows, ticks)
    try:
        yield
    finally:
        allowance.ROWS, telling.LOOKS, entering.ROWS, looking_back.LOOKS, effects.AT_ONCE = before
        takeovers.ORPHANS, schedules.AT_ONCE = orphans, ticks


@contextlib.contextmanager
def looking(every: int) -> Generator[None]:
    """How often engines look at what others did: hours with a look every 50 ms would be nothing but looks."""
    before = service.POLL_MS
    service.POLL_MS = every
    try:
        yield
    finally:
        service.POLL_MS = before


@contextlib.contextmanager
def answering(silence: int) -> Generator[None]:
    """How long a request that is a run may report nothing."""
    before = endpoints.SILENCE
    endpoints.SILENCE = silence
    try:
        yield
    finally:
        endpoints.SILENCE = before
