"""Runs of endpoints while their apps answer the requests: begun, and gone on with, by what the apps report."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from inngest.protocol.opcodes import Op
from inngest.protocol.wire.endpoints import EVENT, Begun

from . import run_log
from .domain import endpoints
from .domain.endpoints import TooManyEndpointsError
from .domain.model import Ended, Event, FunctionSpec, Run, RunStatus
from .executor import RunExecutor
from .records import Beginning, InRequest, Requested
from .worker_context import WorkerContext


class EndpointTakenError(Exception):
    """The id of an endpoint's function is that of another function."""


class Started(NamedTuple):
    """A run of an endpoint has begun."""

    function: FunctionSpec
    run: Run


class Endpoints:
    """Records runs of endpoints.

    Args:
        worker: has the store and the clock.
        executor: claims the runs when their apps are silent, or their requests are over.
        changed: awaited when there is a new function: this worker calls it from now on.
    """

    def __init__(self, worker: WorkerContext, executor: RunExecutor, changed: Callable[[], Awaitable[object]]) -> None:
        self._worker = worker
        self._executor = executor
        self._changed = changed
        self._told: dict[str, int] = {}  # by function: when the store was told of a request to it (ms, monotonic)

    async def begin(self, begun: Begun, sdk: str) -> Started | None:
        """Begin a run. The same once more, if its answer was lost, begins no other.

        Args:
            begun: the run, with what has happened of it so far.
            sdk: what made it, as its headers say.

        Returns:
            None: another run has its id.

        Raises:
            TooManyEndpointsError: there are too many endpoints.
            EndpointTakenError: another function has the id of this one.
            StoreError: nobody knows whether it was written.
        """
        worker = self._worker
        function = await self._function(begun, sdk)
        now = worker.clock.now()
        event = Event(worker.ids.ulid(now), EVENT, begun.data, now, "", now)
        run = Run(
            begun.run_id or worker.ids.ulid(now),
            function.id,
            function.version,
            event.id,
            RunStatus.RUNNING,
            now,
            begun.retries,
            started_at=now,
            discovery=endpoints.first_discovery(begun.version),
        )
        asked = Requested(run.id, begun.ops, now, worker.ids.random(), Beginning(run, event))
        written = await worker.store.request(asked)
        if written is None:
            return None
        if written.new and worker.observer is not None:
            worker.observer.accepted([event], [run], ())
        self._follow(written)
        return Started(function, written.run)

    async def go_on(self, run_id: str, ops: Sequence[Op]) -> bool:
        """Record the next reports of a run; False if it is not in its request any more.

        Raises:
            StoreError: nobody knows whether it was written.
        """
        worker = self._worker
        written = await worker.store.request(Requested(run_id, ops, worker.clock.now(), worker.ids.random()))
        if written is not None:
            self._follow(written)
        return written is not None

    async def _function(self, begun: Begun, sdk: str) -> FunctionSpec:
        """The function of an endpoint, which is made known by its first request; later ones seldom tell of it."""
        known, now = self._executor.remote.functions, self._worker.clock.monotonic()
        with contextlib.suppress(TooManyEndpointsError):  # unless others have removed some
            wanted = endpoints.function_of(begun, known)
            there = known.get(wanted.id)
            lately = now - self._told.get(wanted.id, now - endpoints.TOLD) < endpoints.TOLD
            if there is not None and not there.archived and lately:
                return there
        app = endpoints.app_of(begun.cause, sdk)
        added = await self._worker.store.add_endpoint(app, begun, self._worker.clock.now())
        if added is None:
            raise EndpointTakenError(endpoints.id_of(begun.cause))
        if known.get(added.id) != added:
            await self._changed()
            self._told = {name: at for name, at in self._told.items() if name in self._executor.remote.functions}
        self._told[added.id] = now
        return added

    def _follow(self, written: InRequest) -> None:
        """Tell what was written, and have the run claimed in time."""
        run, changes, executor = written.run, written.changes, self._executor
        ended = changes.transition if isinstance(changes.transition, Ended) else None
        if self._worker.observer is not None and not changes.is_nothing:
            told = run if ended is None else run._replace(ended_at=self._worker.clock.now())
            self._worker.observer.committed(told, changes)
        if ended is not None:
            run_log.ended(run.id, run.function_id, ended.status)
            executor.on_end(run.id, ended)
        elif written.due_at is not None:
            executor.job_due(written.due_at)
        if changes.waits:
            executor.gateway.request_claim()
