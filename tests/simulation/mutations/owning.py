"""Planted bugs about who owns what: accepting, claiming, fencing, taking over (P0, P1, P3, P4, P6, P10)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from sqlalchemy import bindparam, select, update
from sqlalchemy.sql import ClauseElement

from inngest.engine import executor, intake, invocations, looks, quarantine, reaper, service
from inngest.engine.domain.model import Event
from inngest.engine.domain.starts import Start
from inngest.engine.owned_run import OwnedRun
from inngest.engine.records import Claimed, Owner
from inngest.engine.store import (
    accepting,
    claiming,
    committing,
    events,
    holding,
    jobs,
    starting,
    tables,
    takeovers,
    unreadable,
)
from inngest.engine.store.context import WriteContext
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction
from inngest.protocol.opcodes import SentEvent
from inngest.protocol.steps import hash_step_id
from inngest.runtime import cancels, raised
from inngest.sdk import work

from .planting import plant

_runs, _steps, _waits, _requests = tables.runs, tables.steps, tables.waits, tables.requests


@plant("P0", "sequential", "payers")
def _a_claim_takes_runs_that_are_owned() -> Iterator[AbstractContextManager[object]]:
    insert_starts = starting.insert_starts

    def queue_all(context: WriteContext, starts: Sequence[tuple[Start, Owner | None]], *more: Any) -> None:
        insert_starts(context, starts, *more)
        owned = [start for start, owner in starts if owner is not None]
        rows = [
            jobs.job_row(context.ids, one.run.id, one.run.function_id, one.run.created_at, one.due_at) for one in owned
        ]
        context.execute_rows(jobs.INSERT_JOBS, rows)

    taking = Statement(
        "A planted bug.",
        lambda words: (
            update(_runs)
            .where(words.any_of(_runs.c.id, "runs"))
            .values(session_id=bindparam("session"), token=bindparam("owner_token"), started_at=bindparam("now"))
        ),
    )
    yield mock.patch.object(accepting, "insert_starts", queue_all)
    yield mock.patch.object(starting, "insert_starts", queue_all)
    yield mock.patch.object(claiming, "TAKE_RUNS", taking)


@plant("P1", "sequential")
def _runs_are_stored_after_their_event() -> Iterator[AbstractContextManager[object]]:
    insert = events.insert

    def in_two(tx: Transaction, sent: Sequence[Event]) -> set[str]:
        new = insert(tx, sent)
        database, connection = tx._words, tx.connection
        assert isinstance(database, SqliteDatabase)
        database.commit(connection)
        database.begin(connection)
        return new

    yield mock.patch.object(events, "insert", in_two)


@plant("P1", "twice")
def _an_event_that_is_sent_twice_starts_twice() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(starting.Wanted, "_is_first", lambda wanted, start: start.run.event_id in wanted._new)


def _nobody_is_lost(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    return select(given.c.id, given.c.token).where(given.c.id.is_(None))


@plant("P3", "zombies")
def _a_memo_is_written_over() -> Iterator[AbstractContextManager[object]]:
    def write(words: SqlDialect, rows: Rows) -> ClauseElement:
        insertion = words.insert(_steps).values(rows.values)
        changed = {name: insertion.excluded[name] for name in committing.STEP_UPDATES}
        return insertion.on_conflict_do_update(index_elements=["run_id", "hash"], set_=changed)  # type: ignore[no-any-return]

    writing = MultiRowStatement("A planted bug.", _steps, committing.WRITE_MEMOS.columns, write)
    yield mock.patch.object(committing, "WRITE_MEMOS", writing)
    yield mock.patch.object(
        committing, "LOST", MultiRowStatement("A planted bug.", _runs, committing.LOST.columns, _nobody_is_lost)
    )


@plant("P4", "zombies")
def _nobody_asks_whose_run_it_is() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(
        committing, "LOST", MultiRowStatement("A planted bug.", _runs, committing.LOST.columns, _nobody_is_lost)
    )


@plant("P4", "zombies")
def _the_dead_own_what_they_accept() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(accepting, "lives", return_value=True)


@plant("P6", "sequential", "sequential-2")
def _runs_of_the_dead_are_not_queued() -> Iterator[AbstractContextManager[object]]:
    end_session = takeovers.end_session

    def forgetting(context: WriteContext, *args: Any, **more: Any) -> bool | None:
        with mock.patch.object(
            takeovers, "INSERT_JOBS", MultiRowStatement("A planted bug.", tables.jobs, jobs.COLUMNS, _no_jobs)
        ):
            return end_session(context, *args, **more)

    yield mock.patch.object(takeovers, "end_session", forgetting)


@plant("P6", "outside", "storm", finders=("P6",))
def _the_session_of_the_dead_goes_before_its_last_page() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(takeovers, "IS_ENDING", takeovers.END_SESSION)


@plant("P6", "on-hold", finders=("P6",))
def _a_run_on_hold_whose_worker_died_is_forgotten() -> Iterator[AbstractContextManager[object]]:
    nothing = MultiRowStatement("A planted bug.", tables.jobs, holding.INSERT_HELD.columns, _no_jobs)
    end_session = takeovers.end_session

    def forgetting(context: WriteContext, *args: Any, **more: Any) -> bool | None:
        with mock.patch.object(holding, "INSERT_HELD", nothing):
            return end_session(context, *args, **more)

    yield mock.patch.object(takeovers, "end_session", forgetting)


@plant("P6", "on-hold", "storm", finders=("P6",))
def _a_start_that_was_cut_short_keeps_its_lock() -> Iterator[AbstractContextManager[object]]:
    async def take_back(one: service.Service) -> None:
        one._stopping = True
        for loop in one._loops:
            loop.cancel()
        await one._worker.store.close()

    yield mock.patch.object(service.Service, "_take_back", take_back)


@plant("P6", "on-hold", "storm", finders=("P6",))
def _a_start_that_was_cut_short_goes_on_mending() -> Iterator[AbstractContextManager[object]]:
    take_back = service.Service._take_back

    async def keeping(one: service.Service) -> None:
        loops, one._loops = one._loops, []
        await take_back(one)
        one._loops = loops

    yield mock.patch.object(service.Service, "_take_back", keeping)


def _no_jobs(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    return select(given.c.id, given.c.run_id, given.c.function_id, given.c.due_at, given.c.queue_class)


@plant("P6", "sequential-2")
def _nobody_looks_after_the_others() -> Iterator[AbstractContextManager[object]]:
    async def blind(_: reaper.Reaper, own_session: str) -> bool:
        return False

    yield mock.patch.object(reaper.Reaper, "run_once", blind)


@plant("P6", "forsaken")
def _a_lost_wake_up_is_lost_for_good() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(looks, "MAX_WAIT_MS", 10**9)


@plant("P6", "busy", finders=("held up",))
def _a_run_on_which_workers_died_stops_the_queue() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(quarantine, "TRIAL", 10**9)
    yield mock.patch.object(quarantine, "PATIENCE", 0)


@plant("P6", "busy", "killer", finders=("alone",))
def _a_run_on_which_workers_died_is_tried_beside_others() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(quarantine.Quarantine, "desperate", True)


@plant("P10", "sequential")
def _events_are_acknowledged_before_their_commit() -> Iterator[AbstractContextManager[object]]:
    send = intake.Intake.send
    begun: list[asyncio.Task[list[str]]] = []

    async def hasty(one: intake.Intake, sent: Sequence[SentEvent]) -> list[str]:
        named = [event._replace(id=event.id or one._ids.ulid(one._clock.now())) for event in sent]
        begun.append(asyncio.ensure_future(send(one, named)))
        return [event.id for event in named]

    yield mock.patch.object(intake.Intake, "send", hasty)


@plant("P6", "escaping", finders=("owned",))
def _what_is_no_exception_ends_the_task_of_its_run() -> Iterator[AbstractContextManager[object]]:
    async def as_it_is(_: cancels.Cancels, error: BaseException) -> BaseException:
        return error

    yield mock.patch.object(work, "contained", lambda error: error)
    yield mock.patch.object(cancels.Cancels, "judged", as_it_is)
    yield mock.patch.object(work, "ends_the_task", lambda error: not isinstance(error, Exception))
    yield mock.patch.object(invocations, "ends_the_task", lambda error: not isinstance(error, Exception))


@plant("P6", "cancelling-itself", finders=("P6", "ends"))
def _a_handler_that_cancels_its_task_counts_as_given_up() -> Iterator[AbstractContextManager[object]]:
    async def judged(_: cancels.Cancels, error: BaseException) -> BaseException:
        return raised.contained(error)

    yield mock.patch.object(cancels.Cancels, "asked", return_value=False)
    yield mock.patch.object(cancels.Cancels, "judged", judged)


@plant("P6", "payers", "mixed", "storm", finders=("owned",))
def _what_cannot_begin_keeps_its_owner() -> Iterator[AbstractContextManager[object]]:
    """Some runs cannot begin at the first try, as if the engine's own code raised; nobody puts them off."""
    refused: set[str] = set()

    def broken(of: executor.RunExecutor, claimed: Claimed) -> object:
        if claimed.run.id not in refused and hash_step_id(claimed.run.id)[0] in "01234567":
            refused.add(claimed.run.id)
            raise LookupError("it cannot be begun")
        return OwnedRun(of, claimed)

    def begin(of: executor.RunExecutor, claimed: Claimed) -> None:
        with contextlib.suppress(LookupError):
            of._enter(claimed)

    yield mock.patch("inngest.engine.executor.OwnedRun", broken)
    yield mock.patch.object(executor.RunExecutor, "begin", begin)


@plant("P6", "damaged")
def _a_run_that_cannot_be_read_stops_the_whole_claim() -> Iterator[AbstractContextManager[object]]:
    def refuse(*_: object, **__: object) -> None:
        raise LookupError("a run cannot be read")

    yield mock.patch.object(unreadable, "put_off", refuse)


@plant("P6", "damaged")
def _a_run_that_cannot_be_read_has_no_job_any_more() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(
        unreadable, "INSERT_JOBS", Statement("A planted bug.", lambda _: select(_runs.c.id).where(_runs.c.id.is_(None)))
    )
