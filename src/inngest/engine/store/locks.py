"""Who lives, on one machine: each worker holds an OS lock on a file of its own.

The lock goes with the process, however it ends, so that a killed worker is known to be dead at once, and without
heartbeats. A child that was forked must not keep its parent's lock: it closes the file.
"""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


class FileLocks:
    """Locks in a folder beside the database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}
        _ALL.add(self)

    def hold(self, session_id: str) -> None:
        """Hold the session's lock until `release`, or the end of the process."""
        self._folder.mkdir(exist_ok=True)
        descriptor = os.open(self._path(session_id), os.O_RDWR | os.O_CREAT, 0o600)
        if not _try_lock(descriptor):  # pragma: no cover - the id is random
            os.close(descriptor)
            raise RuntimeError(f"the lock of session {session_id} is taken")
        self._held[session_id] = descriptor

    def release(self, session_id: str) -> None:
        """Give the lock up and remove its file."""
        descriptor = self._held.pop(session_id, None)
        if descriptor is not None:
            os.close(descriptor)
        self.forget(session_id)

    def alive(self, session_id: str) -> bool:
        """Whether a process holds the lock: this one, or another."""
        if session_id in self._held:
            return True
        try:
            descriptor = os.open(self._path(session_id), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, session_id: str) -> None:
        """Remove the file of a session that is gone."""
        with contextlib.suppress(FileNotFoundError):
            self._path(session_id).unlink()

    def close_in_child(self) -> None:
        """In a forked child: the locks are the parent's."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _path(self, session_id: str) -> Path:
        return self._folder / session_id


_ALL: weakref.WeakSet[FileLocks] = weakref.WeakSet()


def _close_all_in_child() -> None:
    for locks in _ALL:
        locks.close_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all_in_child)
