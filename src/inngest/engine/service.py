"""One worker of the engine: start, run, drain, stop. The only place with a `while` loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from inngest.protocol.errors import ErrorInfo

from .domain.model import Ended, FunctionSpec
from .executor import RunExecutor, Worker
from .intake import Intake
from .ports import Liveness, Session, StoreError
from .reaper import Reaper

LOGGER = logging.getLogger("inngest.engine")

LOOK = 50
"""Milliseconds between looks at what other processes did: at their writes, and at whether they live."""

LONGEST_WAIT = 30_000
"""Milliseconds after which the queue is looked at again, whatever it said."""

TROUBLE = 1_000
"""Milliseconds until the next try after the store failed."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker runs."""

    functions: Sequence[FunctionSpec]
    replace_app: str | None  # an app that is given whole: what it has no more is forgotten
    max_in_flight: int
    drain_timeout: int  # ms
    host: str
    pid: int


class Service:
    """A worker.

    Args:
        worker: what its parts share.
        liveness: shows that it lives, and whether others do.
        options: how it runs.
    """

    def __init__(self, worker: Worker, liveness: Liveness, options: Options) -> None:
        self._worker = worker
        self._liveness = liveness
        self._options = options
        functions = frozenset(function.id for function in options.functions)
        self._awake = asyncio.Event()
        self.executor = RunExecutor(worker, functions, options.max_in_flight, self._ended, self._awake.set)
        self.intake = Intake(worker.store, worker.clock, worker.ids, self.executor, worker.observer)
        self._reaper = Reaper(worker.store, worker.clock, liveness)
        self._loops: list[asyncio.Task[None]] = []
        self._waiting: dict[str, list[asyncio.Future[Ended]]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Open the store, take over what dead workers left, and begin to work.

        Raises:
            StoreError: what is wrong with the store; nothing was started.
        """
        worker, options = self._worker, self._options
        now = worker.clock.now()
        await worker.store.open(now)
        try:
            if options.functions or options.replace_app:
                await worker.store.register(options.functions, replace_app=options.replace_app, now=now)
            await self._begin_session()
            await self._reaper.run_once(worker.session_id)
        except BaseException:
            self._liveness.release(worker.session_id)
            await worker.store.close()
            raise
        self.executor.job_due(now)
        create_task = asyncio.get_running_loop().create_task
        self._loops = [create_task(self._work()), create_task(self._watch())]

    async def stop(self) -> None:
        """Claim nothing more, let what runs come to its next record, and leave the rest to others. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.executor.drain(self._options.drain_timeout / 1000)
        worker = self._worker
        try:
            await worker.store.end_session(worker.session_id, worker.clock.now(), died=False)
        except StoreError as error:
            LOGGER.error("the worker's runs could not be given back; others will take them over: %s", error)
        await worker.store.close()
        self._liveness.release(worker.session_id)
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(asyncio.CancelledError())

    async def wait(self, run_id: str, *, new: bool = False) -> Ended:
        """Wait until a run has ended, wherever it runs; `new` if it was created here and nobody waited since.

        Raises:
            KeyError: there is no such run.
        """
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(run_id, []).append(future)
        try:
            if not new and not self.executor.owns(run_id):
                if await self._worker.store.run(run_id) is None:
                    raise KeyError(run_id)
                await self._look_for_ended([run_id])
            return await future
        finally:
            left = self._waiting.get(run_id)
            if left is not None and future in left:
                left.remove(future)
                if not left:
                    del self._waiting[run_id]

    def _ended(self, run_id: str, ended: Ended) -> None:
        for future in self._waiting.pop(run_id, ()):
            if not future.done():
                future.set_result(ended)

    async def _begin_session(self) -> None:
        worker, options = self._worker, self._options
        self._liveness.hold(worker.session_id)
        session = Session(
            worker.session_id, worker.clock.now(), options.host, options.pid, sorted(self.executor.functions)
        )
        await worker.store.begin_session(session)

    async def _renew(self) -> None:
        """This worker was declared dead, though it lives: what it runs is lost to others, and it begins anew (P4)."""
        LOGGER.error(
            "this worker was declared dead by another one (was its lock file removed?); what it runs now goes on "
            "elsewhere, and it begins anew"
        )
        self._liveness.release(self._worker.session_id)
        self._worker.session_id = self._worker.ids.token()
        await self._begin_session()
        self.executor.fenced = False

    # -- loops

    async def _work(self) -> None:
        """Claim what is due; sleep until something is."""
        clock = self._worker.clock
        while True:
            self._awake.clear()
            until = clock.now() + LONGEST_WAIT
            try:
                await self.executor.run_once(clock.now())
                if self.executor.fenced:
                    await self._renew()
                    continue
            except Exception as error:  # a worker must not end because one look failed
                _complain(error)
                await self._pause(TROUBLE)
                continue
            next_due = self.executor.next_due
            if next_due is not None and self.executor.room > 0:
                until = min(until, next_due)
            await self._sleep(until)

    async def _sleep(self, until: int) -> None:
        if until <= self._worker.clock.now():
            return
        timer = self._worker.clock.call_at(until, self._awake.set)
        try:
            await self._awake.wait()
        finally:
            timer.cancel()

    async def _watch(self) -> None:
        """See what other processes did; now and then though nothing was noticed, since a notice can be lost."""
        clock = self._worker.clock
        look_at = 0
        while True:
            await self._pause(LOOK)
            try:
                if self._worker.store.foreign_change() or clock.now() >= look_at:
                    look_at = 0  # and again, if this look fails
                    self._reaper.stale = True
                    await self._look_for_ended(list(self._waiting))
                    self.executor.look_again()
                if await self._reaper.run_once(self._worker.session_id):
                    self.executor.look_again()
                look_at = look_at or clock.now() + LONGEST_WAIT
            except Exception as error:  # a worker must not end because one look failed
                _complain(error)
                await self._pause(TROUBLE)
            if self.executor.idle:
                self._worker.store.tidy()

    async def _pause(self, ms: int) -> None:
        clock = self._worker.clock
        over = asyncio.Event()
        timer = clock.call_at(clock.now() + ms, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    async def _look_for_ended(self, run_ids: Sequence[str]) -> None:
        if not run_ids:
            return
        for run in await self._worker.store.ended(run_ids):
            error = None if run.error is None else ErrorInfo.from_json(run.error)
            self._ended(run.id, Ended(run.status, run.output, error))


def _complain(error: Exception) -> None:
    if isinstance(error, StoreError):
        LOGGER.error("the store failed; trying again in %d ms: %s", TROUBLE, error)
    else:
        LOGGER.error("unexpected; trying again in %d ms: %s", TROUBLE, error, exc_info=error)
