"""The Store on an SQL database: every verb is a command for the writer, or a read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from inngest.engine.domain.effects import NOTHING
from inngest.engine.domain.explaining import KeptBack, Woken
from inngest.engine.domain.hosts import Hosts
from inngest.engine.domain.model import Event, FunctionSpec, Policy, Run, RunStatus
from inngest.engine.domain.waiting_facts import Facts, Handler
from inngest.engine.errors import StoreClosedError, StoreError
from inngest.engine.ports import Listener
from inngest.engine.records import (
    Acceptance,
    Accepted,
    Circle,
    Claimed,
    Claims,
    Commit,
    DueRequests,
    EventCursor,
    Fired,
    Owner,
    Receipt,
    RequestAttempt,
    RequestClaims,
    RequestKey,
    Retried,
    RunView,
    Session,
    Spending,
)
from inngest.protocol.opcodes import Arrival, Memo
from inngest.runtime.ports import Executor, Ids

from . import (
    accepting,
    cancelling,
    claiming,
    committing,
    due_requests,
    entering,
    explaining,
    firing,
    holding,
    kept,
    kept_back,
    lanes,
    locking,
    parcels,
    pausing,
    pruning,
    reading,
    requests,
    schema,
    sessions,
    system_events,
    takeovers,
    times,
    unreadable,
    waits,
    woken,
)
from .commands import Call, Command, call, each
from .context import Shared, WriteContext
from .database import Database
from .locks import Lock
from .looking_back import LookingBack
from .registry import RegistryCache
from .server_verbs import ServerVerbs
from .statement import Connection, Transaction
from .timers import NextTimer, ahead, due_ids
from .waking import WakeVerbs
from .writer import MAX_ROWS, Writer

R = TypeVar("R")


class SqlStore(ServerVerbs, WakeVerbs):
    """The engine's store.

    Args:
        database: where everything is kept.
        executor: where blocking work runs.
        ids: for jobs.
        policy: how takeovers are counted.
    """

    def __init__(self, database: Database, executor: Executor, ids: Ids, policy: Policy) -> None:
        self._database = database
        self._executor = executor
        self._ids = ids
        self._registry = RegistryCache()
        self._alarm = NextTimer()
        self._shared = Shared(ids, policy, self._registry, self._alarm, times.Keeper(), system_events.announce)
        self._writer = Writer(database, executor, ids.token(), self._context)
        self._readers: list[Transaction] = []
        self._claiming = claiming.Claiming()
        self._closed = False
        self._opening: asyncio.Future[None] | None = None
        self._looking_back = LookingBack(self._read, self._submit_commit, self._stage)

    def _context(self, connection: Connection) -> WriteContext:
        return WriteContext(connection, self._database, self._shared)

    def listen(self, listener: Listener) -> None:
        self._writer.answers.listener = listener

    # -- life

    async def open(self, now: int) -> None:
        self._opening = asyncio.ensure_future(self._executor.run(self._open))
        # Seen: who waits for it may have gone.
        self._opening.add_done_callback(lambda opening: opening.cancelled() or opening.exception())
        await asyncio.shield(self._opening)

    def _open(self) -> None:
        schema.connect_and_prepare(self._database, wanted=lambda: not self._closed)
        self._listen()
        self._writer.connect()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._opening is not None:  # it cannot be interrupted
            await asyncio.wait([self._opening])
        self._close_readers()  # first: who disconnects last removes the WAL, and a reader may not
        await self._writer.close()
        await self._leave()

    def abandon(self) -> None:
        self._closed = True
        self._writer.abandon()

    def disconnect(self) -> None:
        self._close_readers()
        self._writer.disconnect()
        self._listen_no_more()

    def look_at_files(self) -> None:
        self._database.look_at_files()

    def tidy(self) -> None:
        self._writer.tidy()

    @property
    def trouble(self) -> StoreError | None:
        return self._writer.answers.trouble

    def retry(self) -> None:
        self._writer.retry()

    def give_up(self) -> None:
        self._writer.give_up()

    @property
    def spending(self) -> Spending:
        """See `MeasuredStore`."""
        return Spending(self._writer.spent.transactions, self._writer.spent.seconds)

    @property
    def commits(self) -> int:
        """Transactions written so far."""
        return self._writer.commits

    # -- workers and functions

    async def register(
        self, functions: Sequence[FunctionSpec], *, replace_app: str | None, now: int
    ) -> Sequence[FunctionSpec]:
        moved: list[FunctionSpec] = []
        more = True
        while more:
            found, more = await self._write(
                call(sessions.register, functions, replace_app, now), rows=len(functions), locks=[locking.FUNCTIONS]
            )
            moved += found
        return moved

    async def begin_session(self, session: Session) -> None:
        await self._write(call(sessions.begin_session, session, self._writer.id), locks=[locking.WRITERS])

    async def end_session(self, session_id: str, now: int, *, died: bool) -> bool:
        began = False
        while more := await self._write(
            call(takeovers.end_session, session_id, now, died=died),
            rows=MAX_ROWS,
            locks=[locking.lives(session_id)._replace(exclusive=True)],
        ):
            began = True
        return began or more is not None

    async def sessions(self) -> Sequence[Session]:
        return self._saw(self._heard(), await self._write(call(sessions.sessions)))

    async def tell_handlers(self, session_id: str, handlers: Sequence[Handler]) -> None:
        await self._write(call(sessions.tell_handlers, session_id, handlers))

    # -- time

    async def greatest_time(self) -> int:
        return await self._read(times.greatest)

    async def keep_time(self, now: int, *, anew: bool = False) -> None:
        await self._write(call(WriteContext.keep_anew if anew else WriteContext.keep_time, now))

    # -- runs

    def accept(self, acceptance: Acceptance) -> asyncio.Future[Accepted]:
        size = sum(len(event.data) for event in acceptance.events)
        rows = MAX_ROWS if acceptance.is_page else accepting.rows_of(acceptance.events, self._registry.known)
        locks = locking.of_acceptance(acceptance) if self._database.shared else ()
        return self._writer.submit(Command(accepting.accept, acceptance, rows, size, locks=locks))

    async def put_parcel(self, events: Sequence[Event], now: int) -> str:
        return await self._put_parcel(events, now, whole=True)

    async def _stage(self, events: Sequence[Event], now: int) -> str:
        """Store events that a commit is to send, if they are more than it can store."""
        return await self._put_parcel(events, now, whole=False)

    async def _put_parcel(self, events: Sequence[Event], now: int, *, whole: bool) -> str:
        parcel = self._ids.token()
        for parts in parcels.parts_of(parcel, events):
            given = parts._replace(last=parts.last and whole)
            await self._write(call(parcels.put_sent, given, now), rows=len(parts.texts) + 2, size=parts.size)
        return parcel

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
        count, probes = min(count, claiming.AT_ONCE), min(probes, claiming.AT_ONCE)
        asked = claiming.Claim(owner.session, owner.token, count, functions, now, alone, probes, together, keep)
        return await self._write(
            call(self._claiming.claim, asked),
            rows=2 * (count + probes),
            locks=[locking.READS_FUNCTIONS, locking.lives(owner.session)],
        )

    async def read(self, claimed: Claimed) -> Claimed | None:
        reading = entering.Reading(claimed)
        while not reading.is_over:
            if not await self._read(reading.page):
                return None
        return reading.claimed()

    async def extra_slots(self, owner: Owner, lane: str, wanted: int, now: int) -> int:
        return await self._write(
            call(lanes.extra_slots, owner, lane, wanted, now), rows=3, locks=locking.runs([owner.run_id])
        )

    def free_slots(self, owner: Owner, busy: int, now: int) -> asyncio.Future[bool]:
        return self._submit(call(kept.free, owner, busy, now), rows=3, patient=True, locks=locking.runs([owner.run_id]))

    def commit(self, commit: Commit) -> asyncio.Future[Any]:
        holds = self._looking_back.holds(commit)
        return self._looking_back.commit(commit) if holds else self._submit_commit(commit)

    def record_here(self, owner: Owner, memo: Memo, *, lone: bool = False) -> bool:
        if not self._looking_back.is_idle:
            return False
        return self._writer.write_here(committing.RECORD, partial(committing.parameters, owner, memo), lone=lone)

    def _submit_commit(self, commit: Commit) -> asyncio.Future[Any]:
        changes, effects = commit.changes, commit.effects
        rows = len(changes.memos) + len(changes.open) + len(changes.failed) + 1
        size = changes.size
        if effects is not NOTHING:
            rows += len(effects.events)
            size += sum(len(event.data) for event in effects.events)
            if effects.parcel and not commit.staged:
                size += sum(len(event.data) for event in effects.parcel)
        locks = locking.of_commit(commit) if self._database.shared else ()
        command: Command[Receipt] = Command(
            committing.commit, commit, rows, size, True, committing.alone, commit.owner, locks
        )
        return self._writer.submit(command)

    # -- timers and pauses

    async def fire(self, now: int, only: str | None = None) -> Fired:
        return await self._write(call(firing.fire, now, only), rows=1_000, locks=[locking.READS_FUNCTIONS])

    async def due_timers(self, now: int) -> Sequence[str]:
        return await self._read(lambda tx: due_ids(tx, now, firing.AT_ONCE, takes=False))

    async def put_timer_off(self, timer_id: str, error: str, now: int) -> None:
        await self._write(call(firing.put_off, timer_id, error, now))

    async def put_run_off(self, owner: Owner, error: str, now: int, *, taken_at: int, alone: bool) -> int | None:
        """It is patient: else nobody runs it while its worker lives."""
        return await self._submit(
            call(unreadable.put_owned_off, owner, error, now, taken_at=taken_at, alone=alone),
            rows=4,
            patient=True,
            locks=locking.runs([owner.run_id]),
        )

    @property
    def timer_due(self) -> int | None:
        return self._alarm.due

    async def look_at_timers(self) -> None:
        self._alarm.learn(await self._read(ahead))

    async def pause(self, function_id: str, on_event: str, now: int) -> bool:
        return await self._write(call(pausing.pause, function_id, on_event, now), locks=[locking.FUNCTIONS])

    async def resume(self, function_id: str, now: int) -> bool:
        return await self._write(call(pausing.resume, function_id), locks=[locking.FUNCTIONS])

    async def cancel(self, run_ids: Sequence[str], reason: str, now: int) -> Sequence[str]:
        cancelled: list[str] = []
        for first in range(0, len(run_ids), cancelling.AT_ONCE):
            page = run_ids[first : first + cancelling.AT_ONCE]
            rows = cancelling.ROWS_OF_RUN * len(page)
            cancelled += await self._write(
                call(cancelling.cancel, page, reason, now),
                rows=rows,
                locks=[locking.READS_FUNCTIONS, *locking.runs(page)],
            )
        return cancelled

    async def release(self, run_id: str, now: int) -> bool:
        return await self._write(call(holding.release, run_id, now), rows=3, locks=locking.runs([run_id]))

    async def retry_now(self, run_id: str, now: int) -> Retried:
        locks = locking.runs([run_id])
        retried: Retried = await self._write(call(holding.retry_now, run_id, now), rows=10, locks=locks)
        while retried.more:
            next_page: Retried = await self._write(call(holding.retry_now, run_id, now), rows=MAX_ROWS, locks=locks)
            retried = Retried([*retried.steps, *next_page.steps], retried.anything, next_page.more)
        return retried

    async def signal(self, name: str, data: str, now: int) -> str | None:
        return await self._write(call(waits.send_signal, name, data, now))

    # -- requests

    async def claim_requests(self, session: str, keys: Sequence[RequestKey], now: int) -> RequestClaims:
        return await self._write(
            call(requests.claim, session, keys, now), rows=len(keys), locks=[locking.lives(session)]
        )

    def answer_request(self, answered: RequestAttempt) -> asyncio.Future[None]:
        size = len(answered.arrival.data or "") if answered.arrival is not None else 0
        return self._submit(
            call(requests.answer, answered), rows=4, size=size, patient=True, locks=locking.runs([answered.key.run_id])
        )

    # -- reading

    async def arrivals(self, run_ids: Sequence[str]) -> Sequence[Arrival]:
        return await self._read(lambda tx: waits.arrivals(tx, run_ids))

    async def due_requests(self, session: str, hosts: Hosts, now: int, circle: Circle) -> DueRequests:
        return await self._read(lambda tx: due_requests.find(tx, session, hosts, now, circle))

    async def requests_of(self, session: str) -> Sequence[RequestKey]:
        return await self._read(lambda tx: requests.of_session(tx, session))

    async def not_owned(self, owners: Sequence[Owner]) -> Sequence[str]:
        return await self._read(lambda tx: reading.not_owned(tx, owners))

    async def run(self, run_id: str) -> RunView | None:
        return await self._read(lambda tx: reading.run(tx, run_id))

    async def runs(
        self,
        *,
        event_id: str | None,
        function_id: str | None,
        status: RunStatus | None,
        limit: int,
        before: str | None,
    ) -> Sequence[Run]:
        return await self._read(
            lambda tx: reading.runs(
                tx, event_id=event_id, function_id=function_id, status=status, limit=limit, before=before
            )
        )

    async def facts(self, run_id: str, now: int) -> Facts | None:
        return await self._read(lambda tx: explaining.facts(tx, run_id, now))

    async def woken(self, event_id: str) -> Sequence[Woken]:
        return await self._read(lambda tx: woken.by_event(tx, event_id))

    async def kept_back(self, event_id: str) -> Sequence[KeptBack]:
        return await self._read(lambda tx: kept_back.kept_back(tx, event_id, RegistryCache().read(tx)))

    async def cancelled(self, since: int, after: str, limit: int) -> Sequence[Run]:
        return await self._read(lambda tx: reading.cancelled(tx, since, after, limit))

    async def ended(self, run_ids: Sequence[str]) -> Sequence[Run]:
        return await self._read(lambda tx: reading.ended(tx, run_ids))

    async def missing(self, run_ids: Sequence[str]) -> Sequence[str]:
        return await self._read(lambda tx: reading.missing(tx, run_ids))

    # -- removing: in transactions of their own, so that nobody's commit waits for what is in one with it

    async def retention_since(self, now: int) -> tuple[int, bool]:
        return await self._write(call(pruning.retention_since, now), locks=[locking.PRUNING])

    async def remove_runs(self, before: int, since: int = 0) -> bool:
        return await self._write(call(pruning.remove_runs, before, since), rows=MAX_ROWS, locks=[locking.PRUNING])

    async def remove_events(self, after: EventCursor, before: int) -> EventCursor | None:
        return await self._write(call(pruning.remove_events, after, before), rows=MAX_ROWS, locks=[locking.PRUNING])

    async def remove_keys(self, now: int) -> bool:
        return await self._write(call(pruning.remove_keys, now), rows=MAX_ROWS, locks=[locking.PRUNING])

    async def _write(self, command: Call[R], *, rows: int = 1, size: int = 0, locks: Sequence[Lock] = ()) -> R:
        return await self._submit(command, rows=rows, size=size, locks=locks)

    def _submit(
        self,
        command: Call[R],
        *,
        rows: int = 1,
        size: int = 0,
        patient: bool = False,
        locks: Sequence[Lock] = (),
    ) -> asyncio.Future[R]:
        return self._writer.submit(Command(each, command, rows, size, patient, locks=locks))

    async def _read(self, read: Callable[[Transaction], R]) -> R:
        if self._closed:
            raise StoreClosedError("the engine is stopped")

        def work() -> R:
            for last in (False, True):
                reader = self._reader()
                try:
                    return self._look_again(reader, read)
                except Exception as error:
                    if last or not self._database.is_lost(reader.connection):
                        raise self._database.explain(error) from error
                    self._close_readers()  # the server ended them all, most likely
                finally:
                    if self._closed or self._database.is_lost(reader.connection):
                        reader.close()
                    else:
                        self._readers.append(reader)
            raise AssertionError("the last try has an answer, or an error")

        return await self._executor.run(work)

    def _reader(self) -> Transaction:
        try:
            return self._readers.pop()
        except IndexError:
            if self._closed:  # since this was asked
                raise StoreClosedError("the engine is stopped") from None
            return Transaction(self._database.connect_reader(), self._database)

    def _close_readers(self) -> None:
        with contextlib.suppress(IndexError):  # another thread does the same
            while self._readers:
                self._readers.pop().close()

    def _look_again(self, reader: Transaction, read: Callable[[Transaction], R]) -> R:
        """Read; again if a text was none, with such texts as bytes."""
        try:
            return self._look(reader, read)
        except Exception as error:
            if not self._database.give_as_bytes(reader.connection, error):
                raise
        return self._look(reader, read)

    def _look(self, reader: Transaction, read: Callable[[Transaction], R]) -> R:
        try:
            self._database.begin_reading(reader.connection)
            return read(reader)
        finally:  # it raises, too, if the store was closed while this read waited
            self._database.rollback(reader.connection)
