"""The engine's demands on the outer world, in its own words: one promise per verb."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from inngest.protocol.calls import Call, Outcome
from inngest.protocol.opcodes import Arrival, Memo
from inngest.runtime.ports import Recorder

from .domain.explaining import KeptBack, Woken
from .domain.hosts import Hosts
from .domain.model import Event, FunctionSpec, Run, RunStatus
from .domain.waiting_facts import Facts, Handler
from .errors import StoreError
from .records import (
    Acceptance,
    Accepted,
    Circle,
    Claimed,
    Claims,
    Commit,
    DueRequests,
    EventCursor,
    Fired,
    Notifications,
    Owner,
    RequestAttempt,
    RequestClaims,
    RequestKey,
    Retried,
    RunView,
    Session,
)
from .server_ports import ServerStore
from .wake_ports import WakeStore

R = TypeVar("R")


# -- the store


class Listener(Protocol):
    """Told of what a store has committed, on the loop, in the order of the transactions (P10).

    The listener is told also if the caller of a verb has stopped waiting, or was cancelled. It comes before those who
    wait. A protocol because a store does not know what runs what it hands out.
    """

    def on_committed(self, command: object, answer: Any) -> Any:
        """A command was written: an `Acceptance`, a `Commit`, or what the store calls another verb.

        Args:
            command: what was asked for.
            answer: what the store gives: `Accepted`, `Receipt`, `Claims`, …

        Returns:
            What the future of the verb is resolved with.
        """
        ...

    def on_refused(self, command: object) -> None:
        """A command is not written, and its caller has stopped waiting while that was in doubt."""
        ...

    def notify(self, notifications: Notifications) -> None:
        """A transaction did something to other runs. Its commands are answered before."""
        ...


class StoreLife(Protocol):
    """Opens, watches and closes the database, and keeps the greatest time that it has seen."""

    def listen(self, listener: Listener) -> None:
        """Have a listener told of each transaction from now on. There is one."""
        ...

    async def open(self, now: int) -> None:
        """Connect; create or migrate the schema.

        Raises:
            StoreVersionError, StoreCorruptError, StoreReadOnlyError, StoreFullError, StoreBusyError.
        """
        ...

    async def close(self) -> None:
        """Finish what was asked and disconnect. Idempotent; later verbs raise StoreClosedError."""
        ...

    def abandon(self) -> None:
        """Write nothing more: what was asked fails, if its loop still turns. `disconnect` comes later. Idempotent."""
        ...

    def disconnect(self) -> None:
        """Disconnect, when nothing reads or writes any more. Idempotent; from any thread, without a loop."""
        ...

    @property
    def trouble(self) -> StoreError | None:
        """Why commits wait; None if none does."""
        ...

    def retry(self) -> None:
        """Try again to write the commits that wait."""
        ...

    def give_up(self) -> None:
        """The worker stops: commits that wait fail, and from now on nothing waits longer than one try."""
        ...

    def look_at_files(self) -> None:
        """See that what is written will be found again. Quick; a moment for it is each second, whatever happens.

        Raises:
            StoreError: it will not be; how to mend it.
        """
        ...

    def tidy(self) -> None:
        """Housekeeping; for a moment in which nothing happens."""
        ...

    async def greatest_time(self) -> int:
        """The greatest time that the database has seen, but for the last second of it; 0 if none."""
        ...

    async def keep_time(self, now: int, *, anew: bool = False) -> None:
        """Keep a time by itself. `anew` forgets a greater one. Verbs that write keep theirs."""
        ...


class WorkerStore(Protocol):
    """Knows workers, and the functions that they serve."""

    async def register(
        self, functions: Sequence[FunctionSpec], *, replace_app: str | None, now: int
    ) -> Sequence[FunctionSpec]:
        """Make functions known. Gives those that apps served until now: they run in processes from now on.

        With `replace_app`, others of that app are forgotten, unless a living worker serves them.
        """
        ...

    async def begin_session(self, session: Session) -> None:
        """A worker lives."""
        ...

    async def end_session(self, session_id: str, now: int, *, died: bool) -> bool:
        """A worker is gone: its runs are queued again, with a takeover each if it `died`; False if it was gone (P4)."""
        ...

    async def sessions(self) -> Sequence[Session]:
        """The workers that live, as far as is known."""
        ...

    async def tell_handlers(self, session_id: str, handlers: Sequence[Handler]) -> None:
        """Which handlers have run for a while in a worker: instead of what it told before, and for people only."""
        ...


class EventStore(Protocol):
    """Takes in events and signals, and starts runs."""

    def accept(self, acceptance: Acceptance) -> asyncio.Future[Accepted]:
        """Store events and every run they start (P1). An event whose id is stored already starts nothing.

        Runs of functions that listen hang on a marker where they are more than a transaction writes; `fire` makes them.
        From its commit on, runs that were claimed with it concern the listener.
        """
        ...

    async def put_parcel(self, events: Sequence[Event], now: int) -> str:
        """Store events, all or none; the parcel that they are. They count as sent from then on (P1).

        They are accepted one after the other, by acceptances of the parcel, or by `fire` if none comes for a second.
        """
        ...

    async def signal(self, name: str, data: str, now: int) -> str | None:
        """Give a signal to the run that waits for it; that run's id, or None."""
        ...


class RunStore(Protocol):
    """Hands runs to workers, and records what they did."""

    async def claim(
        self,
        owner: Owner,
        count: int,
        functions: Sequence[str],
        now: int,
        *,
        alone: bool,
        probes: int = 0,
        together: int | None = None,
        keep: int | None = None,
    ) -> Claims:
        """Take up to `count` runs whose jobs are due, earliest first, for a worker's session and a new token.

        From its commit on, what comes for these runs, or cancels them, concerns the listener.

        Args:
            owner: the worker's session, and the token.
            count: how many, at most; may be 0 with `keep`.
            functions: ids of those whose runs are taken.
            now: unix ms.
            alone: a run that must be tried alone may be taken; if one is due, no other is.
            probes: how many runs on hold are taken besides, at most, without slots.
            together: the most of both; None: as many as both may be.
            keep: unix ms; a run that must be tried alone, is due and is not taken is kept for this worker until then:
                others do not see it as due. No other run is taken. The same time is given again to go on with it.
        """
        ...

    async def read(self, claimed: Claimed) -> Claimed | None:
        """A run that its claim left unread, with all that is recorded of it; None if it is not its owner's any more."""
        ...

    def commit(self, commit: Commit) -> asyncio.Future[Any]:
        """Write what an owner decided. Commits of one run apply in the order of these calls.

        The future is resolved with what the listener makes of the `Receipt`; it cannot be cancelled. While the store
        is in trouble it waits: what an owner decided has happened already, and to lose it would be to do it again.
        """
        ...

    def record_here(self, owner: Owner, memo: Memo, *, lone: bool = False) -> bool:
        """Write the result of a step at once, if nothing else is to be written and that is quick; whether it was done.

        If it was not, `commit` is to be asked: it finds out why.

        Args:
            owner: who has the run.
            memo: the result.
            lone: no other run of an app goes on here: hardly any other result will come in this turn of the loop.
        """
        ...

    async def put_run_off(self, owner: Owner, error: str, now: int, *, taken_at: int, alone: bool) -> int | None:
        """A run that an owner has cannot be read: nobody has it for a while, the longer the more often that was.

        Args:
            owner: who has it.
            error: why, for `explain`.
            now: unix ms.
            taken_at: when it was claimed, unix ms; one that had not begun before is as if it were not claimed.
            alone: whether it is to be tried alone.

        Returns:
            Until when, unix ms; None if it is not this owner's.
        """
        ...

    async def extra_slots(self, owner: Owner, lane: str, wanted: int, now: int) -> int:
        """Have a run hold so many slots of its lane, from 1 on, as far as there are; how many it holds then.

        0 if it is not this owner's any more. To ask the same again changes nothing.

        All that a run has is given back when it is let go, ends, or its worker is gone (P7). Only what a commit says
        is busy, or all if the run is cancelled while it has an owner, is kept until `free_slots` or that owner's end.
        """
        ...

    def free_slots(self, owner: Owner, busy: int, now: int) -> asyncio.Future[bool]:
        """Of the slots that were kept for an owner whose run is over or let go, so many are still needed.

        The future is resolved with whether others were freed. While the store is in trouble it waits.
        """
        ...

    async def arrivals(self, run_ids: Sequence[str]) -> Sequence[Arrival]:
        """The arrivals for steps of these runs that have no memos yet."""
        ...

    async def not_owned(self, owners: Sequence[Owner]) -> Sequence[str]:
        """Ids of those runs that do not belong to these owners any more."""
        ...


class TimerStore(Protocol):
    """Does what falls due at a time."""

    async def fire(self, now: int, only: str | None = None) -> Fired:
        """Do what timers that are due are for, in the transaction that removes them. Not all, if there are many.

        Args:
            now: unix ms.
            only: the id of one timer.

        Raises:
            Exception: one of them cannot be done, and none is.
        """
        ...

    async def due_timers(self, now: int) -> Sequence[str]:
        """Ids of the timers that `fire` does."""
        ...

    async def put_timer_off(self, timer_id: str, error: str, now: int) -> None:
        """A timer cannot be done: it falls due again later, the later the more often that was."""
        ...

    @property
    def timer_due(self) -> int | None:
        """When the first timer falls due that this store knows of; None if there is none. Never blocks."""
        ...

    async def look_at_timers(self) -> None:
        """Learn of timers that other processes have set, and of what is in the outbox."""
        ...


class RequestStore(Protocol):
    """Hands requests of steps to workers, and records how they went."""

    async def due_requests(self, session: str, hosts: Hosts, now: int, circle: Circle) -> DueRequests:
        """Find requests that are due, whose credentials this worker knows, and take the places of `hosts` for them.

        The earliest are looked at first; then those of hosts that have places left, wherever they are in the queue.
        """
        ...

    async def claim_requests(self, session: str, keys: Sequence[RequestKey], now: int) -> RequestClaims:
        """Take these requests, as far as they are still due and nobody has them."""
        ...

    def answer_request(self, answered: RequestAttempt) -> asyncio.Future[None]:
        """Write what became of an attempt, if the request is still this worker's.

        While the store is in trouble it waits: the request was made.
        """
        ...

    async def requests_of(self, session: str) -> Sequence[RequestKey]:
        """Requests that this worker makes, or knows the credentials of."""
        ...


class ControlStore(Protocol):
    """Does what people ask for."""

    async def pause(self, function_id: str, on_event: str, now: int) -> bool:
        """Have no run of a function begin or go on; events "queue" or "skip" theirs. False if it is unknown."""
        ...

    async def resume(self, function_id: str, now: int) -> bool:
        """Have its runs begin and go on again; False if it is unknown."""
        ...

    async def cancel(self, run_ids: Sequence[str], reason: str, now: int) -> Sequence[str]:
        """End those of these runs that have not ended; their ids. Their owners can write nothing more about them."""
        ...

    async def release(self, run_id: str, now: int) -> bool:
        """Have a run follow the code there is, and be on hold no more; False if it has ended or is not there."""
        ...

    async def retry_now(self, run_id: str, now: int) -> Retried:
        """Have what of a run waits for its next attempt be tried at once."""
        ...


class RunReader(Protocol):
    """Tells what is recorded. Changes nothing."""

    async def run(self, run_id: str) -> RunView | None:
        """One run."""
        ...

    async def runs(
        self,
        *,
        event_id: str | None,
        function_id: str | None,
        status: RunStatus | None,
        limit: int,
        before: str | None,
    ) -> Sequence[Run]:
        """Runs, newest first; `before` is a run's id."""
        ...

    async def kept_back(self, event_id: str) -> Sequence[KeptBack]:
        """The reasons that keep an event from starting runs of functions that hear it, or keep those from beginning."""
        ...

    async def woken(self, event_id: str) -> Sequence[Woken]:
        """The effects of an event on runs that looked for it; of the first thousand."""
        ...

    async def facts(self, run_id: str, now: int) -> Facts | None:
        """The facts that hold a run at that time, for `explaining.explain`."""
        ...

    async def cancelled(self, since: int, after: str, limit: int) -> Sequence[Run]:
        """Runs that were cancelled at a time or later, in the order of their ends; at that time, ids after this one."""
        ...

    async def ended(self, run_ids: Sequence[str]) -> Sequence[Run]:
        """Those of these runs that have ended."""
        ...

    async def missing(self, run_ids: Sequence[str]) -> Sequence[str]:
        """Those of these runs that there are not, or not any more."""
        ...


class PruningStore(Protocol):
    """Removes what is over and old."""

    async def retention_since(self, now: int) -> tuple[int, bool]:
        """Since when (unix ms) the database knows of a retention that nobody chose; whether it does from `now` on."""
        ...

    async def remove_runs(self, before: int, since: int = 0) -> bool:
        """Remove some runs that ended before a time, and not before another, each with all that is recorded of it.

        With its last run goes an event, if it was received before that time. Never takes long; True: more may be left.
        """
        ...

    async def remove_events(self, after: EventCursor, before: int) -> EventCursor | None:
        """Of the next events after a place that were received before a time, remove those that no run is of.

        Gives the place to go on from; None if there are no more. Never takes long.
        """
        ...

    async def remove_keys(self, now: int) -> bool:
        """Remove some idempotency keys that have expired. True if more may be left. Never takes long."""
        ...


class Store(
    StoreLife,
    WorkerStore,
    ServerStore,
    EventStore,
    RunStore,
    TimerStore,
    RequestStore,
    ControlStore,
    RunReader,
    PruningStore,
    WakeStore,
    Protocol,
):
    """Where everything is kept. Every verb is one transaction; an answer follows its commit (P10).

    A protocol because the engine is handed its store, and knows nothing of SQL.
    """


# -- the rest


class Invoker(Protocol):
    """Carries an invocation to the code."""

    @property
    def plain(self) -> frozenset[str]:
        """Ids of the functions that need a thread for as long as their code runs."""
        ...

    @property
    def threads(self) -> int:
        """How many runs of such functions may be in flight; fewer while code of runs that are over has not returned."""
        ...

    def watch_threads(self, freed: Callable[[], object]) -> None:
        """Have `freed` called, on the loop, when such code has returned after its run was over."""
        ...

    async def invoke(self, call: Call, recorder: Recorder) -> Outcome:
        """Enter the function; give how it ended. Being cancelled, it takes the function down."""
        ...

    def yield_run(self, run_id: str) -> None:
        """Ask an invocation to give its run up as soon as no handler runs."""
        ...

    def arrived(self, run_id: str, hashes: Sequence[str]) -> None:
        """The answer to these steps has come: their invocation records that they wake."""
        ...

    def cancel(self, run_id: str) -> None:
        """The run was cancelled: take its invocation down; nothing of it can be recorded."""
        ...

    @property
    def handlers(self) -> Sequence[Handler]:
        """The handlers that run now; also those that have outlived their invocation."""
        ...
