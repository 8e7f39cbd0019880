"""Runs are claimed, invoked, and advanced: claim, invoke, advance, commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Arrival, Op
from inngest.runtime.careful import CarefulLogger

from . import invocations, run_log
from .domain.event_view import data_of
from .domain.explaining import text_of
from .domain.model import Ended, Event, FunctionSpec, RunStatus
from .domain.starts import Start
from .errors import StoreError
from .gateway import Gateway
from .owned_run import STOP, OwnedRun
from .places import NOTHING, Places, Reserved
from .quarantine import Quarantine
from .records import Acceptance, Accepted, Claimed, Claims, Commit, Notifications, Owner
from .remote_claims import RemoteClaims
from .remote_run import RemoteRun
from .wake_ports import EVERYTHING, News
from .worker_context import WorkerContext

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

UNWINDING = 0.2
"""Seconds that user code has at least to unwind when its worker stops."""


class RunExecutor:
    """Runs what this worker owns. It is the listener of the worker's store.

    Args:
        worker: what the parts share.
        functions: ids of the functions of this process.
        max_in_flight: how many invocations at a time.
        on_end: told of each run that ended here.
        wake: called when there may be something to claim.
        gateway: makes requests of steps.
    """

    def __init__(
        self,
        worker: WorkerContext,
        functions: frozenset[str],
        max_in_flight: int,
        on_end: Callable[[str, Ended], None],
        wake: Callable[[], None],
        gateway: Gateway,
    ) -> None:
        self.worker = worker
        self.functions = functions
        self._local = functions
        self.remote = RemoteClaims(worker.store, worker.remote)
        if worker.remote is not None:
            worker.remote.watch(self.request_claim, self._app_is_away, self._app_is_back)
        self._places = Places(max_in_flight, worker.invoker, functions)
        self.on_end = on_end
        self.gateway = gateway
        self._unwritten: dict[str, StoreError] = {}  # runs whose last commit the store has refused, and why
        self._wake = wake
        self.owned: dict[str, OwnedRun] = {}  # in flight here, by run
        self._recording: dict[Owner, OwnedRun] = {}  # whose commits are not all answered yet
        self._tasks: dict[asyncio.Task[None], None] = {}  # in order, so that a simulation repeats
        self._quarantine = Quarantine()
        self.ended_elsewhere = False  # runs were cancelled: who waits for one may not be known yet
        self.draining = False
        self.fenced = False  # this worker was declared dead: it can claim and commit nothing
        self.backlog = False  # jobs are due that there was no room for
        self._wants_thread = False  # jobs of plain functions may be due, and no thread is free
        worker.invoker.watch_threads(self.thread_freed)
        self.next_due: int | None = None  # when the next job falls due, as far as is known

    async def see_functions(self) -> bool:
        """Learn which functions apps have registered: it runs them as well. Whether that has changed."""
        if not await self.remote.look(self._local):
            return False
        self.functions = self._local | self.remote.functions.keys()
        self.request_claim()
        return True

    @property
    def apps_wait(self) -> bool:
        """Whether runs of apps wait for a place."""
        return self.remote.waiting

    def _app_is_away(self, function: FunctionSpec, why: str) -> None:
        self.begin_work(self.remote.note_away(function, why, self.worker.clock.now()))

    def _app_is_back(self, app_id: str) -> None:
        self.begin_work(self.remote.note_back(app_id, self.worker.clock.now()))

    def begin_work(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside the runs. It is waited for as they are, when the worker stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda task: self._tasks.pop(task, None))

    # -- room

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """Runs that are under way."""
        return self._tasks

    @property
    def plain(self) -> frozenset[str]:
        """Those of its functions that need a thread."""
        return self._places.plain

    @property
    def room(self) -> int:
        """How many more runs may be begun."""
        if self.draining or self._quarantine.closed(self.worker.clock.monotonic(), idle=self.idle):
            return 0
        return self._places.free

    def reserve(self, count: int) -> Reserved:
        """Room for runs that begin as they are accepted; none while others wait, they come first."""
        granted = 0 if self.backlog or not self.functions else min(count, self.room)
        if not granted:
            return NOTHING
        threads = min(granted, self._places.room(plain=True)) if self.plain and not self._wants_thread else 0
        self._places.take(granted, threads)
        return Reserved([self._owner() for _ in range(granted)], threads)

    def keeps(self, function_id: str) -> bool:
        """Whether a run of the function is claimed here as soon as it is due. From any thread."""
        if function_id not in self._local:
            return not self.draining and self.remote.has_room(function_id)
        return min(self.room, self._places.room(plain=function_id in self.plain)) > 0 and not self.fenced

    def waits_for(self, function_id: str, due_at: int) -> bool:
        """Whether it is news that a job of the function falls due then. From any thread."""
        known = self.next_due if function_id in self._local else self.remote.next_due
        return function_id in self.functions and (known is None or due_at < known)

    def _leave(self, functions: Iterable[str], now: int) -> None:
        """Jobs of these functions are due, and there is no room: other workers may have some."""
        self.worker.store.tell(News(due=dict.fromkeys(functions, now)))

    def give_back(self, reserved: Reserved) -> None:
        """Room that was reserved is used now, or was not needed."""
        self._places.take(-len(reserved.owners), -reserved.plain)
        if reserved.owners and self.backlog:
            self._wake()
        if reserved.plain:
            self.thread_freed()

    def thread_freed(self) -> None:
        """A thread is free: a run that waits for one may have it."""
        if self._wants_thread:
            self.request_claim()

    def job_due(self, due_at: int) -> None:
        """A job was queued."""
        first = self._falls_due(due_at)
        if self.remote.falls_due(due_at) or first:
            self._wake()

    def _falls_due(self, due_at: int) -> bool:
        """Note when a job falls due; whether it is the next one."""
        if self.next_due is not None and self.next_due <= due_at:
            return False
        self.next_due = due_at
        return True

    def request_claim(self) -> None:
        """The queue may have changed: another process wrote."""
        self.next_due = now = self.worker.clock.now()
        self.remote.falls_due(now)
        self._wake()

    def owns(self, run_id: str) -> bool:
        """Whether the run is in flight here."""
        return run_id in self.owned

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight here."""
        return self._places.empty

    @property
    def unwritten(self) -> Sequence[StoreError]:
        """Why the store has refused the last commits of runs, one for each: they go back with the session."""
        return list(self._unwritten.values())

    # -- what the store has committed

    def on_committed(self, command: object, answer: Any) -> Any:
        """A command was written: the runs of this worker that it is about go on."""
        if isinstance(command, Commit):
            owned_run = self._recording.get(command.owner)
            return STOP if owned_run is None else owned_run.committed(command, answer)
        if isinstance(command, Acceptance):
            self._accepted(command, answer)
        elif isinstance(answer, Claims):
            for claimed in answer.runs:
                self.begin(claimed)
        return answer

    def on_refused(self, command: object) -> None:
        """Events are not accepted, and nobody waits for that any more: the room that was reserved is free."""
        if isinstance(command, Acceptance):
            self.give_back(Reserved(command.claim, command.threads))

    def _accepted(self, acceptance: Acceptance, accepted: Accepted) -> None:
        events = accepted.events if acceptance.is_page else acceptance.events
        if self.worker.observer is not None and events:
            self.worker.observer.accepted(events, [start.run for start, _ in accepted.started], accepted.touched)
        self.give_back(Reserved(acceptance.claim, acceptance.threads))
        by_id = {event.id: event for event in events}
        for start, owner in accepted.started:
            if owner is None:
                self.job_due(start.due_at)
            else:
                self.begin(_claimed(start, owner, by_id))
        run_log.skipped([start for start, _ in accepted.started])

    def notify(self, notifications: Notifications) -> None:
        """Takes note of what a transaction did to other runs than its own."""
        if notifications.queued:
            self.request_claim()
        self.arrived(notifications.arrivals)
        if notifications.cancelled:
            self.ended_elsewhere = True
            self.worker.observers.cancelling(notifications.cancelled)
        for run_id in notifications.cancelled:
            owned_run = self.owned.get(run_id)
            if owned_run is not None:
                owned_run.lose(cancelled=True)
            run_log.ended(run_id, None if owned_run is None else owned_run.function_id, RunStatus.CANCELLED)
            self.on_end(run_id, Ended(RunStatus.CANCELLED, None, None))
        for run_id, function_id in notifications.unknown:
            run_log.unknown(run_id, function_id)

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Something that runs wait for has come; those that are in flight here go on with it."""
        for arrival in arrivals:
            owned_run = self.owned.get(arrival.run_id)
            if owned_run is not None:
                owned_run.arrived(arrival)

    def retry(self, run_id: str, hashes: Sequence[str]) -> None:
        """The next attempts of these steps are due; a run that is in flight here goes on with them."""
        owned_run = self.owned.get(run_id)
        if owned_run is not None and hashes:
            owned_run.retry(hashes)

    async def check_ownership(self, run_ids: Collection[str] | None = None) -> None:
        """See what others did to the runs that are in flight here; to these of them, or to all."""
        owned = [one for one in self.owned.values() if run_ids is None or one.run_id in run_ids]
        if waiting := [one.run_id for one in owned if one.waiting]:
            self.arrived(await self.worker.store.arrivals(waiting))
        if owned:
            owners = [one.owner for one in owned]
            for run_id in await self.worker.store.not_owned(owners):
                if (owned_run := self.owned.get(run_id)) is not None and owned_run.owner in owners:
                    owned_run.lose()

    # -- claiming

    async def run_once(self, now: int) -> None:
        """Claim what is due, as far as there is room, and begin it. Asks nobody if nothing is, as far as is known."""
        if self.remote.functions and not self.draining:
            self.fenced = await self.remote.run_once(self._owner, now)
        if not self._local or self.fenced:
            self.next_due = None  # nothing here is ever due: this worker sends, reads, and calls apps
            return
        quarantine, lasting = self._quarantine, self.worker.clock.monotonic()
        keep = None if self.draining else quarantine.keep(lasting, now)
        room, due = self.room, self._is_due(now)
        if keep is None and (room == 0 or not due):
            if due and not self.backlog:
                self._leave(self._local, now)
            self.backlog = due
            return
        self.next_due = None
        wanted, self._wants_thread = self._wants_thread, False
        seen: list[bool | None] = []
        for plain, functions in self._places.kinds():
            if not self.fenced:
                seen.append(await self._claim(functions, now, keep, plain=plain))
        quarantined = True in seen
        if not quarantine.executing and (quarantined or None not in seen):
            quarantine.seen(lasting, due=quarantined)
            if quarantined and self.idle:  # what was in flight ended while the claim was under way
                self._falls_due(now)
        if self._wants_thread and not wanted:
            self._leave(self.plain, now)
        self.backlog = self._is_due(now) or quarantine.closed(lasting, idle=self.idle)

    async def _claim(self, functions: Sequence[str], now: int, keep: int | None, *, plain: bool) -> bool | None:
        """Claim what is due of the functions that need a thread, or of those that need none.

        Whether a run is due that must be tried alone, None if there was no room to look; while it is kept for this
        worker, nothing else is claimed.
        """
        places = self._places
        room = min(self.room, places.room(plain=plain))
        if room == 0 and keep is None:
            self._wants_thread = self._wants_thread or plain
            return None
        idle, threads = self.idle, room if plain else 0
        alone = idle or self._quarantine.desperate
        taken = places.free if idle else room  # what is accepted meanwhile begins beside nothing that must be alone
        places.take(taken, threads)
        try:
            probes, together = 0 if keep is not None else places.probes, room if plain else None
            claims = await self.worker.store.claim(
                self._owner(), room, functions, now, alone=alone, probes=probes, together=together, keep=keep
            )
        finally:
            places.take(-taken, -threads)
        if claims.next_due is not None:
            if plain and claims.next_due <= now and not places.threads:
                self._wants_thread = True
            else:
                self._falls_due(claims.next_due)  # not `job_due`: to wake ourselves is to claim again, for ever
            if claims.next_due <= now and min(self.room, places.room(plain=plain)) == 0:
                self._leave(functions, now)
        self.fenced = claims.fenced
        return claims.alone_due

    async def _put_off(self, claimed: Claimed, error: str) -> None:
        """A run cannot be begun: nobody has it for a while."""
        worker, alone = self.worker, claimed.run.takeovers >= self.worker.policy.alone_after
        now = worker.clock.now()
        with contextlib.suppress(StoreError):  # it goes back with the session
            until = await worker.store.put_run_off(claimed.owner, error, now, taken_at=claimed.at, alone=alone)
            if until is not None:
                self.job_due(until)

    def looks_at(self, now: int) -> int | None:
        """When to look again for runs of apps, or for one that must be tried alone; None if there is no such time."""
        lasting = self.worker.clock.monotonic()
        changes_at = self._quarantine.changes_at(lasting)
        claims = self.remote.functions and not self.draining  # else `run_once` does not ask, and the time stays
        times = [self.remote.next_due if claims else None, None if changes_at is None else now + changes_at - lasting]
        return min((time for time in times if time is not None), default=None)

    def _is_due(self, now: int) -> bool:
        return self.next_due is not None and self.next_due <= now

    def begin(self, claimed: Claimed) -> None:
        """Run what was claimed; what cannot be begun is put off, and keeps no other from beginning."""
        if self.draining:
            return  # it goes back with the session
        try:
            self._enter(claimed)
        except Exception as error:  # what is recorded of it is not what it should be
            self.begin_work(self._put_off(claimed, text_of(error)))

    def _enter(self, claimed: Claimed) -> None:
        if self.worker.observer is not None and not claimed.unread:
            self.worker.observer.entered(claimed)
        owned_run = self._own(claimed)
        quarantined = owned_run.quarantined
        run_log.entered(claimed)
        self.owned[claimed.run.id] = self._recording[claimed.owner] = owned_run
        if isinstance(owned_run, RemoteRun):
            self.remote.enter(owned_run.function)
        else:
            self._places.enter(owned_run.function_id, probes=owned_run.probes)
        if quarantined:
            self._quarantine.begin(self.worker.clock.monotonic())
        task = asyncio.get_running_loop().create_task(self._run(owned_run))
        self._tasks[task] = None
        task.add_done_callback(lambda task: self._done(task, owned_run))

    def _own(self, claimed: Claimed) -> OwnedRun:
        """A run by the way to its code."""
        function, invoker = self.remote.functions.get(claimed.run.function_id), self.worker.remote
        if function is None or invoker is None:
            return OwnedRun(self, claimed)
        return RemoteRun(self, claimed, function, invoker)

    def checkpoint(self, run_id: str, generation: int, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded | None:
        """The code of a run reports what it did while its call is under way.

        Args:
            run_id: ULID.
            generation: that the call was given.
            ops: of steps.

        Returns:
            What was recorded, or its future; STOP if the call is not the newest any more. None: the run is not here.
        """
        found = self.owned.get(run_id)  # it may have been taken over since: then the store knows by whom
        is_here = isinstance(found, RemoteRun) and not found.is_lost and generation <= found.generation
        return found.checkpoint(generation, ops) if isinstance(found, RemoteRun) and is_here else None

    def _owner(self) -> Owner:
        return Owner(self.worker.session_id, self.worker.ids.token(), "")

    def _release_capacity(self, owned_run: OwnedRun) -> None:
        """The place of a run is free; before anyone is told that it ended, so that what follows finds room."""
        if not owned_run.placed:
            return
        owned_run.placed = False
        if isinstance(owned_run, RemoteRun):
            self.remote.leave(owned_run.function)
        else:
            self._places.leave(owned_run.function_id, probes=owned_run.probes)
        if self.owned.get(owned_run.run_id) is owned_run:  # else this worker has taken it up again since it was lost
            del self.owned[owned_run.run_id]
            if owned_run.quarantined:
                self._quarantine.end()
        waits_alone = self._quarantine.waiting and self.idle
        if owned_run.slots is not None or owned_run.probes or waits_alone or self.remote.waiting:
            self.request_claim()  # who waits in its lane may have its slot; or on hold, or alone, may be entered now
        elif self.backlog:
            self._wake()
        if owned_run.function_id in self._places.plain:
            self.thread_freed()

    def left_quarantine(self) -> None:
        """A run that was in flight alone has recorded a step: it does not kill its workers."""
        self._quarantine.end()
        self._wake()

    def _done(self, task: asyncio.Task[None], owned_run: OwnedRun) -> None:
        self._tasks.pop(task, None)
        owned_run.when_answered(self._recording.pop)
        owned_run.over()
        self._release_capacity(owned_run)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOGGER.error("run %s of %s: %s", *owned_run.named, error, exc_info=error, extra=owned_run.facts)

    # -- running

    async def _run(self, owned_run: OwnedRun) -> None:
        """One invocation: enter the function, then write how it ended."""
        if owned_run.is_lost:
            return  # it was cancelled before it was entered
        try:
            call = await invocations.call(self.worker, owned_run)
        except Exception as error:  # what is recorded of it is not what it should be
            await self._put_off(owned_run.claimed, text_of(error))
            return
        try:
            outcome = await invocations.outcome(self.worker, owned_run, call)
            transition = await invocations.conclude(self.worker.clock, owned_run, outcome)
        except StoreError as error:
            LOGGER.debug("run %s of %s cannot go on here: %s", *owned_run.named, error, extra=owned_run.facts)
            self._unwritten[owned_run.run_id] = error
            return
        self._release_capacity(owned_run)
        if transition is None:
            if not owned_run.was_cancelled:  # then nothing of it is queued
                self.request_claim()  # what became of it was decided elsewhere, or its commit was in doubt
        elif isinstance(transition, Ended):
            run_log.ended(*owned_run.named, transition.status, owned_run.claimed.events)
            self.on_end(owned_run.run_id, transition)
        elif transition.due_at is not None:
            self.job_due(transition.due_at)

    def at_capacity(self, function_id: str = "") -> bool:
        """Whether others wait for a place; or for the thread that a run of this function has."""
        if self.backlog and self.room == 0:
            return True
        return self._wants_thread and function_id in self._places.plain and not self._places.threads

    # -- stopping

    async def drain(self, timeout: float) -> None:
        """Claim nothing more; let invocations go on to their next record, then take down what still runs.

        Handlers have nine tenths of the time, their unwinding the rest, but for a moment that it always has. A handler
        that runs even then, such as a plain one that sleeps, is left behind.
        """
        self.draining = True
        self.worker.store.tell(EVERYTHING)  # what falls due later is taken by others
        for one in (owned := list(self.owned.values())):
            one.yield_run()
        unwinding = max(UNWINDING, timeout / 10)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(0.0, timeout - unwinding))
        self.worker.store.give_up()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=unwinding)
        for task in self._tasks:
            task.cancel()  # to wait for its unwinding no longer
        if self._tasks:
            await asyncio.wait(self._tasks)
        # A task that was taken down did not come to say it itself.
        self._unwritten.update({one.run_id: error for one in owned if (error := one.refusal) is not None})


def _claimed(start: Start, owner: Owner, events: Mapping[str, Event]) -> Claimed:
    return Claimed(owner, start.run, [data_of(events[start.run.event_id])], (), (), at=start.run.created_at)
