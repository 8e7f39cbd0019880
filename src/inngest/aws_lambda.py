"""Serve functions as an AWS Lambda function, behind a function URL or an API gateway (payloads 1.0 and 2.0)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from typing_extensions import Unpack

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.sdk.serving.blocking import BlockingHandler
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request
from inngest.sdk.serving.settings import ServeOptions, resolve

__all__ = ["serve"]

FRAMEWORK = "aws_lambda"

LambdaHandler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def serve(client: Inngest, functions: Sequence[Function[object]], **options: Unpack[ServeOptions]) -> LambdaHandler:
    """The function `handler(event, context)` that Lambda calls.

    Args:
        client: whose settings and keys hold.
        functions: what is served.
        options: see `inngest.sdk.serving.settings.ServeOptions`.

    Raises:
        SigningKeyMissingError: in production, without a signing key.
        URLInvalidError: an origin has no domain or port.
    """
    handler = BlockingHandler(Handler(client, functions, FRAMEWORK, resolve(options)))

    def answer(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Answer one request."""
        found = handler.handle(_request(event, context))
        return {
            "statusCode": found.status,
            "headers": dict(found.headers),
            "body": found.body.decode(),
            "isBase64Encoded": False,
        }

    return answer


def _request(event: Mapping[str, Any], context: Any) -> Request:
    """The request of an event.

    Raises:
        ValueError: the event is of no web request.
    """
    about = event.get("requestContext")
    if not isinstance(about, Mapping) or not ("httpMethod" in event or "http" in about):
        raise ValueError(
            f"expected an event of a function URL or API gateway, got one with {', '.join(sorted(event)) or 'nothing'}"
        )
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    if "http" in about:
        method, path, query = about["http"]["method"], event.get("rawPath", "/"), event.get("rawQueryString", "")
    else:  # the gateway's stage is a part of the path that its caller knows, and the event does not tell
        method, path = event["httpMethod"], about.get("path") or event.get("path", "/")
        several = event.get("multiValueQueryStringParameters")
        query = urlencode(several if several is not None else event.get("queryStringParameters") or {}, doseq=True)
    body = event.get("body") or ""
    content = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    host = headers.get("host") or about.get("domainName", "localhost")
    url = f"https://{host}{path}{'?' if query else ''}{query}"
    return Request(str(method).upper(), url, headers, content, {"event": event, "context": context})
