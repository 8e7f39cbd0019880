"""An answer that begins before the function has ended."""

from __future__ import annotations

import asyncio
import json
import weakref

import pytest

from inngest.sdk.serving import streaming
from inngest.sdk.serving.messages import Response
from inngest.sdk.serving.streaming import streamed
from inngest.sdk.serving.timing import ServerTiming

ANSWER = Response(206, {"content-type": "application/json", "retry-after": "1"}, '["ü"]'.encode())


async def answered() -> Response:
    return ANSWER


async def chunks_of(stream: object) -> list[bytes]:
    return [chunk async for chunk in stream.chunks]  # type: ignore[attr-defined]  # pyright: ignore


async def test_a_call_that_has_ended_at_once_has_no_space_in_front() -> None:
    stream = streamed(answered(), {"x-inngest-sdk": "s"}, ServerTiming())
    assert (stream.status, stream.headers) == (201, {"content-type": "application/json"})
    (envelope,) = await chunks_of(stream)
    assert json.loads(envelope) == {
        "body": '["ü"]',
        "headers": {
            "content-type": "application/json",
            "retry-after": "1",
            "server-timing": "",
            "x-inngest-sdk": "s",
        },
        "status": 206,
    }


async def test_a_call_that_takes_long_shows_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "INTERVAL", 0.001)
    ended = asyncio.Event()

    async def call() -> Response:
        await ended.wait()
        return ANSWER

    seen: list[bytes] = []
    async for chunk in streamed(call(), {}, ServerTiming()).chunks:
        seen.append(chunk)
        if len(seen) == 4:
            ended.set()
    assert seen[:4] == [b" "] * 4
    assert json.loads(b"".join(seen))["status"] == 206


async def test_a_call_goes_on_when_nobody_listens_any_more() -> None:
    ended, went_on = asyncio.Event(), asyncio.Event()

    async def call() -> Response:
        await ended.wait()
        went_on.set()
        return ANSWER

    chunks = streamed(call(), {}, ServerTiming()).chunks
    assert await anext(chunks) == b" "
    await chunks.aclose()  # type: ignore[attr-defined]  # pyright: ignore
    gone = weakref.ref(chunks)
    del chunks
    assert gone() is None
    ended.set()
    await went_on.wait()
