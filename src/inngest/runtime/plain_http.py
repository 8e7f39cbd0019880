"""POST over HTTP/1.1 without TLS and proxies, on connections that are kept: the way to apps, step after step.

aiohttp does the same with four times the work, and a turn of the loop more in each direction (decision 0085). All
that is not as plain as this goes through `connections`. It loads aiohttp and httptools, so its users import it late.
"""

from __future__ import annotations

import asyncio
import os
import socket
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import httptools
from yarl import URL

from .connections import LINE, GuardedResolver, Lost, watched_socket
from .egress import Egress, is_address

HEAD = 4 * LINE
"""Bytes that the head of an answer may have, and all of it but its body: trailers, for example."""

FRAME = 16
"""Bytes around a chunk of a body that are not counted for that: its size, as long as any server writes it."""

KNOWN = 1_000
"""URLs of which is known how they are asked."""


class Unreachable(Exception):
    """There is no connection."""


class CutError(Exception):
    """The answer was cut before its end, or is no HTTP from some place in its body on."""


class TooLargeError(Exception):
    """The answer has more bytes than are read."""


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Place(NamedTuple):
    """The way to ask a URL."""

    host: str
    port: int
    line: bytes  # the first lines of a request


Told = Callable[[Answer | Exception], object]
"""Is told what has become of a request, in the middle of what the loop does."""


class PlainHttp:
    """Connections, by host and port, on one event loop.

    Args:
        egress: the hosts that may be called; asked about each address.
        proxies: whether a proxy would be used for some host.
        keep_alive: seconds that an idle connection is kept.
    """

    def __init__(self, egress: Egress, *, keep_alive: float, proxies: bool) -> None:
        self._egress = egress
        self._resolver = GuardedResolver(egress)
        self._proxies = proxies
        self._keep_alive = keep_alive
        self._idle: dict[tuple[str, int], deque[Line]] = {}
        self._lines: set[Line] = set()
        self._known: dict[str, Place | None] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def place(self, url: str) -> Place | None:
        """The way to ask a URL; None if that is not as plain as this."""
        try:
            return self._known[url]
        except KeyError:
            if len(self._known) >= KNOWN:
                self._known.clear()
            found = self._known[url] = _place_of(url)
            if found is not None and self._proxies and found.host not in ("localhost", "127.0.0.1", "::1"):
                found = self._known[url] = None
            return found

    def kept(self, place: Place) -> Line | None:
        """A connection that is there."""
        idle, now = self._idle.get((place.host, place.port)), asyncio.get_running_loop().time()
        while idle:
            line = idle.pop()
            if line.is_open and now - line.idle_since < self._keep_alive:
                return line
            line.close()
        return None

    async def line(self, place: Place, connect: float) -> Line:
        """A connection that is there, or is made now.

        Args:
            place: where to.
            connect: seconds until it is given up to make one.

        Raises:
            EgressError: the policy refuses the host.
            Unreachable: there is none; says why.
        """
        if (line := self.kept(place)) is not None:
            return line
        try:
            async with asyncio.timeout(connect):
                return await self._made(place)
        except TimeoutError:
            raise Unreachable("ConnectTimeout: no connection in time") from None

    async def _made(self, place: Place) -> Line:
        loop = asyncio.get_running_loop()
        failed: OSError | None = None
        for family, address in await self._addresses(place):
            made = watched_socket((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address))
            made.setblocking(False)
            try:
                await loop.sock_connect(made, address)
                _, line = await loop.create_connection(lambda: Line(self, (place.host, place.port)), sock=made)
            except OSError as error:
                made.close()
                failed = error
            except BaseException:
                made.close()
                raise
            else:
                self._lines.add(line)
                return line
        raise Unreachable(_reason(failed or OSError("it has no address")))

    async def _addresses(self, place: Place) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
        if is_address(place.host):
            self._egress.check(place.host, place.port, place.host)
            return [(socket.AF_INET6 if ":" in place.host else socket.AF_INET, (place.host, place.port))]
        try:
            found = await self._resolver.resolve(place.host, place.port)
        except OSError as error:
            raise Unreachable(_reason(error)) from error
        return [(socket.AddressFamily(one["family"]), (one["host"], one["port"])) for one in found]

    def close(self) -> None:
        """Close all connections. Idempotent."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for line in list(self._lines):
            line.close()
        self._idle.clear()

    def keep(self, line: Line) -> None:
        """A connection is idle."""
        loop = asyncio.get_running_loop()
        line.idle_since = loop.time()
        self._idle.setdefault(line.key, deque()).append(line)
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._keep_alive, self._sweep)

    def forget(self, line: Line) -> None:
        """A connection is closed."""
        self._lines.discard(line)
        idle = self._idle.get(line.key)
        if idle is not None and line in idle:
            idle.remove(line)

    def _sweep(self) -> None:
        self._sweeping = None
        loop = asyncio.get_running_loop()
        late = loop.time() - self._keep_alive
        for key, idle in list(self._idle.items()):
            while idle and idle[0].idle_since <= late:
                idle.popleft().close()
            if not idle:
                del self._idle[key]
        if self._idle:
            self._sweeping = loop.call_later(self._keep_alive, self._sweep)


class Line(asyncio.Protocol):
    """One connection; it carries one request at a time.

    Args:
        pool: whose.
        key: host and port.

    Attributes:
        idle_since: when it became idle, by the loop's time.
        was_used: another request has used it before the last one.
    """

    def __init__(self, pool: PlainHttp, key: tuple[str, int]) -> None:
        self.key = key
        self.idle_since = 0.0
        self.was_used = False
        self._asked = 0
        self._pool = pool
        self._transport: asyncio.Transport
        self._told: Told | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._limit = 0
        self._begin_answer()

    def _begin_answer(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._beside = 0  # bytes that are none of the body
        self._in_body = self._has_end = self._is_over = self._has_said = self._has_more = self._lasts = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether requests can go out."""
        return not self._transport.is_closing()

    def ask(
        self, place: Place, headers: Mapping[str, str], content: bytes, told: Told, *, total: float, limit: int
    ) -> None:
        """Send a request.

        Args:
            place: where to.
            headers: all but those that say where to, and how long the content is.
            content: at least a byte.
            told: is told once: the answer, or `Lost`, `CutError`, `TooLargeError`, `TimeoutError`, or what is wrong
                with the answer as another exception.
            total: seconds until it is given up to wait for the answer, its body included.
            limit: bytes of the answer's body.

        Raises:
            ValueError: a header cannot be sent.
        """
        text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if text.count("\n") != len(headers) or text.count("\r") != len(headers) or "\0" in text:
            raise ValueError("a header has a line break in it")
        self.was_used, self._asked = self._asked > 0, self._asked + 1
        self._begin_answer()
        self._told, self._limit = told, limit
        self._timer = asyncio.get_running_loop().call_later(total, self._late)
        head = b"%scontent-length: %d\r\n%s\r\n" % (place.line, len(content), text.encode())
        self._transport.write(head + content)

    def close(self) -> None:
        """Close it. A request that is under way is told that it is lost."""
        self._fail(Lost("the connection was closed", said=self._has_said))

    def hang_up(self) -> None:
        """Close it; nobody is told any more."""
        self._told = None
        self._end_timer()
        self._transport.abort()

    def _late(self) -> None:
        self._fail(TimeoutError())

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, error: Exception) -> None:
        told, self._told = self._told, None
        self._end_timer()
        self._transport.abort()
        if told is not None:
            told(error)

    # -- of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """The peer says something."""
        if self._told is None:  # of what nobody asked
            self._transport.abort()
            return
        self._has_said = True
        self._beside += len(data)  # until its body is found in it
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(ValueError("ProtocolError: the app wants to speak something else than HTTP"))
        except httptools.HttpParserError as error:
            if self._is_over:  # what comes behind it is nobody's
                self._has_more = True
                self._give()
            else:
                self._fail(self._wrong(error))
        else:
            if self._is_over:
                self._give()
            elif self._beside > HEAD:
                what = "the answer beside its body" if self._in_body else "the head of the answer"
                self._fail(ValueError(f"ProtocolError: {what} has more than {HEAD:,} bytes"))

    def _wrong(self, error: httptools.HttpParserError) -> Exception:
        if isinstance(error.__context__, TooLargeError):
            return error.__context__
        text = " ".join(str(error.__context__ or error).split())[:200]
        return CutError() if self._in_body else ValueError(f"ProtocolError: {text}")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._pool.forget(self)
        if self._told is None:
            return
        if self._in_body and not self._has_end and exc is None:
            self._is_over = True
            self._give()
        elif self._in_body:
            self._fail(CutError())
        elif exc is None:
            self._fail(Lost("the server closed the connection", said=self._has_said))
        else:
            reason = exc.strerror if isinstance(exc, OSError) else None
            self._fail(Lost(f"the connection broke: {reason or exc}", said=self._has_said))

    # -- of the parser

    def on_message_begin(self) -> None:
        """An answer begins; behind a whole one that is nobody's."""
        self._has_more = self._is_over

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; behind the body it is a trailer, of which nobody asks."""
        if self._is_over or self._in_body:
            return
        if len(name) + len(value) > LINE:
            raise ValueError(f"a header has more than {LINE:,} bytes")
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is whole."""
        if self._is_over:
            return
        status = self._parser.get_status_code()
        if status < 200:
            return
        self._status = status
        names = [name.lower() for name, _ in self._headers]
        self._has_end = b"content-length" in names or b"transfer-encoding" in names
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        if self._is_over:
            return
        if len(self._body) + len(body) > self._limit:
            raise TooLargeError
        self._body += body
        self._beside = max(0, self._beside - len(body) - FRAME)

    def on_message_complete(self) -> None:
        """An answer is whole; one below 200 says that another one comes."""
        if self._is_over:
            return
        if self._in_body:
            self._is_over, self._lasts = True, self._parser.should_keep_alive()
        else:
            self._headers = []

    def _give(self) -> None:
        told, self._told = self._told, None
        self._end_timer()
        try:
            body = _unpacked(self._headers, bytes(self._body), self._limit)
            answer: Answer | Exception = Answer(self._status, self._headers, body)
        except Exception as error:
            answer = error
        transport = self._transport
        if not self._lasts or self._has_more or transport.is_closing() or transport.get_write_buffer_size():
            transport.abort()
        else:
            self._pool.keep(self)
        if told is not None:
            told(answer)


def _place_of(url: str) -> Place | None:
    try:
        parsed = URL(url)
        host, port = parsed.host, parsed.port
    except ValueError:
        return None
    if parsed.scheme != "http" or parsed.user is not None or parsed.password is not None:
        return None
    if not host or not port or not (is_address(host) or (host.isascii() and host.rpartition(".")[2][:1].isalpha())):
        return None
    netloc = f"[{host}]" if ":" in host else host
    named = netloc if port == 80 else f"{netloc}:{port}"
    line = f"POST {parsed.raw_path_qs} HTTP/1.1\r\nhost: {named}\r\naccept: */*\r\n"
    return Place(host, port, line.encode("ascii")) if line.isascii() and line.count("\n") == 3 else None


def _unpacked(headers: Sequence[tuple[bytes, bytes]], body: bytes, limit: int) -> bytes:
    """A body as it was before it was packed. Nobody asked for that."""
    packed = {value.strip().lower() for name, value in headers if name.lower() == b"content-encoding"} - {b"identity"}
    if not packed:
        return body
    if packed - {b"gzip", b"deflate"} or len(packed) > 1:
        raise ValueError(f"ProtocolError: nobody can read the encoding {b', '.join(sorted(packed)).decode('latin-1')}")
    try:
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
        unpacked = unpacking.decompress(body, limit + 1)
    except zlib.error as error:
        raise CutError from error
    if len(unpacked) > limit:
        raise TooLargeError
    if not unpacking.eof:
        raise CutError
    return unpacked


def _reason(error: OSError) -> str:
    number = error.errno or 0
    return f"ConnectError: {os.strerror(number) if number > 0 else error.strerror or error}"
