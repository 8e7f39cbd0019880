"""`inngest start` in a process that is watched: its memory, its log, and whether it lives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import httpx

from inngest import Run
from inngest.embedded.reader import Reader
from inngest.protocol.wire import signing
from tests import processes
from tests.processes import PATIENCE, Started, free_ports
from tests.serving.killing.app import EVENT, SIGNING
from tests.serving.killing.server import serve
from tests.serving.killing.story import PRELOADED

OVER = ("COMPLETED", "FAILED", "CANCELLED", "SKIPPED")


@dataclass
class Watched:
    """The process, and how to ask it."""

    started: Started
    folder: Path
    url: str
    http: httpx.AsyncClient

    def memory(self) -> int:
        """Bytes of it that are in memory."""
        status = Path(f"/proc/{self.started.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None, "it has ended"
        return int(found[1]) * 1024

    def complaints(self) -> list[str]:
        """Lines of its log with an error, or a traceback; but not that it leaves an app alone that it cannot reach."""
        text = (self.folder / "server0.log").read_text()
        lines = [line for line in text.splitlines() if " is put off for " not in line]
        bad = [line for line in lines if not line.startswith("{") or json.loads(line)["level"] in ("error", "critical")]
        return [line[:3_000] for line in [*bad, *(line for line in lines if "Traceback" in line)]]

    async def until(self, what: str, path: str) -> None:
        """Wait until a path is answered with 200."""
        for _ in range(int(PATIENCE / 0.05)):
            with contextlib.suppress(httpx.TransportError):
                if (await self.http.get(path)).status_code == 200:
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(what)

    def runs(self, limit: int = 100_000) -> list[Run]:
        """Its runs, as lists have them."""
        return Reader(self.folder / "i.db").runs(limit=limit)


@contextlib.asynccontextmanager
async def watched(folder: Path, app: str) -> AsyncGenerator[Watched]:
    """A server, for a `with` block.

    Args:
        folder: an empty one.
        app: URL of the app that it may call.
    """
    processes.preload(*PRELOADED)
    (port,) = free_ports(1)
    bearer = {"authorization": f"Bearer {signing.hashed(SIGNING)}"}
    with processes.started(serve, folder, 0, port, app, "") as started:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer, timeout=PATIENCE) as http:
            server = Watched(started, folder, f"http://127.0.0.1:{port}", http)
            await server.until("the server does not answer", "/ready")
            yield server


async def send(server: Watched, events: list[dict[str, object]]) -> list[str]:
    """Send events; their ids."""
    answer = await server.http.post(f"/e/{EVENT}", json=events)
    assert answer.status_code == 200, answer.text
    return [str(one) for one in answer.json()["ids"]]
