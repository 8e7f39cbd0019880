"""Calls to apps by HTTP: a Carrier on aiohttp, which is imported for the first call."""

from __future__ import annotations

import logging
from typing import Any

from inngest.protocol import limits
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.egress import Egress, EgressError
from inngest.runtime.http import KEEP_ALIVE, body_of, header_text, redirected
from inngest.runtime.ports import Clock

from .ports import Broken, Carried, Doubtful, NotDelivered, RawAnswer, RemoteCall

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

MAX_TOLD = 1_000

CONNECT = 10.0
"""Seconds until it is given up to make a connection."""

LONGEST = 2 * limits.HOUR
"""Milliseconds that an app may take to answer."""

STALE = 100
"""Milliseconds within which a kept connection that is reset was most likely closed before the call came."""

MAX_ANSWER = 8 * limits.MB
"""Bytes of an answer's body."""

MAX_REDIRECTS = 5


class _DoubtError(Exception):
    """Nobody knows whether a call was delivered."""


class HttpCarrier:
    """Carries calls by HTTP.

    Args:
        clock: measures how long a kept connection lasted.
        egress: the hosts that may be called; None: all.
        longest: ms that an app may take to answer.
    """

    def __init__(self, clock: Clock, egress: Egress | None = None, *, longest: int = LONGEST) -> None:
        self._clock = clock
        self._egress = Egress() if egress is None else egress
        self._longest = longest
        self._made: Any = None
        self._told: set[tuple[str, str]] = set()  # apps that are not called, and why

    async def carry(self, call: RemoteCall) -> Carried:
        import aiohttp  # noqa: PLC0415 - most engines call no apps

        from inngest.runtime import connections  # noqa: PLC0415 - loads aiohttp

        try:
            return await self._follow(call)
        except _DoubtError as error:
            return Doubtful(str(error))
        except EgressError as error:
            self._tell(call.app_id, str(error))
            return NotDelivered(str(error))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as error:
            return NotDelivered(connections.reason(error))
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            return NotDelivered(_uncallable(call.url, connections.reason(error)))
        except TimeoutError:
            return Broken(f"no answer within {self._longest / limits.SECOND:g} s")
        except aiohttp.ClientPayloadError:
            return Broken("the answer was cut before its end")
        except (aiohttp.ClientError, connections.Lost, OSError, ValueError) as error:
            return Broken(connections.reason(error))

    def _tell(self, app: str, reason: str) -> None:
        """Log once why an app is not called: it waits until whoever runs this server mends that."""
        if (app, reason) not in self._told and len(self._told) < MAX_TOLD:
            self._told.add((app, reason))
            LOGGER.warning("app %s is not called: %s", app, reason)

    async def close(self) -> None:
        made, self._made = self._made, None
        if made is not None:
            await made.close()

    async def _follow(self, call: RemoteCall) -> Carried:
        """The end of a call, and of the redirects that it is answered with."""
        from yarl import URL  # noqa: PLC0415 - see above

        try:
            url = URL(call.url)
        except ValueError as error:
            return NotDelivered(_uncallable(call.url, str(error)))
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._sent(call, url)
            try:
                location = redirected(response, str(url))
                if location is None:
                    return await _read(response)
                there = URL(location)
                if there.scheme not in ("http", "https") or there.origin() != url.origin():
                    return Broken(
                        f"the app redirects the call to {there.with_query(None)}, which is another origin: "
                        "register it with the URL at which it answers itself"
                    )
                url = there
            finally:
                response.close()  # a connection whose answer was read to its end is kept nevertheless
        return Broken(f"the app redirects the call more than {MAX_REDIRECTS} times")

    async def _sent(self, call: RemoteCall, url: Any) -> Any:
        """The head of an answer.

        Raises:
            _DoubtError: the call met a kept connection as that was closed.
        """
        from inngest.runtime.connections import Connections, Lost, Trip  # noqa: PLC0415 - loads aiohttp

        if self._made is None:
            self._made = Connections(self._egress, keep_alive=KEEP_ALIVE)
        headers = {**call.headers, "accept-encoding": "identity"}
        began, trip = self._clock.monotonic(), Trip([])
        try:
            return await self._made.request(
                call.method,
                url,
                headers,
                call.body or None,
                connect=CONNECT,
                total=self._longest / limits.SECOND,
                trip=trip,
            )
        except Lost as lost:
            if lost.said or not trip.was_reused or self._clock.monotonic() - began > STALE:
                raise
            raise _DoubtError(str(lost)) from lost


async def _read(response: Any) -> Carried:
    content = await body_of(response, MAX_ANSWER)
    if content is None:
        return Broken(f"the answer has more than {MAX_ANSWER:,} bytes, the most that an app may answer with")
    headers = {name.decode("latin-1").lower(): header_text(value) for name, value in response.raw_headers}
    return RawAnswer(response.status, headers, content)


def _uncallable(url: str, reason: str) -> str:
    return f"{url!r} cannot be called: {reason}"
