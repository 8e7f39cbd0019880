"""HTTP/1.1 for uvicorn, on httptools, with bounds for the heads of requests: uvicorn has none.

A client that connects and says nothing, or says a line now and then, would hold its connection for ever; and a head
without end would be kept in memory to its end.
"""

from __future__ import annotations

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inngest.runtime import clock

from .bounds import MAX_HEAD

HEAD_TIME = 10.0
"""Seconds in which a head has to come, from when its connection is made, or from its first byte."""

_PHRASES = {408: "Request Timeout", 431: "Request Header Fields Too Large"}


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    head_time = HEAD_TIME

    _in_head = True
    _head = 0  # bytes of the head that is coming, as far as they came alone
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """It says something."""
        self._head += len(data) if self._in_head else 0
        super().data_received(data)
        if self._head and self._waiting is None:  # most heads come whole, and need no timer
            self._wait()
        if self._in_head and self._head > MAX_HEAD:  # if a request ended with these bytes, they were no head alone
            self._refuse(431, f"the head of the request has more than {MAX_HEAD:,} bytes")

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._in_head, self._head = False, 0
        self._wait_no_more()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is whole; the next one may come."""
        self._in_head, self._head = True, 0
        super().on_message_complete()

    def _wait(self) -> None:
        self._waiting = clock.after(self.head_time, self._late)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _late(self) -> None:
        self._waiting = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait()  # it is not read while the request before it is answered
        else:
            self._refuse(408, f"no whole request came within {self.head_time:g} s")

    def _refuse(self, status: int, text: str) -> None:
        self._wait_no_more()
        if self.transport.is_closing():
            return
        body = json.dumps({"error": text, "status": status}).encode()
        head = f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()
