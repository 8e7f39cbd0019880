"""Families of the verbs of `ports.Store` beside the way of a run: those that a server needs, and of the outbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from inngest.protocol.wire.endpoints import Begun

from .domain.erasing import Affected, AuditEntry, Done, Part
from .domain.model import App, Event, FunctionSpec, Job, Registry, Run
from .domain.run_metadata import Annotated, Metadata, Update
from .domain.waiting_facts import Trouble
from .records import (
    Backlog,
    Cancellation,
    CancelledPage,
    Checkpoint,
    EventQuery,
    Fork,
    Forked,
    InRequest,
    PutOff,
    PutOffPage,
    Requested,
    RunQuery,
    Spending,
    Synced,
)


class MeasuredStore(Protocol):
    """Tells those who measure how it fares.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    @property
    def spending(self) -> Spending:
        """The work of its writer since it began."""
        ...

    async def backlog(self, now: int) -> Backlog:
        """The backlog at a time (unix ms)."""
        ...


class AppStore(Protocol):
    """Knows apps that serve functions. Their functions are in the registry of all functions, by their `transport`.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def register_app(self, app: App, functions: Sequence[FunctionSpec], now: int) -> Synced:
        """Make an app and its functions known, as it is now; what is archived of it is so no more.

        Functions of it that are not given are archived: nothing starts them, and their runs under way go on. Of what is
        known already, nothing is written but when this was. Functions that another app, or a worker in its own process,
        serves are not taken from it: then nothing is written at all.
        """
        ...

    async def put_off(self, asked: PutOff, now: int) -> PutOffPage:
        """Runs that are to be called later, those of a lane that are due first. None that is on hold, or owned."""
        ...

    async def retry_all(self, run_ids: Sequence[str], now: int) -> None:
        """`Store.retry_now` for some runs, in one transaction unless much of them waits."""
        ...

    async def go_on(self, run_ids: Sequence[str], now: int) -> None:
        """Have runs that nobody owns claimed at once: what is due of them is done, and nothing before its time."""
        ...

    async def note_sync_error(self, app: App, now: int) -> None:
        """Write the `error` of a sync that failed, of all apps at its URL; an app that nobody knows is added."""
        ...

    async def archive_app(self, name: str, now: int) -> bool | None:
        """Archive an app, with its functions; False if it was archived already, None if there is none."""
        ...

    async def app_is_away(self, app_id: str, error: str, now: int) -> int:
        """Note that an app could not be reached, for `explain` and for other workers.

        Returns:
            Since when that is so, unix ms: also since before this worker was started.
        """
        ...

    async def app_is_back(self, app_id: str, now: int) -> bool:
        """Note that an app has answered; whether it was away."""
        ...

    async def apps_away(self, now: int) -> Mapping[str, Trouble]:
        """The apps that cannot be reached, by their names."""
        ...

    async def functions(self, known: int) -> Registry | None:
        """All functions that are known; None if nothing has changed since that generation."""
        ...

    async def apps(self) -> Sequence[App]:
        """All apps, also archived ones, by their names."""
        ...


class CheckpointStore(Protocol):
    """Records what the code of a run did, for another worker than its owner.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def checkpoint(self, asked: Checkpoint) -> bool:
        """Record reports that the code of a run makes while its call is under way; False if the call is not its newest.

        The run's owner can commit nothing more, and the run goes back to the queue: it is to be read again.
        """
        ...


class RerunStore(Protocol):
    """Runs runs again.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def fork(self, asked: Fork) -> Forked:
        """Create another run of a run's function, for the same events; with its memos from before a step."""
        ...


class EndpointStore(Protocol):
    """Records runs of endpoints while they are in their requests: nobody owns them.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def add_endpoint(self, app: App, begun: Begun, now: int) -> FunctionSpec | None:
        """Make the function of an endpoint known, with its app; the function. None if it is of another app or kind.

        Raises:
            TooManyEndpointsError: there are too many already.
        """
        ...

    async def request(self, asked: Requested) -> InRequest | None:
        """Record the begin of such a run, or what has become of it since, and have it claimed when its app is silent.

        None: another run has its id, or it is not in its request any more: nothing was written.
        """
        ...


class CancellationStore(Protocol):
    """Cancels many runs together, and keeps what was asked for.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def begin_cancellation(self, asked: Cancellation) -> None:
        """Keep a cancellation. Its maker goes on with it; after a while `fire` does, on any worker."""
        ...

    async def go_on_with_cancellation(self, cancellation_id: str, now: int) -> CancelledPage:
        """End the next of its runs."""
        ...

    async def cancellations(self, limit: int, before: str | None) -> Sequence[Cancellation]:
        """Those that were not deleted, newest first; those made before the one of that id."""
        ...

    async def delete_cancellation(self, cancellation_id: str, now: int) -> bool:
        """End nothing more with it, and list it no more; whether there was one. Runs that it ended stay so."""
        ...


class ErasingStore(Protocol):
    """Erases what belongs to a person, and knows who did so.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def affected(self, where: str, now: int, known: Collection[str] = ()) -> Affected:
        """The rows that an erasure is about: events that match an expression, and all that came of them.

        Of those that are `known` (ids of events), which may be erased, what came of them. Nothing is written.

        Raises:
            ExpressionError: it is none.
        """
        ...

    async def erase(self, part: Part) -> Done:
        """Write over a part of that. Never takes long; to write it again changes nothing."""
        ...

    async def audit(self, limit: int, before: str | None = None) -> Sequence[AuditEntry]:
        """The acts of people, the newest first; before the entry of an id."""
        ...


class MetadataStore(Protocol):
    """Knows what people and code say about runs and steps beside their results. It goes with the run.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def annotate(self, run_id: str, updates: Sequence[Update], now: int) -> Annotated:
        """Say something about a run and its steps: all of it is written, or nothing."""
        ...

    async def metadata(self, run_id: str) -> Sequence[Metadata]:
        """All that was said about a run and its steps, in the order in which it was said first."""
        ...


class ListReader(Protocol):
    """Lists what is recorded. Changes nothing.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def list_runs(self, asked: RunQuery) -> Sequence[Run]:
        """Runs, as they are asked for."""
        ...

    async def list_events(self, asked: EventQuery) -> Sequence[Event]:
        """Events, as they are asked for."""
        ...

    async def event(self, event_id: str) -> Event | None:
        """One event."""
        ...

    async def jobs(self, run_id: str) -> Sequence[Job]:
        """The jobs of a run: what it has to do, or waits to do, while nobody owns it."""
        ...


class OutboxStore(Protocol):
    """Knows what users have sent in transactions of their own. An `Acceptance` of the outbox accepts it.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    @property
    def outbox_waits(self) -> bool:
        """Whether rows of the outbox wait to be accepted, as far as this store knows. Never blocks."""
        ...

    @property
    def outbox_aside(self) -> bool | None:
        """Whether there are rows that were put aside; None if nobody has looked. Never blocks."""
        ...

    async def look_at_timers(self) -> None:
        """Learn of timers that other processes have set, and of what is in the outbox."""
        ...

    async def outbox_rows(self, *, aside: bool) -> Sequence[str]:
        """Ids of the first rows that wait, or of those that were put aside."""
        ...

    async def put_aside(self, row: str, why: str) -> None:
        """A row cannot be accepted: it stays, and is in nobody's way."""
        ...


class ServerStore(
    OutboxStore,
    MeasuredStore,
    AppStore,
    CheckpointStore,
    RerunStore,
    EndpointStore,
    CancellationStore,
    ErasingStore,
    MetadataStore,
    ListReader,
    Protocol,
):
    """All of these verbs."""
