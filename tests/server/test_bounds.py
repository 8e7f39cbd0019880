"""What is too large, too slow, or cut is the client's fault, and is told so: never a 5xx."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Message

from inngest.protocol import limits
from inngest.server.app import create_app
from inngest.server.bounds import MAX_HEAD, Bounds
from inngest.server.protocol import BoundedProtocol

from .conftest import Api

Receive = Callable[[], Awaitable[Message]]


def parts(*bodies: bytes, more: bool = False) -> Receive:
    """An ASGI server that has these parts of a body; `more`: and says that there are others, which do not come."""
    left = list(bodies)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left) or more}

    return receive


async def ask(
    app: Any, path: str, receive: Receive, headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int, Any]:
    """Status and body of the answer to a POST."""
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), *(headers or [])],
    }
    await app(scope, receive, send)
    body = b"".join(one.get("body", b"") for one in said[1:])
    return said[0]["status"], json.loads(body)


async def test_a_large_body_is_refused_by_its_length_alone(api: Api) -> None:
    async def never() -> Message:
        raise AssertionError("the body was read")

    app = create_app(api.engine)
    for path, limit in (("/e/key", 64 * limits.MB), ("/invoke/shop-echo", 8 * limits.MB)):
        length = [(b"content-length", str(limit + 1).encode())]
        status, body = await ask(app, path, never, length)
        assert (status, body["status"]) == (413, 413)
        assert f"over {limit:,} bytes" in body["error"]


async def test_a_large_body_is_refused_as_it_comes(api: Api) -> None:
    status, body = await ask(create_app(api.engine), "/invoke/shop-echo", parts(*[b" " * limits.MB] * 9))
    assert (status, body["error"]) == (413, "the body is over 8,388,608 bytes")


@pytest.mark.parametrize("name", [b"x-large", b"authorization"])
async def test_large_headers_are_refused(api: Api, name: bytes) -> None:
    status, body = await ask(create_app(api.engine), "/e/key", parts(b"{}"), [(name, b"x" * MAX_HEAD)])
    assert (status, body["status"]) == (431, 431)
    assert "65,536 are read" in body["error"]


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async def read(request: Request) -> JSONResponse:
        return JSONResponse(len(await request.body()))

    app = Starlette(routes=[Route("/", read, methods=["POST"])])
    bounded = Bounds(app, body_time=0.05)
    scope_answer = await ask_plain(bounded, parts(b"some", more=True))
    assert scope_answer == (408, b"the body did not come within 0.05 s")
    assert await ask_plain(bounded, parts(b"so", b"me")) == (200, b"4")


async def ask_plain(app: Any, receive: Receive) -> tuple[int, bytes]:
    """Status and text of the answer to a POST."""
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "root_path": "", "headers": []}
    await app(scope, receive, send)
    return said[0]["status"], b"".join(one.get("body", b"") for one in said[1:])


async def test_waiting_for_the_client_to_leave_has_no_bound() -> None:
    """What follows the body is the client's going away, and may take as long as the answer does."""
    left = asyncio.Event()
    received: list[Message] = []

    async def app(scope: Any, receive: Receive, send: Any) -> None:
        received.append(await receive())
        received.append(await receive())

    async def receive() -> Message:
        if not received:
            return {"type": "http.request", "body": b"", "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asking = asyncio.ensure_future(Bounds(app, body_time=0.0)(scope, receive, _nowhere))
    await asyncio.sleep(0.02)
    assert not asking.done()
    left.set()
    await asking
    assert [one["type"] for one in received] == ["http.request", "http.disconnect"]


async def _nowhere(message: Message) -> None: ...


async def test_a_client_that_leaves_in_the_middle_is_no_error_of_the_server(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"[", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    status, _ = await ask(create_app(api.engine), "/e/key", receive)
    assert status == 400
    assert caplog.text == ""


# -- on connections


class Quiet(uvicorn.Server):
    """Takes no signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Hasty(BoundedProtocol):
    """Waits not long for a head."""

    head_time = 0.1


class Patient(BoundedProtocol):
    """Waits long for a head, but not as long as the server keeps a connection without any."""

    head_time = 60.0


@contextlib.asynccontextmanager
async def serving(api: Api, protocol: type[BoundedProtocol] = BoundedProtocol) -> AsyncGenerator[int]:
    """A server on loopback; its port."""
    config = uvicorn.Config(create_app(api.engine), port=0, http=protocol, lifespan="off", log_config=None)
    config.timeout_keep_alive = 600
    server = Quiet(config)
    started = asyncio.Event()
    startup = server.startup

    async def seen(sockets: Any = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = seen  # type: ignore[method-assign]
    serving = asyncio.ensure_future(server.serve())
    await started.wait()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def said(port: int, *data: bytes, then: Callable[[], Awaitable[None]] | None = None) -> bytes:
    """All that the server says to these bytes, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in data:
            writer.write(part)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        if then is not None:
            await then()
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
    finally:
        writer.close()


@pytest.mark.parametrize("begun", [b"", b"G", b"POST /e/key HTTP/1.1\r\nhost: localhost\r\nx-slow: ", b"\r\n\r\n"])
async def test_a_head_that_does_not_come_is_given_up(api: Api, begun: bytes) -> None:
    async with serving(api, Hasty) as port:
        answer = await said(port, begun)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"no whole request came within 0.1 s"' in answer


async def test_a_head_that_comes_a_line_at_a_time_is_given_up_too(api: Api) -> None:
    async with serving(api, Hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\n")
        drip = asyncio.ensure_future(_drip(writer))
        answer = b""
        with contextlib.suppress(ConnectionError):  # what it writes after the end may undo the answer on its way
            answer = await reader.read()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
        drip.cancel()
        writer.close()


async def _drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x: y\r\n")
        await asyncio.sleep(0.01)


async def test_a_head_without_end_is_cut_off(api: Api) -> None:
    line = b"x: " + b"y" * 1_000 + b"\r\n"
    async with serving(api) as port:
        answer = await said(port, b"GET /health HTTP/1.1\r\nhost: localhost\r\n", *[line] * 200)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    async with serving(api) as port:
        answer = await said(port, b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + line * 66)
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"banana\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"POST /e/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n",
        b"POST /e/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /e/key HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /health?\xff HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"GET * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"GET /e/%ff%00 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"GET /health?%zz HTTP/1.1\r\nhost: \xff\xfe\r\nconnection: close\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_the_clients_fault(api: Api, request_bytes: bytes) -> None:
    async with serving(api, Hasty) as port:
        answer = await said(port, request_bytes)
    assert answer.startswith(b"HTTP/1.1 4")


async def test_one_connection_has_several_requests_and_pauses(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: real() + ahead, raising=False)
    async with serving(api, Patient) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        for _ in range(3):
            assert (await http.get("/health")).status_code == 200
            ahead += Patient.head_time + 1  # longer than a head may take: none has begun
            await asyncio.sleep(0)
            response = await http.post("/e/key", json={"name": "shop/said", "data": {"x": "y" * 100_000}})
            assert response.status_code == 200
