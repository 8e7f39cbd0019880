"""Answers as JSON."""

from __future__ import annotations

from starlette.responses import JSONResponse

from inngest.protocol import codec


class Json(JSONResponse):
    """JSON with any text in it: halves of surrogate pairs, which UTF-8 has not, stand as escapes."""

    def render(self, content: object) -> bytes:
        """The body."""
        return codec.dumps(content).encode()
