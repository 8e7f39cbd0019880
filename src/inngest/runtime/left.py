"""Tasks whose event loop was closed under them: they never end, and Python is not to complain when they go.

A file of its own: both halves of the house leave tasks behind.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any, cast


def left_behind(tasks: Iterable[asyncio.Task[Any] | None], *, unwind: bool) -> None:
    """Nobody is told that these were destroyed while they were pending, where their loop is closed: it is known.

    Args:
        tasks: the tasks.
        unwind: unwind them now; what they raise without their loop is of no use to anybody. Else they are when they go.
    """
    for task in tasks:
        if task is None or task.done() or not task.get_loop().is_closed():
            continue
        cast("Any", task)._log_destroy_pending = False  # as `asyncio.gather` does; there is no other way
        if unwind:
            with contextlib.suppress(Exception):
                cast("Coroutine[Any, Any, Any]", task.get_coro()).close()
