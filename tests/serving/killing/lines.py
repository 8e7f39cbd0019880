"""Lines between processes: TCP connections that are passed on, and cut at random bytes in either direction."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

CHUNK = 65_536
CALLS = (12_000, 3_000)
CHECKPOINTS = (4_000, 700)
"""Bytes after which a line is cut, at most: on the way there, and back. So many are some requests, and some answers."""

Ports = Callable[[], Sequence[int]]


class Lines:
    """Passes connections on to one of several ports, in a thread of its own.

    Args:
        chance: decides which lines are cut, and where.
        ports: those to which they may be passed on; while there are none, lines wait.
        share: of the lines that are cut.
        farthest: bytes after which they are cut, at most: on the way there, and back.
        after_requests: of those that are not cut so, the share of what comes on a used line after which it is cut.

    Attributes:
        port: where it listens.
        cuts: how many lines it has cut: on the way to the port, and on the way back.
    """

    def __init__(
        self,
        chance: random.Random,
        ports: Ports,
        share: float = 0.0,
        farthest: tuple[int, int] = CALLS,
        after_requests: float = 0.0,
    ) -> None:
        self._chance = chance
        self._ports = ports
        self.share = share
        self._farthest = farthest
        self.after_requests = after_requests
        self.cuts = [0, 0]
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = self._do(self._listen())

    def close(self) -> None:
        """End all lines, and the thread."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._line, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            there = await self._connected()
            await self._passed_on(reader, writer, *there)
        except (OSError, asyncio.CancelledError):
            _reset(writer)
        finally:
            self._open.discard(task)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            ports = list(self._ports())
            try:
                if ports:
                    return await asyncio.open_connection("127.0.0.1", self._chance.choice(ports))
            except OSError:
                pass  # it is killed, or not there yet
            await asyncio.sleep(0.02)

    async def _passed_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        limits: list[int | None] = [None, None]
        if self._chance.random() < self.share:
            cut = self._chance.randrange(2)
            limits[cut] = self._chance.randrange(self._farthest[cut])
        ways = [
            asyncio.ensure_future(self._way(0, reader, far_writer, limits[0])),
            asyncio.ensure_future(self._way(1, far_reader, writer, limits[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, far_writer):
                (_reset if self._chance.random() < 0.5 else _closed)(end)

    async def _way(
        self, way: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
    ) -> None:
        """Pass on what comes, up to a limit; then the whole line is cut."""
        left, used = limit, False
        while data := await reader.read(CHUNK):
            if left is not None and len(data) > left:
                writer.write(data[:left])
                await writer.drain()
                self.cuts[way] += 1
                return
            left = None if left is None else left - len(data)
            writer.write(data)
            await writer.drain()
            if way == 0 and used and self._chance.random() < self.after_requests:
                self.cuts[way] += 1
                return  # the request has arrived, and nobody hears of it
            used = True


def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset: what has not come yet never comes."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
