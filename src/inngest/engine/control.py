"""Verbs of people: cancel, release, retry, rerun, annotate, erase, pause, resume, signal."""

from __future__ import annotations

from collections.abc import Sequence

from inngest.protocol import texts

from .domain.erasing import Affected
from .domain.run_metadata import Annotated, Update
from .erasure import Erase, Erased, Erasure
from .executor import RunExecutor
from .gateway import Gateway
from .records import Cancellation, Fork, Forked
from .worker_context import WorkerContext


class Control:
    """Acts on runs and functions of a database, whichever worker executes them.

    Args:
        worker: has the store and the clock.
        executor: executes runs of this worker; it claims what can go on.
        gateway: makes requests of this worker; it claims what can be tried again.
    """

    def __init__(self, worker: WorkerContext, executor: RunExecutor, gateway: Gateway) -> None:
        self._worker = worker
        self._executor = executor
        self._gateway = gateway

    async def cancel(self, run_id: str, reason: str) -> bool:
        """End a run; whether it had not ended before.

        Raises:
            KeyError: there is no such run.
        """
        store, now = self._worker.store, self._worker.clock.now()
        cancelled = await store.cancel([run_id], reason, now)
        if not cancelled and await store.run(run_id) is None:
            raise KeyError(run_id)
        return bool(cancelled)

    async def cancel_many(self, asked: Cancellation) -> tuple[Cancellation, int]:
        """End runs that were queued within a time which is over; the cancellation with its id, and how many it ended.

        If this fails, any worker ends the rest later.
        """
        store, clock = self._worker.store, self._worker.clock
        asked = asked._replace(id=self._worker.ids.ulid(asked.created_at))
        await store.begin_cancellation(asked)
        count, more = 0, True
        while more:
            page = await store.go_on_with_cancellation(asked.id, clock.now())
            count, more = count + page.ended, page.more
        return asked, count

    async def delete_cancellation(self, cancellation_id: str) -> None:
        """End nothing more with a cancellation, and list it no more. Runs that it has ended stay so.

        Raises:
            KeyError: there is none.
        """
        if not await self._worker.store.delete_cancellation(cancellation_id, self._worker.clock.now()):
            raise KeyError(cancellation_id)

    async def annotate(self, run_id: str, updates: Sequence[Update]) -> Annotated:
        """Say something about a run and its steps: all of it is kept, or nothing."""
        return await self._worker.store.annotate(run_id, updates, self._worker.clock.now())

    async def release(self, run_id: str) -> bool:
        """Have a run follow the code there is; whether it had not ended.

        Raises:
            KeyError: there is no such run.
        """
        store = self._worker.store
        released = await store.release(run_id, self._worker.clock.now())
        if not released and await store.run(run_id) is None:
            raise KeyError(run_id)
        self._executor.request_claim()
        return released

    async def retry_now(self, run_id: str) -> bool:
        """Try at once what of a run waits for its next attempt; whether anything did.

        Raises:
            KeyError: there is no such run.
        """
        store = self._worker.store
        retried = await store.retry_now(run_id, self._worker.clock.now())
        if not retried.anything and await store.run(run_id) is None:
            raise KeyError(run_id)
        self._executor.retry(run_id, retried.steps)
        self._executor.request_claim()
        self._gateway.request_claim()
        return retried.anything

    async def rerun(self, run_id: str, step: str | None, given: str | None) -> Forked:
        """Run a run again; the new run, or why there is none.

        Args:
            run_id: the run.
            step: from which step on: its id as written, with `:n` for a repeat, or its hash; None: from the start.
            given: JSON text: with a step an array, its handler's arguments; without, an object, the event's data.

        Raises:
            KeyError: there is no such run.
        """
        worker, now = self._worker, self._worker.clock.now()
        forked = await worker.store.fork(Fork(run_id, worker.ids.ulid(now), worker.ids.ulid(now), step, given, now))
        if forked.run is None and forked.refusal is None:
            raise KeyError(run_id)
        self._executor.request_claim()
        return forked

    async def affected(self, where: str) -> Affected:
        """The rows that an erasure is about. Nothing is written.

        Raises:
            ExpressionError: its condition is none.
        """
        return await self._worker.store.affected(where, self._worker.clock.now())

    async def erase(self, asked: Erase) -> Erased:
        """Erase what belongs to a person.

        Raises:
            ExpressionError: its condition is none.
            UnderWayError: something of it goes on, and is not to be cancelled; nothing was changed.
        """
        return await Erasure(self._worker, asked).run()

    async def pause(self, function_id: str, on_event: str) -> None:
        """Have no run of a function begin or go on until `resume`; `on_event` is "queue" or "skip".

        Raises:
            KeyError: the function is not known.
        """
        if not await self._worker.store.pause(texts.stored(function_id), on_event, self._worker.clock.now()):
            raise KeyError(function_id)

    async def resume(self, function_id: str) -> None:
        """Have the runs of a function begin and go on again.

        Raises:
            KeyError: the function is not known.
        """
        known = await self._worker.store.resume(texts.stored(function_id), self._worker.clock.now())
        self._executor.request_claim()
        if not known:
            raise KeyError(function_id)

    async def signal(self, name: str, data: str) -> str | None:
        """Give a signal, with JSON text, to the run that waits for it; that run's id, or None."""
        return await self._worker.store.signal(name, data, self._worker.clock.now())
