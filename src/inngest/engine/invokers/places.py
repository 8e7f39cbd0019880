"""Places for calls to apps, and how long an app that cannot be reached is left alone. For one worker."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from inngest.protocol import limits
from inngest.runtime.ports import Clock, Timer

CALLS = 2_048
"""Calls that a worker has under way at a time, at most."""

CALLS_OF_APP = 256
"""Those of them that go to one app, at most."""

PAUSE, PAUSE_MAX = 1_000, 30_000
"""Milliseconds until an app that could not be reached is called again: at first, and at most."""

PROBE = 12_000
"""Milliseconds after which a call that is under way counts as delivered: connecting takes less, or fails."""

GIVEN_UP = limits.DAY
"""Milliseconds after which it counts as a failed attempt that an app cannot be reached."""


class CallPlaces:
    """Counts the calls that are under way. A call that finds no place waits, first come, first served in its app.

    Args:
        most: calls at a time.
        of_app: those of them that may go to one app.
    """

    def __init__(self, most: int = CALLS, of_app: int = CALLS_OF_APP) -> None:
        self._most = most
        self._of_app = of_app
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[tuple[int, asyncio.Future[None]]]] = {}
        self._came = 0

    @property
    def taken(self) -> int:
        """The calls that are under way."""
        return self._taken.total()

    def free(self, app_id: str) -> int:
        """How many more calls may go to an app."""
        return max(0, min(self._most - self.taken, self._of_app - self._taken[app_id]))

    def take_now(self, app_id: str) -> bool:
        """Take a place if there is one for whom comes now; whether the caller has it, and gives it back."""
        if not self.free(app_id) or self._waiting.get(app_id):
            return False
        self._taken[app_id] += 1
        return True

    async def take(self, app_id: str) -> None:
        """Wait for a place; the caller has it then, and gives it back."""
        if self.take_now(app_id):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._came += 1
        self._waiting.setdefault(app_id, deque()).append((self._came, waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.give(app_id)
            raise

    def give(self, app_id: str) -> None:
        """A call is over."""
        self._taken[app_id] -= 1
        while (next_app := self._next()) is not None:
            _, waiter = self._waiting[next_app].popleft()
            if not waiter.done():
                self._taken[next_app] += 1
                waiter.set_result(None)

    def _next(self) -> str | None:
        """The app whose first in the queue has waited longest, of those that may be called."""
        for app_id in [app_id for app_id, queue in self._waiting.items() if not queue]:
            del self._waiting[app_id]
        ready = [app_id for app_id in self._waiting if self.free(app_id)]
        return min(ready, key=lambda app_id: self._waiting[app_id][0][0], default=None)


@dataclass(slots=True)
class _Origin:
    since: int  # unix ms, when it could not be reached first
    failures: int = 0
    until: int = 0  # unix ms, when it may be called again
    probed_at: int | None = None  # unix ms, when the call left that shows whether it can be reached


class Origins:
    """Keeps calls from servers of apps that cannot be reached: after a while one call asks, and the others wait.

    Args:
        clock: the engine's time.
        reachable: called on the loop when calls may leave that could not before.
    """

    def __init__(self, clock: Clock, reachable: Callable[[], object]) -> None:
        self._clock = clock
        self._reachable = reachable
        self._known: dict[str, _Origin] = {}
        self._timers: dict[str, Timer] = {}

    def room(self, url: str) -> int:
        """How many runs may be taken to be called at the server of a URL, beside what places there are.

        One, to see, if it could not be reached; none while that call, or the pause before it, is under way.
        """
        if self.closed_until(url) is not None:
            return 0
        return 1 if origin_of(url) in self._known else CALLS

    def closed_until(self, url: str) -> int | None:
        """When the server of a URL may be called; None: now.

        Args:
            url: of an app.
        """
        known = self._known.get(origin_of(url))
        now = self._clock.now()
        if known is None:
            return None
        if known.probed_at is not None:
            if now < known.probed_at + PROBE:
                return known.probed_at + PROBE
            self._forget(origin_of(url))
            return None
        return known.until if now < known.until else None

    def leaves(self, url: str) -> None:
        """A call leaves for the server of a URL."""
        known = self._known.get(origin_of(url))
        if known is not None and known.probed_at is None:
            known.probed_at = self._clock.now()
            self._look_at(origin_of(url), known.probed_at + PROBE)

    def answered(self, url: str) -> None:
        """A call was delivered."""
        origin = origin_of(url)
        if origin in self._known:
            self._forget(origin)
            self._reachable()

    def registered(self, url: str) -> None:
        """An app has registered that could not be reached: a call may leave now, to see whether it can be."""
        known, now = self._known.get(origin_of(url)), self._clock.now()
        if known is not None and known.probed_at is None and known.until > now:
            known.until, known.failures = now, 0
            self._look_at(origin_of(url), now)

    def undelivered(self, url: str) -> bool:
        """A call was not delivered; whether that has been so for so long that it is a failed attempt."""
        origin, now = origin_of(url), self._clock.now()
        known = self._known.setdefault(origin, _Origin(now))
        if known.probed_at is not None or known.until <= now:  # of many that left together, the first counts
            known.probed_at = None
            known.until = now + min(PAUSE << min(known.failures, 5), PAUSE_MAX)
            known.failures += 1
            self._look_at(origin, known.until)
        return now - known.since >= GIVEN_UP

    def away_since(self, url: str, since: int) -> None:
        """The server of a URL has been away for longer than this worker has called it.

        Args:
            url: of an app.
            since: unix ms.
        """
        known = self._known.get(origin_of(url))
        if known is not None:
            known.since = min(known.since, since)

    def _look_at(self, origin: str, when: int) -> None:
        timer = self._timers.pop(origin, None)
        if timer is not None:
            timer.cancel()
        self._timers[origin] = self._clock.call_at(when, self._reachable)

    def _forget(self, origin: str) -> None:
        self._known.pop(origin, None)
        timer = self._timers.pop(origin, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Look at nothing any more."""
        for origin in list(self._timers):
            self._forget(origin)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, as they stand there; without user and password, for it is shown to people."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
