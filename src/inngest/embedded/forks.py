"""Forks: an engine belongs to the process that started it.

A forked child has a copy of the engine's objects, but none of its threads, and must not touch its files. It is told so
when it uses the engine; and the copied event loop is stopped, in case that the child goes on with it.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something that is of no use in a fork."""

    def forked(self) -> None:
        """This process is a fork."""
        ...


_ALL: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(one: Forkable) -> None:
    """Have it told, in each fork of this process."""
    _ALL.add(one)


def _tell() -> None:
    for one in list(_ALL):
        one.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell)
