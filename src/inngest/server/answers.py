"""Answers as JSON, and those that wait for the end of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inngest.embedded.host import EngineHost
from inngest.protocol import codec

T = TypeVar("T")

LOOK: Final = 0.5
"""Seconds between two looks whether the server is about to stop: it closes connections shortly after."""

BY_API = "cancelled by a request"
"""The reason of runs that are cancelled over HTTP."""


class Json(JSONResponse):
    """JSON with any text in it: halves of surrogate pairs, which UTF-8 has not, stand as escapes."""

    def render(self, content: object) -> bytes:
        """The body."""
        return codec.dumps(content).encode()


def refusal(text: str, status: int) -> Response:
    """The answer of the first API to what it cannot do."""
    return Json({"error": text, "data": None, "status": status}, status)


async def result_of(host: EngineHost, request: Request, waiting: Awaitable[T]) -> T | None:
    """Wait for something that an answer tells; None if that is over before.

    That is so if the client of the request has left, or the server is about to stop.

    Args:
        host: the engine.
        request: whose body was read.
        waiting: for the end of a run, with a time when that is given up. It is cancelled with the wait.

    Raises:
        Exception: as the wait raises it.
    """
    end, left = asyncio.ensure_future(waiting), asyncio.ensure_future(_client_left(request))
    try:
        while host.is_ready and not end.done() and not left.done():
            await asyncio.wait([end, left], timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
        return end.result() if end.done() else None
    finally:
        for one in (end, left):
            one.cancel()
        await asyncio.gather(end, left, return_exceptions=True)


async def _client_left(request: Request) -> None:
    """Wait until nobody hears the answer any more: the client of a request, whose body was read, has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
