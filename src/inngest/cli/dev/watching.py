"""The folders of the user's code are watched."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection, Sequence

import watchfiles

SETTLE = 50
"""Milliseconds without a change after which the changes before count as one."""


class Watcher:
    """Watches folders for changes of Python files.

    Args:
        changed: called with the files, on the loop.
        failed: called with the reason if the system does not let it watch.
    """

    def __init__(self, changed: Callable[[Sequence[str]], None], failed: Callable[[Exception], None]) -> None:
        self._changed = changed
        self._failed = failed
        self._folders: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    async def watch(self, folders: Collection[str]) -> None:
        """Watch these folders, and not those below them. When it returns, no change goes unseen."""
        wanted = frozenset(filter(os.path.isdir, folders))
        if wanted == self._folders and self._task is not None and not self._task.done():
            return
        before, self._folders = self._task, wanted
        self._task = asyncio.ensure_future(self._watch(sorted(wanted)))
        await asyncio.sleep(0)  # until it has begun to watch
        if before is not None:
            before.cancel()

    async def close(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self, folders: Sequence[str]) -> None:
        try:
            async for changes in watchfiles.awatch(*folders, watch_filter=_is_code, recursive=False, step=SETTLE):
                self._changed(sorted({path for _, path in changes}))
        except (OSError, RuntimeError) as error:  # such as too many watches
            self._failed(error)


def _is_code(change: watchfiles.Change, path: str) -> bool:
    return path.endswith(".py")
