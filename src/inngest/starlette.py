"""Serve functions in a Starlette application, or beside any other ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from typing_extensions import Unpack

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Stream
from inngest.sdk.serving.settings import StreamingOptions, resolve

try:
    from starlette import applications, requests, responses, routing
except ImportError as error:
    raise ImportError("inngest.starlette needs Starlette: pip install starlette", name="starlette") from error

__all__ = ["endpoint", "serve"]

FRAMEWORK = "starlette"
METHODS = ("GET", "POST", "PUT")

Endpoint = Callable[[requests.Request], Awaitable[responses.Response]]


def serve(
    app: applications.Starlette,
    client: Inngest,
    functions: Sequence[Function[object]],
    **options: Unpack[StreamingOptions],
) -> None:
    """Serve functions at a path of an application, by default `/api/inngest`.

    Args:
        app: that gets the route.
        client: whose settings and keys hold.
        functions: what is served.
        options: see `inngest.sdk.serving.settings.StreamingOptions`.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        URLInvalidError: an origin has no domain or port.
    """
    handler = Handler(client, functions, FRAMEWORK, resolve(options, streams=True))
    app.router.routes.append(routing.Route(handler.path, answering(handler), methods=METHODS))


def endpoint(
    client: Inngest, functions: Sequence[Function[object]], **options: Unpack[StreamingOptions]
) -> applications.Starlette:
    """An ASGI application that answers at the root of wherever it is mounted.

    Args:
        client: whose settings and keys hold.
        functions: what is served.
        options: as those of `serve`.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        URLInvalidError: an origin has no domain or port.
    """
    handler = Handler(client, functions, FRAMEWORK, resolve(options, streams=True))
    return applications.Starlette(routes=[routing.Route("/{path:path}", answering(handler), methods=METHODS)])


def answering(handler: Handler) -> Endpoint:
    """The route of a handler."""

    async def answer(request: requests.Request) -> responses.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        given = Request(request.method, str(request.url), headers, await request.body(), request)
        found = await handler.handle(given)
        if isinstance(found, Stream):
            return responses.StreamingResponse(found.chunks, found.status, dict(found.headers))
        return responses.Response(found.body, found.status, dict(found.headers))

    return answer
