"""An answer that begins before the function has ended: spaces, and then all of the true answer in one object.

Proxies give up on an answer that does not come; a space now and then shows them that it will.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

from inngest.protocol.headers import SERVER_TIMING
from inngest.protocol.wire import responses

from .messages import JSON_TYPE, Response, Stream
from .timing import ServerTiming

INTERVAL = 3.0
"""Seconds between two signs of life."""

_UNDER_WAY: set[asyncio.Task[Response]] = set()
"""Calls go on when nobody listens any more: their steps are recorded by checkpoints, and their slots are given back."""


def kept(call: Coroutine[Any, Any, Response]) -> asyncio.Task[Response]:
    """A call that begins now, and goes on if nobody waits for it any more.

    Args:
        call: gives the answer.
    """
    task = asyncio.ensure_future(call)
    _UNDER_WAY.add(task)
    task.add_done_callback(_UNDER_WAY.discard)
    return task


def streamed(call: Coroutine[Any, Any, Response], headers: Mapping[str, str], timing: ServerTiming) -> Stream:
    """The answer of a call that begins now.

    Args:
        call: gives the true answer.
        headers: of the endpoint's answers, that the true one has too.
        timing: of the call, for a header of the true answer.
    """
    return Stream(201, {"content-type": JSON_TYPE}, _chunks(call, headers, timing))


async def _chunks(
    call: Coroutine[Any, Any, Response], headers: Mapping[str, str], timing: ServerTiming
) -> AsyncIterator[bytes]:
    task = kept(call)
    await asyncio.wait((task,), timeout=0)
    while not task.done():
        yield b" "
        await asyncio.wait((task,), timeout=INTERVAL)
    answer = task.result()
    told = {**headers, **answer.headers, SERVER_TIMING: timing.header}
    yield responses.envelope(responses.Answer(answer.status, told, answer.body))
