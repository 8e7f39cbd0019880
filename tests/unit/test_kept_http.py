"""Connections that are kept by event loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from inngest.protocol.http import HttpError, HttpRequest
from inngest.runtime.kept_http import KeptHttp


class Server:
    """Answers each request with its place among all, in threads of its own, on connections that it counts.

    Args:
        answer: instead of that.
        answers: whether there is one.
    """

    def __init__(self, answer: bytes = b"", *, answers: bool = True) -> None:
        owner = self
        self.connections = 0
        requests = 0
        self._over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                owner.connections += 1
                super().setup()

            def do_POST(self) -> None:
                nonlocal requests
                requests += 1
                self.rfile.read(int(self.headers["content-length"]))
                if not answers:
                    owner._over.wait()
                body = answer or str(requests).encode()
                self.send_response(418)
                self.send_header("x-a", "b")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...

        class Threaded(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None: ...

        self._server = Threaded(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def post(url: str, *, timeout: int = 60_000, limit: int = 100) -> HttpRequest:
    return HttpRequest("POST", url, {"content-type": "application/json"}, b"{}", timeout, limit, redirects=False)


async def test_a_connection_is_kept_for_the_next_request() -> None:
    http, server = KeptHttp(), Server()
    with server as url:
        answers = [await http.send(post(url)) for _ in range(3)]
        await http.close()
    assert [(one.status, one.content) for one in answers] == [(418, b"1"), (418, b"2"), (418, b"3")]
    assert ("x-a", "b") in answers[0].headers
    assert server.connections == 1


async def test_an_answer_that_is_too_large_is_not_read() -> None:
    http = KeptHttp()
    with Server(b"x" * 101) as url:
        with pytest.raises(HttpError, match="more than 100 bytes"):
            await http.send(post(url))
        await http.close()


async def test_no_answer_is_an_error_that_says_why() -> None:
    http = KeptHttp()
    with Server() as url:
        pass
    with pytest.raises(HttpError, match="ConnectError: Connection refused"):
        await http.send(post(url))
    with Server(answers=False) as url, pytest.raises(HttpError, match="no answer within 500 ms"):
        await http.send(post(url, timeout=500))
    with pytest.raises(HttpError, match="InvalidU") as told:
        await http.send(post("http:///nowhere"))
    assert told.value.retriable is False
    await http.close()


def test_nothing_is_kept_of_loops_that_are_closed() -> None:
    http = KeptHttp()
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def once() -> bytes:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        with Server() as url:
            return (await http.send(post(url))).content

    for _ in range(4):
        asyncio.run(once())
    gc.collect()
    assert sum(loop() is not None for loop in loops) <= 1


def test_each_loop_has_its_own_and_closes_it() -> None:
    """A warning of aiohttp about what was left open would fail this test."""
    http = KeptHttp()

    async def once() -> bytes:
        with Server() as url:
            return (await http.send(post(url))).content

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [asyncio.run(once()) for _ in range(3)] == [b"1", b"1", b"1"]
