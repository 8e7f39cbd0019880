"""Answers as JSON.

A file of its own: the app and what guards it both answer so.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inngest.protocol import codec

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


async def client_left(request: Request) -> None:
    """Wait until nobody hears the answer any more: the client of a request, whose body was read, has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
