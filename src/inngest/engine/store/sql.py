"""The Store on an SQL database: every verb is a command for the writer, or a read."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

from inngest.engine.domain.explaining import Facts, Handler, KeptBack, Woken
from inngest.engine.domain.hosts import Hosts
from inngest.engine.domain.model import Event, FunctionSpec, Policy, Registry, Run, RunStatus
from inngest.engine.errors import StoreClosedError, StoreError
from inngest.engine.ports import (
    NO_NEWS,
    Acceptance,
    Accepted,
    Answered,
    Circle,
    Claimed,
    Claims,
    Commit,
    DueRequests,
    EventPlace,
    Executor,
    Fired,
    Ids,
    News,
    Owner,
    Receipt,
    RequestClaims,
    RequestKey,
    Retried,
    RunView,
    Session,
)
from inngest.protocol.opcodes import Arrival

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
    parcels,
    pausing,
    reading,
    removing,
    requests,
    schema,
    sessions,
    times,
    unreadable,
    waits,
    woken,
)
from .announcing import Announcer
from .commands import Command, Family, each
from .database import Database
from .looking_back import LookingBack
from .statement import Transaction
from .timers import Alarm, Timers, due_ids, next_due
from .timers import put_off as put_timer_off
from .writer import MAX_ROWS, Writer

R = TypeVar("R")


class _Known:
    """The functions as one transaction finds them: read when they are needed, and once."""

    __slots__ = ("_cache", "_found", "_tx")

    def __init__(self, cache: sessions.RegistryCache, tx: Transaction) -> None:
        self._cache = cache
        self._tx = tx
        self._found: Registry | None = None

    def __call__(self) -> Registry:
        found = self._found
        if found is None:
            found = self._found = self._cache.read(self._tx)
        return found


class SqlStore:
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
        self._policy = policy
        self._writer = Writer(database, executor, ids.token())
        self._readers: list[Transaction] = []
        self._registry = sessions.RegistryCache()
        self._claiming = claiming.Claiming(self._registry.read, ids)
        self._alarm = Alarm()
        self._time = times.Keeper()
        self._committing: Family[Receipt] = self._commit  # one for all commits: they are told apart by it
        self._closed = False
        self._opening: asyncio.Future[None] | None = None
        self._looking_back = LookingBack(self._read, self._submit, self._stage)

    # -- life

    async def open(self, now: int) -> None:
        self._opening = asyncio.ensure_future(self._executor.run(self._open))
        # Seen: who waits for it may have gone.
        self._opening.add_done_callback(lambda opening: opening.cancelled() or opening.exception())
        await asyncio.shield(self._opening)

    def _open(self) -> None:
        connection = self._database.connect()
        try:
            schema.prepare(self._database, connection, wanted=lambda: not self._closed)
        finally:
            connection.close()
        self._writer.connect()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._opening is not None:  # it cannot be interrupted
            await asyncio.wait([self._opening])
        while self._readers:  # first: who disconnects last removes the WAL, and a reader may not
            self._readers.pop().close()
        await self._writer.close()

    def abandon(self) -> None:
        self._closed = True
        self._writer.abandon()

    def disconnect(self) -> None:
        while self._readers:
            self._readers.pop().close()
        self._writer.disconnect()

    def foreign_change(self) -> bool:
        return self._writer.changed_by_others()

    def look_at_files(self) -> None:
        self._database.look_at_files()

    def tidy(self) -> None:
        self._writer.tidy()

    @property
    def trouble(self) -> StoreError | None:
        return self._writer.trouble

    def retry(self) -> None:
        self._writer.retry()

    def give_up(self) -> None:
        self._writer.give_up()

    @property
    def commits(self) -> int:
        """Transactions written so far."""
        return self._writer.commits

    # -- workers and functions

    async def register(self, functions: Sequence[FunctionSpec], *, replace_app: str | None, now: int) -> None:
        def write(tx: Transaction) -> bool:
            timers = Timers(tx, self._ids, self._alarm)
            return sessions.register(tx, self._registry.read(tx), functions, replace_app, now, timers)

        while await self._write(write, rows=len(functions)):
            pass

    async def begin_session(self, session: Session) -> None:
        await self._write(lambda tx: sessions.begin_session(tx, session, self._writer.id))

    async def end_session(self, session_id: str, now: int, *, died: bool) -> bool:
        def end(tx: Transaction) -> bool | None:
            self._time.keep(tx, now)
            return claiming.end_session(tx, session_id, now, self._ids, self._policy, died=died)

        began = False
        while more := await self._write(end, rows=MAX_ROWS):
            began = True
        return began or more is not None

    async def sessions(self) -> Sequence[Session]:
        return await self._write(sessions.sessions)

    async def tell_handlers(self, session_id: str, handlers: Sequence[Handler]) -> None:
        await self._write(lambda tx: sessions.tell_handlers(tx, session_id, handlers))

    # -- time

    async def greatest_time(self) -> int:
        return await self._read(times.greatest)

    async def keep_time(self, now: int, *, anew: bool = False) -> None:
        await self._write(lambda tx: self._time.keep_anew(tx, now) if anew else self._time.keep(tx, now))

    # -- runs

    def accept(self, acceptance: Acceptance, reply: Callable[[Accepted], R]) -> asyncio.Future[R]:
        size = sum(len(event.data) for event in acceptance.events)
        rows = MAX_ROWS if acceptance.parcel else accepting.rows_of(acceptance.events, self._registry.known)
        return self._writer.submit(Command(self._accept, acceptance, rows, size), reply)

    async def put_parcel(self, events: Sequence[Event], now: int) -> str:
        return await self._put_parcel(events, now, whole=True)

    async def _stage(self, events: Sequence[Event], now: int) -> str:
        """Store events that a commit is to send, if they are more than it can store."""
        return await self._put_parcel(events, now, whole=False)

    async def _put_parcel(self, events: Sequence[Event], now: int, *, whole: bool) -> str:
        parcel = self._ids.token()
        for parts in parcels.parts_of(parcel, events):
            put = functools.partial(self._put_parts, parts._replace(last=parts.last and whole), now)
            await self._write(put, rows=len(parts.texts) + 2, size=parts.size)
        return parcel

    def _put_parts(self, parts: parcels.Parts, now: int, tx: Transaction) -> None:
        self._time.keep(tx, now)
        parcels.put(tx, parts, now, now + parcels.PATIENCE, Timers(tx, self._ids, self._alarm))

    def _accept(self, tx: Transaction, acceptances: Sequence[Acceptance]) -> list[Accepted]:
        self._time.keep(tx, acceptances[-1].now)
        answers = accepting.accept(tx, acceptances, self._known(tx), self._ids, self._alarm)
        if not any(answer.news.cancelled for answer in answers):
            return answers
        announcer = self._announcer(tx, acceptances[-1].now)
        return [
            answer._replace(news=announcer.cancelled(answer.news)) if answer.news.cancelled else answer
            for answer in answers
        ]

    def _announcer(self, tx: Transaction, now: int) -> Announcer:
        return Announcer(tx, self._known(tx), self._ids, self._alarm, now)

    def _known(self, tx: Transaction) -> Callable[[], Registry]:
        return _Known(self._registry, tx)

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
        told: Callable[[Claims], object] | None = None,
        keep: int | None = None,
    ) -> Claims:
        count, probes = min(count, claiming.AT_ONCE), min(probes, claiming.AT_ONCE)
        asked = claiming.Claim(owner.session, owner.token, count, functions, now, alone, probes, together, keep)

        def take(tx: Transaction) -> Claims:
            claims = self._claiming.claim(tx, asked)
            if claims.runs:  # else nothing is written, and nobody is woken
                self._time.keep(tx, now)
            return claims

        return await self._write(take, rows=2 * (count + probes), told=told)

    async def read(self, claimed: Claimed) -> Claimed | None:
        reading = entering.Reading(claimed)
        while not reading.is_over:
            if not await self._read(reading.page):
                return None
        return reading.claimed()

    async def extra_slots(self, owner: Owner, lane: str, wanted: int, now: int) -> int:
        return await self._write(
            lambda tx: lanes.extra_slots(tx, owner, lane, wanted, self._registry.read(tx), now), rows=3
        )

    def free_slots(self, owner: Owner, busy: int, now: int, reply: Callable[[bool], R]) -> asyncio.Future[R]:
        def write(tx: Transaction) -> bool:
            return kept.free(tx, owner, busy, now)

        return self._writer.submit(Command(each, write, 3, 0, patient=True), reply)

    def commit(self, commit: Commit, reply: Callable[[Receipt], R]) -> asyncio.Future[R]:
        holds = self._looking_back.holds(commit)
        return self._looking_back.commit(commit, reply) if holds else self._submit(commit, reply)

    def _submit(self, commit: Commit, reply: Callable[[Receipt], R]) -> asyncio.Future[R]:
        changes = commit.changes
        rows = len(changes.memos) + len(changes.open) + len(changes.failed) + len(commit.events) + 1
        size = changes.size
        if commit.events:
            size += sum(len(event.data) for event in commit.events)
        if commit.parcel and not commit.staged:
            size += sum(len(event.data) for event in commit.parcel)
        command = Command(self._committing, commit, rows, size, True, committing.alone, commit.owner)
        return self._writer.submit(command, reply)

    def _commit(self, tx: Transaction, commits: Sequence[Commit]) -> list[Receipt]:
        self._time.keep(tx, commits[-1].now)
        return committing.commit(tx, commits, self._known(tx), self._ids, self._alarm)

    # -- timers and pauses

    async def fire(self, now: int, only: str | None = None) -> Fired:
        def fire(tx: Transaction) -> Fired:
            self._time.keep(tx, now)
            return firing.fire(tx, now, self._known(tx), self._ids, self._alarm, only)

        return await self._write(fire, rows=1_000)

    async def due_timers(self, now: int) -> Sequence[str]:
        return await self._read(lambda tx: due_ids(tx, now, firing.AT_ONCE))

    async def put_timer_off(self, timer_id: str, error: str, now: int) -> None:
        await self._write(lambda tx: put_timer_off(tx, timer_id, error, now, self._alarm))

    async def put_run_off(self, owner: Owner, error: str, now: int, *, taken_at: int, alone: bool) -> int | None:
        def put_off(tx: Transaction) -> int | None:
            return unreadable.put_off(tx, owner, error, now, self._ids, taken_at=taken_at, alone=alone, holds=True)

        return await self._write(put_off, rows=4, patient=True)  # else nobody runs it while its worker lives

    @property
    def timer_due(self) -> int | None:
        return self._alarm.due

    async def look_at_timers(self) -> None:
        found = await self._read(next_due)
        if found is not None:
            self._alarm.note(found)

    async def pause(self, function_id: str, on_event: str, now: int) -> bool:
        return await self._write(lambda tx: pausing.pause(tx, function_id, on_event, now))

    async def resume(self, function_id: str, now: int) -> bool:
        return await self._write(lambda tx: pausing.resume(tx, function_id))

    async def cancel(
        self, run_ids: Sequence[str], reason: str, now: int, told: Callable[[News], object] | None = None
    ) -> News:
        news = NO_NEWS
        for first in range(0, len(run_ids), cancelling.AT_ONCE):
            page = run_ids[first : first + cancelling.AT_ONCE]
            rows = cancelling.ROWS_OF_RUN * len(page)
            cancel = functools.partial(self._cancel, page, reason, now)
            news = news.and_then(await self._write(cancel, rows=rows, told=told))
        return news

    def _cancel(self, run_ids: Sequence[str], reason: str, now: int, tx: Transaction) -> News:
        return self._announcer(tx, now).cancelled(cancelling.cancel(tx, run_ids, reason, now))

    async def release(self, run_id: str, now: int) -> bool:
        return await self._write(lambda tx: holding.release(tx, run_id, now, self._ids), rows=3)

    async def retry_now(self, run_id: str, now: int) -> Retried:
        retried = await self._write(lambda tx: holding.retry_now(tx, run_id, now), rows=10)
        while retried.more:
            next_page = await self._write(lambda tx: holding.retry_now(tx, run_id, now), rows=MAX_ROWS)
            retried = Retried([*retried.steps, *next_page.steps], retried.anything, next_page.more)
        return retried

    async def signal(
        self, name: str, data: str, now: int, told: Callable[[News], object] | None = None
    ) -> tuple[str | None, News]:
        def send(tx: Transaction) -> tuple[str | None, News]:
            woken, arrivals = waits.signal(tx, name, data, now)
            return woken, News(arrivals, queued=bool(arrivals))

        return await self._write(send, told=None if told is None else lambda sent: told(sent[1]))

    # -- requests

    async def claim_requests(self, session: str, keys: Sequence[RequestKey], now: int) -> RequestClaims:
        return await self._write(lambda tx: requests.claim(tx, session, keys, now), rows=len(keys))

    def answer_request(self, answered: Answered, reply: Callable[[News], R]) -> asyncio.Future[R]:
        def write(tx: Transaction) -> News:
            return requests.answer(tx, answered)

        size = len(answered.arrival.data or "") if answered.arrival is not None else 0
        return self._writer.submit(Command(each, write, 4, size, patient=True), reply)

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
        return await self._read(lambda tx: kept_back.kept_back(tx, event_id, sessions.RegistryCache().read(tx)))

    async def ended(self, run_ids: Sequence[str]) -> Sequence[Run]:
        return await self._read(lambda tx: reading.ended(tx, run_ids))

    async def missing(self, run_ids: Sequence[str]) -> Sequence[str]:
        return await self._read(lambda tx: reading.missing(tx, run_ids))

    # -- removing: in transactions of their own, so that nobody's commit waits for what is in one with it

    async def remove_runs(self, before: int) -> bool:
        return await self._write(lambda tx: removing.remove_runs(tx, before), rows=MAX_ROWS)

    async def remove_events(self, after: EventPlace, before: int) -> EventPlace | None:
        return await self._write(lambda tx: removing.remove_events(tx, after, before), rows=MAX_ROWS)

    async def remove_keys(self, now: int) -> bool:
        return await self._write(lambda tx: removing.remove_keys(tx, now), rows=MAX_ROWS)

    async def _write(
        self,
        write: Callable[[Transaction], R],
        *,
        rows: int = 1,
        size: int = 0,
        patient: bool = False,
        told: Callable[[R], object] | None = None,
    ) -> R:
        def reply(result: R) -> R:
            if told is not None:
                told(result)
            return result

        return await self._writer.submit(Command(each, write, rows, size, patient), reply)

    async def _read(self, read: Callable[[Transaction], R]) -> R:
        if self._closed:
            raise StoreClosedError("the engine is stopped")

        def work() -> R:
            try:
                reader = self._readers.pop()
            except IndexError:
                if self._closed:  # since this was asked
                    raise StoreClosedError("the engine is stopped") from None
                reader = Transaction(self._database.connect_reader(), self._database)
            try:
                try:
                    return self._look(reader, read)
                except Exception as error:
                    if not self._database.give_as_bytes(reader.connection, error):
                        raise
                return self._look(reader, read)
            except Exception as error:
                raise self._database.explain(error) from error
            finally:
                if self._closed:
                    reader.close()
                else:
                    self._readers.append(reader)

        return await self._executor.run(work)

    def _look(self, reader: Transaction, read: Callable[[Transaction], R]) -> R:
        try:
            self._database.begin_reading(reader.connection)
            return read(reader)
        finally:  # it raises, too, if the store was closed while this read waited
            self._database.rollback(reader.connection)
