"""Serve functions in a Litestar application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typing_extensions import Unpack

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Stream
from inngest.sdk.serving.settings import StreamingOptions, resolve

try:
    import litestar
    from litestar import handlers, response
except ImportError as error:
    raise ImportError("inngest.litestar needs Litestar: pip install 'pyngest[litestar]'", name="litestar") from error

__all__ = ["serve"]

FRAMEWORK = "litestar"


def serve(
    app: litestar.Litestar,
    client: Inngest,
    functions: Sequence[Function[object]],
    **options: Unpack[StreamingOptions],
) -> None:
    """Serve functions at a path of an application, by default `/api/inngest`.

    Async functions run on the application's loop, plain ones in threads.

    Args:
        app: that gets the route. It does not show in the application's own documentation.
        client: whose settings and keys hold.
        functions: what is served.
        options: see `inngest.sdk.serving.settings.StreamingOptions`.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        URLInvalidError: an origin has no domain or port.
    """
    handler = Handler(client, functions, FRAMEWORK, resolve(options, streams=True))

    async def inngest_api(request: litestar.Request[Any, Any, Any]) -> response.Response[bytes] | response.Stream:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = await handler.handle(Request(request.method, str(request.url), headers, await request.body(), request))
        more = dict(answer.headers)
        kind = more.pop("content-type", None)
        if isinstance(answer, Stream):
            return response.Stream(answer.chunks, status_code=answer.status, headers=more, media_type=kind)
        return response.Response(answer.body, status_code=answer.status, headers=more, media_type=kind)

    # The framework reads annotations, and finds names that they hold as text only where it is itself.
    inngest_api.__annotations__.update(request=litestar.Request, **{"return": response.Response})
    methods = [litestar.HttpMethod.GET, litestar.HttpMethod.POST, litestar.HttpMethod.PUT]
    app.register(handlers.route(handler.path, http_method=methods, include_in_schema=False)(inngest_api))
