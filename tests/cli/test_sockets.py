"""The socket that a server listens on."""

from __future__ import annotations

import asyncio
import socket

from inngest.cli import sockets


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
