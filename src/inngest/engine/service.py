"""One worker of the engine: start, run, drain, stop. The only endless loops on the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import NamedTuple

from inngest.runtime.careful import CarefulLogger
from inngest.runtime.left import left_behind
from inngest.runtime.ports import Liveness

from . import looks
from .apps import Apps, tell_moved
from .checks import Checks, go_on_from_kept_time
from .control import Control
from .domain.model import Ended, FunctionSpec
from .errors import StoreError
from .executor import RunExecutor
from .failure_log import FailureLog, each_alone
from .gateway import AT_A_TIME, Gateway
from .intake import Intake
from .looks import Looks
from .outbox import Outbox
from .pruner import Pruner, Retention
from .queries import Queries
from .reaper import Reaper
from .records import CALLS_APPS, Session
from .run_ends import RunEnds
from .timers import Timers
from .worker_context import WorkerContext

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

POLL_MS = 50
"""Milliseconds between looks at what other processes did, if nothing is heard: at their writes, and at whether they
live.
"""

FOR_EVER_MS = 10**13
"""Milliseconds that are as good as never, where there are no others."""

RETRY_MS = 1_000
"""Milliseconds until the next try after the store failed."""

PRUNE_MS, PRUNE_OFTEN_MS = 60_000, 1_000
"""Milliseconds between looks for what is old enough to be removed: a tenth of the retention, within these bounds."""


class Options(NamedTuple):
    """How a worker runs."""

    functions: Sequence[FunctionSpec]
    whole_apps: Sequence[str]  # apps that are given whole: what they have no more is forgotten
    max_in_flight: int
    drain_timeout: int  # ms
    host: str
    pid: int
    retention: Retention | None = None  # after which what has ended is removed
    requests: int = AT_A_TIME  # of steps that are made at a time
    by_hand: bool = (
        False  # its time is moved by who also calls `look`: it has its store for itself, and looks at nothing
    )


class Service:
    """A worker.

    Args:
        worker: what its parts share.
        liveness: shows that it lives, and whether others do.
        options: how it runs.
    """

    def __init__(self, worker: WorkerContext, liveness: Liveness, options: Options) -> None:
        self._worker = worker
        self._liveness = liveness
        self._options = options
        functions = frozenset(function.id for function in options.functions)
        self._awake = asyncio.Event()
        self._asked = asyncio.Event()
        self.gateway = Gateway(worker, options.requests, self._asked.set)
        self.executor = RunExecutor(
            worker, functions, options.max_in_flight, self._ended, self._awake.set, self.gateway
        )
        worker.store.listen(self.executor)
        self.intake = Intake(worker.store, worker.clock, worker.ids, self.executor)
        self.control = Control(worker, self.executor, self.gateway)
        self.apps = Apps(worker, self.executor, self.see_functions)
        self.queries = Queries(worker.store, worker.clock, liveness)
        self.ends = RunEnds(worker.store, self._will_hear)
        self._reaper = Reaper(worker.store, worker.clock, liveness)
        timers = Timers(worker.store, worker.clock)
        outbox = Outbox(worker.store, self.intake, worker.clock)
        seen = (self.executor, self.gateway, self.ends, self._reaper, timers, outbox)
        self._looks = Looks(worker, *seen, self.see_functions)
        self._pruner = Pruner(worker.store, worker.clock, options.retention)
        self._failures = FailureLog(worker.clock, RETRY_MS)
        self._checks = Checks(worker, liveness)
        self._loops: list[asyncio.Task[None]] = []
        self._works = self._requests = False  # work has begun; and to make requests of steps
        self._retry_at = worker.clock.monotonic()
        self._asleep = 0  # loops that wait for time, or for somebody to ask
        self._began = False  # its session
        self._stopping = False
        self.drained = asyncio.Event()  # it stops, and nothing of its work runs any more

    @property
    def trouble(self) -> str | None:
        """Why it can begin nothing now; None if it can."""
        if (trouble := self._worker.store.trouble) is not None:
            return str(trouble)
        return None if self._liveness.is_heard() else "the database has not heard this worker for a while"

    async def start(self) -> None:
        """Prepare, and begin to work.

        Raises:
            StoreError: what is wrong with the store; nothing was started.
        """
        await self.prepare()
        self.work()

    async def prepare(self) -> None:
        """Do all that can fail before work begins: open the store, take over from the dead, say what runs here.

        Raises:
            StoreError: what is wrong with the store; what had begun is undone.
        """
        worker = self._worker
        try:
            await worker.store.open(worker.clock.now())
            if not self._options.by_hand:
                self._begin(self._keep_retrying())  # before the first commit, which may be in doubt
            await go_on_from_kept_time(worker)
            await self._reaper.run_once(worker.session_id)
            await self._begin_session()
            await self._register()
            await self.see_functions()
        except BaseException:
            await self._take_back()
            raise

    def work(self) -> None:
        """Begin to work."""
        self.executor.job_due(self._worker.clock.now())
        loops = (self._work,) if self._options.by_hand else (self._watch, self._work, self._prune)
        for loop in loops:
            self._begin(loop())
        self._works = True
        self._begin_to_request()

    def _begin_to_request(self) -> None:
        """Make requests of steps: who only sends is not kept from stopping by answers to others' requests."""
        if self.executor.functions and not self._requests:
            self._requests = True
            self._begin(self._request())

    async def see_functions(self) -> None:
        """Learn which functions apps have registered; from now on this worker calls them."""
        if await self.executor.see_functions() and self._works:
            self._begin_to_request()

    def _begin(self, loop: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(loop)
        task.add_done_callback(self._loop_ended)
        self._loops.append(task)

    async def _register(self) -> None:
        """After the session began: another engine that is given the same app whole must see what this one serves."""
        worker, options = self._worker, self._options
        apps: Sequence[str | None] = options.whole_apps or ([None] if options.functions else [])
        for app in apps:
            moved = await worker.store.register(options.functions, replace_app=app, now=worker.clock.now())
            if moved:
                tell_moved(moved, await worker.store.apps())

    async def _take_back(self) -> None:
        """Undo a start that failed, or was cancelled."""
        worker = self._worker
        worker.store.give_up()
        try:
            if self._began:
                await worker.store.end_session(worker.session_id, worker.clock.now(), died=False)
        except StoreError as error:
            LOGGER.debug("the session of a start that failed is left to others: %s", error)
        finally:
            self._stopping = True
            for loop in self._loops:
                loop.cancel()
            self._liveness.release(worker.session_id)
            await worker.store.close()

    def _loop_ended(self, _: asyncio.Task[None]) -> None:
        """If nobody stops the engine, its event loop ends and cancels all tasks: nothing may wait for better times."""
        if not self._stopping:
            self._worker.store.give_up()

    async def drain(self) -> None:
        """Claim nothing more, and let what runs come to its next record. Events are still accepted."""
        timeout = self._options.drain_timeout / 1000
        await asyncio.gather(self.executor.drain(timeout), self.gateway.drain(timeout))

    async def stop(self) -> None:
        """Claim nothing more, let what runs come to its next record, and leave the rest to others. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        try:
            await self._stop()
        except BaseException:  # it was cut short
            self.abandon()
            raise

    async def _stop(self) -> None:
        worker = self._worker
        for loop in self._loops[2:]:  # the first two mend and watch while the others end
            loop.cancel()
        await self.drain()
        self.drained.set()
        for loop in self._loops[:2]:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if unwritten := self.executor.unwritten:
            LOGGER.error(
                "%d runs could not be written before the engine stopped (%s); they will go on from their last record",
                len(unwritten),
                unwritten[-1],
            )
        try:
            await worker.store.end_session(worker.session_id, worker.clock.now(), died=False)
        except StoreError as error:
            LOGGER.error("the engine's runs could not be given back, another one will take them over: %s", error)
        await worker.http.close()
        if worker.remote is not None:
            await worker.remote.close()
        await worker.store.close()
        self._liveness.release(worker.session_id)
        self.ends.tell_stopped()

    def abandon(self) -> None:
        """Do nothing more, at once, as if the process had died: others take over.

        From any thread if the loop is closed.
        """
        self._stopping = True
        self.executor.draining = True
        self._worker.store.abandon()
        self._liveness.release(self._worker.session_id)
        self.ends.tell_stopped()
        calls = () if self._worker.remote is None else self._worker.remote.tasks
        left_behind((*self._loops, *self.executor.tasks, *self.gateway.tasks, *calls), unwind=True)

    def forked(self) -> None:
        """Do nothing more by itself: this process is a fork, and the worker is its parent's."""
        for loop in self._loops:
            loop.cancel()
        self.gateway.abandon()

    def _will_hear(self, run_id: str) -> bool:
        """Whether a run is in flight here; one that was cancelled, or lost to others, only unwinds."""
        owned_run = self.executor.owned.get(run_id)
        return owned_run is not None and not owned_run.is_lost

    def _ended(self, run_id: str, ended: Ended) -> None:
        self.gateway.over(run_id)
        self.ends.tell(run_id, ended)

    async def _begin_session(self) -> None:
        worker, options = self._worker, self._options
        self._liveness.hold(worker.session_id)
        self._began = True
        served = [*sorted(one.id for one in options.functions), *([] if worker.remote is None else [CALLS_APPS])]
        session = Session(
            worker.session_id, worker.clock.now(), options.host, options.pid, served, self._liveness.lease
        )
        await worker.store.begin_session(session)

    async def _renew(self) -> None:
        """This worker was declared dead, though it lives: what it runs is lost to others, and it begins anew (P4)."""
        LOGGER.error(
            "this worker was declared dead by another one (%s); what it runs now goes on elsewhere, and it begins anew",
            "was its lock file removed?"
            if self._liveness.lease is None
            else f"the database has not heard it for {self._liveness.lease / 1000:g} s: was it stopped, or cut off?",
        )
        for owned_run in list(self.executor.owned.values()):
            owned_run.lose()  # before it is heard again: none of its handlers may begin
        self._liveness.release(self._worker.session_id)
        self._worker.session_id = self._worker.ids.token()
        await self._begin_session()
        self.executor.fenced = False
        self.executor.request_claim()
        self.gateway.renewed()

    # -- loops

    async def _work(self) -> None:
        """Claim what is due; sleep until something is."""
        clock = self._worker.clock
        while True:
            self._awake.clear()
            until = clock.now() + self._longest
            if self._worker.store.trouble is not None:  # what is claimed now could not be recorded
                await self._pause(RETRY_MS)
                continue
            try:
                if self._liveness.is_over(self._worker.session_id):
                    await self._renew()
                    continue
                if not self._liveness.is_heard():  # nor would the store claim anything
                    await self._pause(POLL_MS)
                    continue
                await self.executor.run_once(clock.now())
                if self.executor.fenced:
                    await self._renew()
                    continue
            except Exception as error:  # a worker must not end because one look failed
                self._failures.failed("claiming", error)
                self.executor.request_claim()
                await self._pause(RETRY_MS)
                continue
            self._failures.worked("claiming")
            next_due = self.executor.next_due
            if next_due is not None and not self.executor.at_capacity():
                until = min(until, next_due)
            looks_at = self.executor.looks_at(clock.now())
            until = until if looks_at is None else min(until, looks_at)
            await self._sleep(until, self._awake)

    async def _request(self) -> None:
        """Make the requests that are due; sleep until one is."""
        clock, gateway = self._worker.clock, self.gateway
        while True:
            self._asked.clear()
            until = clock.now() + self._longest
            if self._worker.store.trouble is not None:  # what became of a request could not be recorded
                await self._pause(RETRY_MS)
                continue
            try:
                await gateway.run_once(self._worker.session_id, clock.now())
                if gateway.fenced:
                    self.executor.request_claim()  # it is told the same, and this worker begins anew
            except Exception as error:  # a worker must not end because one look failed
                self._failures.failed("requesting", error)
                gateway.request_claim()
                await self._pause(RETRY_MS)
                continue
            self._failures.worked("requesting")
            if gateway.next_due is not None and gateway.room > 0 and not gateway.fenced:
                until = min(until, gateway.next_due)
            await self._sleep(until, self._asked)

    async def _sleep(self, until: int, awake: asyncio.Event) -> None:
        """Wait until then, or until somebody asks. If either has been, all else on the loop has its turn before."""
        if awake.is_set() or until <= self._worker.clock.now():
            await asyncio.sleep(0)
            return
        timer = self._worker.clock.call_at(until, awake.set)
        self._asleep += 1
        try:
            await awake.wait()
        finally:
            self._asleep -= 1
            timer.cancel()

    @property
    def resting(self) -> bool:
        """Whether there is nothing to claim now, if it works by hand."""
        return self._asleep == len(self._loops) and not (self._awake.is_set() or self._asked.is_set())

    async def _watch(self) -> None:
        """See what other processes did."""
        while True:
            await self._pause(POLL_MS, self._looks.called)
            try:
                await self.look()
            except Exception as error:  # a worker must not end because one look failed
                self._failures.failed("looking", error)
                await self._pause(RETRY_MS)
                continue
            self._failures.worked("looking")
            if self.executor.idle:
                self._worker.store.tidy()

    async def look(self) -> None:
        """See what is due, what others did, and whether they live."""
        await each_alone((self._checks.run_once, self._looks.run_once))

    @property
    def _longest(self) -> int:
        """Milliseconds after which a loop looks again, though nobody asked."""
        return FOR_EVER_MS if self._options.by_hand else looks.MAX_WAIT_MS

    async def _prune(self) -> None:
        """Remove what is over and old: a little, then a pause, so that it is in nobody's way."""
        retention = self._options.retention
        pause = PRUNE_MS if retention is None else min(max(retention.period // 10, PRUNE_OFTEN_MS), PRUNE_MS)
        while True:
            more = False
            if self._worker.store.trouble is None:
                try:
                    more = await self._pruner.run_once()
                    await self.ends.look_for_missing()
                except Exception as error:  # a worker must not end because one look failed
                    self._failures.failed("removing", error)
                else:
                    self._failures.worked("removing")
            await self._pause(POLL_MS if more else pause)

    def _retry_held_commits(self) -> None:
        """Try again, now and then, to write what waits."""
        store, now = self._worker.store, self._worker.clock.monotonic()
        if store.trouble is None:
            self._failures.worked("recording")
            return
        self._failures.failed("recording", store.trouble)
        if now >= self._retry_at:
            self._retry_at = now + RETRY_MS
            store.retry()

    async def _keep_retrying(self) -> None:
        """See whether the store works. Apart from all that waits for it."""
        while True:
            await self._pause(POLL_MS)
            self._retry_held_commits()

    async def _pause(self, ms: int, called: asyncio.Event | None = None) -> None:
        """Wait for so long, or until somebody calls."""
        over = called or asyncio.Event()
        timer = self._worker.clock.call_after(ms, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()
