"""An HTTP request as it is made, and its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
"""Hosts that are this machine: no proxy is asked for them."""


NO_HTTPS: Final = "speaks HTTP, not HTTPS"
"""Said of a server that was called with https, and answered without TLS."""

WITHOUT_HTTPS: Final = "write the URL with http://; a proxy that speaks TLS has a port of its own"
"""How to mend that."""

_NO_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
"""What releases of OpenSSL say of the first bytes of an answer that is no TLS."""


def without_tls(error: BaseException, host: str, port: int | None) -> str | None:
    """The reason for people, of a server that was called with https and answered without TLS; None if it is another.

    Args:
        error: why there is no connection, or one that this caused.
        host: that was called.
        port: and its port; None: the one of https.
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and getattr(found, "reason", None) in _NO_TLS:
            shown = f"[{host}]" if ":" in host else host
            place = shown if port is None else f"{shown}:{port}"
            return f"{place} {NO_HTTPS}: use http://{place}"
        found = found.__cause__ or found.__context__
    return None


class HttpRequest(NamedTuple):
    """A request as it is made."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    timeout: int  # ms until it is given up
    limit: int  # bytes that the answer may have
    redirects: bool  # whether they are followed


class HttpResponse(NamedTuple):
    """An answer."""

    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes
    url: str = ""  # where it came from in the end


class HttpError(Exception):
    """There is no answer to a request.

    Args:
        reason: why.
        retriable: whether there may be one to another attempt.
    """

    def __init__(self, reason: str, *, retriable: bool = True) -> None:
        super().__init__(reason)
        self.retriable = retriable
