"""Keeps the socket, watches the code, and sees to it that one worker runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from inngest.cli.errors import Exit
from inngest.cli.loading import ResolvedTarget
from inngest.runtime.clock import wall_clock_ms

from .event_log import Emit
from .options import Options
from .watching import Watcher

GRACE = 15.0
"""Seconds that a worker has to end, beyond what its runs have to come to their next record."""


@dataclass
class Worker:
    """A worker process."""

    process: asyncio.subprocess.Process
    inbox: int  # where it is told to stop; closed, it stops as well
    began_at: int  # unix ms
    loaded: bool = False  # the user's code has been imported, or failed to be
    serving: bool = False
    gives_up: int | None = None  # exit code: another worker would fail as well
    told_until: int | None = None  # unix ms: until then it has told which runs were cancelled
    listening: asyncio.Task[None] | None = None
    exited: asyncio.Task[int] | None = None


@dataclass
class SupervisorSignals:
    """Requests to the supervisor from outside."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    files: dict[str, None] = field(default_factory=dict)  # that changed
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    force: asyncio.Event = field(default_factory=asyncio.Event)

    def note_change(self, files: Sequence[str]) -> None:
        """Files have changed."""
        self.files.update(dict.fromkeys(files))
        self.changed.set()

    def interrupt(self) -> None:
        """Stop; asked again, at once."""
        (self.force if self.stop.is_set() else self.stop).set()

    def take_files(self) -> list[str]:
        """The files that changed since the last time."""
        files = [_shown(file) for file in self.files]
        self.files.clear()
        self.changed.clear()
        return files


class Supervisor:
    """Runs workers one after the other.

    Args:
        options: what was asked for.
        places: where the targets are.
        sock: listens; workers inherit it, so that no connection is refused while none runs.
        emit: takes records while no worker does.
    """

    def __init__(self, options: Options, places: Sequence[ResolvedTarget], sock: socket.socket, emit: Emit) -> None:
        self._options = options
        self._roots = sorted({str(path) for place in places for path in (place.root, *_folder(place.file))})
        self._sock = sock
        self._emit = emit
        self._signals = SupervisorSignals()
        self._watcher = Watcher(self._signals.note_change, self._watch_failed)
        self._seen: dict[str, int] = {}  # modification times that have led to a reload
        self._first = True
        self._told_until: int | None = None  # unix ms: until then workers have told which runs were cancelled

    async def run(self) -> int:
        """Supervise until interrupted; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signals.interrupt)
        self._emit({"type": "loading", "targets": self._options.targets})
        await self._watcher.watch(self._roots)
        try:
            while not self._signals.stop.is_set():
                code = await self._one_life()
                if code is not None:
                    return code
        finally:
            await self._watcher.close()
        self._emit({"type": "stopped"})
        return Exit.OK

    async def _one_life(self) -> int | None:
        """One worker, from its start to its end; an exit code if it is the last."""
        worker = await self._start()
        assert worker.exited is not None
        await self._until(worker.exited, self._signals.changed, self._signals.stop)
        if worker.exited.done():
            return await self._ended(worker)
        return await self._stop(worker)

    async def _ended(self, worker: Worker) -> int | None:
        """A worker has ended without being asked."""
        await self._forget(worker)
        if worker.gives_up is not None:
            return worker.gives_up
        self._emit({"type": "worker.died", "how": _how(worker.process.returncode), "restart": worker.serving})
        if not worker.serving:
            await self._until(None, self._signals.changed, self._signals.stop)
        return None

    async def _stop(self, worker: Worker) -> int | None:
        """Let a worker come to an end, gracefully if it has begun to serve."""
        assert worker.exited is not None
        reason = "interrupted" if self._signals.stop.is_set() else "changed"
        files = self._signals.take_files()
        if worker.loaded:
            with contextlib.suppress(BrokenPipeError):  # it has just ended by itself
                os.write(worker.inbox, json.dumps({"reason": reason, "files": files}).encode() + b"\n")
        else:  # nothing of the engine has begun
            worker.process.kill()
        await self._until(worker.exited, self._signals.force, timeout=self._options.drain + GRACE)
        forced = self._signals.force.is_set()
        if not worker.exited.done():
            worker.process.kill()
            await worker.exited
            if not forced:
                self._emit({"type": "worker.died", "how": "it did not stop in time, and was killed", "restart": True})
        elif not worker.loaded:
            self._emit({"type": "stopping", "reason": reason, "files": files, "executing": []})
        await self._forget(worker)
        return Exit.INTERRUPTED if forced else None

    async def _start(self) -> Worker:
        inbox_of_worker, inbox = os.pipe()
        outbox, outbox_of_worker = os.pipe()
        descriptors = (self._sock.fileno(), inbox_of_worker, outbox_of_worker)
        began_at = wall_clock_ms()
        process = await asyncio.create_subprocess_exec(
            # -P: or a folder called `inngest` in the current one would be taken for the library
            *(sys.executable, "-P", "-m", "inngest.cli.dev.worker"),
            self._options.to_json(),
            *map(str, descriptors),
            "first" if self._first else "again",
            "" if self._told_until is None else str(self._told_until),
            pass_fds=descriptors,
        )
        self._first = False
        os.close(inbox_of_worker)
        os.close(outbox_of_worker)
        worker = Worker(process, inbox, began_at)
        worker.exited = asyncio.ensure_future(process.wait())
        worker.listening = asyncio.ensure_future(self._listen(worker, outbox))
        return worker

    async def _listen(self, worker: Worker, outbox: int) -> None:
        """Reads the worker's messages."""
        reader = asyncio.StreamReader(limit=2**24)
        with os.fdopen(outbox, "rb", buffering=0) as pipe:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
            assert worker.exited is not None
            worker.exited.add_done_callback(lambda _: _read_to_its_end(transport, pipe, reader))
            async for line in reader:
                if not line.endswith(b"\n"):
                    break  # it was killed while it said this
                message = json.loads(line)
                worker.loaded = True
                worker.serving = worker.serving or message.get("serving", False)
                worker.gives_up = message.get("give_up", worker.gives_up)
                worker.told_until = message.get("told_until", worker.told_until)
                if "files" in message:
                    await self._watch(message["files"], worker.began_at)

    async def _watch(self, files: Sequence[str], since: int) -> None:
        """Watch the folders of what is loaded; what changed before that was noticed too, if it was while it loaded."""
        await self._watcher.watch({*self._roots, *(str(Path(file).parent) for file in files)})
        late = {file: time for file in files if (time := _modified(file)) > since and self._seen.get(file) != time}
        if late:
            self._seen.update(late)
            self._signals.note_change(list(late))

    def _watch_failed(self, error: Exception) -> None:
        text = f"changes of the code are not noticed: {error} (WATCHFILES_FORCE_POLLING=1 may help)"
        self._emit({"type": "log", "level": "warning", "logger": "inngest.dev", "message": text, "report": None})

    async def _forget(self, worker: Worker) -> None:
        """Clear up after a worker that has ended; hear its last words."""
        os.close(worker.inbox)
        if worker.listening is not None:
            await worker.listening
        if worker.serving:  # else nobody was told anything since the one before it
            self._told_until = worker.told_until or wall_clock_ms()

    async def _until(
        self, exited: asyncio.Task[int] | None, *events: asyncio.Event, timeout: float | None = None
    ) -> None:
        """Until a worker exits, or an event comes."""
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(
                [*waits, *([exited] if exited else [])], timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()


def _read_to_its_end(transport: asyncio.ReadTransport, pipe: FileIO, reader: asyncio.StreamReader) -> None:
    """Take what a worker said before it exited. That is all, even if something that it started keeps the pipe open."""
    if transport.is_closing():
        return
    while said := pipe.read(2**16):
        reader.feed_data(said)
    transport.close()


def _how(code: int | None) -> str:
    """How a process ended."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _folder(file: Path | None) -> tuple[Path, ...]:
    return () if file is None else (file.parent,)


def _modified(file: str) -> int:
    """When a file was written last, in unix ms; 0 if it is gone."""
    try:
        return Path(file).stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0


def _shown(file: str) -> str:
    """A path as short as it can be said here."""
    return os.path.relpath(file) if Path(file).is_relative_to(Path.cwd()) else file
