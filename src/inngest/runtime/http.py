"""The real HttpClient, on aiohttp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.requests import SENSITIVE

from .egress import Egress, EgressError

KEEP_ALIVE = 3.0
"""Seconds that an idle connection is kept: servers close theirs after 5 s and more, and no request must meet that."""

MAX_REDIRECTS = 20
SHORT = 64 * 1024
"""Bytes of a redirect's body that are read for the sake of the connection."""

REDIRECTS = (301, 302, 303, 307, 308)

_AS_GET = {303: ("HEAD",), 302: ("HEAD",)}
"""Redirects that are followed with GET and no body, except for these methods."""

_BODY_HEADERS = ("content-length", "content-type", "content-encoding", "transfer-encoding")


class AiohttpClient:
    """Makes requests with aiohttp, which is imported for the first one. Connections are kept and shared.

    Args:
        egress: the hosts that may be called. The policy is asked for each connection, and so for each redirect.
    """

    def __init__(self, egress: Egress | None = None) -> None:
        self._egress = Egress() if egress is None else egress
        self._made: Any = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer, whatever its status."""
        import aiohttp  # noqa: PLC0415 - most workers make no request

        from .connections import Lost, reason  # noqa: PLC0415 - loads aiohttp

        try:
            return await self._follow(request)
        except EgressError as error:
            raise HttpError(str(error), retriable=False) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise HttpError(reason(error), retriable=False) from error
        except aiohttp.ClientPayloadError as error:
            # aiohttp says only in words what is wrong with a body
            raise HttpError(reason(error), retriable="decode content-encoding" not in str(error)) from error
        except (aiohttp.ClientError, Lost, OSError) as error:
            raise HttpError(reason(error)) from error

    async def close(self) -> None:
        """Close all connections."""
        made, self._made = self._made, None
        if made is not None:
            await made.close()

    async def _follow(self, request: HttpRequest) -> HttpResponse:
        """The answer at the end of all redirects."""
        from yarl import URL  # noqa: PLC0415 - see above

        method, url, headers, content = request.method.upper(), request.url, dict(request.headers), request.content
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._connections().request(method, URL(url), headers, content)
            try:
                there = redirected(response, str(response.url)) if request.redirects else None
                if there is None:
                    return await _read(response, request.limit)
                if response.content_length is not None and response.content_length <= SHORT:
                    await response.read()
            finally:
                response.close()  # a connection whose answer was read to its end is kept nevertheless
            if not there.startswith(("http://", "https://")):
                raise HttpError(f"it was redirected to {there[:200]!r}, which is no http or https URL", retriable=False)
            if method not in _AS_GET.get(response.status, (method,)) or (response.status, method) == (301, "POST"):
                method, content = "GET", None
                headers = _without(headers, _BODY_HEADERS)
            if URL(there).origin() != response.url.origin():
                headers = {name: value for name, value in headers.items() if not SENSITIVE.search(name)}
                headers = _without(headers, ("host",))
            url = there
        raise HttpError(f"it was redirected more than {MAX_REDIRECTS} times", retriable=False)

    def _connections(self) -> Any:
        if self._made is None:
            from .connections import Connections  # noqa: PLC0415 - see above

            self._made = Connections(self._egress, keep_alive=KEEP_ALIVE)
        return self._made


def redirected(response: Any, url: str) -> str | None:
    """The absolute URL to which the answer of a URL leads; None if it leads nowhere."""
    location = response.headers.get("location")
    if location is None or response.status not in REDIRECTS:
        return None
    return urljoin(url, str(location))


async def _read(response: Any, limit: int) -> HttpResponse:
    """The answer, its body unpacked."""
    content = await body_of(response, limit)
    if content is None:
        raise HttpError(f"the answer has more than {limit:,} bytes, the most that a step may get", retriable=False)
    headers = [(header_text(name), header_text(value)) for name, value in response.raw_headers]
    return HttpResponse(response.status, headers, content, str(response.url))


async def body_of(response: Any, limit: int) -> bytes | None:
    """The body of an answer; None if it has more bytes than may be read. It is not read to its end then."""
    _watch(response)
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


def _watch(response: Any) -> None:
    """Have whoever reads the body hear that its connection is lost.

    aiohttp tells nobody if what came last was no HTTP, such as a chunk with a wrong end: its reader would wait on.
    """
    import aiohttp  # noqa: PLC0415 - a response is there, so it is loaded

    content, connection = response.content, response.connection
    if connection is None:
        return  # all of it has come

    def lost(closed: Any) -> None:
        if closed is not None and not closed.cancelled():
            closed.exception()  # it is told below
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection was lost before the end of the body"))

    closed = None if connection.protocol is None else connection.protocol.closed
    if closed is None:
        lost(None)
    else:
        closed.add_done_callback(lost)


def _without(headers: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}


def header_text(header: bytes) -> str:
    """A part of a header: UTF-8 if it is that, else Latin-1."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
