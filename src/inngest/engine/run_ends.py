"""Waiting for runs to end, wherever they run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from inngest.protocol.errors import ErrorInfo

from .domain.model import Ended
from .errors import StoreClosedError
from .ports import Store


class RunEnds:
    """Resolves the futures of those who wait for runs.

    Args:
        store: where runs are looked up that other workers execute.
        hears: whether this worker executes a run, and hears of its end by itself.
    """

    def __init__(self, store: Store, hears: Callable[[str], bool]) -> None:
        self._store = store
        self._hears = hears
        self._waiting: dict[str, list[asyncio.Future[Ended]]] = {}

    async def wait(self, run_id: str, *, new: bool = False) -> Ended:
        """Wait until a run has ended, wherever it runs; `new` if it was created here and nobody waited since.

        Raises:
            KeyError: there is no such run.
            StoreClosedError: the worker was stopped meanwhile.
        """
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(run_id, []).append(future)
        try:
            others = self._store.expect_ends()
            if not self._hears(run_id) and (others or not new):
                if not new and await self._store.run(run_id) is None:
                    raise KeyError(run_id)
                await self._look_up([run_id])
            return await future
        finally:
            left = self._waiting.get(run_id)
            if left is not None and future in left:
                left.remove(future)
                if not left:
                    del self._waiting[run_id]
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen, if it was found to be missing twice

    def tell(self, run_id: str, ended: Ended) -> None:
        """A run has ended."""
        for future in self._waiting.pop(run_id, ()):
            if not future.done():
                future.set_result(ended)

    def tell_stopped(self) -> None:
        """The worker is stopped: it hears of no end any more."""
        for futures in self._waiting.values():
            for future in futures:
                if not future.done() and not future.get_loop().is_closed():
                    future.set_exception(StoreClosedError("the engine was stopped"))

    @property
    def any(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def waits_for(self, run_id: str) -> bool:
        """Whether anybody waits for this run."""
        return run_id in self._waiting

    async def look(self, run_ids: Collection[str] | None = None) -> None:
        """Look which runs that are waited for have ended elsewhere: of these, or of all."""
        await self._look_up([one for one in self._waiting if run_ids is None or one in run_ids])

    async def look_for_missing(self) -> None:
        """Tell those who wait for a run that was removed before its end was seen here: a process can be held up."""
        missing = await self._store.missing(list(self._waiting)) if self._waiting else ()
        for run_id in missing:
            for future in self._waiting.pop(run_id, ()):
                if not future.done():
                    future.set_exception(KeyError(run_id))

    async def _look_up(self, run_ids: Sequence[str]) -> None:
        if not run_ids:
            return
        for run in await self._store.ended(run_ids):
            try:
                error = None if run.error is None else ErrorInfo.from_json(run.error)
            except Exception:  # others have ended, too
                error = ErrorInfo("Error", f"how it ended cannot be read: {run.error!r}")
            self.tell(run.id, Ended(run.status, run.output, error))
