"""The verbs of the Store beside the way of a run: those that a server needs, and those of the outbox
(`engine.server_ports`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeVar

from inngest.engine.domain.endpoints import TooManyEndpointsError
from inngest.engine.domain.erasing import Affected, AuditEntry, Done, Part
from inngest.engine.domain.model import App, Event, FunctionSpec, Job, Registry, Run
from inngest.engine.domain.run_metadata import Annotated, Metadata, Update
from inngest.engine.domain.waiting_facts import Trouble
from inngest.engine.records import (
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
    Synced,
)
from inngest.protocol import texts
from inngest.protocol.wire.endpoints import Begun

from . import (
    affected,
    apps,
    audit,
    backlog,
    bulk_cancelling,
    cancelling,
    checkpoints,
    endpoints,
    erasing,
    events,
    holding,
    listing,
    locking,
    outbox,
    parcels,
    put_off,
    rerunning,
    run_metadata,
    troubles,
    waits,
)
from .commands import Call, call
from .locks import Lock
from .registry import newer
from .statement import Transaction
from .timers import NextTimer
from .writer import MAX_ROWS

R = TypeVar("R")


class ServerVerbs(ABC):
    """A part of `sql.SqlStore`, which writes and reads for it."""

    @abstractmethod
    async def _write(self, command: Call[R], *, rows: int = 1, size: int = 0, locks: Sequence[Lock] = ()) -> R: ...

    @abstractmethod
    async def _read(self, read: Callable[[Transaction], R]) -> R: ...

    _alarm: NextTimer

    @property
    def outbox_waits(self) -> bool:
        """See `OutboxStore`."""
        return self._alarm.outbox

    @property
    def outbox_aside(self) -> bool | None:
        """See `OutboxStore`."""
        return self._alarm.aside

    async def outbox_rows(self, *, aside: bool) -> Sequence[str]:
        """See `OutboxStore`."""
        return await self._read(lambda tx: outbox.waiting(tx, aside=aside))

    async def put_aside(self, row: str, why: str) -> None:
        """See `OutboxStore`."""
        await self._write(call(outbox.put_aside, row, why))

    async def backlog(self, now: int) -> Backlog:
        """See `MeasuredStore`."""
        return await self._read(lambda tx: backlog.backlog(tx, now))

    async def register_app(self, app: App, functions: Sequence[FunctionSpec], now: int) -> Synced:
        verb, rows = call(apps.register, app, functions, now), len(functions) + 1
        synced, more = await self._write(verb, rows=rows, locks=[locking.FUNCTIONS])
        modified, archived, returned = synced.modified, list(synced.archived), list(synced.returned)
        while more:
            synced, more = await self._write(verb, rows=rows, locks=[locking.FUNCTIONS])
            archived += synced.archived
            returned += synced.returned
        return synced._replace(modified=modified, archived=tuple(archived), returned=tuple(returned))

    async def put_off(self, asked: PutOff, now: int) -> PutOffPage:
        return await self._read(lambda tx: put_off.page(tx, asked, now))

    async def retry_all(self, run_ids: Sequence[str], now: int) -> None:
        left = list(run_ids)
        while left:
            left = await self._write(call(holding.retry_all, left, now), rows=10 * len(left), locks=locking.runs(left))

    async def go_on(self, run_ids: Sequence[str], now: int) -> None:
        await self._write(call(waits.go_on, run_ids, now), rows=len(run_ids), locks=locking.runs(run_ids))

    async def note_sync_error(self, app: App, now: int) -> None:
        await self._write(call(apps.note_error, app, now), locks=[locking.FUNCTIONS])

    async def archive_app(self, name: str, now: int) -> bool | None:
        archived, more = await self._write(call(apps.archive, name, now), locks=[locking.FUNCTIONS])
        while more:
            _, more = await self._write(call(apps.archive, name, now), locks=[locking.FUNCTIONS])
        return archived

    async def app_is_away(self, app_id: str, error: str, now: int) -> int:
        return await self._write(call(troubles.app_is_away, app_id, error, now))

    async def app_is_back(self, app_id: str, now: int) -> bool:
        return await self._write(call(troubles.app_is_back, app_id, now))

    async def apps_away(self, now: int) -> Mapping[str, Trouble]:
        return await self._read(lambda tx: troubles.apps_away(tx, now))

    async def functions(self, known: int) -> Registry | None:
        return await self._read(lambda tx: newer(tx, known))

    async def checkpoint(self, asked: Checkpoint) -> bool:
        size = sum(len(op.data or "") for op in asked.ops)
        locks = [locking.READS_FUNCTIONS, *locking.runs([asked.run_id])]
        return await self._write(call(checkpoints.checkpoint, asked), rows=len(asked.ops) + 2, size=size, locks=locks)

    async def add_endpoint(self, app: App, begun: Begun, now: int) -> FunctionSpec | None:
        found = await self._write(call(endpoints.add, app, begun, now), locks=[locking.FUNCTIONS])
        if isinstance(found, TooManyEndpointsError):
            raise found
        return found

    async def request(self, asked: Requested) -> InRequest | None:
        size = sum(len(op.data or "") for op in asked.ops) + (
            0 if asked.begins is None else len(asked.begins.event.data)
        )
        locks = [locking.READS_FUNCTIONS, *locking.runs([asked.run_id])]
        return await self._write(call(endpoints.request, asked), rows=len(asked.ops) + 5, size=size, locks=locks)

    async def fork(self, asked: Fork) -> Forked:
        locks = [locking.READS_FUNCTIONS, *locking.runs([asked.run_id])]
        rows = 6 if asked.step is None else MAX_ROWS
        return await self._write(call(rerunning.fork, asked), rows=rows, size=len(asked.input or ""), locks=locks)

    async def apps(self) -> Sequence[App]:
        return await self._read(apps.apps)

    async def list_runs(self, asked: RunQuery) -> Sequence[Run]:
        return await self._read(lambda tx: listing.runs(tx, asked))

    async def list_events(self, asked: EventQuery) -> Sequence[Event]:
        return await self._read(lambda tx: listing.events(tx, asked))

    async def event(self, event_id: str) -> Event | None:
        return await self._read(lambda tx: events.event(tx, texts.stored(event_id)))

    async def jobs(self, run_id: str) -> Sequence[Job]:
        return await self._read(lambda tx: listing.jobs(tx, run_id))

    async def begin_cancellation(self, asked: Cancellation) -> None:
        await self._write(call(bulk_cancelling.begin, asked), rows=2)

    async def go_on_with_cancellation(self, cancellation_id: str, now: int) -> CancelledPage:
        verb = call(bulk_cancelling.go_on, cancellation_id, now, due_at=now + parcels.PATIENCE)
        rows = cancelling.AT_ONCE * cancelling.ROWS_OF_RUN
        return await self._write(verb, rows=rows, locks=[locking.READS_FUNCTIONS])

    async def cancellations(self, limit: int, before: str | None) -> Sequence[Cancellation]:
        after = None if before is None else texts.stored(before)
        return await self._read(lambda tx: bulk_cancelling.cancellations(tx, limit, after))

    async def delete_cancellation(self, cancellation_id: str, now: int) -> bool:
        return await self._write(call(bulk_cancelling.delete, texts.stored(cancellation_id), now))

    async def affected(self, where: str, now: int, known: Collection[str] = ()) -> Affected:
        search = affected.Search(where, now, known)
        asks = search.asks()
        ask = next(asks, None)
        while ask is not None:
            rows = await self._read(partial(affected.answered, ask=ask))
            try:
                ask = asks.send(rows)
            except StopIteration:
                ask = None
        return search.found

    async def erase(self, part: Part) -> Done:
        return await self._write(call(erasing.erase, part), rows=MAX_ROWS, locks=erasing.locks_of(part))

    async def audit(self, limit: int, before: str | None = None) -> Sequence[AuditEntry]:
        after = audit.LAST if before is None else texts.stored(before)
        return await self._read(lambda tx: audit.newest(tx, limit, after))

    async def annotate(self, run_id: str, updates: Sequence[Update], now: int) -> Annotated:
        of, size = texts.stored(run_id), sum(len(str(one.values)) for one in updates)
        verb = call(run_metadata.annotate, of, updates, now)
        return await self._write(verb, rows=len(updates), size=size, locks=locking.runs([of]))

    async def metadata(self, run_id: str) -> Sequence[Metadata]:
        return await self._read(lambda tx: run_metadata.metadata(tx, texts.stored(run_id)))
