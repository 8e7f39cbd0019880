"""Connections of HTTP clients: the policy is asked about each address, and silent peers are noticed.

Loads aiohttp: its users import it when the first request is made.
"""

from __future__ import annotations

import os
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.typedefs import LooseHeaders
from yarl import URL

from inngest.protocol.http import LOOPBACK, without_tls

from .egress import Egress, EgressError

LINE = 64 * 1024
"""Bytes that one line of an answer's head may have, and how large a header may be."""

_KEEP_ALIVE = ("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)
_USER_TIMEOUT = 60_000  # ms that what was sent may stay without the kernel's acknowledgement


class Lost(Exception):
    """A connection was lost while its answer was awaited.

    Attributes:
        said: whether a byte of the answer had come, as far as that is known.
    """

    def __init__(self, reason: str, *, said: bool) -> None:
        super().__init__(reason)
        self.said = said


class Trip(NamedTuple):
    """The connections of one request; filled in while it is made."""

    reused: list[bool]  # of each connection that it got: whether another request had used it before

    @property
    def was_reused(self) -> bool:
        """Whether its connection had been kept from another request."""
        return bool(self.reused) and self.reused[-1]


class GuardedResolver(AbstractResolver):
    """Resolves names, and gives out only addresses that the policy allows."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host that may be called.

        Raises:
            EgressError: it has none.
            OSError: it cannot be resolved.
        """
        found = await self._inner.resolve(host, port, family)
        allowed: list[ResolveResult] = []
        refused: EgressError | None = None
        for one in found:
            try:
                self._egress.check(host, port, one["host"])
            except EgressError as error:
                refused = refused or error
            else:
                allowed.append(one)
        if refused is not None and not allowed:
            raise refused
        return allowed

    async def close(self) -> None:
        """Close nothing: the inner one holds nothing."""


class Connections:
    """A pool of connections, on one event loop.

    Args:
        egress: the hosts that may be called.
        keep_alive: seconds that an idle connection is kept.
        proxies: whether the environment's proxies (`HTTPS_PROXY`, `NO_PROXY`) are used; never for this machine.
    """

    def __init__(self, egress: Egress, *, keep_alive: float, proxies: bool = True) -> None:
        self._proxies = urllib.request.getproxies() if proxies else {}
        self._egress = egress
        connector = aiohttp.TCPConnector(
            limit=0,  # how many there are at a time is the engine's affair: none may wait here for one that is slow
            keepalive_timeout=keep_alive,
            resolver=GuardedResolver(_with_proxies(egress, self._proxies)),
            socket_factory=watched_socket,
        )
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_reused)
        tracing.on_connection_create_end.append(_created)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[tracing],
            middlewares=(_once,),
            max_line_size=LINE,
            max_field_size=LINE,
            read_bufsize=2**17,
            skip_auto_headers=("Content-Type", "User-Agent"),
        )
        self._certificates: ssl.SSLContext | None = None

    async def request(
        self,
        method: str,
        url: URL,
        headers: LooseHeaders,
        content: bytes | None,
        *,
        connect: float | None = None,
        total: float | None = None,
        trip: Trip | None = None,
    ) -> aiohttp.ClientResponse:
        """The head of an answer; redirects are answers. Its body is still to be read, and the answer to be closed.

        Args:
            method: the request's.
            url: an absolute one.
            headers: all but those that say how long the body is.
            content: the body.
            connect: seconds until it is given up to make a connection; None: whatever the system does.
            total: seconds until it is given up to wait for the answer, its body included; None: never.
            trip: is told what it meets.

        Raises:
            EgressError: the policy refuses the host.
            Lost: the connection was lost before the head of an answer had come.
            aiohttp.ClientError: there is none, or it is no HTTP.
            TimeoutError: it took too long. aiohttp.ConnectionTimeoutError: to make a connection.
        """
        self._check_literal(url)
        return await self._session.request(
            method,
            url,
            headers=headers,
            data=content,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=total, connect=connect),
            proxy=self._proxy_for(url),
            ssl=self._trusted() if url.scheme == "https" else True,
            trace_request_ctx=Trip([]) if trip is None else trip,
        )

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._session.close()

    def _check_literal(self, url: URL) -> None:
        """Ask about a host that is an address: nobody resolves it."""
        if self._egress.is_open:
            return
        try:
            found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            return
        for *_, address in found:
            self._egress.check(url.host or "", url.port or 0, str(address[0]))

    def _proxy_for(self, url: URL) -> str | None:
        host = url.host or ""
        if not self._proxies or host in LOOPBACK or urllib.request.proxy_bypass(f"{host}:{url.port}"):
            return None
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        return _with_scheme(proxy) if proxy else None

    def _trusted(self) -> ssl.SSLContext:
        """The system's certificates and those of certifi: each is missing somewhere."""
        if self._certificates is None:
            self._certificates = ssl.create_default_context()
            self._certificates.load_verify_locations(certifi.where())
        return self._certificates


def reason(error: Exception) -> str:
    """Why there is no answer, without the URL, whose query may be nobody's business.

    Args:
        error: what `Connections.request`, or the reading of a body, raised.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"ConnectError: its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        found = error.os_error
        if (plain := without_tls(found, error.host, error.port)) is not None:
            return f"ConnectError: {plain}"
        number = 0 if isinstance(found, ssl.SSLError) else found.errno or 0
        return f"ConnectError: {os.strerror(number) if number > 0 else found.strerror or found}"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "ConnectTimeout: no connection in time"
    if isinstance(error, aiohttp.InvalidURL):
        return f"InvalidURL: {error.description or 'it has no host'}"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"ProtocolError: {' '.join(error.message.split())}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _with_proxies(egress: Egress, proxies: Mapping[str, str]) -> Egress:
    """The policy, and the proxies that the environment names: who set them wants them to be called."""
    found = [urlsplit(_with_scheme(proxy)).netloc.rpartition("@")[2] for name, proxy in proxies.items() if name != "no"]
    return egress.also([one for one in found if one])


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from making a request again by itself when its connection is lost: who made it decides that."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except aiohttp.ServerDisconnectedError as error:
        raise Lost("the server closed the connection", said=not isinstance(error.message, str)) from error
    except aiohttp.ClientOSError as error:
        raise Lost(f"the connection broke: {error.strerror or error}", said=False) from error


async def _reused(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.reused.append(True)


async def _created(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.reused.append(False)


def watched_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    """A socket whose peer is asked whether it is there, so that a line that was cut silently is noticed."""
    family, kind, protocol = info[:3]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (*_KEEP_ALIVE, ("TCP_USER_TIMEOUT", _USER_TIMEOUT)):
        option = getattr(socket, name, None)  # not every system has each
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
