"""The files of a database that is open: by which name they are opened, and whether they are still there.

SQLite goes on writing into files that were removed or replaced: nobody finds that again, and if another process opens
the database meanwhile, both damage it. So the engine looks before it tells that something is stored, and mostly before
it begins as well.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from inngest.engine.errors import StoreError
from inngest.runtime.careful import CarefulLogger

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

SIDES = ("-wal", "-shm")
"""What SQLite keeps beside a database: what was written last, and who locks what."""

FINE, COARSE = 100_000_000, 3_000_000_000
"""Nanoseconds between two changes of a folder that its times tell apart: where they have parts of a second, which tick
with the kernel (10 ms at most), and where they have none, as on FAT."""

SECOND = 1_000_000_000

Identity = tuple[int, int]


class Files:
    """See the module.

    Args:
        given: the database, as it was named. The process may change its working directory later.

    Attributes:
        path: what the name leads to, without links: two names of a database are one, for its locks as well.
    """

    def __init__(self, given: Path) -> None:
        self.path = Path(os.path.realpath(given))
        self._given = os.path.abspath(given)  # without `..`, and with its links
        self._name = str(self.path)
        self._sides = [self._name + side for side in SIDES]
        self._folder = os.path.dirname(self._name)
        self._opened: Identity | None = None
        self._beside: list[Identity | None] = []
        self._unchanged: tuple[int, int, int, int] | None = None  # the folder, as it was when all was there
        self._written_at = 0  # ns, by the file system: when what was written last was, at the last look at all
        self._warned = False

    def opened(self) -> None:
        """SQLite has opened them."""
        self._opened = _identity(self._name)
        self._beside = [_identity(side) for side in self._sides]
        self._unchanged, self._written_at = None, 0
        self._warn_of_other_names()

    def check(self) -> None:
        """See that they are there. Mostly that is one look at their folder, which changes with what is in it.

        Raises:
            StoreError: one was removed, moved or replaced; how to mend it.
        """
        try:
            folder = os.stat(self._folder)
        except OSError:
            self.look()
            return
        # Who copies files back may also set the time of their folder, but not that of its last change (ctime).
        seen = (folder.st_ino, folder.st_ctime_ns, folder.st_mtime_ns, folder.st_dev)
        if seen == self._unchanged:
            return
        # What was written had been written before the folder was looked at. If that is a tick after its last change, a
        # change from here on shows; what changed before is found now.
        tick = FINE if folder.st_mtime_ns % SECOND else COARSE
        since = self._written_at - max(folder.st_mtime_ns, folder.st_ctime_ns)
        self._written_at = self._look_beside()
        self._unchanged = seen if since > tick else None

    def look(self) -> None:
        """See that they are there, and that the name by which they were opened leads to them. Raises as `check`."""
        self._look_beside()
        if self._opened is not None and _identity(self._given) != self._opened:
            raise StoreError(
                f"{self._given} led to {self._name} when it was opened, and leads elsewhere now: nothing can be "
                "written. Let it lead there again; or stop, and start again on what is there now"
            )

    def _look_beside(self) -> int:
        """See that all three are there; when what was written last was written (ns, by the file system)."""
        if self._opened is None or _identity(self._name) != self._opened:
            raise StoreError(
                f"{self._name} was removed, moved or replaced while it was open: nothing can be written. "
                "Put it back where it was; or stop, and start again on what is there now"
            )
        written_at = 0
        for side, identity in zip(self._sides, self._beside, strict=True):
            try:
                found = os.stat(side)
            except OSError:
                found = None
            if found is None or (found.st_dev, found.st_ino) != identity:
                raise StoreError(
                    f"{side} was removed, moved or replaced while {self._name} was open: nothing can be written, and "
                    "the database may be damaged if another process opens it. Put the file back; or stop all that use "
                    "the database, and do not kill them: the last one to stop saves what was in that file. "
                    "Then start again"
                )
            written_at = max(written_at, found.st_mtime_ns)
        return written_at

    def _warn_of_other_names(self) -> None:
        try:
            names = os.stat(self._name).st_nlink
        except OSError:
            return
        if names > 1 and not self._warned:
            self._warned = True
            LOGGER.warning(
                "%s has %d names (hard links). All processes must open it by the same one: by another, SQLite finds "
                "neither what was written last nor who locks it, and damages the database. "
                "Remove the other names; a symbolic link is safe",
                self._name,
                names,
            )


def _identity(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
