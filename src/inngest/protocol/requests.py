"""HTTP requests that steps ask their engine for: the options of Gateway and AIGateway."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

from . import codec, limits
from .headers import TRACE_PARENT

SENSITIVE = re.compile(r"auth|cookie|credential|key|passw|secret|session|signature|token", re.IGNORECASE)
"""Names of headers that look as if they held credentials."""

SENSITIVE_MEMBER = re.compile(
    r"(?:^|[^a-z])(?:access|api|private)?key$|(?:^|[^a-z])sig$|auth|credential|passw|secret|signature|token",
    re.IGNORECASE,
)
"""Names of members of a query that look so: `key`, `api_key`, `access_token`, `X-Amz-Signature`."""

_USER = re.compile(r"\A([^/?#]*//)[^/?#]*@")

BASE64 = "base64"


class Secrets:
    """The credentials of a request. They are kept out of databases, of logs, and of their own repr.

    Args:
        headers: headers that hold credentials.
        auth_key: the key of an AIGateway request; its format says where it goes.
        url: the whole URL, if there are credentials in it; "" if not.
    """

    __slots__ = ("auth_key", "headers", "url")

    def __init__(self, headers: Mapping[str, str], auth_key: str = "", url: str = "") -> None:
        self.headers = dict(headers)
        self.auth_key = auth_key
        self.url = url

    def __bool__(self) -> bool:
        return bool(self.headers or self.auth_key or self.url)

    def __repr__(self) -> str:
        return "Secrets(…)"


class Request(NamedTuple):
    """A request, without its credentials."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: str | None = None  # text; or base64 of it
    encoding: str = ""  # of the body: "" or BASE64
    format: str = ""  # AIGateway: whose API it is: "openai-chat", "anthropic", "gemini"
    timeout: int = limits.FETCH_TIMEOUT  # ms that each attempt may take

    @property
    def content(self) -> bytes | None:
        """The bytes of the body."""
        if self.body is None:
            return None
        return base64.b64decode(self.body) if self.encoding == BASE64 else self.body.encode()

    def to_json(self) -> str:
        """Its JSON text."""
        return codec.dumps({**self._asdict(), "headers": dict(self.headers)})

    @classmethod
    def from_json(cls, text: str) -> Request:
        """From its JSON text."""
        return cls(**codec.loads(text))


def traced(text: str, parent: str) -> str:
    """The JSON text of a request whose header tells of which trace it is a part; one that tells it stays as it is.

    Args:
        text: as `Request.to_json` gives it.
        parent: a `traceparent`.
    """
    request = Request.from_json(text)
    if any(name.lower() == TRACE_PARENT for name in request.headers):
        return text
    return request._replace(headers={**request.headers, TRACE_PARENT: parent}).to_json()


def shown_url(url: str) -> str:
    """A URL for people: without user, password, query and fragment, which may hold what is nobody's business."""
    return without_user(url).partition("?")[0].partition("#")[0]


def without_user(url: str) -> str:
    """A URL without user and password; also what is no URL."""
    return _USER.sub(r"\1", url)


def without_credentials(url: str) -> str:
    """A URL that may be stored: without user, password, and values in its query that look like credentials."""
    head, mark, query = without_user(url).partition("?")
    members, number, fragment = query.partition("#")
    kept = "&".join(_without_value(member) for member in members.split("&"))
    return f"{head}{mark}{kept}{number}{fragment}"


def _without_value(member: str) -> str:
    name, equals, _ = member.partition("=")
    return f"{name}=***" if equals and SENSITIVE_MEMBER.search(unquote_plus(name)) else member


def apart(headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Headers that may be stored, and those that look like credentials."""
    sensitive = {name: value for name, value in headers.items() if SENSITIVE.search(name)}
    return {name: value for name, value in headers.items() if name not in sensitive}, sensitive
