"""Serve functions in a Flask application."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import Unpack

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.sdk.serving.blocking import BlockingHandler
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request
from inngest.sdk.serving.settings import ServeOptions, resolve

try:
    import flask
except ImportError as error:
    raise ImportError("inngest.flask needs Flask: pip install 'pyngest[flask]'", name="flask") from error

__all__ = ["serve"]

FRAMEWORK = "flask"


def serve(
    app: flask.Flask,
    client: Inngest,
    functions: Sequence[Function[object]],
    **options: Unpack[ServeOptions],
) -> None:
    """Serve functions at a path of an application, by default `/api/inngest`.

    A plain function runs in the thread of its request, with Flask's context; an async one on a loop beside it.

    Args:
        app: that gets the route.
        client: whose settings and keys hold.
        functions: what is served.
        options: see `inngest.sdk.serving.settings.ServeOptions`.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        URLInvalidError: an origin has no domain or port.
    """
    handler = BlockingHandler(Handler(client, functions, FRAMEWORK, resolve(options)))

    def inngest_api() -> flask.Response:
        request = flask.request
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = handler.handle(Request(request.method, request.url, headers, request.get_data(), request))
        return flask.Response(answer.body, answer.status, dict(answer.headers))

    app.add_url_rule(handler.path, view_func=inngest_api, methods=["GET", "POST", "PUT"])
