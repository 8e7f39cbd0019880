"""Serve functions as a DigitalOcean Function with raw web requests (`web: raw`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from typing_extensions import Unpack

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.sdk.serving.blocking import BlockingHandler
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, as_json
from inngest.sdk.serving.settings import ServeOptions, resolve

__all__ = ["serve"]

FRAMEWORK = "digitalocean"

Main = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def serve(client: Inngest, functions: Sequence[Function[object]], **options: Unpack[ServeOptions]) -> Main:
    """The function `main(event, context)` that DigitalOcean calls.

    Args:
        client: whose settings and keys hold.
        functions: what is served.
        options: see `inngest.sdk.serving.settings.ServeOptions`.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        URLInvalidError: an origin has no domain or port.
    """
    handler = BlockingHandler(Handler(client, functions, FRAMEWORK, resolve(options)))

    def main(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Answer one request."""
        wrong = _problem(event)
        if wrong is not None:
            answer = as_json(400, {"code": "body_invalid", "message": wrong, "name": "BodyInvalidError"})
        else:
            answer = handler.handle(_request(event, context))
        return {"body": answer.body.decode(), "headers": dict(answer.headers), "statusCode": answer.status}

    return main


def _problem(event: Mapping[str, Any]) -> str | None:
    """The reason why an event is no web request."""
    if not isinstance(event.get("http"), Mapping):
        return 'missing "http" key in event'
    if "queryString" not in event["http"]:
        return 'missing "queryString" event.http; have you set "web: raw"?'
    return None


def _request(event: Mapping[str, Any], context: Any) -> Request:
    http = event["http"]
    headers = {str(name).lower(): str(value) for name, value in (http.get("headers") or {}).items()}
    origin = str(getattr(context, "api_host", "") or f"https://{headers.get('host', 'localhost')}").rstrip("/")
    path = f"/api/v1/web{getattr(context, 'function_name', '')}"
    query = str(http.get("queryString") or "")
    body = str(http.get("body") or "").encode()
    raw = {"event": event, "context": context}
    return Request(
        str(http.get("method") or "GET").upper(), f"{origin}{path}{'?' if query else ''}{query}", headers, body, raw
    )
