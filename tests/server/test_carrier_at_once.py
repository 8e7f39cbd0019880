"""Calls that leave in the middle of what the loop does, on a connection that is kept; and answers that are packed."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable

import pytest

from inngest.engine.invokers import http
from inngest.engine.invokers.http import HttpCarrier
from inngest.engine.invokers.ports import Broken, Carried, Doubtful, RawAnswer
from inngest.runtime.clock import SystemClock

from .rude import OK, Peer, rude
from .test_carrier import call, carried, closing, polite, redirecting, saying


@pytest.fixture
async def carrier() -> AsyncIterator[HttpCarrier]:
    made = HttpCarrier(SystemClock(asyncio.get_running_loop()))
    yield made
    await made.close()


def begun(carrier: HttpCarrier, url: str) -> tuple[asyncio.Future[Carried], Callable[[], object]]:
    """A call that leaves at once: what becomes of it, and what gives it up."""
    became: asyncio.Future[Carried] = asyncio.get_running_loop().create_future()
    give_up = carrier.begin(call(url), became.set_result)
    assert give_up is not None
    return became, give_up


async def test_nothing_leaves_at_once_without_a_connection(carrier: HttpCarrier) -> None:
    async with rude(polite) as app:
        assert carrier.begin(call(app.url), lambda _: None) is None
        assert app.connections == 0


async def test_a_call_leaves_at_once_on_a_connection_that_is_kept(carrier: HttpCarrier) -> None:
    async with rude(polite) as app:
        await carrier.carry(call(app.url))
        for _ in range(3):
            became, _ = begun(carrier, app.url)
            assert carrier.begin(call(app.url), lambda _: None) is None  # the only one is in use
            answer = await became
            assert isinstance(answer, RawAnswer)
            assert answer.body == b"ok"
        assert app.connections == 1
        await carrier.close()


async def test_a_call_that_left_at_once_is_given_up(carrier: HttpCarrier) -> None:
    came = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await peer.request()
        came.set()
        await peer.gone()

    async with rude(script) as app:
        await carrier.carry(call(app.url))
        became, give_up = begun(carrier, app.url)
        await came.wait()
        give_up()
        await app.ended.wait()
        assert not became.done()


@pytest.mark.parametrize("reset", [True, False])
async def test_a_call_that_left_at_once_may_leave_a_doubt(carrier: HttpCarrier, reset: bool) -> None:
    async with rude(*closing(reset=reset)) as app:
        await carrier.carry(call(app.url))
        became, _ = begun(carrier, app.url)
        assert isinstance(await became, Doubtful)
        assert app.connections == 1


async def test_a_call_that_left_at_once_follows_where_it_is_redirected(carrier: HttpCarrier) -> None:
    async with rude(redirecting("/a", "/b")) as app:
        assert isinstance(await carrier.carry(call(app.url)), RawAnswer)
    async with rude(_polite_then_redirecting) as app:
        await carrier.carry(call(app.url))
        became, _ = begun(carrier, app.url)
        answer = await became
        assert isinstance(answer, RawAnswer)
        assert answer.status == 200
        await carrier.close()


class Stopping(SystemClock):
    """A clock that can stop."""

    stopped = False

    def monotonic(self) -> int:
        if self.stopped:
            raise LookupError("the clock has stopped")
        return super().monotonic()


async def test_a_call_whose_redirect_cannot_be_followed_has_an_end_all_the_same() -> None:
    clock = Stopping(asyncio.get_running_loop())
    carrier = HttpCarrier(clock)
    async with rude(_polite_then_redirecting) as app:
        await carrier.carry(call(app.url))
        became, _ = begun(carrier, app.url)
        clock.stopped = True
        async with asyncio.timeout(20):
            assert await became == Broken("LookupError: the clock has stopped")
        await carrier.close()


async def _polite_then_redirecting(peer: Peer) -> None:
    await peer.request()
    await peer.say(OK)
    await redirecting("/a")(peer)


@pytest.mark.parametrize("packed", [gzip.compress(b"[1]"), zlib.compress(b"[1]")])
async def test_a_packed_answer_is_unpacked_though_nobody_asked_for_it(carrier: HttpCarrier, packed: bytes) -> None:
    name = b"gzip" if packed[:1] == b"\x1f" else b"deflate"
    head = b"HTTP/1.1 206 X\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (name, len(packed))
    answer = await carried(carrier, saying(head + packed))
    assert isinstance(answer, RawAnswer)
    assert answer.body == b"[1]"


async def test_a_packed_answer_that_unpacks_to_more_than_is_read_is_broken(carrier: HttpCarrier) -> None:
    packed = gzip.compress(bytes(http.MAX_ANSWER + 1))
    head = b"HTTP/1.1 206 X\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    assert await carried(carrier, saying(head + packed)) == http.TOO_LARGE
