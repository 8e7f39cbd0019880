"""Which `Host` headers are answered: not those of a foreign domain that was made to point here (DNS rebinding).

And which pages may change something here: a browser sends what any page wants to any server, and names the page in
`Origin`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from inngest.runtime.egress import is_address

from .answers import Json

_READING = frozenset(("GET", "HEAD", "OPTIONS"))

LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))


class Hosts:
    """The hosts under which a server is known: this machine, the address it is bound to, and those that are named.

    A server that is bound to every address is also known under every IP address: only a name can be made to point
    elsewhere.
    """

    def __init__(self, bound: str, named: Collection[str] = ()) -> None:
        self._known = LOCAL | {_normal(bound)} | {_normal(host) for host in named}
        self._any_address = _is_unspecified(bound)

    def __contains__(self, host: str) -> bool:
        return host in self._known or (self._any_address and is_address(host))

    def may_change(self, origin: str, host: str) -> bool:
        """Whether a page may change something here: one of this machine, of a named host, or of this server itself.

        Args:
            origin: of the page; "null" of one that a browser does not name.
            host: under which this server was asked.
        """
        try:
            page = _normal(urlsplit(origin).hostname or "")
        except ValueError:
            page = ""
        return page != "" and (page in self._known or page == host)


class HostGuard:
    """Refuses requests for foreign hosts, and those of foreign pages that may change something.

    Every page may send events: a browser sends them from the page of a shop.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            header = headers.get("host", "")
            if host_of(header) not in self._hosts:
                text = (
                    f"the host {header!r} is not this server's: use localhost, or name it with --allow-host when you "
                    "start the server"
                )
                await Json({"error": text, "status": 403}, 403)(scope, receive, send)
                return
            origin = headers.get("origin")
            if origin is not None and _changes(scope) and not self._hosts.may_change(origin, host_of(header)):
                text = (
                    f"the page at {origin[:200]!r} is not of this machine, and may only send events here: name its "
                    "host with --allow-host when you start the server, if it is yours"
                )
                await Json({"error": text, "status": 403}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _changes(scope: Scope) -> bool:
    """Whether a request may change something, beside that it sends events."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return scope["type"] != "http" or not (scope["method"] in _READING or path.startswith("/e/"))


def host_of(header: str) -> str:
    """The host of a `Host` header, without port and brackets, in lower case."""
    host, separator, port = header.rpartition(":")
    return _normal(host if separator and port.isdecimal() and not host.endswith(":") else header)


def _normal(host: str) -> str:
    return host.strip().removeprefix("[").removesuffix("]").rstrip(".").lower()


def _is_unspecified(host: str) -> bool:
    return host == "" or (is_address(host) and ipaddress.ip_address(host).is_unspecified)
