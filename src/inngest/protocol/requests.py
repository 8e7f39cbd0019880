"""HTTP requests that steps ask their engine for: the options of Gateway and AIGateway."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple

from . import codec, limits

SENSITIVE = re.compile(r"auth|cookie|credential|key|passw|secret|session|signature|token", re.IGNORECASE)
"""Names of headers that look as if they held credentials."""

BASE64 = "base64"


class Secrets:
    """The credentials of a request. They are kept out of databases, of logs, and of their own repr.

    Args:
        headers: headers that hold credentials.
        auth_key: the key of an AIGateway request; its format says where it goes.
    """

    __slots__ = ("auth_key", "headers")

    def __init__(self, headers: Mapping[str, str], auth_key: str = "") -> None:
        self.headers = dict(headers)
        self.auth_key = auth_key

    def __bool__(self) -> bool:
        return bool(self.headers or self.auth_key)

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


def apart(headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Headers that may be stored, and those that look like credentials."""
    sensitive = {name: value for name, value in headers.items() if SENSITIVE.search(name)}
    return {name: value for name, value in headers.items() if name not in sensitive}, sensitive
