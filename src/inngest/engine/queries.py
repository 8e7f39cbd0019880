"""Questions of people about runs: what is recorded of one, and why it waits. Lists are verbs of the `Store`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inngest.runtime.ports import Clock, Liveness

from .domain import explaining
from .domain.explaining import Reason
from .domain.model import Event, Job, Run
from .domain.run_metadata import Metadata
from .domain.waiting_facts import Facts
from .errors import StoreError
from .ports import Store
from .records import Backlog, Cancellation, EventQuery, RunQuery, RunView, Spending


class Explained(NamedTuple):
    """Why a run waits, or that it does not."""

    run: Run
    reasons: Sequence[Reason]  # most important first


class Queries:
    """Answers from what is recorded, and changes nothing.

    Args:
        store: where it is recorded.
        clock: tells what is due.
        liveness: tells which workers live.
    """

    def __init__(self, store: Store, clock: Clock, liveness: Liveness) -> None:
        self._store = store
        self._clock = clock
        self._liveness = liveness

    async def backlog(self) -> Backlog:
        """The backlog of now, by function."""
        return await self._store.backlog(self._clock.now())

    @property
    def spending(self) -> Spending:
        """The work of this worker's writer since it began."""
        return self._store.spending

    async def run(self, run_id: str) -> RunView:
        """A run with everything that is recorded of it.

        Raises:
            KeyError: there is no such run.
        """
        view = await self._store.run(run_id)
        if view is None:
            raise KeyError(run_id)
        return view

    async def runs(self, asked: RunQuery) -> Sequence[Run]:
        """Runs, as they are asked for."""
        return await self._store.list_runs(asked)

    async def events(self, asked: EventQuery) -> Sequence[Event]:
        """Events, as they are asked for."""
        return await self._store.list_events(asked)

    async def event(self, event_id: str) -> Event | None:
        """One event."""
        return await self._store.event(event_id)

    async def jobs(self, run_id: str) -> Sequence[Job]:
        """The jobs of a run: what it has to do, or waits to do, while nobody owns it."""
        return await self._store.jobs(run_id)

    async def metadata(self, run_id: str) -> Sequence[Metadata]:
        """All that was said about a run and its steps, in the order in which it was said first."""
        return await self._store.metadata(run_id)

    async def cancellations(self, limit: int, before: str | None) -> Sequence[Cancellation]:
        """Cancellations of many runs, newest first; those made before the one of that id."""
        return await self._store.cancellations(limit, before)

    async def explain(self, run_id: str) -> Explained:
        """Explains what holds a run, until when, and what would let it go on.

        Raises:
            KeyError: there is no such run.
        """
        now = self._clock.now()
        facts = await self._store.facts(run_id, now)
        if facts is None:
            raise KeyError(run_id)
        return explained(facts, now, self._liveness)


def explained(facts: Facts, now: int, liveness: Liveness) -> Explained:
    """Why a run waits. If the lock of a worker cannot be read, the worker is assumed to be alive."""

    def alive(session_id: str) -> bool:
        try:
            return liveness.alive(session_id)
        except StoreError:
            return True

    return Explained(facts.run, explaining.explain(facts.judged(alive), now))
