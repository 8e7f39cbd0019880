"""Serve functions in a Django project, under WSGI or ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from typing_extensions import Unpack

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.sdk.serving.blocking import BlockingHandler
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response
from inngest.sdk.serving.settings import ServeOptions, resolve
from inngest.sdk.serving.streaming import kept

try:
    from asgiref.sync import sync_to_async
    from django import db, http
    from django.core.handlers.asgi import ASGIRequest
    from django.urls import URLPattern, path
except ImportError as error:
    raise ImportError("inngest.django needs Django: pip install 'pyngest[django]'", name="django") from error

__all__ = ["serve"]

FRAMEWORK = "django"


def serve(client: Inngest, functions: Sequence[Function[object]], **options: Unpack[ServeOptions]) -> URLPattern:
    """The URL pattern under which functions are served, by default `api/inngest`: one of a project's `urlpatterns`.

    A plain function runs in the thread of its request, where Django keeps the connections of that. If one of the
    functions is async, the view is async.

    Args:
        client: whose settings and keys hold.
        functions: what is served.
        options: see `inngest.sdk.serving.settings.ServeOptions`.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        URLInvalidError: an origin has no domain or port.
    """
    handler = Handler(client, functions, FRAMEWORK, resolve(options), branch_ended=db.connections.close_all)
    blocking = BlockingHandler(handler)

    def view(request: http.HttpRequest) -> http.HttpResponse:
        return _response(blocking.handle(_request(request)))

    async def view_async(request: http.HttpRequest) -> http.HttpResponse:
        given = _request(request)
        if isinstance(request, ASGIRequest) and not handler.calls.is_plain(given):
            # Django cancels the view of a client that leaves, as a proxy does that gives up; a step goes on to its end.
            return _response(await asyncio.shield(kept(_whole(handler, given))))
        # Django sends sync code that depends on its thread to that of the request; under WSGI it waits for this loop.
        return _response(await sync_to_async(blocking.handle, thread_sensitive=True)(given))

    chosen: Any = view_async if handler.has_async else view
    chosen.csrf_exempt = True  # set by hand: the decorator hides from Django 4 that a view is async
    pattern = path(handler.path.removeprefix("/"), chosen)
    assert isinstance(pattern, URLPattern)
    return pattern


async def _whole(handler: Handler, given: Request) -> Response:
    answer = await handler.handle(given)
    assert isinstance(answer, Response)
    return answer


def _request(request: Any) -> Request:
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.read()  # `request.body` refuses over DATA_UPLOAD_MAX_MEMORY_SIZE, and calls may have more
    return Request(request.method or "", request.build_absolute_uri(), headers, body, request)


def _response(answer: Response) -> http.HttpResponse:
    return http.HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
