"""Looks: a worker sees what others did. All of it, or only what it was told (decision 0105)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from .cancellations import Cancellations
from .checks import NOTABLE_MS
from .executor import RunExecutor
from .failure_log import each_alone
from .gateway import Gateway
from .outbox import Outbox
from .reaper import Reaper
from .run_ends import RunEnds
from .timers import Timers
from .wake_ports import EVERYTHING, NOTHING, News
from .worker_context import WorkerContext

MAX_WAIT_MS = 30_000
"""Milliseconds after which all is looked at again, whatever it said: a change of others may have gone unnoticed."""


class Looks:
    """The looks of one worker. It is the ear of the worker's store.

    Args:
        worker: what its parts share.
        executor, gateway, ends, reaper, timers, outbox: parts that look.
        see_functions: learns which functions apps have registered.

    Attributes:
        called: set when something was heard that is to be looked at now.
    """

    def __init__(
        self,
        worker: WorkerContext,
        executor: RunExecutor,
        gateway: Gateway,
        ends: RunEnds,
        reaper: Reaper,
        timers: Timers,
        outbox: Outbox,
        see_functions: Callable[[], Awaitable[None]],
    ) -> None:
        self.called = asyncio.Event()
        self._worker = worker
        self._executor = executor
        self._gateway = gateway
        self._ends = ends
        self._reaper = reaper
        self._timers = timers
        self._outbox = outbox
        self._see_functions = see_functions
        self._cancellations = Cancellations(worker)
        self._news = NOTHING  # that is still to be looked at
        self._early: set[str] = set()  # runs that this worker has, though it is not told so yet
        self._overdue = False  # all is looked at again, whether anybody wrote or not
        self._look_at = worker.clock.monotonic()
        worker.store.hear(self)

    # -- what is asked of a worker by its store, from any thread

    def keeps(self, function_id: str) -> bool:
        """See `Ear`."""
        return self._executor.keeps(function_id)

    @property
    def makes_requests(self) -> bool:
        """See `Ear`."""
        return self._gateway.room > 0

    def concerns(self, news: News) -> bool:
        """See `Ear`."""
        timer_due = self._worker.store.timer_due
        return (
            news.everything
            or news.sessions
            or bool(news.runs)
            or any(self._executor.waits_for(function, at) for function, at in news.due.items())
            or (self._ends.any if news.ended is None else any(map(self._ends.waits_for, news.ended)))
            or (news.timer is not None and (timer_due is None or news.timer < timer_due))
            or (news.requests and bool(self._executor.functions))
            or (news.cancelled and self._worker.observer is not None)
        )

    def heard(self) -> None:
        """See `Ear`."""
        self._take(self._worker.store.news())
        self.called.set()

    # -- looking

    async def run_once(self) -> None:
        """Look at what there is to look at, each part alone."""
        self.called.clear()
        await each_alone(
            (self._notice, self._see_others, self._see_own, self._fire, self._outbox.run_once, self._take_over)
        )

    def _take(self, news: News) -> None:
        """News of what falls due is noted at once, the rest is looked at soon."""
        for due_at in news.due.values():
            self._executor.job_due(due_at)
        if news.requests:
            self._gateway.request_claim()
        if news.everything or news.sessions:
            self._reaper.stale = True
        if news.everything:
            self._timers.stale = True
        self._news = self._news.and_then(news)

    async def _notice(self) -> bool:
        """Notice that others wrote, or that all is to be looked at again."""
        now = self._worker.clock.monotonic()
        self._overdue = now >= self._look_at
        news = EVERYTHING  # for all that is known if that cannot be asked
        try:
            news = self._worker.store.news()
        finally:
            self._take(EVERYTHING if self._overdue else news)
            if self._news.everything:
                self._look_at = now + MAX_WAIT_MS  # if a change should ever go unnoticed
        return False

    async def _see_others(self) -> bool:
        """See what others did."""
        news = self._news.and_then(News(runs=[one for one in self._early if self._executor.owns(one)]))
        self._news = NOTHING
        try:
            if news.everything:
                await self._see_all()
            elif news:
                await self._see(news)
        except BaseException:
            self._news = news.and_then(self._news)
            raise
        return bool(news)

    async def _see_all(self) -> None:
        if self._overdue:
            self._early.clear()
        seen = (self._see_cancelled, self._see_ended, self._see_runs, self._see_requests)
        await each_alone((self._see_time, self._see_apps, *seen))

    async def _see(self, news: News) -> None:
        """See what was told. Others may know of a claim before this worker has its answer: such runs are seen then."""
        self._early = {one for one in (*self._early, *news.runs) if not self._executor.owns(one)}

        async def runs() -> bool:
            await self._executor.check_ownership(news.runs)
            return False

        async def requests() -> bool:
            if self._gateway.has_any_of(news.runs):
                await self._gateway.check_ownership(self._worker.session_id)
            return False

        async def ended() -> bool:
            await self._ends.look(news.ended)
            return False

        parts: Sequence[Callable[[], Awaitable[bool]]] = (runs, requests, ended)
        await each_alone((*parts, self._see_cancelled) if news.cancelled else parts)

    async def _see_own(self) -> bool:
        """See runs that were cancelled here: somebody may have begun to wait for one meanwhile."""
        if not self._ends.any:
            self._worker.store.expect_no_ends()
        if self._executor.ended_elsewhere:
            self._executor.ended_elsewhere = False
            try:
                await each_alone((self._see_cancelled, self._see_ended))
            except BaseException:
                self._executor.ended_elsewhere = True
                raise
        return False

    async def _see_time(self) -> bool:
        """Agree with other workers on the time; keep it while readers could not know it by the wall clock."""
        worker = self._worker
        worker.clock.at_least(await worker.store.greatest_time())
        if self._overdue and worker.clock.ahead() > NOTABLE_MS:
            await worker.store.keep_time(worker.clock.now())
        return False

    async def _see_apps(self) -> bool:
        await self._see_functions()
        return False

    async def _see_cancelled(self) -> bool:
        await self._cancellations.look()
        return False

    async def _see_ended(self) -> bool:
        await self._ends.look()
        return False

    async def _see_runs(self) -> bool:
        self._request_claims()
        await self._executor.check_ownership()
        return True

    async def _see_requests(self) -> bool:
        await self._gateway.check_ownership(self._worker.session_id)
        self._request_claims()
        return True

    async def _fire(self) -> bool:
        await self._timers.run_once()
        return False

    async def _take_over(self) -> bool:
        freed = True  # for all that is known if one of them cannot be looked at
        try:
            freed = await self._reaper.run_once(self._worker.session_id)
        finally:
            if freed:
                self._request_claims()
        return freed

    def _request_claims(self) -> None:
        self._executor.request_claim()
        self._gateway.request_claim()
