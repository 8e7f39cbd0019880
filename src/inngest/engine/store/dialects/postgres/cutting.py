"""Connections that can be cut: a server that was stopped, and not closed, never answers, nor does it hang up.

A thread that waits for such an answer waits in the driver, for its socket. Once that is shut down, it finds the end of
it, and raises as if the server had gone.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

import psycopg

from inngest.engine.errors import StoreBusyError, StoreClosedError

C = TypeVar("C", bound=psycopg.Connection[Any])


class Connections:
    """All connections of one database in this process.

    Args:
        name: of the database, for people.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: weakref.WeakSet[psycopg.Connection[Any]] = weakref.WeakSet()
        self._opening: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._cut = False

    def open(self, connect: Callable[[], C]) -> C:
        """Open another one. It is done in a thread of its own: the driver cannot be kept from waiting for its server.

        Raises:
            StoreClosedError: they were cut, before or meanwhile.
            StoreBusyError: this process has no descriptor, thread or memory left for it.
            psycopg.Error: it cannot be opened.
        """
        future: Future[C] = Future()
        with self._lock:
            self._check()
            self._opening.add(future)
        try:
            threading.Thread(target=self._connect, args=(connect, future), name="inngest-connect", daemon=True).start()
            return future.result()
        except CancelledError:
            self._check()
            raise
        except (OSError, RuntimeError, MemoryError) as error:
            with self._lock:
                self._opening.discard(future)
            raise StoreBusyError(
                f"{self._name} cannot be reached ({error}): this process has no descriptor, thread or memory left for "
                "a connection; raise its limits (ulimit -n, ulimit -u)"
            ) from error

    def _connect(self, connect: Callable[[], C], future: Future[C]) -> None:
        try:
            connection = connect()
        except BaseException as error:
            with self._lock:
                self._opening.discard(future)
                if not future.cancelled():
                    future.set_exception(error)
            return
        with self._lock:
            self._opening.discard(future)
            if not self._cut:
                self._open.add(connection)
                future.set_result(connection)
                return
        connection.close()

    def _check(self) -> None:
        if self._cut:
            raise StoreClosedError(
                f"{self._name} did not answer when the engine stopped: nothing is asked of it any more"
            )

    def cut(self) -> None:
        """Cut all, and have none opened any more."""
        with self._lock:
            self._cut = True
            connections = list(self._open)
            for future in self._opening:
                future.cancel()
        for connection in connections:
            with contextlib.suppress(OSError, psycopg.Error):  # it is closed, or was cut by the other side
                _shut_down(connection)


def _shut_down(connection: psycopg.Connection[Any]) -> None:
    number = connection.fileno()
    with socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM) as same:  # shutting down asks for no family
        if connection.fileno() == number:  # else its thread has closed it, and the number may be of another file
            same.shutdown(socket.SHUT_RDWR)
