"""Commands that log JSON, such as `inngest start`, as processes: what a test starts, and what it logs."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .processes import INNGEST, PATIENCE, environment

SIGNING = "00112233445566778899aabbccddeeff"
KEYS = {"INNGEST_SIGNING_KEY": SIGNING, "INNGEST_EVENT_KEY": "web:event-key"}


class Logged:
    """A command that logs JSON on its error output: its log lines as they come."""

    def __init__(self, folder: Path, *arguments: str, before: Sequence[str] = (), **env: str) -> None:
        self.process = subprocess.Popen(
            [*before, INNGEST, *arguments, "--json"],
            cwd=folder,
            env=environment(**env),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._heard.put(line)
        self._heard.put(None)

    def until(self, text: str) -> str:
        """The next message with a text."""
        while True:
            line = self._heard.get(timeout=PATIENCE)
            assert line is not None, f"it ended before it said {text!r}: {self.lines}"
            self.lines.append(line)
            message = str(json.loads(line)["message"])
            if text in message:
                return message

    def close(self) -> None:
        """Read what it said to the end."""
        self._listener.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


class Started(Logged):
    """`inngest start` on a free port."""

    def __init__(self, folder: Path, *arguments: str, before: Sequence[str] = (), **env: str) -> None:
        super().__init__(folder, "start", "--port", "0", *arguments, before=before, **{**KEYS, **env})
        self.url = self.until("serving at ").removeprefix("serving at ").partition(";")[0]


@contextmanager
def started(folder: Path, *arguments: str, before: Sequence[str] = (), **env: str) -> Generator[Started]:
    server = Started(folder, *arguments, before=before, **env)
    try:
        yield server
    finally:
        server.process.kill()
        server.close()
