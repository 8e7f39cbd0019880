"""Apps on this machine are found, on the ports on which frameworks listen in development, and at the paths of apps."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from inngest.protocol.http import HttpError, HttpRequest
from inngest.runtime import clock
from inngest.runtime.ports import HttpClient

from .polling import INTERVAL, LONGEST, NEVER

PORTS: Final = (80, 443, *range(3000, 3011), 4321, 5000, 5173, 8000, 8080, 8081, 8787, 8888, *range(8910, 8916))
PATHS: Final = (
    "/api/inngest",
    "/x/inngest",
    "/.netlify/functions/inngest",
    "/.redwood/functions/inngest",
)

PROBE_TIME = 1.0
"""Seconds that a probe may take."""


class Discovery:
    """Looks for apps on ports of this machine, and nowhere else.

    Args:
        http: makes the requests.
        own_port: that of this server, which is left out.
        ports: where to look.
    """

    def __init__(self, http: HttpClient, own_port: int, ports: Collection[int] = PORTS) -> None:
        self._http = http
        self._due = {port: 0.0 for port in ports if port != own_port}  # by the monotonic clock
        self._waits: dict[int, float] = {}  # of ports on which something listens that is no app

    async def look(self, now: float) -> list[str]:
        """The URLs of apps on ports where none was found before, all asked at once.

        A port on which something else listens is asked less and less often: its log is somebody's.
        """
        from inngest.runtime import connections  # noqa: F401, PLC0415 - loads aiohttp before time is measured

        due = [port for port, at in self._due.items() if at <= now]
        self._due.update(dict.fromkeys(due, NEVER))  # not a second time meanwhile
        found = await asyncio.gather(*(self._app_on(port) for port in due))
        urls: list[str] = []
        for port, (listens, url) in zip(due, found, strict=True):
            if url is not None:
                urls.append(url)
                del self._due[port]
            elif listens:
                self._waits[port] = min(2 * self._waits.get(port, INTERVAL / 2), LONGEST)
                self._due[port] = now + self._waits[port]
            else:
                self._waits.pop(port, None)
                self._due[port] = now + INTERVAL
        return urls

    async def _app_on(self, port: int) -> tuple[bool, str | None]:
        """Whether something listens on a port, and the URL of the app there."""
        if not await _listens(port):
            return False, None
        answers = await asyncio.gather(*(self._is_app(f"http://localhost:{port}{path}") for path in PATHS))
        return True, next(
            (f"http://localhost:{port}{path}" for path, it in zip(PATHS, answers, strict=True) if it), None
        )

    async def _is_app(self, url: str) -> bool:
        request = HttpRequest(
            "GET", url, {"x-inngest-server-kind": "dev"}, None, round(PROBE_TIME * 1_000), 2**20, False
        )
        try:
            async with clock.until(clock.monotonic() + PROBE_TIME):
                response = await self._http.send(request)
        except (TimeoutError, HttpError):
            return False
        return any(name.lower() == "x-inngest-sdk" for name, _ in response.headers)


async def _listens(port: int) -> bool:
    try:
        async with clock.until(clock.monotonic() + PROBE_TIME):
            _, writer = await asyncio.open_connection("localhost", port)
    except (TimeoutError, OSError):
        return False
    writer.close()
    return True
