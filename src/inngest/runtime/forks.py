"""Forks: an engine belongs to the process that started it.

A forked child has a copy of the engine's objects, but none of its threads, and must not touch its files. It is told so
when it uses the engine. A child that goes on with the copied event loop is ended at once: both loops would share one
selector, and whichever closes it makes the other deaf.
"""

from __future__ import annotations

import os
import sys
import weakref
from pathlib import Path
from typing import Protocol


class Forkable(Protocol):
    """Something that is of no use in a fork."""

    def forked(self) -> None:
        """This process is a fork."""
        ...


_ALL: weakref.WeakSet[Forkable] = weakref.WeakSet()
_LEFT_BEHIND: set[Path] = set()
"""Databases that were open in the parent when this process was forked. SQLite's notes about their locks were copied
with the rest of the memory, maybe in the middle of a transaction that ends only in the parent."""


def watch(one: Forkable) -> None:
    """Have it told, in each fork of this process."""
    _ALL.add(one)


def forget(one: Forkable) -> None:
    """It has ended: forks need not be told."""
    _ALL.discard(one)


def leave_behind(database: Path) -> None:
    """The parent has this file open."""
    _LEFT_BEHIND.add(database.resolve())


def was_left_behind(database: Path) -> bool:
    """Whether the parent had this file open when this process was forked."""
    return database.resolve() in _LEFT_BEHIND


def end() -> None:
    """End a child that goes on with its parent's event loop, before it does harm; exit code 1."""
    sys.stderr.write(
        f"process {os.getpid()} is a fork that goes on with its parent's event loop, on which an engine runs: it ends "
        "here. End a fork with os._exit, or start processes by the method 'spawn'.\n"
    )
    sys.stderr.flush()
    os._exit(1)


def _tell() -> None:
    for one in list(_ALL):
        one.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell)
