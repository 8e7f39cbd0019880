"""Requests that were damaged by chance: whatever comes, the server answers, and never with its own failure."""

from __future__ import annotations

import json
import random
from typing import Any

from starlette.types import Message

from inngest.server.app import create_app

from .conftest import Api

CASES = 3_000

BODIES = [
    b'{"name": "shop/said", "data": {"word": "hello", "n": [1, 2.5, null]}, "ts": 1700000000000}',
    b'[{"name": "shop/said", "id": "order-7"}, {"name": "a", "user": {"id": 7}, "meta": {"sessions": {"a": "b"}}}]',
    b"name=Ada&tag=a&tag=%C3%BC",
    b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
]
TYPES = [
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"text/plain; charset=\xff",
    b"",
]
PIECES = [
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"1e999",
    b"NaN",
    b"-0",
    b"\\ud800",
    b"{",
    b"[" * 2_000,
    b'"',
    b"9" * 5_000,
]
PATHS = ["/e/k", "/e/%00", "/e/\ud800", "/e/", "/invoke/shop-echo", "/invoke/\x00", "/v1/events/\ud800/runs", "/e/k/x"]
SEEDS = [b"", b"1700000000000,MDEyMzQ1Njc4OQ==", b"\xff,\xff", b"9" * 400 + b",MDEyMzQ1Njc4OQ=="]


def mutated(draw: random.Random, body: bytes) -> bytes:
    """A body, damaged in a few places."""
    for _ in range(draw.randrange(4)):
        at = draw.randrange(len(body) + 1)
        until = min(len(body), at + draw.randrange(6))
        body = body[:at] + draw.choice([b"", bytes([draw.randrange(256)]), draw.choice(PIECES)]) + body[until:]
    return body


async def status_of(
    app: Any, path: str, query: bytes, method: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> int:
    """The status of the answer; errors of the app are raised here."""
    said: list[Message] = []
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return parts.pop() if parts else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(errors="surrogatepass"),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
    }
    await app(scope, receive, send)
    json.loads(b"".join(one.get("body", b"") for one in said[1:]) or b"{}")
    return int(said[0]["status"])


async def test_no_damaged_request_is_the_servers_failure(api: Api) -> None:
    app = create_app(api.engine)
    seen: dict[int, int] = {}
    for number in range(CASES):
        draw = random.Random(number)
        headers = [(b"content-type", draw.choice(TYPES)), (b"x-inngest-event-id-seed", draw.choice(SEEDS))]
        if draw.random() < 0.1:
            headers.append((b"content-length", draw.choice([b"-1", b"x", b"9" * 30, b"\xb2", b"5"])))
        path = draw.choice(PATHS) if draw.random() < 0.3 else "/e/k"
        method = draw.choice(["GET", "PUT", "OPTIONS", "B\xc3"]) if draw.random() < 0.1 else "POST"
        query = draw.choice([b"", b"name=shop/said", b"name=%ff%00", b"name=\xff", b"&&=%zz", b"name=" + b"x" * 600])
        status = await status_of(app, path, query, method, headers, mutated(draw, draw.choice(BODIES)))
        assert 200 <= status < 500, f"case {number} was answered with {status}"
        seen[status] = seen.get(status, 0) + 1
    assert seen[200] > CASES / 20
    assert seen[400] > CASES / 10
