"""Answers of apps that have much beside their bodies: trailers, extensions of chunks, and chunks without number."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from inngest.engine.invokers.http import HttpCarrier
from inngest.engine.invokers.ports import Broken, RawAnswer
from inngest.runtime.clock import SystemClock
from inngest.runtime.plain_http import HEAD

from .rude import Peer, rude
from .test_carrier import call, carried, saying

CHUNKED = b"HTTP/1.1 200 OK\r\nx-own: a\r\ntransfer-encoding: chunked\r\n\r\n"
PART = 2**16
MANY = 128 * PART


@pytest.fixture
async def carrier() -> AsyncIterator[HttpCarrier]:
    made = HttpCarrier(SystemClock(asyncio.get_running_loop()))
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("begin", "part", "end"),
    [
        pytest.param(b"2\r\n{}\r\n0\r\n", b"x: " + b"a" * (PART - 5) + b"\r\n", b"\r\n", id="trailers"),
        pytest.param(b"2\r\n{}\r\n0\r\nx: ", b"a" * PART, b"\r\n\r\n", id="one trailer"),
        pytest.param(b"2;x=", b"a" * PART, b"\r\n{}\r\n0\r\n\r\n", id="an extension"),
    ],
)
async def test_what_is_beside_a_body_is_not_read_without_end(
    carrier: HttpCarrier, begin: bytes, part: bytes, end: bytes
) -> None:
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(CHUNKED + begin)
        while sent < MANY:
            await peer.say(part)
            sent += len(part)
        await peer.say(end)

    async with rude(script) as app:
        answer = await carrier.carry(call(app.url))
        assert answer == Broken(f"ProtocolError: the answer beside its body has more than {HEAD:,} bytes")


async def test_trailers_are_no_headers(carrier: HttpCarrier) -> None:
    trailers = b"x-own: b\r\nx-inngest-no-retry: true\r\n"
    answer = await carried(carrier, saying(CHUNKED + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n"))
    assert answer == RawAnswer(200, {"x-own": "a", "transfer-encoding": "chunked"}, b"{}")


async def test_an_answer_in_very_small_chunks_comes_whole_and_takes_little_memory(carrier: HttpCarrier) -> None:
    count = 2**17
    chunks = b"2\r\n[]\r\n" * count
    parts = [CHUNKED, *(chunks[at : at + PART] for at in range(0, len(chunks), PART)), b"0\r\n\r\n"]
    assert len(chunks) - 2 * count > 2 * HEAD
    tracemalloc.start()
    try:
        answer = await carried(carrier, saying(*parts))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(answer, RawAnswer)
    assert answer.body == b"[]" * count
    assert most < 12 * len(answer.body)
