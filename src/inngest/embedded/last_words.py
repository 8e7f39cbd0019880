"""A bound for what an engine that stops still has to tell its database: a server that does not answer is left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from typing import Final

from inngest.engine.store.database import Database
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Executor

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

ENDING: Final = 5.0
"""Seconds that the database has to answer after runs have come to rest."""

LEAVING: Final = 1.0
"""Seconds that threads have to end after that: one may still read what nobody waits for any more."""


@contextlib.asynccontextmanager
async def in_time(database: Database, drained: asyncio.Event, drain_timeout: int) -> AsyncGenerator[None]:
    """Stop an engine within a bounded time: connections to a server that would keep it from that are cut, so that what
    waits for an answer fails. Nothing is cut on SQLite.

    Args:
        database: the engine's.
        drained: set when its runs have come to rest.
        drain_timeout: milliseconds that those have.
    """
    watch = asyncio.ensure_future(_cut_late(database, drained, drain_timeout))
    try:
        yield
    finally:
        watch.cancel()


async def _cut_late(database: Database, drained: asyncio.Event, drain_timeout: int) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(drained.wait(), drain_timeout / 1_000)
    await asyncio.sleep(ENDING)
    _cut(database, ENDING)


def end_threads(executor: Executor, database: Database) -> None:
    """Have the threads of an engine end, which wait for its database perhaps. Blocking.

    Args:
        executor: has them.
        database: the engine's.
    """
    if not executor.close(LEAVING):
        _cut(database, LEAVING)
        executor.close()


def _cut(database: Database, waited: float) -> None:
    if database.cut():
        LOGGER.warning(
            "%s has not answered for %g s: the engine stops without it; others take over what is left when its lease "
            "is over",
            database.name,
            waited,
        )
