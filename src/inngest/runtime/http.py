"""The real HttpClient, on httpx."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from inngest.protocol.http import LOOPBACK, HttpError, HttpRequest, HttpResponse

KEPT = 20
"""Connections that are kept open for the next request, each way."""


class HttpxClient:
    """Makes requests with httpx, which is imported for the first one. Connections are kept and shared."""

    def __init__(self) -> None:
        self._clients: dict[bool, Any] = {}  # by whether they are for this machine

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer, whatever its status."""
        import httpx  # noqa: PLC0415 - most workers make no request

        try:
            async with self._client(request.url).stream(
                request.method,
                request.url,
                headers=dict(request.headers),
                content=request.content,
                follow_redirects=request.redirects,
            ) as response:
                content = await _read(response, request.limit)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects, httpx.DecodingError) as error:
            raise HttpError(_told(error), retriable=False) from error
        except httpx.RequestError as error:
            raise HttpError(_told(error)) from error
        return HttpResponse(response.status_code, list(response.headers.multi_items()), content, str(response.url))

    async def close(self) -> None:
        """Close all connections."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    def _client(self, url: str) -> Any:
        """A server on this machine is not asked for through a proxy. The engine's clock keeps the time limits."""
        import httpx  # noqa: PLC0415 - see above

        local = urlsplit(url).hostname in LOOPBACK
        client = self._clients.get(local)
        if client is None:
            # How many there are at a time is the engine's affair: none may wait here for one that is slow.
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT)
            client = self._clients[local] = httpx.AsyncClient(timeout=None, trust_env=not local, limits=limits)
        return client


async def _read(response: Any, limit: int) -> bytes:
    """The body, unpacked; what is too large is not read to its end."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > limit:
            raise HttpError(f"the answer has more than {limit:,} bytes, the most that a step may get", retriable=False)
        parts.append(part)
    return b"".join(parts)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
