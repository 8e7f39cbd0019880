"""HTTP with connections that are kept for the next request, by event loop: plain POST by `plain_http`, else on aiohttp.

It is for code that knows only the loop on which it runs, and is not told when that ends.

Connections belong to a loop. They are held by an asynchronous generator, which the loop closes at its end.
"""

from __future__ import annotations

import asyncio
import urllib.request
import weakref
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from inngest.protocol.http import LOOPBACK, HttpError, HttpRequest, HttpResponse, without_tls

from .egress import Egress
from .http import KEEP_ALIVE, body_of, header_text

CONNECT = 10.0
"""Seconds until a connection is there."""


class KeptHttp:
    """Makes requests. The libraries that they need are imported for the first one."""

    def __init__(self) -> None:
        # By loop: aiohttp's sessions, by whether they are for this machine, and None: plain connections; with the
        # generators that hold them.
        self._held: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool | None, tuple[Any, Any]]]
        self._held = weakref.WeakKeyDictionary()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer, whatever its status.

        Raises:
            HttpError: there is none, within the request's timeout or at all.
        """
        import aiohttp  # noqa: PLC0415 - a process that serves nothing makes no such request

        if request.method == "POST" and request.content and not request.redirects:
            plain = await self._of_loop(None)
            if (place := plain.place(request.url)) is not None:
                return await _sent_plainly(plain, place, request, request.content)
        # A server on this machine is not asked for through a proxy.
        session = await self._of_loop(urlsplit(request.url).hostname in LOOPBACK)
        try:
            async with session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=request.content,
                allow_redirects=request.redirects,
                timeout=aiohttp.ClientTimeout(total=request.timeout / 1000, sock_connect=CONNECT),
            ) as response:
                content = await body_of(response, request.limit)
                if content is None:
                    raise HttpError(_too_large(request.limit), retriable=False)
                headers = [(name, value) for name, value in response.headers.items()]
                return HttpResponse(response.status, headers, content, str(response.url))
        except (aiohttp.InvalidURL, aiohttp.TooManyRedirects) as error:
            raise HttpError(_told(error), retriable=False) from error
        except TimeoutError as error:
            raise HttpError(f"no answer within {request.timeout:,} ms") from error
        except (aiohttp.ClientError, OSError) as error:
            parts = urlsplit(request.url)
            raise HttpError(without_tls(error, parts.hostname or "", parts.port) or _told(error)) from error

    async def close(self) -> None:
        """Close the connections of this loop."""
        for _, holder in self._held.pop(asyncio.get_running_loop(), {}).values():
            await holder.aclose()

    async def _of_loop(self, kind: bool | None) -> Any:
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            forget_closed(self._held)  # they hold their loop, and would stay with it
            held = self._held[loop] = {}
        if kind not in held:
            holder = _holding_plain() if kind is None else _holding(kind)
            held[kind] = await anext(holder), holder
        return held[kind][0]


async def _sent_plainly(plain: Any, place: Any, request: HttpRequest, content: bytes) -> HttpResponse:
    """The answer to a plain request.

    Raises:
        HttpError: there is none.
    """
    from .plain_http import TooLargeError, Unreachable  # noqa: PLC0415 - `plain` is there, so it is loaded

    seconds = request.timeout / 1000
    over: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def told(answer: Any) -> None:
        if not over.done():
            over.set_result(answer)

    line = None
    try:
        line = await plain.line(place, min(CONNECT, seconds))
        line.ask(place, request.headers, content, told, total=seconds, limit=request.limit)
        answer = await over
    except (Unreachable, ValueError) as error:
        raise HttpError(str(error)) from error
    finally:
        if line is not None and not over.done():
            line.hang_up()
    if isinstance(answer, TooLargeError):
        raise HttpError(_too_large(request.limit), retriable=False)
    if isinstance(answer, TimeoutError):
        raise HttpError(f"no answer within {request.timeout:,} ms")
    if isinstance(answer, Exception):
        raise HttpError(_told(answer)) from answer
    headers = [(header_text(name), header_text(value)) for name, value in answer.headers]
    return HttpResponse(answer.status, headers, answer.body, request.url)


async def _holding_plain() -> AsyncGenerator[Any]:
    """Plain connections, until the generator is closed."""
    from .plain_http import PlainHttp  # noqa: PLC0415 - see above

    plain = PlainHttp(Egress(), keep_alive=KEEP_ALIVE, proxies=bool(urllib.request.getproxies()))
    try:
        yield plain
    finally:
        plain.close()


def forget_closed(parts: MutableMapping[asyncio.AbstractEventLoop, Any]) -> None:
    """Drop the parts of loops that are closed.

    Args:
        parts: by loop.
    """
    for loop in [loop for loop in list(parts) if loop.is_closed()]:
        parts.pop(loop, None)


async def _holding(local: bool) -> AsyncGenerator[Any]:
    """A session, until the generator is closed: by its owner, or with the loop."""
    import aiohttp  # noqa: PLC0415 - see above

    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE)
    async with aiohttp.ClientSession(
        connector=connector, trust_env=not local, cookie_jar=aiohttp.DummyCookieJar()
    ) as it:
        yield it


def _too_large(limit: int) -> str:
    return f"the answer has more than {limit:,} bytes, the most that is read"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
