"""A relay between what drives an app and the app: how long the driving side takes from an answer to its next call.

It tells by the bytes that pass, so that what HTTP costs the app is not in it. `python -m benchmarks.served.relay URL`
reads requests, one JSON object a line: {"taken": N} has it tell what it has noted since the one before.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

PIECE = 1 << 20
"""Bytes that are passed on at a time."""


class Relay:
    """Passes bytes on. It is made for one run at a time, whose calls follow each other.

    Args:
        url: of the app.
    """

    def __init__(self, url: str) -> None:
        found = urlsplit(url)
        self._app = (str(found.hostname), found.port or 80)
        self._answered_at: float | None = None  # seconds of the monotonic clock, until the next call has come
        self._gaps: list[float] = []
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=512)

    def take(self) -> list[float]:
        """Seconds between the end of each answer and the call that followed; they are forgotten here."""
        gaps, self._gaps, self._answered_at = self._gaps, [], None
        return gaps

    def accept(self) -> None:
        """Take connections until the process ends."""
        while True:
            caller, _ = self.listening.accept()
            app = socket.create_connection(self._app)
            for end in (caller, app):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass, args=(caller, app, self._called), daemon=True).start()
            threading.Thread(target=self._pass, args=(app, caller, self._answered), daemon=True).start()

    def _pass(self, come: socket.socket, go: socket.socket, note: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            while piece := come.recv(PIECE):
                note()
                go.sendall(piece)
        for end in (come, go):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _called(self) -> None:
        answered_at, self._answered_at = self._answered_at, None
        if answered_at is not None:
            self._gaps.append(time.monotonic() - answered_at)

    def _answered(self) -> None:
        self._answered_at = time.monotonic()


def main() -> None:
    """Relay until there are no more requests."""
    relay = Relay(sys.argv[1])
    threading.Thread(target=relay.accept, daemon=True).start()
    _say({"url": f"http://127.0.0.1:{relay.listening.getsockname()[1]}", "pid": os.getpid()})
    for line in sys.stdin:
        _say({**json.loads(line), "gaps": relay.take()})


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
