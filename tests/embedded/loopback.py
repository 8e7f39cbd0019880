"""Real HTTP servers on loopback, in a thread.

A file of its own: tests of several pages serve by it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Silent:
    """A handler that tells nobody what came."""

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], release: Callable[[], None]) -> Generator[str]:
    """Run a server; its URL. `release` lets go of the requests that it holds, before it is stopped."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        release()
        server.shutdown()
        thread.join()
        server.server_close()
