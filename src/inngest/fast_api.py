"""Serve functions in a FastAPI application."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import Unpack

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.settings import StreamingOptions, resolve

try:
    import fastapi
except ImportError as error:
    raise ImportError("inngest.fast_api needs FastAPI: pip install 'pyngest[fast-api]'", name="fastapi") from error

from inngest.starlette import METHODS, answering

__all__ = ["serve"]

FRAMEWORK = "fast_api"


def serve(
    app: fastapi.FastAPI,
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
    app.add_route(handler.path, answering(handler), methods=list(METHODS), include_in_schema=False)
