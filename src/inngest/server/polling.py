"""Apps are asked to register again and again, so that what changes in them is known here soon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from .syncs import Synced, Syncing

INTERVAL = 5.0
"""Seconds between two questions to an app."""

LONGEST = 60.0
"""Seconds between two questions to an app that does not answer, in the end."""

NEVER = float("inf")


@dataclass
class _Polled:
    """An app that is asked."""

    due: float = 0.0  # by the monotonic clock
    misses: int = 0  # how often in a row it was not reached
    told: object = None  # what was said of it last
    over: bool = False  # it has registered, and is asked no more


class Polling:
    """Asks apps at their times, all that are due at once, and tells what is new.

    Args:
        syncing: asks one.
        urls: the apps.
        interval: seconds between two questions; 0: each is asked until it has registered once.
        tell: takes outcomes that differ from the last one of their app, and registrations that changed something.
    """

    def __init__(
        self, syncing: Syncing, urls: Collection[str], tell: Callable[[Synced], None], *, interval: float = INTERVAL
    ) -> None:
        self._syncing = syncing
        self._interval = interval
        self._tell = tell
        self._polled = {url: _Polled() for url in urls}

    @property
    def urls(self) -> Collection[str]:
        """The apps that are asked."""
        return self._polled.keys()

    @property
    def is_over(self) -> bool:
        """Whether nobody is asked any more."""
        return all(one.over for one in self._polled.values())

    def add(self, url: str) -> None:
        """Ask one more."""
        self._polled.setdefault(url, _Polled())

    async def look(self, now: float) -> float | None:
        """Ask those that are due, and wait for their answers.

        Args:
            now: seconds of the monotonic clock.

        Returns:
            When the next is due; None if none is any more.
        """
        due = [url for url, one in self._polled.items() if one.due <= now]
        await asyncio.gather(*(self._ask(url, self._polled[url], now) for url in due))
        return min((one.due for one in self._polled.values() if one.due != NEVER), default=None)

    async def _ask(self, url: str, polled: _Polled, now: float) -> None:
        polled.due = NEVER  # not a second time meanwhile
        try:
            outcome = await self._syncing.ask(url)
        except BaseException:
            polled.due = now + LONGEST
            raise
        polled.misses = 0 if outcome.reachable else polled.misses + 1
        wait = self._interval or INTERVAL
        polled.due = now + min(wait * 2 ** max(0, min(polled.misses, 10) - 1), max(LONGEST, wait))
        if outcome.app is not None and not self._interval:
            polled.due, polled.over = NEVER, True
        said = (outcome.problems, None if outcome.app is None else outcome.app.name)
        is_new = polled.told != said
        polled.told = said
        if is_new or (outcome.app is not None and outcome.modified):
            self._tell(outcome)
