"""Failures of a worker stop nothing else. Each is logged once: when it begins, and when all works again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Clock

from .errors import StoreError

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

REMIND_MS = 600_000
"""Milliseconds after which a trouble that lasts is logged again."""


class FailureLog:
    """Logs failures, and not each try.

    Args:
        clock: the worker's.
        retry_ms: how long the worker waits until its next try.
    """

    def __init__(self, clock: Clock, retry_ms: int) -> None:
        self._clock = clock
        self._retry_ms = retry_ms
        self._failing: set[str] = set()  # what is being tried
        self._logged: dict[str, int] = {}  # when each trouble was logged

    def failed(self, what: str, error: Exception) -> None:
        """A try failed."""
        known = isinstance(error, StoreError)
        trouble, now = f"{type(error).__name__} {error if known else ''}", self._clock.monotonic()
        self._failing.add(what)
        if trouble in self._logged and now - self._logged[trouble] < REMIND_MS:
            return
        self._logged[trouble] = now
        if known:
            LOGGER.error("the engine waits, and tries again every %d ms: %s", self._retry_ms, error)
        else:
            LOGGER.error("unexpected; trying again in %d ms: %s", self._retry_ms, error, exc_info=error)

    def worked(self, what: str) -> None:
        """A try succeeded."""
        if what not in self._failing:
            return
        self._failing.remove(what)
        if not self._failing:
            self._logged.clear()
            LOGGER.warning("the engine goes on: what failed works again")


async def each_alone(parts: Sequence[Callable[[], Awaitable[bool | None]]]) -> bool:
    """Do all parts of a look, whichever of them fail; whether one of them gave True.

    Raises:
        Exception: what the first that failed raised, once all are done.
    """
    told, trouble = False, None
    for part in parts:
        try:
            told = bool(await part()) or told
        except Exception as error:
            trouble = trouble or error
    if trouble is not None:
        raise trouble
    return told
