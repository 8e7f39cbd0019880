"""Answers as JSON.

A file of its own: the app and what guards it both answer so.
"""

from __future__ import annotations

from starlette.responses import JSONResponse

from inngest.protocol import codec


class Json(JSONResponse):
    """JSON with any text in it: halves of surrogate pairs, which UTF-8 has not, stand as escapes."""

    def render(self, content: object) -> bytes:
        """The body."""
        return codec.dumps(content).encode()
