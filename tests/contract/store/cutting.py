"""A proxy before a PostgreSQL server, which cuts a connection when something is asked: a COMMIT, most of the time."""

from __future__ import annotations

import contextlib
import enum
import shutil
import socket
import tempfile
import threading
from pathlib import Path

from tests.postgres import Server


class Cut(enum.Enum):
    """Where a connection is cut."""

    BEFORE = "before the server has got it"
    DURING = "while the server does it"
    AFTER = "after the server has done it, and before its client hears of that"


class Proxy:
    """Takes connections, and passes on what they say.

    Args:
        behind: the server.

    Attributes:
        server: as it is reached through the proxy.
        cuts: how many connections it has cut.
    """

    def __init__(self, behind: Server) -> None:
        self._behind = str(behind.folder / f".s.PGSQL.{behind.port}")
        folder = Path(tempfile.mkdtemp(prefix="pyngest-proxy-"))
        self.server = Server(folder, behind.programs)
        self.cuts = 0
        self._plan: tuple[Cut, bytes] | None = None
        self._lock = threading.Lock()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        threading.Thread(target=self._take, daemon=True).start()

    def arm(self, how: Cut, at: bytes) -> None:
        """Cut the next connection that says this."""
        self._plan = how, at

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()
        shutil.rmtree(self.server.folder)

    def _take(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._behind)
            answered = threading.Event()  # the client hears nothing from now on
            for passing in (self._ask, self._answer):
                threading.Thread(target=passing, args=(client, server, answered), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while said := client.recv(65_536):
                how = self._planned(said)
                if how is Cut.BEFORE:
                    break
                if how is not None:
                    deaf.set()
                server.sendall(said)
                if how is Cut.DURING:
                    _end(client)
                    return  # the server's side stays: it must not notice
        if not deaf.is_set():
            _end(client)
            _end(server)

    def _answer(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while said := server.recv(65_536):
                if deaf.is_set():
                    break
                client.sendall(said)
        _end(client)
        _end(server)

    def _planned(self, said: bytes) -> Cut | None:
        with self._lock:
            if self._plan is None or self._plan[1] not in said:
                return None
            how, self._plan = self._plan[0], None
            self.cuts += 1
            return how


def _end(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
