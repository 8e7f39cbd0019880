"""Liveness of workers, on one machine: each worker holds an OS lock on a file of its own.

The lock goes with the process, however it ends, so that a killed worker is known to be dead at once, and without
heartbeats. A child that was forked must not keep its parent's lock: it closes the file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Self

from inngest.engine.errors import StoreError, StoreFullError, StoreReadOnlyError

_FULL = {errno.ENOSPC, errno.EDQUOT}

if sys.platform == "win32":
    import msvcrt

    _LOOKING = os.O_RDWR

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    _LOOKING = os.O_RDONLY  # who may only read the file can see the lock all the same

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


class FileLocks:
    """Locks in a folder beside the database.

    Every verb raises a StoreError if the folder, or a file in it, cannot be used.
    """

    lease: int | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.realpath(folder))  # the process may change its working directory
        self._held: dict[str, int] = {}
        _ALL.add(self)

    @classmethod
    def beside(cls, database: Path) -> Self:
        """The locks of the workers of a database file, by whatever name it is called."""
        resolved = Path(os.path.realpath(database))
        return cls(resolved.with_name(f"{resolved.name}-workers"))

    def is_heard(self) -> bool:
        """Whether others take this worker for alive: they see its lock."""
        return True

    def may_begin(self) -> bool:
        """Whether handlers may begin: no lock is over while its process stands still."""
        return True

    def is_over(self, session_id: str) -> bool:
        """Whether it was declared dead: it learns that when it claims."""
        return False

    def hold(self, session_id: str) -> None:
        """Hold the session's lock until `release`, or the end of the process."""
        path = self._path(session_id)
        with self._explained(path):
            self._folder.mkdir(exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
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

    def show(self, session_id: str) -> bool:
        """See that the file is still there; whether it was gone, and is back."""
        descriptor = self._held.get(session_id)
        if descriptor is None or self._is_there(session_id, descriptor):
            return False
        self.hold(session_id)
        os.close(descriptor)
        return True

    def _is_there(self, session_id: str, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.stat(self._path(session_id)), os.fstat(descriptor))
        except OSError:
            return False

    def is_unknown(self, session_id: str) -> bool:
        """Whether it has no file."""
        return session_id not in self._held and not self._path(session_id).exists()

    def alive(self, session_id: str) -> bool:
        """Whether a process holds the lock: this one, or another."""
        if session_id in self._held:
            return True
        path = self._path(session_id)
        with self._explained(path):
            try:
                descriptor = os.open(path, _LOOKING)
            except FileNotFoundError:
                return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)

    def living(self) -> list[str]:
        """The sessions whose locks are held, by this process or by others."""
        with self._explained(self._folder):
            names = sorted(os.listdir(self._folder)) if self._folder.exists() else []
        return [name for name in names if self.alive(name)]

    def forget(self, session_id: str) -> None:
        """Remove the file of a session that is gone. If it may not be removed it stays: it does no harm."""
        with contextlib.suppress(OSError):
            self._path(session_id).unlink()

    def close_in_child(self) -> None:
        """In a forked child: the locks are the parent's."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _path(self, session_id: str) -> Path:
        return self._folder / session_id

    @contextlib.contextmanager
    def _explained(self, path: Path) -> Generator[None]:
        try:
            yield
        except PermissionError as error:
            raise StoreReadOnlyError(
                f"{path} cannot be opened by this user ({error.strerror}), and shows which workers live: "
                f"give it the right to read and write in {self._folder}, as for the database"
            ) from error
        except OSError as error:
            kind = StoreFullError if error.errno in _FULL else StoreError
            raise kind(
                f"{path} cannot be opened ({error.strerror}), and shows which workers live: see to that folder"
            ) from error


_ALL: weakref.WeakSet[FileLocks] = weakref.WeakSet()


def _close_all_in_child() -> None:
    for locks in _ALL:
        locks.close_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all_in_child)
