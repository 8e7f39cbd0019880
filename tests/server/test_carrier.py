"""Calls to apps by HTTP: what counts as delivered, and what comes of apps that misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inngest.engine.invokers import http
from inngest.engine.invokers.http import HttpCarrier
from inngest.engine.invokers.places import origin_of
from inngest.engine.invokers.ports import Broken, Carried, Doubtful, NotDelivered, RawAnswer, RemoteCall
from inngest.runtime.clock import SystemClock
from inngest.runtime.egress import Egress

from .rude import OK, Peer, Script, rude

BODY = b'{"ctx":{}}'


@pytest.fixture
async def carrier() -> AsyncIterator[HttpCarrier]:
    made = HttpCarrier(SystemClock(asyncio.get_running_loop()))
    yield made
    await made.close()


def call(url: str) -> RemoteCall:
    headers = {"content-type": "application/json", "user-agent": "Inngest", "x-run-id": "R"}
    return RemoteCall(url, headers, BODY, "R", "shop")


def saying(*parts: bytes) -> Script:
    """Answers the first request with these, and closes."""

    async def script(peer: Peer) -> None:
        await peer.request()
        for part in parts:
            await peer.say(part)

    return script


async def polite(peer: Peer) -> None:
    """Answers each request."""
    while True:
        await peer.request()
        await peer.say(OK)


async def carried(carrier: HttpCarrier, *scripts: Script, path: str = "/api?fnId=f&stepId=step") -> Carried:
    async with rude(*scripts) as app:
        return await carrier.carry(call(app.url + path))


# -- what arrives


async def test_a_call_arrives_as_it_is_and_its_answer_comes_back(carrier: HttpCarrier) -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.say(
            b"HTTP/1.1 206 X\r\nX-Two: 1\r\nContent-Length: 3\r\nX-Two: 2\r\nX-U: \xc3\xbc\r\nX-L: \xfc\r\n\r\n[1]"
        )

    answer = await carried(carrier, script)
    assert answer == RawAnswer(206, {"x-two": "2", "content-length": "3", "x-u": "ü", "x-l": "ü"}, b"[1]")
    ((first, headers, body),) = seen
    assert first == "POST /api?fnId=f&stepId=step HTTP/1.1"
    assert body == BODY
    assert {name: headers.get(name) for name in ("content-type", "user-agent", "x-run-id", "content-length")} == {
        "content-type": "application/json",
        "user-agent": "inngest",
        "x-run-id": "r",
        "content-length": str(len(BODY)),
    }


async def test_a_connection_is_kept_for_the_next_call(carrier: HttpCarrier) -> None:
    async with rude(polite) as app:
        for _ in range(3):
            assert isinstance(await carrier.carry(call(app.url)), RawAnswer)
        assert app.connections == 1
        await carrier.close()


async def test_a_connection_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "KEEP_ALIVE", 0.0)
    carrier = HttpCarrier(SystemClock(asyncio.get_running_loop()))
    async with rude(polite) as app:
        for _ in range(2):
            assert isinstance(await carrier.carry(call(app.url)), RawAnswer)
        assert app.connections == 2
        await carrier.close()


async def test_as_many_calls_as_there_are_go_out_at_a_time(carrier: HttpCarrier) -> None:
    arrived = asyncio.Semaphore(0)
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        arrived.release()
        await go.wait()
        await peer.say(OK)

    async with rude(script) as app:
        calls = [asyncio.ensure_future(carrier.carry(call(app.url))) for _ in range(150)]
        for _ in calls:
            await arrived.acquire()
        go.set()
        assert {type(one) for one in await asyncio.gather(*calls)} == {RawAnswer}


# -- not delivered


async def test_an_app_without_tls_that_is_called_with_https_is_told(carrier: HttpCarrier) -> None:
    async def without_tls(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.say(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")

    async with rude(without_tls) as app:
        told = f"ConnectError: 127.0.0.1:{app.port} speaks HTTP, not HTTPS: use http://127.0.0.1:{app.port}"
        assert await carrier.carry(call(app.url.replace("http://", "https://"))) == NotDelivered(told)


async def test_nobody_listens(carrier: HttpCarrier) -> None:
    async with rude(polite) as app:
        url = app.url
    assert await carrier.carry(call(url)) == NotDelivered("ConnectError: Connection refused")


async def test_a_name_that_leads_nowhere(carrier: HttpCarrier) -> None:
    answer = await carrier.carry(call("http://no-such-host.invalid/"))
    assert isinstance(answer, NotDelivered)
    assert answer.reason.startswith("ConnectError: ")


async def test_no_tls_where_it_is_expected(carrier: HttpCarrier) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with rude(script) as app:
        answer = await carrier.carry(call(app.url.replace("http:", "https:")))
    assert isinstance(answer, NotDelivered)
    assert answer.reason.startswith("ConnectError: ")


async def test_a_handshake_that_is_cut(carrier: HttpCarrier) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.reset()

    async with rude(script) as app:
        answer = await carrier.carry(call(app.url.replace("http:", "https:")))
    assert isinstance(answer, NotDelivered)


async def test_a_handshake_that_takes_too_long(carrier: HttpCarrier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT", 0.05)

    async with rude(Peer.gone) as app:
        answer = await carrier.carry(call(app.url.replace("http:", "https:")))
    assert answer == NotDelivered("ConnectTimeout: no connection in time")


@pytest.mark.parametrize(
    "url", ["http://", "ftp://127.0.0.1/", "no url", "http://[::1", "http://127.1:9/", "http://a:99999/"]
)
async def test_a_url_that_cannot_be_called(carrier: HttpCarrier, url: str) -> None:
    answer = await carrier.carry(call(url))
    assert isinstance(answer, NotDelivered)
    assert repr(url) in answer.reason


@pytest.mark.parametrize("rest", ["127.1:9/", "a:99999/", "[::1"])
async def test_neither_user_nor_password_is_told(carrier: HttpCarrier, rest: str) -> None:
    answer = await carrier.carry(call(f"http://me:s3cret@{rest}"))
    assert isinstance(answer, NotDelivered)
    assert rest in answer.reason
    assert "s3cret" not in answer.reason
    assert origin_of("https://me:s3cret@shop.example:8443/api") == "https://shop.example:8443"


async def test_a_host_that_must_not_be_called_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    carrier = HttpCarrier(SystemClock(asyncio.get_running_loop()), Egress(private=False))
    async with rude(polite) as app:
        answers = [await carrier.carry(call(app.url)) for _ in range(2)]
        assert app.connections == 0
    for answer in answers:
        assert isinstance(answer, NotDelivered)
        assert f"--allow-host 127.0.0.1:{app.port} " in answer.reason
    assert caplog.text.count("app shop is not called: 127.0.0.1 is not a public address") == 1
    await carrier.close()


def closing(*, reset: bool, said: bytes = b"") -> tuple[Script, Script]:
    """An app that answers a call, and closes the connection as the second one comes; the next connection is polite."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await peer.request()
        await peer.say(said)
        if reset:
            peer.reset()

    return script, polite


@pytest.mark.parametrize("reset", [True, False])
async def test_a_kept_connection_that_is_closed_at_that_moment_leaves_a_doubt(
    carrier: HttpCarrier, reset: bool
) -> None:
    """The same call is not sent again: the app may have got it."""
    async with rude(*closing(reset=reset)) as app:
        assert isinstance(await carrier.carry(call(app.url)), RawAnswer)
        assert isinstance(await carrier.carry(call(app.url)), Doubtful)
        assert app.connections == 1
        assert isinstance(await carrier.carry(call(app.url)), RawAnswer)
        await carrier.close()


# -- broken: the app may have got it


async def test_a_kept_connection_on_which_a_byte_came_is_broken(carrier: HttpCarrier) -> None:
    async with rude(*closing(reset=False, said=b"HTTP/1.1 206 X\r\n")) as app:
        await carrier.carry(call(app.url))
        assert isinstance(await carrier.carry(call(app.url)), Broken)
        assert app.connections == 1
        await carrier.close()


class Late(SystemClock):
    """A clock on which everything takes long."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.passed = 0

    def monotonic(self) -> int:
        self.passed += 1_000
        return self.passed


async def test_a_kept_connection_that_is_closed_later_is_broken() -> None:
    carrier = HttpCarrier(Late())
    async with rude(*closing(reset=True)) as app:
        await carrier.carry(call(app.url))
        assert isinstance(await carrier.carry(call(app.url)), Broken)
        assert app.connections == 1
        await carrier.close()


@pytest.mark.parametrize("reset", [True, False])
async def test_a_new_connection_that_is_cut_is_broken(carrier: HttpCarrier, reset: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if reset:
            peer.reset()

    async with rude(script) as app:
        assert isinstance(await carrier.carry(call(app.url)), Broken)
        assert app.connections == 1


CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nx-a: 1\r\n",
        CUT,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nno colon\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 2**17 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: a\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok",
    ],
    ids=range(14),
)
async def test_an_answer_that_is_cut_or_no_http_is_broken(carrier: HttpCarrier, answer: bytes) -> None:
    found = await carried(carrier, saying(answer))
    assert isinstance(found, Broken)
    assert found.reason
    assert "\n" not in found.reason
    assert len(found.reason) < 300


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize(
    "piece", [b"5\r\nhellox\r\n0\r\n\r\n", b"zz\r\n", b"6252a\r\n" + b"x" * 0x6252A + b"0\r\n\r\n"]
)
async def test_a_body_that_is_no_http_is_broken_also_if_its_head_is_read_before(piece: bytes, ends: bool) -> None:
    carrier = HttpCarrier(SystemClock(asyncio.get_running_loop()), longest=20_000)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n")
        for _ in range(20):
            await asyncio.sleep(0)  # turns of the loop, in which that is read
        await peer.say(piece)
        if not ends:
            await peer.gone()

    async with rude(script) as app:
        assert await carrier.carry(call(app.url)) == Broken("the answer was cut before its end")
    await carrier.close()


async def test_a_body_of_the_most_that_is_allowed_comes(carrier: HttpCarrier) -> None:
    size = http.MAX_ANSWER
    answer = await carried(carrier, saying(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, b"x" * size))
    assert isinstance(answer, RawAnswer)
    assert len(answer.body) == size


@pytest.mark.parametrize("head", [b"content-length: 99999999", b"transfer-encoding: chunked", b"x-until: closed"])
async def test_an_answer_without_end_is_not_read_to_it(carrier: HttpCarrier, head: bytes) -> None:
    part = b"x" * 2**16
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        while True:
            await peer.say(b"10000\r\n" + part + b"\r\n" if b"chunked" in head else part)
            sent += len(part)

    async with rude(script) as app:
        answer = await carrier.carry(call(app.url))
        assert isinstance(answer, Broken)
        assert "8,388,608 bytes" in answer.reason
        await app.ended.wait()  # its connection was closed
    assert sent < 4 * http.MAX_ANSWER


async def drip(peer: Peer) -> None:
    """An answer that never ends, a byte at a time."""
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n")
    while True:
        await peer.say(b"x")
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("script", [Peer.gone, drip])
async def test_an_app_that_takes_too_long_is_given_up(script: Script) -> None:
    carrier = HttpCarrier(SystemClock(asyncio.get_running_loop()), longest=100)
    async with rude(script) as app:
        assert await carrier.carry(call(app.url)) == Broken("no answer within 0.1 s")
        await app.ended.wait()
    await carrier.close()


async def test_a_call_that_is_cancelled_closes_its_connection(carrier: HttpCarrier) -> None:
    came = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        came.set()
        await peer.gone()

    async with rude(script) as app:
        carrying = asyncio.ensure_future(carrier.carry(call(app.url)))
        await came.wait()
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
        await app.ended.wait()


async def test_what_an_app_says_after_its_answer_is_nobodys(carrier: HttpCarrier) -> None:
    async with rude(saying(OK + b"HTTP/1.1 500 Trailing\r\ncontent-length: 0\r\n\r\n")) as app:
        answers = [await carrier.carry(call(app.url)) for _ in range(2)]
    assert [isinstance(one, RawAnswer) and one.status for one in answers] == [200, 200]


# -- redirects


def redirecting(*targets: str, status: int = 307) -> Script:
    """Redirects call after call."""
    left = list(targets)

    async def script(peer: Peer) -> None:
        while True:
            _, _, body = await peer.request()
            assert body == BODY
            if not left:
                await peer.say(OK)
            else:
                there = left.pop(0).encode()
                await peer.say(b"HTTP/1.1 %d X\r\nlocation: %s\r\ncontent-length: 0\r\n\r\n" % (status, there))

    return script


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_the_same_origin_gets_the_body_again(carrier: HttpCarrier, status: int) -> None:
    answer = await carried(carrier, redirecting("/api/?a=1", "there", status=status))
    assert isinstance(answer, RawAnswer)
    assert answer.status == 200


async def test_five_are_followed_and_no_more(carrier: HttpCarrier) -> None:
    assert isinstance(await carried(carrier, redirecting(*["/a"] * 5)), RawAnswer)
    answer = await carried(carrier, redirecting(*["/a"] * 6))
    assert answer == Broken("the app redirects the call more than 5 times")


@pytest.mark.parametrize(
    "there",
    [
        "http://localhost:9/x?secret=1",
        "http://me:secret@localhost:9/x",
        "https://127.0.0.1/",
        "//other.test/",
        "ftp://127.0.0.1/",
    ],
)
async def test_one_to_another_origin_is_refused(carrier: HttpCarrier, there: str) -> None:
    answer = await carried(carrier, redirecting(there))
    assert isinstance(answer, Broken)
    assert "another origin" in answer.reason
    assert "secret" not in answer.reason


@pytest.mark.parametrize("there", ["", "http://[", "http://a:99999/", "\x01"])
async def test_one_that_leads_nowhere_is_an_end(carrier: HttpCarrier, there: str) -> None:
    assert isinstance(await carried(carrier, redirecting(there)), Broken | RawAnswer)


async def test_one_without_a_target_is_an_answer(carrier: HttpCarrier) -> None:
    answer = await carried(carrier, saying(b"HTTP/1.1 302 X\r\ncontent-length: 0\r\n\r\n"))
    assert isinstance(answer, RawAnswer)
    assert answer.status == 302


# -- connections


async def test_a_silent_peer_is_asked_whether_it_is_there(
    carrier: HttpCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[socket.socket] = []

    class Seen(socket.socket):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    async with rude(polite) as app:
        monkeypatch.setattr(socket, "socket", Seen)
        await carrier.carry(call(app.url))
        options = [one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) for one in made if one.fileno() >= 0]
        timeouts = [
            one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            for one in made
            if one.fileno() >= 0 and hasattr(socket, "TCP_USER_TIMEOUT")
        ]
        assert 1 in options
        assert not timeouts or 60_000 in timeouts
        await carrier.close()
