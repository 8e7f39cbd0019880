"""Events and signals sent over HTTP. Requests, and the times of their repeats, are decided once for async and plain
code.

A signal is sent once, since nobody can tell two signals of a name apart.
"""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from inngest.protocol import headers, traces, ulids
from inngest.protocol.http import LOOPBACK, without_tls
from inngest.protocol.opcodes import OpTarget, SentEvent
from inngest.runtime import clock, ids

from .environment import at
from .errors import EventKeyUnspecifiedError, SendEventsError
from .events import SendEventsResult
from .work import Work

ATTEMPTS = 5
FIRST_DELAY = 0.1
"""Seconds before the first retry; each further one waits twice as long, plus up to as much as this by chance."""

NO_KEY = "NO_EVENT_KEY_SET"


class Target(NamedTuple):
    """Where events, or signals, go."""

    origin: str
    key: str | None  # of events, or for signing
    env: str | None
    is_production: bool


class Response(NamedTuple):
    """The answer."""

    status: int
    body: bytes


class Transport(Protocol):
    """Makes one request, or sleeps; the result may be awaitable."""

    def post(self, url: str, headers: dict[str, str], body: bytes) -> object:
        """A Response. Raises ConnectionError when there is none."""
        ...

    def sleep(self, seconds: float) -> object:
        """Wait."""
        ...


def send_events(target: Target, events: Sequence[SentEvent], transport: Transport) -> Work[SendEventsResult]:
    """Send events with retries; one seed for all tries, so that they count once.

    Raises:
        EventKeyUnspecifiedError: in production, without a key.
    """
    if target.is_production and not target.key:
        raise EventKeyUnspecifiedError(
            "an event key is needed to send events: pass event_key, or set INNGEST_EVENT_KEY. "
            "In development set INNGEST_DEV=1, or run an Engine with the client's functions in this process."
        )
    now = clock.wall_clock_ms()
    url = at(target.origin, f"e/{quote(target.key or NO_KEY, safe='')}")
    body = f"[{','.join(_wire(event, now) for event in events)}]".encode()
    sent = headers.outgoing(env=target.env, is_production=target.is_production)
    sent[headers.EVENT_ID_SEED] = ulids.Seed(now, ids.entropy(10)).text
    failed = SendEventsResult()
    for attempt in range(ATTEMPTS):
        if attempt:
            delay = FIRST_DELAY * 2 ** (attempt - 1) + ids.jitter(FIRST_DELAY)
            yield lambda delay=delay: transport.sleep(delay)  # type: ignore[misc]
        try:
            response = yield lambda: transport.post(url, sent, body)
        except ConnectionError as error:
            failed.error = f"no response received from {target.origin}: {error}"
            continue
        assert isinstance(response, Response)
        result = _result(response)
        if response.status < 500:
            return result
        failed = result
    return SendEventsResult(error=f"{failed.error} ({ATTEMPTS} attempts)", ids=failed.ids)


def _wire(event: SentEvent, now: int) -> str:
    """JSON text of an event; its data is JSON already."""
    own_id = f'"id":{json.dumps(event.key)},' if event.key else ""
    place = traces.of_event(event.extra)
    parent = "" if place is None else f',"{traces.MEMBER}":"{place.text}"'
    return f'{{{own_id}"name":{json.dumps(event.name)},"data":{event.data},"ts":{event.ts or now}{parent}}}'


def _result(response: Response) -> SendEventsResult:
    try:
        body = json.loads(response.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        text = response.body[:200].decode(errors="replace")
        return SendEventsResult(error=f"the server answered {response.status} with something else than JSON: {text!r}")
    found = body.get("ids")
    ids = [str(one) for one in found] if isinstance(found, list) else []
    error = body.get("error")
    if error is None and response.status >= 300:
        error = f"the server answered {response.status}"
    return SendEventsResult(error=None if error is None else str(error), ids=ids)


def send_signal(target: Target, signal: OpTarget, transport: Transport) -> Work[str | None]:
    """The id of the run that was woken; None if no step waits.

    Raises:
        SendEventsError: the server did not take it.
    """
    sent = headers.outgoing(env=target.env, is_production=target.is_production)
    if target.key:
        sent["Authorization"] = f"Bearer {target.key}"
    body = f'{{"signal":{json.dumps(signal.name)},"data":{signal.data}}}'.encode()
    try:
        response = yield lambda: transport.post(at(target.origin, "v1/signals"), sent, body)
    except ConnectionError as error:
        raise SendEventsError(f"no response received from {target.origin}: {error}", []) from None
    assert isinstance(response, Response)
    if response.status == 404:
        return None
    if response.status >= 300:
        text = response.body[:200].decode(errors="replace")
        raise SendEventsError(f"the server answered {response.status} to the signal: {text!r}", [])
    return _run_id(response)


def _run_id(response: Response) -> str | None:
    try:
        found = json.loads(response.body)["data"]["run_id"]
    except (ValueError, KeyError, TypeError):
        raise SendEventsError(f"the server answered {response.status} with something unexpected", []) from None
    return None if found is None else str(found)


@functools.cache
def _certificates() -> ssl.SSLContext:
    """The certificates that are trusted. Kept, because reading it takes tens of milliseconds."""
    import httpx  # noqa: PLC0415 - a process that only runs an engine never needs it

    return httpx.create_ssl_context()


def _options(url: str, timeout: float) -> dict[str, Any]:
    """A server on this machine is not asked for through a proxy, and plain HTTP needs no certificates."""
    parts = urlsplit(url)
    return {
        "timeout": timeout,
        "trust_env": parts.hostname not in LOOPBACK,
        "verify": _certificates() if parts.scheme == "https" else False,
    }


def _reason(error: Exception, url: str) -> str:
    """Why there is no answer."""
    parts = urlsplit(url)
    return without_tls(error, parts.hostname or "", parts.port) or str(error) or type(error).__name__


class AsyncTransport:
    """With httpx, imported on first use."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Response:
        """Make the request."""
        import httpx  # noqa: PLC0415 - a process that only runs an engine never needs it

        try:
            async with httpx.AsyncClient(**_options(url, self._timeout)) as client:
                response = await client.post(url, headers=headers, content=body)
        except httpx.RequestError as error:
            raise ConnectionError(_reason(error, url)) from error
        return Response(response.status_code, response.content)

    def sleep(self, seconds: float) -> object:
        """Wait."""
        return clock.sleep(seconds)


class SyncTransport:
    """With httpx, blocking."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    def post(self, url: str, headers: dict[str, str], body: bytes) -> Response:
        """Make the request."""
        import httpx  # noqa: PLC0415 - a process that only runs an engine never needs it

        try:
            with httpx.Client(**_options(url, self._timeout)) as client:
                response = client.post(url, headers=headers, content=body)
        except httpx.RequestError as error:
            raise ConnectionError(_reason(error, url)) from error
        return Response(response.status_code, response.content)

    def sleep(self, seconds: float) -> object:
        """Wait."""
        clock.sleep_sync(seconds)
        return None
