"""Runs that were cancelled, by whomever: observers are told of each."""

from __future__ import annotations

from .worker_context import WorkerContext

OVERLAP = 5_000
"""Milliseconds that a look goes back before the last one: a transaction may be written later than its time says."""

PAGE = 500
"""Runs that are read at a time."""


class Cancellations:
    """Looks for runs that were cancelled since the last look, also of a worker before this one; only if somebody
    watches.

    Args:
        worker: what its parts share.
    """

    def __init__(self, worker: WorkerContext) -> None:
        self._worker = worker
        before = worker.observers.told_until
        self._since = worker.clock.now() if before is None else before + 1
        self._told: dict[str, int] = {}  # of those that the next look finds again: run id, and when it ended

    async def look(self) -> None:
        """Tell of those that were cancelled meanwhile, here or elsewhere."""
        observer, now = self._worker.observer, self._worker.clock.now()
        if observer is not None:
            since, after = self._since, ""
            while page := await self._worker.store.cancelled(since, after, PAGE):
                for run in page:
                    if run.id not in self._told:
                        self._told[run.id] = run.ended_at or 0
                        observer.cancelled(run)
                since, after = page[-1].ended_at or 0, page[-1].id
            self._worker.observers.told_until = now
        self._since = max(self._since, now - OVERLAP)
        self._told = {run_id: at for run_id, at in self._told.items() if at >= self._since}
