"""Runs of apps are claimed: beside those whose code is in this process, for they need no place of theirs."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence

from .domain.model import FunctionSpec, Transport
from .errors import StoreError
from .invokers.places import PAUSE_MAX
from .invokers.remote import RemoteInvoker
from .ports import Store
from .records import Owner, PutOff
from .wake_ports import News

RUNS, RUNS_OF_APP = 2_048, 256
"""Runs of apps that a worker has in flight at a time, at most, and of one app. Their calls have places of their own."""

AT_ONCE = 100
"""Runs that one claim takes, at most: apps that have room for so many are asked for together."""


WOKEN = 1_000
"""Runs that are called at once when their app is there again, at most; others are called at their times."""


class RemoteClaims:
    """Claims runs of apps, as far as there is room for them.

    Args:
        store: where they are queued.
        invoker: calls apps; None if this worker calls none.
    """

    def __init__(self, store: Store, invoker: RemoteInvoker | None) -> None:
        self._store = store
        self._invoker = invoker
        self.functions: Mapping[str, FunctionSpec] = {}  # by id
        self._generation = -1  # of the functions, as far as they were looked at
        self._apps: Mapping[str, Sequence[FunctionSpec]] = {}
        self._taken: Counter[str] = Counter()  # runs in flight, by app
        self.next_due: int | None = None  # when the next job falls due, as far as is known
        self.waiting = False  # jobs are due that there was no room for

    async def look(self, local: Collection[str]) -> bool:
        """Learn which functions apps have registered. Runs of others that are under way go on.

        Args:
            local: ids of functions of this process, which are none of them.

        Returns:
            Whether anything may have changed.
        """
        registry = None if self._invoker is None else await self._store.functions(self._generation)
        if registry is None:
            return False
        self._generation = registry.generation
        known = (*registry.functions.values(), *registry.archived.values())  # their runs under way go on
        found = [one for one in known if one.transport is not Transport.LOCAL and one.id not in local]
        apps: dict[str, list[FunctionSpec]] = {}
        for function in found:
            apps.setdefault(function.app_id, []).append(function)
        self.functions, self._apps = {function.id: function for function in found}, apps
        return True

    async def note_away(self, function: FunctionSpec, why: str, now: int) -> None:
        """An app did not answer."""
        assert self._invoker is not None
        with contextlib.suppress(StoreError):  # then this worker counts from its own first call
            self._invoker.origins.away_since(function.url, await self._store.app_is_away(function.app_id, why, now))

    async def note_back(self, app_id: str, now: int) -> None:
        """An app has answered that had not before, or was away."""
        with contextlib.suppress(StoreError):  # it is forgotten by itself, after a while
            if await self._store.app_is_back(app_id, now):
                await self.go_on(app_id, now)

    async def go_on(self, app_id: str, now: int) -> None:
        """Have runs claimed that wait until their app may be called again.

        Raises:
            StoreError: they wait on.
        """
        functions = [one.id for one in self._apps.get(app_id, ())]
        async for found in self._put_off(functions, now + PAUSE_MAX, now, failed=False):
            await self._store.go_on(found, now)

    async def retry(self, functions: Sequence[str], until: int, now: int) -> None:
        """Have what waits for its next attempt be tried now, in runs of these functions that are due by then.

        Raises:
            StoreError: the others wait on.
        """
        async for found in self._put_off(functions, until, now, failed=True):
            await self._store.retry_all(found, now)

    async def _put_off(
        self, functions: Sequence[str], until: int, now: int, *, failed: bool
    ) -> AsyncGenerator[Sequence[str]]:
        """Ids of runs that are to be called later, as many at a time as a transaction writes about."""
        left = WOKEN
        for function_id in functions:
            asked: PutOff | None = PutOff(function_id, until, failed)
            while asked is not None and left > 0:
                page = await self._store.put_off(asked, now)
                asked, found = page.following, page.runs[:left]
                left -= len(found)
                if found:
                    yield found

    def falls_due(self, due_at: int) -> bool:
        """Note when a job falls due; whether it is the next one."""
        if not self.functions or (self.next_due is not None and self.next_due <= due_at):
            return False
        self.next_due = due_at
        return True

    def has_room(self, function_id: str) -> bool:
        """Whether another run of a function may be in flight."""
        function = self.functions.get(function_id)
        return function is not None and self._room(function.app_id, [function]) > 0

    def enter(self, function: FunctionSpec) -> None:
        """A run is in flight."""
        self._taken[function.app_id] += 1

    def leave(self, function: FunctionSpec) -> None:
        """It is no more."""
        self._taken[function.app_id] -= 1

    @property
    def taken(self) -> int:
        """How many runs are in flight."""
        return self._taken.total()

    async def run_once(self, owner: Callable[[], Owner], now: int) -> bool:
        """Claim what is due. Asks nobody if nothing is, as far as is known.

        Args:
            owner: makes a new owner for each claim.
            now: unix ms.

        Returns:
            Whether this worker was declared dead.
        """
        if self._invoker is None or self.next_due is None or self.next_due > now:
            return False
        waited, self.waiting, self.next_due = self.waiting, False, None
        together: list[FunctionSpec] = []
        for app_id, functions in self._apps.items():
            served = [one for one in functions if self._invoker.origins.room(one.url)]
            room = self._room(app_id, served)
            if room >= AT_ONCE:
                together += served
            elif room > 0 and await self._claim(owner(), room, served, now):
                return True
            self.waiting = self.waiting or room <= 0
        if self.waiting and not waited:  # other workers may have room
            self._store.tell(News(due=dict.fromkeys(self.functions, now)))
        room = min(AT_ONCE, RUNS - self.taken)
        return bool(together) and room > 0 and await self._claim(owner(), room, together, now)

    def _room(self, app_id: str, functions: Sequence[FunctionSpec]) -> int:
        """How many more runs of these functions of an app may be in flight."""
        assert self._invoker is not None
        if not functions:
            return 0
        room = min(RUNS - self.taken, RUNS_OF_APP - self._taken[app_id], self._invoker.places.free(app_id))
        return min([room, *(self._invoker.origins.room(one.url) for one in functions)])

    async def _claim(self, owner: Owner, room: int, functions: Sequence[FunctionSpec], now: int) -> bool:
        """Claim runs of these functions. Whether this worker was declared dead."""
        ids = [one.id for one in functions]
        claims = await self._store.claim(owner, room, ids, now, alone=False, probes=room, together=room)
        if claims.next_due is not None:
            self.falls_due(claims.next_due)
        return claims.fenced
