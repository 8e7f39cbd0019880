"""HTTP with connections that are kept for the next request, by event loop, on aiohttp.

It is for code that knows only the loop on which it runs, and is not told when that ends.

A session belongs to a loop. It is held by an asynchronous generator, which the loop closes at its end.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

from inngest.protocol.http import LOOPBACK, HttpError, HttpRequest, HttpResponse

from .http import KEEP_ALIVE, body_of

CONNECT = 10.0
"""Seconds until a connection is there."""


class KeptHttp:
    """Makes requests with aiohttp, which is imported for the first one."""

    def __init__(self) -> None:
        # By loop: the sessions, by whether they are for this machine, with the generators that hold them.
        self._sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, tuple[Any, Any]]]
        self._sessions = weakref.WeakKeyDictionary()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer, whatever its status.

        Raises:
            HttpError: there is none, within the request's timeout or at all.
        """
        import aiohttp  # noqa: PLC0415 - a process that serves nothing makes no such request

        session = await self._session(request.url)
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
                    told = f"the answer has more than {request.limit:,} bytes, the most that is read"
                    raise HttpError(told, retriable=False)
                headers = [(name, value) for name, value in response.headers.items()]
                return HttpResponse(response.status, headers, content, str(response.url))
        except (aiohttp.InvalidURL, aiohttp.TooManyRedirects) as error:
            raise HttpError(_told(error), retriable=False) from error
        except TimeoutError as error:
            raise HttpError(f"no answer within {request.timeout:,} ms") from error
        except (aiohttp.ClientError, OSError) as error:
            raise HttpError(_told(error)) from error

    async def close(self) -> None:
        """Close the sessions of this loop."""
        for _, holder in self._sessions.pop(asyncio.get_running_loop(), {}).values():
            await holder.aclose()

    async def _session(self, url: str) -> Any:
        """A server on this machine is not asked for through a proxy."""
        local = urlsplit(url).hostname in LOOPBACK
        sessions = self._sessions.setdefault(asyncio.get_running_loop(), {})
        if local not in sessions:
            holder = _holding(local)
            sessions[local] = await anext(holder), holder
        return sessions[local][0]


async def _holding(local: bool) -> AsyncGenerator[Any]:
    """A session, until the generator is closed: by its owner, or with the loop."""
    import aiohttp  # noqa: PLC0415 - see above

    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE)
    async with aiohttp.ClientSession(
        connector=connector, trust_env=not local, cookie_jar=aiohttp.DummyCookieJar()
    ) as it:
        yield it


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
