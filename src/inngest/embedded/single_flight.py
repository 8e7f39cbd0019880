"""A read that many ask for at once is done once, and nobody waits for it for longer than a bound.

A file of its own: probes and metrics share it, and each is in another layer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

R = TypeVar("R")


class SingleFlight(Generic[R]):
    """A caller that comes while a read is under way awaits that one. It goes on when they have left.

    Args:
        read: reads.
    """

    def __init__(self, read: Callable[[], Coroutine[Any, Any, R]]) -> None:
        self._read = read
        self._reading: asyncio.Task[R] | None = None

    async def result(self, patience: float) -> R:
        """The read value.

        Args:
            patience: seconds to wait for it.

        Raises:
            TimeoutError: it takes longer; who asks again may wait for the same one.
        """
        reading = self._reading
        if reading is None or reading.done() or reading.get_loop() is not asyncio.get_running_loop():
            self._reading = reading = asyncio.ensure_future(self._read())
            reading.add_done_callback(_seen)
        await asyncio.wait([reading], timeout=patience)
        if not reading.done():
            raise TimeoutError(f"no answer within {patience:g} s")
        return reading.result()


def _seen(reading: asyncio.Task[Any]) -> None:
    """Its error is no news: who asked may have gone."""
    if not reading.cancelled():
        reading.exception()
