"""Checks that a worker makes: when it starts, what time it is; each second, that its files are there, that others see
that it lives, which handlers last.
"""

from __future__ import annotations

import datetime
import logging

from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Liveness

from .activity import Activity
from .failure_log import each_alone
from .worker_context import WorkerContext

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

EVERY = 1_000
"""Milliseconds between two looks, also while nothing is written."""

NOTABLE_MS = 1_000
"""Milliseconds that the engine's time must be ahead of the wall clock to be told, or kept."""


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


async def go_on_from_kept_time(worker: WorkerContext) -> None:
    """Timers that are due by the time that the database has seen do not wait for a clock that was set back."""
    kept = await worker.store.greatest_time()
    if not worker.clock.at_least(kept):
        LOGGER.error(
            "the database has seen the time %s, more than 24 h ahead of this machine's clock: it is not believed. "
            "What was recorded then falls due when the clock gets there",
            _as_text(kept),
        )
        await worker.store.keep_time(worker.clock.now(), anew=True)
    elif worker.clock.ahead() > NOTABLE_MS:
        LOGGER.warning(
            "this machine's clock is %d s behind what the database has seen: was it set back? The engine goes on "
            "from there, and lets the clock catch up: until then its time goes slower by a tenth",
            worker.clock.ahead() // 1000,
        )


def _as_text(ms: int) -> str:
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC).isoformat(" ", "seconds")
