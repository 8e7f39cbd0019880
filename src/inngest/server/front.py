"""The root of the server, for whoever looks where it leads: its name, and the paths that there are."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from inngest.protocol.headers import VERSION

from .answers import Json

NAME: Final = "Pyngest"

PATHS: Final[Mapping[str, str]] = {
    "/health": "whether it answers",
    "/ready": "whether it takes work",
    "/e/{event key}": "takes events by POST",
    "/invoke/{function id}": "starts a function by POST",
    "/fn/register": "apps register here by POST",
    "/v1/events": "REST API, version 1",
    "/v2/runs": "REST API, version 2",
    "/v2/openapi.json": "all paths, as an OpenAPI document",
}

PAGES: Final[Mapping[str, str]] = {
    "docs/reference/event-api.md": "events",
    "docs/reference/rest-api.md": "runs, apps and functions",
    "docs/reference/cli.md": "the same on the command line",
    "docs/howto/serve.md": "serving functions to a server",
}
"""Pages of the documentation."""


def front(kind: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler of the root.

    Args:
        kind: of the server, "dev" or "cloud".
    """

    async def root(request: Request) -> Response:
        """The server: its version, and its paths. As a page for browsers."""
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_page(kind))
        return Json({"name": NAME, "version": VERSION, "kind": kind, "paths": PATHS, "documentation": PAGES})

    return root


def _page(kind: str) -> str:
    what = "a development server" if kind == "dev" else "a server"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{NAME}</title>'
        f"<h1>{NAME} {html.escape(VERSION)}</h1><p>This is {what}.</p>"
        f"<h2>Paths</h2><ul>{_listed(PATHS)}</ul><h2>Documentation</h2><ul>{_listed(PAGES)}</ul></html>"
    )


def _listed(names: Mapping[str, str]) -> str:
    return "".join(f"<li><code>{html.escape(name)}</code>: {html.escape(text)}</li>" for name, text in names.items())
