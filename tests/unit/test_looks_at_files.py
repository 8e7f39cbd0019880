"""How often an engine looks at the files of its database, and that a look misses nothing (decision 0038)."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inngest.engine.store.dialects.sqlite.files import Files
from inngest.errors import StoreError

MS, SECOND = 1_000_000, 1_000_000_000
CHANGED = 1_700_000_000 * SECOND + 1
"""When the folder was changed last: a time of a clock that counts parts of a second."""


class Disk:
    """A folder with a database in it, whose times are set here: nothing waits for a clock."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = folder / "inngest.db"
        self.sides = [folder / "inngest.db-wal", folder / "inngest.db-shm"]
        for file in (self.database, *self.sides):
            file.touch()
        self.mtime = self.ctime = CHANGED  # of the folder
        self.written_at = CHANGED  # of the WAL
        self.looks = 0
        self._folder, self._stat = str(folder), os.stat
        self.files = Files(self.database)
        monkeypatch.setattr(os, "stat", self.stat)
        self.files.opened()
        self.looks = 0

    def stat(self, path: Any, **more: Any) -> Any:
        found = self._stat(path, **more)
        if not str(path).startswith(self._folder):  # of others
            return found
        self.looks += 1
        if str(path) == self._folder:
            mtime, ctime = self.mtime, self.ctime
        elif str(path) == str(self.sides[0]):
            mtime = ctime = self.written_at
        else:
            mtime = ctime = CHANGED
        numbers = {"st_dev": found.st_dev, "st_ino": found.st_ino, "st_nlink": found.st_nlink}
        return SimpleNamespace(**numbers, st_mtime_ns=mtime, st_ctime_ns=ctime)

    def check(self) -> int:
        """After a commit; how many looks it took."""
        before = self.looks
        self.files.check()
        return self.looks - before


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path, monkeypatch)


def test_one_look_is_enough_when_the_folder_is_a_tenth_of_a_second_old(disk: Disk) -> None:
    assert disk.check() == 4
    disk.written_at = CHANGED + 101 * MS
    assert disk.check() == 4  # this was written, as it finds, a while after the change
    assert disk.check() == 4  # and then the folder was still as it was
    assert [disk.check() for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(("after", "looks"), [(99 * MS, 4), (101 * MS, 1)])
def test_a_change_within_a_tick_of_the_clock_is_not_told_apart(disk: Disk, after: int, looks: int) -> None:
    disk.written_at = CHANGED + after
    assert [disk.check() for _ in range(4)][-1] == looks


@pytest.mark.parametrize(("after", "looks"), [(2_900 * MS, 4), (3_100 * MS, 1)])
def test_a_clock_without_parts_of_a_second_is_trusted_after_three(disk: Disk, after: int, looks: int) -> None:
    disk.mtime = disk.ctime = CHANGED - 1
    disk.written_at = CHANGED - 1 + after
    assert [disk.check() for _ in range(4)][-1] == looks


def settle(disk: Disk) -> None:
    """One look is enough from now on."""
    disk.written_at = CHANGED + SECOND
    while disk.check() > 1:
        pass


@pytest.mark.parametrize("which", [0, 1])
def test_what_is_removed_shows_by_the_time_of_the_folder(disk: Disk, which: int) -> None:
    settle(disk)
    disk.sides[which].unlink()
    disk.mtime = disk.ctime = CHANGED + 2 * SECOND
    with pytest.raises(StoreError, match="was removed, moved or replaced while"):
        disk.check()
    with pytest.raises(StoreError, match="was removed, moved or replaced while"):
        disk.check()


def test_who_sets_the_time_of_the_folder_back_does_not_hide_it(disk: Disk) -> None:
    """As a script does that restores a backup with its times."""
    settle(disk)
    restored = disk.database.with_name("restored")
    restored.touch()
    restored.replace(disk.sides[0])
    disk.ctime = CHANGED + 2 * SECOND
    with pytest.raises(StoreError, match="-wal was removed, moved or replaced"):
        disk.check()


def test_what_is_removed_while_it_looks_is_found_by_the_next_look(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow look: the database is gone after it was seen, within the tick; then another process writes."""
    looked_at, there = disk.stat, [disk.database]

    def slow(path: Any, **more: Any) -> Any:
        found = looked_at(path, **more)
        if there and str(path) == str(disk.database):
            there.pop().unlink()  # the folder has the same time again
            disk.written_at = CHANGED + SECOND
        return found

    disk.check()
    monkeypatch.setattr(os, "stat", slow)
    disk.check()
    with pytest.raises(StoreError, match="was removed, moved or replaced"):
        disk.check()
