"""A request that has come to an app's endpoint, and the answer to it, without a framework."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

JSON_TYPE = "application/json"


class Request(NamedTuple):
    """A request."""

    method: str  # in capitals
    url: str  # the whole, with host and query
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    raw: object = None  # the framework's, for middleware

    @property
    def query(self) -> dict[str, str]:
        """The parameters of its URL; of one that is repeated, the first."""
        pairs = parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        return dict(reversed(pairs))


class Response(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream(NamedTuple):
    """An answer that begins before its content is known."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


def as_json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a value as JSON."""
    return Response(status, {"content-type": JSON_TYPE, **(headers or {})}, json.dumps(value).encode())
