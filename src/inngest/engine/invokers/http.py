"""Calls to apps by HTTP: a Carrier. aiohttp and httptools are imported for the first call.

Most calls are plain: a POST without TLS and proxy. They have a client of their own (`runtime/plain_http`). The
others, and redirects, go by aiohttp.
"""

from __future__ import annotations

import asyncio
import logging
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from inngest.protocol import limits
from inngest.protocol.requests import shown_url, without_user
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.egress import Egress, EgressError
from inngest.runtime.http import KEEP_ALIVE, REDIRECTS, body_of, header_text, redirected
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

CUT = Broken("the answer was cut before its end")
TOO_LARGE = Broken(f"the answer has more than {MAX_ANSWER:,} bytes, the most that an app may answer with")


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
        self._plain_made: Any = None
        self._told: set[tuple[str, str]] = set()  # apps that are not called, and why

    async def carry(self, call: RemoteCall) -> Carried:
        place = self._place(call)
        return await (self._follow_told(call) if place is None else self._carry_plainly(call, place))

    def begin(self, call: RemoteCall, told: Callable[[Carried], object]) -> Callable[[], object] | None:
        """See `BriefCarrier.begin`."""
        place = self._place(call)
        line = None if place is None else self._plain().kept(place)
        return None if line is None else self._ask(call, place, line, told)

    def _plain(self) -> Any:
        if self._plain_made is None:
            from inngest.runtime.plain_http import PlainHttp  # noqa: PLC0415 - loads aiohttp

            proxies = bool(urllib.request.getproxies())
            self._plain_made = PlainHttp(self._egress, keep_alive=KEEP_ALIVE, proxies=proxies)
        return self._plain_made

    def _place(self, call: RemoteCall) -> Any:
        """The way of a plain call; None if it is none."""
        return self._plain().place(call.url) if call.method == "POST" and call.body else None

    async def _carry_plainly(self, call: RemoteCall, place: Any) -> Carried:
        from inngest.runtime.plain_http import Unreachable  # noqa: PLC0415 - loads aiohttp

        try:
            line = await self._plain().line(place, CONNECT)
        except EgressError as error:
            self._tell(call.app_id, str(error))
            return NotDelivered(str(error))
        except Unreachable as error:
            return NotDelivered(str(error))
        over: asyncio.Future[Carried] = asyncio.get_running_loop().create_future()

        def told(carried: Carried) -> None:
            if not over.done():
                over.set_result(carried)

        hang_up = self._ask(call, place, line, told)
        try:
            return await over
        except BaseException:
            hang_up()
            raise

    def _ask(self, call: RemoteCall, place: Any, line: Any, told: Callable[[Carried], object]) -> Callable[[], object]:
        """Send a call on a connection; what is returned gives it up."""
        began, following = self._clock.monotonic(), list[asyncio.Task[None]]()

        async def follow(location: str) -> None:
            try:
                carried = await self._follow_told(call, location)
            except Exception as error:  # whoever made the call waits for its end
                carried = Broken(f"{type(error).__name__}: {error}")
            told(carried)

        def answered(answer: Any) -> None:
            location = _location(answer)
            if location is not None:
                following.append(asyncio.get_running_loop().create_task(follow(location)))
            else:
                told(self._meaning(answer, is_new=not line.was_used, took=self._clock.monotonic() - began))

        def hang_up() -> None:
            line.hang_up()
            for task in following:
                task.cancel()

        headers = {**call.headers, "accept-encoding": "identity"}
        seconds = self._longest / limits.SECOND
        try:
            line.ask(place, headers, call.body, answered, total=seconds, limit=MAX_ANSWER)
        except ValueError as error:
            line.close()
            asyncio.get_running_loop().call_soon(told, Broken(f"ValueError: {error}"))
        return hang_up

    def _meaning(self, answer: Any, *, is_new: bool, took: int) -> Carried:
        """The meaning of an answer to a plain call, or of an error.

        Args:
            answer: it.
            is_new: nothing had gone over its connection before.
            took: ms since the call left.
        """
        from inngest.runtime import connections, plain_http  # noqa: PLC0415 - loads aiohttp

        if isinstance(answer, plain_http.Answer):
            named = {name.decode("latin-1").lower(): header_text(value) for name, value in answer.headers}
            return RawAnswer(answer.status, named, answer.body)
        if isinstance(answer, connections.Lost):
            doubtful = not (answer.said or is_new or took > STALE)
            return Doubtful(str(answer)) if doubtful else Broken(connections.reason(answer))
        if isinstance(answer, TimeoutError):
            return self._too_late()
        if isinstance(answer, plain_http.TooLargeError):
            return TOO_LARGE
        return CUT if isinstance(answer, plain_http.CutError) else Broken(str(answer))

    def _too_late(self) -> Broken:
        return Broken(f"no answer within {self._longest / limits.SECOND:g} s")

    async def _follow_told(self, call: RemoteCall, location: str | None = None) -> Carried:
        """The end of a call that aiohttp carries, or of what is left of one that is redirected."""
        import aiohttp  # noqa: PLC0415 - most engines call no apps

        from inngest.runtime import connections  # noqa: PLC0415 - loads aiohttp

        try:
            return await self._follow(call, location)
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
            return self._too_late()
        except aiohttp.ClientPayloadError:
            return CUT
        except (aiohttp.ClientError, connections.Lost, OSError, ValueError) as error:
            return Broken(connections.reason(error))

    def _tell(self, app: str, reason: str) -> None:
        """Log once why an app is not called: it waits until whoever runs this server mends that."""
        if (app, reason) not in self._told and len(self._told) < MAX_TOLD:
            self._told.add((app, reason))
            LOGGER.warning("app %s is not called: %s", app, reason)

    async def close(self) -> None:
        made, self._made = self._made, None
        plain, self._plain_made = self._plain_made, None
        if plain is not None:
            plain.close()
        if made is not None:
            await made.close()

    async def _follow(self, call: RemoteCall, location: str | None) -> Carried:
        """The end of a call, and of the redirects that it is answered with; the first one may have come already."""
        from yarl import URL  # noqa: PLC0415 - see above

        try:
            url = URL(call.url)
        except ValueError as error:
            return NotDelivered(_uncallable(call.url, str(error)))
        for _ in range(MAX_REDIRECTS + 1):
            if location is None:
                response = await self._sent(call, url)
                try:
                    location = redirected(response, str(url))
                    if location is None:
                        return await _read(response)
                finally:
                    response.close()  # a connection whose answer was read to its end is kept nevertheless
            there, location = URL(urljoin(str(url), location)), None
            if there.scheme not in ("http", "https") or there.origin() != url.origin():
                return Broken(
                    f"the app redirects the call to {shown_url(str(there))}, which is another origin: "
                    "register it with the URL at which it answers itself"
                )
            url = there
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


def _location(answer: Any) -> str | None:
    """Where an answer to a plain call leads to; None if it leads nowhere."""
    if isinstance(answer, Exception) or answer.status not in REDIRECTS:
        return None
    return next((header_text(value) for name, value in answer.headers if name.lower() == b"location"), None)


async def _read(response: Any) -> Carried:
    content = await body_of(response, MAX_ANSWER)
    if content is None:
        return TOO_LARGE
    headers = {name.decode("latin-1").lower(): header_text(value) for name, value in response.raw_headers}
    return RawAnswer(response.status, headers, content)


def _uncallable(url: str, reason: str) -> str:
    shown = without_user(url)
    return f"{shown!r} cannot be called: {reason.replace(url, shown)}"
