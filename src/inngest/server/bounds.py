"""The most that a request may have, and the longest that its body may take: beyond that it is refused with a 4xx."""

from __future__ import annotations

import functools
import types
from collections.abc import Generator
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inngest.protocol import limits
from inngest.runtime import clock

from .answers import Json

MAX_HEAD: Final = 64 * 1024
"""Bytes of all headers and of the path."""

MAX_EVENTS_BODY: Final = 64 * limits.MB
"""Bytes of a request that sends events; an event may have 3 MB."""

MAX_BODY: Final = 8 * limits.MB
"""Bytes of any other request."""

BODY_TIME: Final = 60.0
"""Seconds in which a body has to come."""

_CLOSE = {"connection": "close"}  # what is left of the body is nobody's


class Bounds:
    """Refuses what is too large, and what takes too long.

    Args:
        app: what is guarded.
        body_time: seconds in which a body has to come.
    """

    def __init__(self, app: ASGIApp, body_time: float = BODY_TIME) -> None:
        self._app = app
        self._body_time = body_time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        size += len(scope.get("raw_path") or scope["path"]) + len(scope.get("query_string", b""))
        limit = _limit_of(scope["path"].removeprefix(scope.get("root_path", "")))
        if size > MAX_HEAD:
            refused = _refused(431, f"the headers and the path have {size:,} bytes: at most {MAX_HEAD:,} are read")
        elif not scope.get("query_string", b"").isascii():
            refused = _refused(400, "the query is not ASCII: write other characters as %XX")
        elif _length(scope) > limit:
            refused = _refused(413, _too_large(limit))
        else:
            await self._app(scope, _Body(receive, limit, self._body_time).receive, send)
            return
        await refused(scope, receive, send)


class _Body:
    """Counts what comes, and measures how long it takes."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._size = 0
        self._until: float | None = None  # by the monotonic clock, from when it is first asked for
        self._ended = False

    async def receive(self) -> Message:
        """The next part.

        Raises:
            HTTPException: it is too large, or does not come.
        """
        if self._ended:
            return await self._receive()
        if self._until is None:
            self._until = clock.monotonic() + self._seconds
        message = await self._part(self._until)
        self._size += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._size > self._limit:
            raise HTTPException(413, _too_large(self._limit), headers=_CLOSE)
        return message

    async def _part(self, until: float) -> Message:
        """The next part. Most have come by now, and need no timer."""
        receiving = self._receive().__await__()
        try:
            waits = next(receiving)
        except StopIteration as come:
            return come.value  # type: ignore[no-any-return]
        try:
            async with clock.until(until):
                return await _rest(receiving, waits)
        except TimeoutError:
            text = f"the body did not come within {self._seconds:g} s"
            raise HTTPException(408, text, headers=_CLOSE) from None


@types.coroutine
def _rest(begun: Generator[Any, Any, Message], waits: object) -> Generator[Any, Any, Message]:
    """Go on with something that has been begun, and waits."""
    while True:
        resume = functools.partial(begun.send, None)
        try:
            yield waits
        except BaseException as error:  # such as that the time is over
            resume = functools.partial(begun.throw, error)
        try:
            waits = resume()
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]


def _limit_of(path: str) -> int:
    return MAX_EVENTS_BODY if path.startswith("/e/") else MAX_BODY


def _length(scope: Scope) -> int:
    text = Headers(scope=scope).get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _too_large(limit: int) -> str:
    hint = ": send fewer events in one request" if limit == MAX_EVENTS_BODY else ""
    return f"the body is over {limit:,} bytes{hint}"


def _refused(status: int, text: str) -> ASGIApp:
    return Json({"error": text, "status": status}, status, headers=_CLOSE)
