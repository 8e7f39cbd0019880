"""Checks that a worker makes each second: that its files are there, that others see that it lives, which handlers
last.
"""

from __future__ import annotations

import logging

from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Liveness

from .activity import Activity
from .failure_log import each_alone
from .worker_context import WorkerContext

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

EVERY = 1_000
"""Milliseconds between two looks, also while nothing is written."""


class Checks:
    """See the module.

    Args:
        worker: whose files and handlers.
        liveness: shows that it lives.
    """

    def __init__(self, worker: WorkerContext, liveness: Liveness) -> None:
        self._worker = worker
        self._liveness = liveness
        self._activity = Activity(worker)
        self._next_at = worker.clock.monotonic()

    async def run_once(self) -> bool:
        """Look, if it is time. Nothing of it concerns runs: False."""
        now = self._worker.clock.monotonic()
        if now >= self._next_at:
            self._next_at = now + EVERY
            await each_alone((self._files, self._life, self._handlers))
        return False

    async def _files(self) -> bool:
        """See that what is written is found again."""
        self._worker.store.look_at_files()
        return False

    async def _life(self) -> bool:
        """See that others see that this worker lives."""
        if self._liveness.show(self._worker.session_id):
            LOGGER.warning(
                "the file that shows that this worker lives was removed, and is there again: let the folder beside the "
                "database be, or others take over what runs here"
            )
        return False

    async def _handlers(self) -> bool:
        """Tell which handlers take long."""
        if self._worker.store.trouble is None:
            await self._activity.run_once()
        return False
