"""Which handlers take long in this worker is told to those who look from elsewhere (decision 0053).

A file of its own: it is a part of a worker that runs by itself, as timers and reaper do.
"""

from __future__ import annotations

from collections.abc import Sequence

from .domain.waiting_facts import Handler
from .worker_context import WorkerContext

LONG = 1_000
"""Milliseconds after which a handler is told of."""

TOLD = 100
"""Handlers that are told of; those that have run longest."""


class Activity:
    """Tells which handlers take long.

    Args:
        worker: whose handlers.
    """

    def __init__(self, worker: WorkerContext) -> None:
        self._worker = worker
        self._told: tuple[str, Sequence[Handler]] = ("", ())  # under which session, and what

    async def run_once(self) -> None:
        """Tell it, if it is not what was told last."""
        worker = self._worker
        before = worker.clock.now() - LONG
        handlers = [*worker.invoker.handlers, *(() if worker.remote is None else worker.remote.handlers)]
        long = sorted((one for one in handlers if one.since <= before), key=lambda one: one.since)
        told = worker.session_id, long[:TOLD]
        if told == self._told or (not long and self._told[0] != worker.session_id):
            return
        await worker.store.tell_handlers(*told)
        self._told = told
