"""PostgreSQL servers that a test stops, starts, copies and promotes; and a PgBouncer that it starts anew.

Each has folders of its own. All of it ends with the block that it was made for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import psycopg

from . import postgres
from .postgres import Server

FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
"""How a server is stopped: it ends its connections and writes all that it has, or it is gone, as after a crash."""


class Cluster:
    """A server of its own.

    Args:
        folder: an empty one; of its socket.
        data: where its data are to be, if not in that folder; its log stays there.
        options: of `initdb`; None if its data are there.
        settings: lines of its configuration.
    """

    def __init__(
        self, folder: Path, data: Path | None = None, *, options: list[str | Path] | None, settings: str = ""
    ) -> None:
        self.server = Server(folder, postgres.programs())
        self.data = folder / "data" if data is None else data
        self._process: subprocess.Popen[str] | None = None
        if options is not None:
            log: list[str | Path] = [] if data is None else ["--waldir", folder / "wal"]
            postgres.initialise(folder, self.data, *log, *options, settings=postgres.FORGETFUL + settings)

    @property
    def runs(self) -> bool:
        """Whether it runs: it may have ended by itself."""
        return self._process is not None and self._process.poll() is None

    def start(self, ready: str = postgres.READY) -> None:
        """Start it, and wait until it is ready."""
        command: list[str | Path] = [*postgres.as_user(), self.server.programs / "postgres", "-D", self.data]
        self._process = postgres.begin(command, self.server.folder, ready)

    def stop(self, how: signal.Signals) -> None:
        """Stop it, and wait until it is gone."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait()

    def revive(self) -> None:
        """Have it run again after it ended, or is about to end, by itself."""
        while True:
            if not self.runs:
                self.start()
            try:
                self.server.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return

    def standby(self, folder: Path) -> Cluster:
        """A copy of it in an empty folder, which follows it. It is started, and confirms what this one commits."""
        copied = Cluster(folder, options=None)
        run, source = postgres.as_user(), f"host={self.server.folder} user={postgres.USER} application_name=standby"
        if run:
            folder.chmod(0o755)
            shutil.chown(folder, postgres.USER)
        copying: list[str | Path] = ["-D", copied.data, "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        command: list[str | Path] = [*run, self.server.programs / "pg_basebackup", *copying]
        subprocess.run(command, check=True, cwd=folder)
        with (copied.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"unix_socket_directories = '{folder}'\n")
        copied.start("ready to accept read-only connections")
        return copied

    def promote(self) -> None:
        """Make a standby the server that writes."""
        assert self.server.execute("SELECT pg_promote()") == [(True,)]


class Pooler:
    """PgBouncer before a server.

    Args:
        behind: the server.
        folder: an empty one.
    """

    def __init__(self, behind: Server, folder: Path) -> None:
        self.server, self._command = postgres.pooler_of(behind, folder)
        self._process = postgres.begin(self._command, folder, postgres.POOLS)

    def restart(self) -> None:
        """End it, with all of its connections, and start it anew."""
        self.stop()
        self._process = postgres.begin(self._command, self.server.folder, postgres.POOLS)

    def stop(self) -> None:
        """End it at once."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


@contextlib.contextmanager
def cluster(data: Path | None = None, *options: str | Path, settings: str = "") -> Generator[Cluster]:
    """A server that runs, for a `with` block; its data may be in a folder of the caller's."""
    with _folder() as folder:
        made = Cluster(folder, data, options=list(options), settings=settings)
        made.start()
        with _ended_at_last(made):
            yield made


@contextlib.contextmanager
def standby(primary: Cluster) -> Generator[Cluster]:
    """A server that follows another one, for a `with` block."""
    with _folder() as folder:
        made = primary.standby(folder)
        with _ended_at_last(made):
            yield made


@contextlib.contextmanager
def _ended_at_last(made: Cluster) -> Generator[None]:
    """Whoever runs it may have ended it before."""
    try:
        yield
    finally:
        if made.runs:
            made.stop(IMMEDIATE)


@contextlib.contextmanager
def pooler(behind: Server) -> Generator[Pooler]:
    """PgBouncer before a server, for a `with` block."""
    with _folder() as folder:
        made = Pooler(behind, folder)
        try:
            yield made
        finally:
            made.stop()


@contextlib.contextmanager
def small_disk(megabytes: int) -> Generator[Path | None]:
    """A disk of a size, in memory, for a `with` block; None where this process may mount none."""
    with _folder() as folder:
        mounting: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", folder]
        if os.geteuid() != 0 or subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
            yield None
            return
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


class Ballast:
    """A file that takes all the space of a disk.

    Args:
        disk: where it is to be.
    """

    def __init__(self, disk: Path) -> None:
        self._path = disk / "ballast"

    def fill(self) -> None:
        """Take what is free."""
        with self._path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    def empty(self) -> None:
        """Give all of it back."""
        self._path.unlink()


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    """A folder with a short name: the path of a socket has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="pyngest-cluster-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
