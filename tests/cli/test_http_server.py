"""The socket that a server listens on, and the loop that it runs on."""

from __future__ import annotations

import asyncio
import socket
import sys
from types import SimpleNamespace

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from inngest.cli import http_server, sockets


async def test_connections_send_at_once_what_is_written() -> None:
    """An answer is written in parts: its head, its body. The body does not wait until the peer has noted the head."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def come(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(come, sock=sockets.listen("127.0.0.1", 0)) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await accepted != 0
        writer.close()
        await writer.wait_closed()


async def test_a_request_that_the_stop_cuts_short_is_answered_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    came = asyncio.Event()

    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        came.set()
        await asyncio.Event().wait()

    sock = sockets.listen("127.0.0.1", 0)
    server = http_server.HttpServer(hangs)
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    async with httpx.AsyncClient(timeout=60) as http:
        asked = asyncio.ensure_future(http.get(http_server.url_of(sock, "127.0.0.1")))
        await asyncio.wait_for(came.wait(), 60)
        server.should_exit = True
        assert (await asked).status_code == 503
    await asyncio.wait_for(serving, 60)
    assert not [record for record in caplog.records if record.exc_info]


class _OtherLoop(asyncio.SelectorEventLoop):
    pass


async def _loop() -> type[asyncio.AbstractEventLoop]:
    return type(asyncio.get_running_loop())


def test_a_server_runs_on_uvloop_if_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=_OtherLoop))
    assert http_server.run(_loop()) is _OtherLoop


def test_a_server_runs_on_asyncio_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert issubclass(http_server.run(_loop()), asyncio.BaseEventLoop)
