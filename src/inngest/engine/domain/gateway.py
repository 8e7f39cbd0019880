"""Requests of steps, and the meaning of their answers. Pure."""

from __future__ import annotations

import base64
import datetime
import email.utils
import json
from collections.abc import Sequence
from email.message import Message
from http import HTTPStatus

from inngest.protocol import codec, limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.headers import SDK
from inngest.protocol.http import HttpRequest, HttpResponse
from inngest.protocol.opcodes import Opcode
from inngest.protocol.requests import BASE64, Request, Secrets, shown_url, without_credentials

from . import ai_usage
from .advance.waits import GATEWAY_ERRORS
from .model import Verdict

TOO_MANY_REQUESTS = 429


def prepared(kind: Opcode, request: Request, secrets: Secrets | None) -> HttpRequest:
    """The request with its credentials where they belong."""
    url = request.url
    headers = {"user-agent": SDK, **{name.lower(): value for name, value in request.headers.items()}}
    if secrets is not None:
        url = secrets.url or url
        if secrets.auth_key:
            headers.update(ai_usage.authorization(request.format, secrets.auth_key))
        headers.update({name.lower(): value for name, value in secrets.headers.items()})
    # A model's key must not follow a redirect to another host.
    follow = kind is Opcode.GATEWAY
    return HttpRequest(request.method, url, headers, request.content, request.timeout, limits.MAX_STEP_OUTPUT, follow)


def answered(kind: Opcode, request: Request, response: HttpResponse, now: int) -> Verdict:
    """The meaning of an answer for its step."""
    return (_inferred if kind is Opcode.AI_GATEWAY else _fetched)(request, response, now)


def unanswered(kind: Opcode, request: Request, reason: str, *, retriable: bool) -> Verdict:
    """The meaning of a missing answer."""
    message = f"{request.method} {shown_url(request.url)}: {reason}"
    return Verdict(None, ErrorInfo(GATEWAY_ERRORS[kind], message), retriable)


def _fetched(request: Request, response: HttpResponse, now: int) -> Verdict:
    """Any answer is a result; one that says "later" is the result only if no attempt is left."""
    body, encoding = _text(response)
    result = {
        "url": without_credentials(response.url) or request.url,
        "status_code": response.status,
        "headers": _joined(response.headers),
        "body": body,
    }
    data = codec.dumps({**result, "encoding": encoding} if encoding else result)
    if codec.size(data) > limits.MAX_STEP_OUTPUT:
        return unanswered(Opcode.GATEWAY, request, too_large(limits.MAX_STEP_OUTPUT), retriable=False)
    if response.status != TOO_MANY_REQUESTS and response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Verdict(data)
    error = ErrorInfo(
        GATEWAY_ERRORS[Opcode.GATEWAY], f"{request.method} {shown_url(request.url)} answered {_named(response)}"
    )
    return Verdict(data, error, retriable=True, retry_after=_retry_after(response, now))


def _inferred(request: Request, response: HttpResponse, now: int) -> Verdict:
    where = shown_url(request.url)
    body, encoding = _text(response)
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        message = f"{where} answered {_named(response)}: {body[:2_000] if not encoding else 'with something binary'}"
        error = ErrorInfo(GATEWAY_ERRORS[Opcode.AI_GATEWAY], message)
        return Verdict(None, error, retriable=True, retry_after=_retry_after(response, now))
    try:
        value = json.loads(body)
        data = codec.dumps(value)
    except ValueError:
        value, data = None, ""
    if not isinstance(value, dict):
        error = ErrorInfo(GATEWAY_ERRORS[Opcode.AI_GATEWAY], f"{where} answered with something else than a JSON object")
        return Verdict(None, error, retriable=True)
    usage = ai_usage.usage(request.format, value)
    return Verdict(data, metadata=None if usage is None else codec.dumps({"usage": usage._asdict()}))


def too_large(limit: int) -> str:
    """The text about an answer that is."""
    return f"the answer has more than {limit:,} bytes, the most that a step's result may have"


def _named(response: HttpResponse) -> str:
    try:
        return f"{response.status} {HTTPStatus(response.status).phrase}"
    except ValueError:
        return str(response.status)


def _joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        known = joined.get(name.lower())
        joined[name.lower()] = value if known is None else f"{known}, {value}"
    return joined


def _text(response: HttpResponse) -> tuple[str, str]:
    """The body as text; or as base64, if it is none in its charset."""
    message = Message()
    message["content-type"] = _joined(response.headers).get("content-type", "")
    charset = str(message.get_param("charset") or "utf-8")
    try:
        return response.content.decode(charset), ""
    except (LookupError, ValueError):
        return base64.b64encode(response.content).decode(), BASE64


def _retry_after(response: HttpResponse, now: int) -> int | None:
    """Milliseconds that the answer asks to wait: seconds, or a date."""
    text = _joined(response.headers).get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:9]) * limits.SECOND
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return max(0, round(when.timestamp() * 1000) - now)
