"""Sending events over HTTP (sdk-api §2.3). What to send, and when again, is decided once for async and plain code."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from inngest.protocol import ulids
from inngest.protocol.opcodes import SentEvent

from . import system
from .errors import EventKeyUnspecifiedError
from .events import SendEventsResult
from .work import Work

ATTEMPTS = 5
FIRST_DELAY = 0.1
"""Seconds before the first retry; each further one waits twice as long, plus up to as much as this by chance."""

VERSION = "0.1.0"
NO_KEY = "NO_EVENT_KEY_SET"


@dataclass(frozen=True)
class Target:
    """Where events go."""

    origin: str
    event_key: str | None
    env: str | None
    is_production: bool


class Response(Protocol):
    """What came back."""

    @property
    def status_code(self) -> int:
        """HTTP status."""
        ...

    @property
    def content(self) -> bytes:
        """Body."""
        ...


class Transport(Protocol):
    """Makes one request, or sleeps; the result may be awaitable."""

    def post(self, url: str, headers: dict[str, str], body: bytes) -> object:
        """A response. Raises ConnectionError when there is none."""
        ...

    def sleep(self, seconds: float) -> object:
        """Wait."""
        ...


def send(target: Target, events: Sequence[SentEvent], transport: Transport) -> Work[SendEventsResult]:
    """Send events with retries; one seed for all tries, so that they count once.

    Raises:
        EventKeyUnspecifiedError: in production, without a key.
    """
    if target.is_production and not target.event_key:
        raise EventKeyUnspecifiedError(
            "an event key is needed to send events: pass event_key, or set INNGEST_EVENT_KEY. "
            "In development set INNGEST_DEV=1, or run an Engine with the client's functions in this process."
        )
    now = system.wall_clock_ms()
    url = f"{target.origin}e/{target.event_key or NO_KEY}"
    body = json.dumps([_wire(event, now) for event in events]).encode()
    headers = {
        "content-type": "application/json",
        "user-agent": f"inngest-py:v{VERSION}",
        "x-inngest-sdk": f"inngest-py:v{VERSION}",
        "x-inngest-event-id-seed": ulids.Seed(now, system.entropy(10)).text,
    }
    if target.env:
        headers["x-inngest-env"] = target.env
    reason = "no response received"
    for attempt in range(ATTEMPTS):
        if attempt:
            delay = FIRST_DELAY * 2 ** (attempt - 1) + system.jitter(FIRST_DELAY)
            yield lambda delay=delay: transport.sleep(delay)  # type: ignore[misc]
        try:
            response = yield lambda: transport.post(url, headers, body)
        except ConnectionError as error:
            reason = f"no response received from {target.origin}: {error}"
            continue
        status, content = _read(response)
        if status < 500:
            return _result(status, content)
        reason = _result(status, content).error or f"the server answered {status}"
    return SendEventsResult(error=f"{reason} ({ATTEMPTS} attempts)", ids=[])


def _wire(event: SentEvent, now: int) -> dict[str, object]:
    wire: dict[str, object] = {"name": event.name, "data": json.loads(event.data), "ts": event.ts or now}
    if event.key:
        wire["id"] = event.key
    return wire


def _read(response: object) -> tuple[int, bytes]:
    status, content = getattr(response, "status_code", 0), getattr(response, "content", b"")
    assert isinstance(status, int)
    assert isinstance(content, bytes)
    return status, content


def _result(status: int, content: bytes) -> SendEventsResult:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        text = content[:200].decode(errors="replace")
        return SendEventsResult(error=f"the server answered {status} with something else than JSON: {text!r}")
    ids = [str(one) for one in body.get("ids") or []]
    error = body.get("error")
    if error is None and status >= 300:
        error = f"the server answered {status}"
    return SendEventsResult(error=None if error is None else str(error), ids=ids)


class AsyncTransport:
    """With httpx, imported on first use."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> object:
        """Make the request."""
        import httpx  # noqa: PLC0415 - a process that only runs an engine never needs it

        try:
            async with httpx.AsyncClient(timeout=self._timeout) as client:
                return await client.post(url, headers=headers, content=body)
        except httpx.TransportError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    def sleep(self, seconds: float) -> object:
        """Wait."""
        return asyncio.sleep(seconds)


class SyncTransport:
    """With httpx, blocking."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    def post(self, url: str, headers: dict[str, str], body: bytes) -> object:
        """Make the request."""
        import httpx  # noqa: PLC0415 - a process that only runs an engine never needs it

        try:
            with httpx.Client(timeout=self._timeout) as client:
                return client.post(url, headers=headers, content=body)
        except httpx.TransportError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    def sleep(self, seconds: float) -> object:
        """Wait."""
        time.sleep(seconds)
        return None
