"""Requests to hosts that do not answer hold nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import inngest

PATIENCE = 60_000
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


@dataclass
class Host:
    """A server that answers when it is let."""

    url: str = ""
    came: int = 0  # requests
    open: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def has(self, count: int) -> None:
        """Wait until so many requests came."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.came >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            async with self.changed:
                self.came += 1
                self.changed.notify_all()
            await self.open.wait()
            writer.write(ANSWER)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # who asked has gone
        finally:
            writer.close()


@asynccontextmanager
async def host(*, slow: bool) -> AsyncGenerator[Host]:
    """Run one."""
    one = Host()
    if not slow:
        one.open.set()
    async with await asyncio.start_server(one.serve, "127.0.0.1", 0, backlog=500) as server:
        one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield one
        one.open.set()


@pytest.fixture
def fetch(client: inngest.Inngest) -> inngest.Function[object]:
    @client.create_function(fn_id="fetch", trigger=inngest.TriggerEvent(event="fetch"))
    async def fetch(ctx: inngest.Context) -> object:
        return (await ctx.step.fetch("get", str(ctx.event.data["url"]))).body

    return fetch


@pytest.fixture
def client() -> inngest.Inngest:
    return inngest.Inngest(app_id="test")


async def test_hosts_that_do_not_answer_hold_nobody_elses(
    tmp_path: Path, client: inngest.Inngest, fetch: inngest.Function[object]
) -> None:
    """Behind a backlog of more than a page, and more than the connections that httpx has unless told otherwise."""
    async with (
        host(slow=True) as first,
        host(slow=True) as second,
        host(slow=False) as quick,
        inngest.Engine([fetch], database=tmp_path / "inngest.db") as engine,
    ):
        slow: list[str] = []
        for one, asked, places in ((first, 360, 96), (second, 60, 48)):
            slow += await client.send([inngest.Event(name="fetch", data={"url": one.url}) for _ in range(asked)])
            await one.has(places)
        assert await engine.invoke(fetch, data={"url": quick.url}, timeout=PATIENCE) == "ok"
        assert (first.came, second.came) == (96, 48)
        first.open.set()
        second.open.set()
        for event_id in slow:
            (run,) = await engine.runs(event_id=event_id)
            assert await engine.wait(run.id) == "ok"
        assert (first.came, second.came) == (360, 60)
