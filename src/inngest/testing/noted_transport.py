"""A transport of httpx that tells what it was asked to change: that of `Ledger.http`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import cast

import httpx

_CHANGES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_SAME_AGAIN = frozenset(("PUT", "DELETE"))
"""Requests that HTTP itself takes for one, as often as they come."""


class NotedTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """For clients and for async clients, as far as the transport that answers is.

    Args:
        transport: answers.
        note: is told of each request that changes something and has an answer: method and URL, its key, nothing more.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport,
        note: Callable[[str, str | None, Mapping[str, object]], object],
    ) -> None:
        self._transport = transport
        self._note = note

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        body = request.read()
        response = cast("httpx.BaseTransport", self._transport).handle_request(request)
        self._noted(request, body)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        body = await request.aread()
        response = await cast("httpx.AsyncBaseTransport", self._transport).handle_async_request(request)
        self._noted(request, body)
        return response

    def _noted(self, request: httpx.Request, body: bytes) -> None:
        if request.method not in _CHANGES:
            return
        key = request.headers.get("idempotency-key")
        if key is None and request.method in _SAME_AGAIN:
            key = hashlib.sha256(body).hexdigest()
        self._note(f"{request.method} {request.url}", key, {})

    def close(self) -> None:
        """See httpx."""
        if isinstance(self._transport, httpx.BaseTransport):
            self._transport.close()

    async def aclose(self) -> None:
        """See httpx."""
        if isinstance(self._transport, httpx.AsyncBaseTransport):
            await self._transport.aclose()
