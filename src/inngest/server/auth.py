"""The keys that requests must show: one table of paths, asked before a request is routed.

A path that no entry covers needs a signing key, so that a route which somebody forgot is closed. A development server
has no keys, and asks for none.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from inngest.protocol.wire import signing

from .answers import Json


class Need(enum.Enum):
    """The thing that a request must show."""

    NONE = "none"
    EVENT = "event key"  # in the path, behind the prefix
    SIGNING = "signing key"  # in the header `Authorization: Bearer …`
    TOKEN = "token"  # in the query, of the run in the path: the route itself asks for it


TABLE: Final[Mapping[str, Need]] = {
    "/": Need.NONE,
    "/e": Need.EVENT,
    "/health": Need.NONE,
    "/ready": Need.NONE,
    "/metrics": Need.SIGNING,
    "/dev": Need.SIGNING,
    "/fn": Need.SIGNING,
    "/invoke": Need.SIGNING,
    "/mcp": Need.SIGNING,
    "/v0": Need.SIGNING,
    "/v1": Need.SIGNING,
    "/v1/http/runs": Need.TOKEN,
    "/v2": Need.SIGNING,
    "/api/v2": Need.SIGNING,
}
"""By the first parts of a path: `/e` covers `/e` and `/e/…`, and not `/events`; `/` covers only itself."""

_PARTS: Final = 1 + max(prefix.count("/") for prefix in TABLE)

SOURCE: Final = "inngest.source"
"""The member of an ASGI scope that names the event key of a request."""


def need_of(path: str) -> Need | None:
    """The need of a path; None if no entry covers it."""
    if path == "/":
        return TABLE[path]
    parts = path.split("/", _PARTS)
    for count in range(min(len(parts), _PARTS), 1, -1):  # the longest one counts
        if parts[1] and (need := TABLE.get("/".join(parts[:count]))) is not None:
            return need
    return None


class Keys:
    """The keys of a server, as hashes: they are compared in constant time, and nothing tells them.

    Args:
        signing_keys: the signing key, then its fallback; hexadecimal, with or without `signkey-…-`.
        event_keys: event keys by their names, which say where an event came from.

    Attributes:
        signing_names: what the signing keys are called: "signing key", then "fallback", "fallback-2" and so on.
        event_names: the names of the event keys.

    Raises:
        ValueError: a signing key is not hexadecimal, or an event key is empty. Does not tell the key.
    """

    def __init__(self, signing_keys: Sequence[str], event_keys: Mapping[str, str]) -> None:
        if not all(event_keys.values()):
            raise ValueError("an event key is a text of at least one character")
        self._signing = [_digest(signing.hashed(key)) for key in signing_keys]
        self._events = {name: _digest(key) for name, key in event_keys.items()}
        self.signing_names: Sequence[str] = [_signing_name(place) for place in range(len(signing_keys))]
        self.event_names: Sequence[str] = list(event_keys)
        self._opened = b""  # of the header that has opened last: an app shows the same one with each step

    def __repr__(self) -> str:
        return f"Keys({len(self._signing)} for signing, {len(self._events)} of events)"

    def opens(self, authorization: str | None) -> bool:
        """Whether a header shows a signing key: `Bearer` and the key, or its hash, with or without `signkey-…-`."""
        header = _digest(authorization or "")
        if hmac.compare_digest(header, self._opened):
            return True
        scheme, _, given = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return False
        shown = signing.bare(given.strip())
        try:
            own_hash = signing.hashed(shown)
        except ValueError:
            own_hash = ""
        found = False
        for one in (_digest(shown), _digest(own_hash)):
            for known in self._signing:  # all of them, so that the time tells nothing
                found |= hmac.compare_digest(one, known)
        if found:
            self._opened = header
        return found

    def token_of(self, run_id: str) -> str:
        """The token by which the result of a run may be fetched; another key makes another one."""
        return _token(run_id, self._signing[0])

    def proves(self, run_id: str, token: str) -> bool:
        """Whether a token is that of a run, by the signing key or its fallback."""
        given, found = token.encode(errors="replace"), False
        for known in self._signing:
            found |= hmac.compare_digest(given, _token(run_id, known).encode())
        return found

    def source_of(self, event_key: str) -> str | None:
        """The name of an event key; None if it is none of this server's."""
        given = _digest(event_key)
        matches = {name: hmac.compare_digest(given, known) for name, known in self._events.items()}
        return next((name for name, is_it in matches.items() if is_it), None)


class KeyGuard:
    """Refuses requests that do not show what the table asks for.

    Args:
        app: what is guarded.
        keys: those of the server; None: nobody is asked.
    """

    def __init__(self, app: ASGIApp, keys: Keys | None) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        refused = None if self._keys is None or scope["type"] == "lifespan" else self._ask(self._keys, scope)
        await (self._app if refused is None else refused)(scope, receive, send)

    def _ask(self, keys: Keys, scope: Scope) -> ASGIApp | None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        need = need_of(path)
        if need in (Need.NONE, Need.TOKEN):
            return None
        if need is Need.EVENT:
            if scope.get("method") == "OPTIONS":  # a browser asks whether it may send; nothing is done
                return None
            source = keys.source_of(path.partition("/e/")[2])
            if source is None:
                return _no_event_key(is_missing=not path.partition("/e/")[2])
            scope[SOURCE] = source
            return None
        shown = Headers(scope=scope).get("authorization")
        return None if keys.opens(shown) else _no_signing_key(is_missing=not shown)


def _signing_name(place: int) -> str:
    return "signing key" if place == 0 else "fallback" if place == 1 else f"fallback-{place}"


def _no_event_key(*, is_missing: bool) -> ASGIApp:
    text = "this server does not know the event key"
    if is_missing:
        text = "an event key is required: POST /e/{event key}"
    body = {"ids": [], "status": 401, "error": text}
    return Json(body, 401, headers={"access-control-allow-origin": "*"})


def _no_signing_key(*, is_missing: bool) -> ASGIApp:
    text = "a signing key is required: the header Authorization with Bearer and the key, or its hash"
    if not is_missing:
        text = f"this server does not know the signing key; {text}"
    return Json({"error": text, "status": 401}, 401, headers={"www-authenticate": "Bearer"})


def _token(run_id: str, key: bytes) -> str:
    return hmac.new(key, b"output of " + run_id.encode(errors="replace"), hashlib.sha256).hexdigest()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
