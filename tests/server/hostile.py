"""An app that answers calls by chance: statuses, headers and bodies that no SDK sends, cut, slow, or without an end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Iterator

from inngest.protocol.opcodes import Opcode
from inngest.protocol.steps import hash_step_id
from tests.fuzzing import DEEPER, body_of, cut_up

from .rude import Peer

ANSWERS_OF_RUN = 5
"""Answers by chance that a run gets; what follows is polite."""

SDK = b"x-inngest-sdk: py:v0.5.19\r\n"
POLITE = b"HTTP/1.1 200 OK\r\n" + SDK + b"content-length: 4\r\n\r\nnull"
ERROR = {"name": "Error", "message": "m", "stack": "s", "code": "unknown", "noRetry": False}

STATUSES = (
    b"200",
    b"206",
    b"206",
    b"206",
    b"206",
    b"201",
    b"500",
    b"400",
    b"204",
    b"304",
    b"302",
    b"404",
    b"999",
    b"0",
)
LINES = (b"HTTP/1.1 200", b"HTTP/1.1 99 X", b"HTTP/1.1 1000 X", b"HTTP/2 200 OK", b"ICY 200 OK", b"", b"HTTP/1.1  206")

HEADERS = (
    SDK,
    b"x-inngest-sdk: \xff\xfe\r\n",
    b"x-inngest-sdk: inngest-js:v2.4.0\r\n",
    b"x-inngest-sdk-handled: true\r\n",
    *(
        b"x-inngest-req-version: " + text + b"\r\n"
        for text in (b"2", b"-1", b"9" * 40, b"x", b"1\r\nx-inngest-req-version: 2")
    ),
    *(b"x-inngest-no-retry: " + text + b"\r\n" for text in (b"true", b"false", b"TRUE", b"", b"1")),
    *(
        b"retry-after: " + text + b"\r\n"
        for text in (b"0", b"-1", b"1e3", b"9" * 30, b"2026-01-02T03:04:05Z", b"Wed, 21 Oct 2015 07:28:00 GMT", b"\x80")
    ),
    *(b"content-type: " + text + b"\r\n" for text in (b"application/json", b"text/html; charset=\xff", b"")),
    *(b"content-encoding: " + text + b"\r\n" for text in (b"gzip", b"br", b"identity", b"x, gzip, gzip", b"deflate")),
    b"x-long: " + b"a" * 70_000 + b"\r\n",
    b"x-null: a\x00b\r\n",
    b"x-folded: a\r\n b\r\n",
    b"no colon\r\n",
    b": no name\r\n",
    b"content-length: 5\r\ncontent-length: 6\r\n",
    b"transfer-encoding: chunked\r\ncontent-length: 3\r\n",
    b"connection: close\r\n",
    b"set-cookie: a=b\r\nset-cookie: c=d\r\n",
    b"location: http://169.254.169.254/\r\n",
    b"".join(b"x-%d: a\r\n" % number for number in range(200)),
)

HELD = "held"
"""Begins the seeds of runs whose calls are never answered."""

SHORTLY = 0.05
"""Seconds for which a connection is kept after an answer."""

WEIGHTY = 0.004
"""The share of answers that are large, or have no end."""


def op(draw: random.Random) -> dict[str, object]:
    """A report as an SDK could make it."""
    name = draw.choice("abcdef")
    opcode = draw.choice(
        [*(one.value for one in Opcode), "Step", "StepRun", "StepRun", "StepPlanned", "StepError", "Nonsense"]
    )
    opts: dict[str, object] = {
        "timeout": "5ms",
        "if": draw.choice([None, "true", "event.data.n == async.data.n", "1 +", "event.data.x.y.z > now()"]),
        "signal": name,
        "conflict": "replace",
        "function_id": "fuzz-unknown",
        "payload": {"data": {"n": 1}},
        "url": "http://127.0.0.1:1/",
        "method": "GET",
        "headers": {"a": "b"},
        "fn_slug": "fuzz-unknown",
        "input": {"n": 1},
        "target_hashed_id": hash_step_id("a"),
        "parallelMode": draw.choice(["wait", "race"]),
        "maxAttempts": 3,
        "body": "{}",
        "format": "openai-chat",
    }
    if opcode == "Sleep":
        opts = {}
    step: dict[str, object] = {"op": opcode, "id": hash_step_id(name), "name": "5ms", "displayName": name}
    return {**step, "userland": {"id": name, "index": 0}, "opts": opts, "data": {"n": 1}, "error": ERROR}


def content(draw: random.Random, status: bytes) -> bytes:
    """The body of an answer."""
    if draw.random() < WEIGHTY:
        return draw.choice(
            [b" " * (8 << 20) + b"1", b'"' + b"x" * (5 << 20) + b'"', DEEPER.encode(), b"[" + b"1," * 2**20]
        )
    if status == b"206":
        return body_of(draw, [op(draw) for _ in range(draw.randrange(1, 4))])
    if status == b"201":
        inner = body_of(draw, [op(draw)]).decode("latin-1")
        headers: object = draw.choice([{}, {"x-inngest-sdk": "a"}, {"Retry-After": 1}, None, []])
        whole = {"status": draw.choice([206, 200, 500, 201, "x"]), "headers": headers, "body": inner}
        return b"   " + body_of(draw, whole)
    held = {**ERROR, "held": {"sign": draw.choice(["missing", "x", 1, None]), "step": "a", "call": "b", "detail": ""}}
    return body_of(draw, draw.choice([ERROR, held, "text", {"n": 1}, None]))


def parts(draw: random.Random) -> Iterator[bytes | None]:
    """An answer, as pieces of what is sent; None is a pause. Then the connection is closed, or kept."""
    status = draw.choice(STATUSES)
    line = draw.choice(LINES) if draw.random() < 0.05 else b"HTTP/1.1 " + status + b" X"
    head = b"".join([SDK] * (draw.random() < 0.9) + [draw.choice(HEADERS) for _ in range(draw.choice([0, 0, 1, 2, 4]))])
    body = content(draw, status)
    if draw.random() < 0.02:
        yield b"HTTP/1.1 100 Continue\r\n\r\n" * draw.choice([1, 3, 1_000])
    if draw.random() < 0.005:
        yield line + b"\r\n" + head
        yield from (b"x-more-%d: %s\r\n" % (number, b"a" * 1_000) for number in range(20_000))
        return
    frame = draw.random()
    if frame < 0.6:
        length = len(body) + (draw.choice([0, 0, 0, 0, 0, 0, 1, -1, 1_000, -len(body)]))
        yield line + b"\r\n" + head + b"content-length: %d\r\n\r\n" % length
        yield from _pieces(draw, body)
    elif frame < 0.8:
        yield line + b"\r\n" + head + b"transfer-encoding: chunked\r\n\r\n"
        size = draw.choice(
            [b"%x", b"%x", b"%x", b"%x", b"%x;a=" + b"b" * 5_000, b"%d0000000000000000000", b"-%x", b"z%x"]
        )
        for piece in _pieces(draw, body):
            if piece:
                yield size % len(piece) + b"\r\n" + piece + draw.choice([b"\r\n", b"\r\n", b"\r\n", b"\n", b"x"])
        yield draw.choice(
            [b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx-trailer: a\r\n\r\n", b"", b"0\r\n" + b"a: b\r\n" * 5_000]
        )
    elif frame < 0.85:
        packed = zlib.compressobj(wbits=31)
        bomb = packed.compress(b" " * (1 << 26 if draw.random() < WEIGHTY * 5 else 1 << 16)) + packed.flush()
        yield line + b"\r\n" + head + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb) + bomb
    elif frame < 0.95:
        yield line + b"\r\n" + head + b"\r\n"
        yield from _pieces(draw, body)
        if draw.random() < WEIGHTY * 5:
            yield from (b" " * 2**16 for _ in range(200))
    else:
        yield cut_up(draw, line + b"\r\n" + head + b"content-length: %d\r\n\r\n" % len(body) + body)


def _pieces(draw: random.Random, body: bytes) -> Iterator[bytes | None]:
    """A body in parts; perhaps slowly, perhaps not all of it."""
    end = len(body) if draw.random() < 0.9 else draw.randrange(len(body) + 1)
    at, slow = 0, draw.random() < 0.1
    while at < end:
        size = draw.choice([1, 10, 100]) if slow and at < 300 else end - at
        yield body[at : min(at + size, end)]
        if slow:
            yield None
        at += size


class Hostile:
    """The app.

    Args:
        limit: answers by chance, of all runs together; the others are polite.

    Attributes:
        answers: that were given by chance.
        statuses: how often each was.
    """

    def __init__(self, limit: int) -> None:
        self.answers = 0
        self.statuses: Counter[str] = Counter()
        self._limit = limit
        self._calls: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer all requests of a connection."""
        peer = Peer(reader, writer)
        try:
            first, _, body = await peer.request()
            while True:
                await self._answer(peer, first, body)
                async with asyncio.timeout(SHORTLY):  # who waits for more of an answer is to see that it was cut
                    first, _, body = await peer.request()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _answer(self, peer: Peer, first: str, body: bytes) -> None:
        if not first.startswith("POST"):
            await peer.say(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n")
            return
        seed = str(json.loads(body)["event"]["data"]["seed"])
        if seed.startswith(HELD):
            await peer.gone()
            return
        self._calls[seed] += 1
        number = self._calls[seed]
        if number > ANSWERS_OF_RUN or self.answers >= self._limit:
            await peer.say(POLITE)
            return
        self.answers += 1
        draw = random.Random(f"{seed}/{number}")
        for part in parts(draw):
            if part is None:
                await asyncio.sleep(0.001)
            else:
                if part.startswith(b"HTTP/1.1 "):
                    self.statuses[part[9:12].decode("latin-1")] += 1
                await peer.say(part)
        if draw.random() < 0.1:
            peer.reset()


@contextlib.asynccontextmanager
async def hostile(limit: int) -> AsyncGenerator[tuple[Hostile, str]]:
    """The app, and its URL."""
    app = Hostile(limit)
    server = await asyncio.start_server(app.serve, "127.0.0.1", 0, limit=2**26, backlog=2_048)
    try:
        yield app, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/inngest"
    finally:
        server.close()
        await server.wait_closed()
