"""Planted bugs, one or more for each promise: the checkers must find each of them, or they do not check.

Each is applied by patching, and lasts as long as its context. It names the worlds in which it is looked for, and the
checkers that may find it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.sql import ClauseElement

from inngest.engine import intake, reaper, service, slots
from inngest.engine.domain import advance
from inngest.engine.domain.advance.draft import Draft
from inngest.engine.domain.advance.steps import attempt_failed
from inngest.engine.domain.model import Event, Start
from inngest.engine.executor import RunExecutor
from inngest.engine.ownership import Ownership
from inngest.engine.ports import NO_NEWS, Commit, Ids, Owner
from inngest.engine.store import accepting, cancelling, claiming, committing, lanes, requests, tables, waits
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Bulk, Rows, Statement, Transaction, Words
from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep, SentEvent
from inngest.protocol.steps import StepName
from inngest.sdk import conductor, replay

from .explore import NARROW, Case, Figures, look, some_crash

Patches = Callable[[], Iterator[AbstractContextManager[object]]]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A planted bug."""

    name: str
    promise: str
    patches: Patches
    worlds: Sequence[str]  # names; looked into with growing seeds, in turn
    finders: frozenset[str]  # checkers, of which one must find it
    first: int = 0  # the first seed

    @contextlib.contextmanager
    def planted(self) -> Generator[None]:
        """While it is there."""
        with contextlib.ExitStack() as stack:
            for patch in self.patches():
                stack.enter_context(patch)
            yield


WORLDS = 120
"""Worlds after which the hunt for a planted bug is given up: it was not found."""

MUTATIONS: list[Mutation] = []


def _plant(promise: str, *worlds: str, finders: Sequence[str] = (), first: int = 0) -> Callable[[Patches], Patches]:
    def register(patches: Patches) -> Patches:
        name = patches.__name__.strip("_").replace("_", " ")
        MUTATIONS.append(Mutation(name, promise, patches, worlds, frozenset(finders or (promise,)), first))
        return patches

    return register


_runs, _steps, _waits, _requests = tables.runs, tables.steps, tables.waits, tables.requests


@_plant("P0", "sequential", "payers")
def _a_claim_takes_runs_that_are_owned() -> Iterator[AbstractContextManager[object]]:
    insert_starts = accepting.insert_starts

    def queue_all(tx: Transaction, starts: Sequence[tuple[Start, Owner | None]], ids: Ids, *more: Any) -> None:
        insert_starts(tx, starts, ids, *more)
        owned = [start for start, owner in starts if owner is not None]
        jobs = [accepting.job_row(ids, one.run.id, one.run.function_id, one.due_at) for one in owned]
        tx.execute_rows(accepting.INSERT_JOBS, jobs)

    taking = Statement(
        lambda words: (
            update(_runs)
            .where(words.any_of(_runs.c.id, "runs"))
            .values(session_id=bindparam("session"), token=bindparam("owner_token"), started_at=bindparam("now"))
        )
    )
    yield mock.patch.object(accepting, "insert_starts", queue_all)
    yield mock.patch.object(claiming, "TAKE_RUNS", taking)


@_plant("P1", "sequential")
def _runs_are_stored_after_their_event() -> Iterator[AbstractContextManager[object]]:
    insert_events = accepting.insert_events

    def in_two(tx: Transaction, events: Sequence[Event]) -> set[str]:
        new = insert_events(tx, events)
        database, connection = tx._words, tx.connection
        assert isinstance(database, SqliteDatabase)
        database.commit(connection)
        database.begin(connection)
        return new

    yield mock.patch.object(accepting, "insert_events", in_two)


@_plant("P1", "twice")
def _an_event_that_is_sent_twice_starts_twice() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(accepting.Wanted, "_is_first", lambda wanted, start: start.run.event_id in wanted._new)


@_plant("P2", "sequential", "branches", "finally")
def _memos_are_not_looked_up() -> Iterator[AbstractContextManager[object]]:
    reach = replay.History.reach

    def only_open(history: replay.History, step: StepName) -> object:
        found = reach(history, step)
        return found if isinstance(found, OpenStep) else None

    yield mock.patch.object(replay.History, "reach", only_open)


def _nobody_is_lost(_: Words, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    return select(given.c.id, given.c.token).where(given.c.id.is_(None))


@_plant("P3", "zombies")
def _a_memo_is_written_over() -> Iterator[AbstractContextManager[object]]:
    def write(words: Words, rows: Rows) -> ClauseElement:
        insertion = words.insert(_steps).values(rows.values)
        changed = {name: insertion.excluded[name] for name in committing.STEP_UPDATES}
        return insertion.on_conflict_do_update(index_elements=["run_id", "hash"], set_=changed)  # type: ignore[no-any-return]

    writing = Bulk(_steps, committing.WRITE_MEMOS.columns, write)
    yield mock.patch.object(committing, "WRITE_MEMOS", writing)
    yield mock.patch.object(committing, "LOST", Bulk(_runs, committing.LOST.columns, _nobody_is_lost))


@_plant("P4", "zombies")
def _nobody_asks_whose_run_it_is() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(committing, "LOST", Bulk(_runs, committing.LOST.columns, _nobody_is_lost))


@_plant("P4", "zombies")
def _the_dead_own_what_they_accept() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(accepting, "lives", return_value=True)


@_plant("P5", "siblings", "retries")
def _steps_share_their_retries() -> Iterator[AbstractContextManager[object]]:
    def shared(draft: Draft, op: Op) -> None:
        attempt_failed(draft, op._replace(attempt=sum(step.attempt for step in draft.run.open.values())))

    yield mock.patch.dict(advance._OPCODES, {Opcode.STEP_ERROR: shared})


@_plant("P5", "body")
def _a_step_does_not_reset_the_body() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(committing, "BEGIN_ANEW", Bulk(_runs, ("id", "attempt"), _nothing))


def _nothing(_: Words, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    return select(given.c.id, given.c.attempt)


@_plant("P6", "sequential", "sequential-2")
def _runs_of_the_dead_are_not_queued() -> Iterator[AbstractContextManager[object]]:
    end_session = claiming.end_session

    def forgetting(tx: Transaction, *args: Any, **more: Any) -> bool:
        with mock.patch.object(claiming, "INSERT_JOBS", Bulk(tables.jobs, accepting.JOB_COLUMNS, _no_jobs)):
            return end_session(tx, *args, **more)

    yield mock.patch.object(claiming, "end_session", forgetting)


def _no_jobs(_: Words, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    return select(given.c.id, given.c.run_id, given.c.function_id, given.c.due_at, given.c.alone)


@_plant("P6", "sequential-2")
def _nobody_looks_after_the_others() -> Iterator[AbstractContextManager[object]]:
    async def blind(_: reaper.Reaper, own_session: str) -> bool:
        return False

    yield mock.patch.object(reaper.Reaper, "run_once", blind)


@_plant("P6", "deaf", first=12)
def _a_lost_wake_up_is_lost_for_good() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(service, "LONGEST_WAIT", 10**9)


@_plant("P7", "limited", "shared")
def _the_dead_keep_their_slots() -> Iterator[AbstractContextManager[object]]:
    end_session = claiming.end_session

    def keeping(tx: Transaction, *args: Any, **more: Any) -> bool:
        with mock.patch.object(lanes, "give_back"):
            return end_session(tx, *args, **more)

    yield mock.patch.object(claiming, "end_session", keeping)


@_plant("P7", "limited-2", "shared-2")
def _claims_do_not_count() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(lanes.Room, "write")


@_plant("P7", "shared", "limited")
def _handlers_beside_the_first_need_no_slot() -> Iterator[AbstractContextManager[object]]:
    async def take(_: slots.RunSlots) -> None:
        return

    yield mock.patch.object(slots.RunSlots, "take", take)
    yield mock.patch.object(slots.RunSlots, "give")


@_plant("P8", "awaits", "mixed")
def _events_are_told_to_nobody() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(accepting, "tell", return_value=NO_NEWS)


@_plant("P8", "mixed", "awaits", "impatient", "outside")
def _a_time_out_that_is_recorded_overrides_what_came() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(waits, "arrivals", return_value=[])


@_plant("P8", "nearly", "outside", finders=("P8", "P9", "ends"), first=300)
def _time_runs_out_before_the_store_says_so() -> Iterator[AbstractContextManager[object]]:
    call = Ownership.call

    def late(ownership: Ownership) -> object:
        ownership.claimed = replace(ownership.claimed, at=ownership._worker.clock.now() + 300)
        return call(ownership)

    yield mock.patch.object(Ownership, "call", late)


@_plant("P8", "brief", finders=("P8", "over"))
def _a_wait_that_was_given_up_stays() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(waits, "TAKE_WAIT", Statement(_takes_none))


def _takes_none(_: Words) -> ClauseElement:
    return delete(_waits).where(_waits.c.run_id == bindparam("run"), _waits.c.hash == "").returning(_waits.c.run_id)


@_plant("P8", "invokes", "orphans")
def _the_end_of_a_child_is_its_own_affair() -> Iterator[AbstractContextManager[object]]:
    commit = committing.commit

    def childless(tx: Transaction, commits: Sequence[Commit], *more: Any) -> object:
        return commit(tx, [one._replace(parent=None) for one in commits], *more)

    yield mock.patch.object(committing, "commit", childless)


@_plant("P8", "invokes")
def _what_comes_while_a_step_opens_is_forgotten() -> Iterator[AbstractContextManager[object]]:
    add = replay.History.add

    def as_recorded(history: replay.History, entry: Memo | OpenStep) -> Memo | OpenStep:
        add(history, entry)
        return entry

    yield mock.patch.object(replay.History, "add", as_recorded)


@_plant("over", "stopped", "watched", "outside", finders=("over", "P4"))
def _a_cancelled_run_keeps_its_owner() -> Iterator[AbstractContextManager[object]]:
    cancelling_runs = Statement(
        lambda words: (
            update(_runs)
            .where(words.any_of(_runs.c.id, "runs"))
            .values(status="CANCELLED", error=bindparam("why"), ended_at=bindparam("now"))
        )
    )
    yield mock.patch.object(cancelling, "CANCEL_RUNS", cancelling_runs)


@_plant("over", "crowd", first=2000)
def _nobody_is_told_that_a_run_is_cancelled() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(RunExecutor, "lost")


@_plant("P9", "changed-kind", "changed-back", finders=("P9", "ends"))
def _kinds_are_not_compared() -> Iterator[AbstractContextManager[object]]:
    decide = replay.decide

    def trusting(entry: Memo | OpenStep | None, step: StepName, kind: Opcode, now: int) -> replay.Decision:
        return decide(entry._replace(kind=kind) if entry is not None else None, step, kind, now)

    yield mock.patch.object(replay, "decide", trusting)


@_plant("P9", "deep", "completed", "payers", "nested", finders=("P9", "ends"))
def _rest_is_not_waited_for() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(conductor, "REST_TURNS", 1)


@_plant("P10", "sequential")
def _events_are_acknowledged_before_their_commit() -> Iterator[AbstractContextManager[object]]:
    send = intake.Intake.send
    begun: list[asyncio.Task[list[str]]] = []

    async def hasty(one: intake.Intake, sent: Sequence[SentEvent]) -> list[str]:
        named = [event._replace(id=event.id or one._ids.ulid(one._clock.now())) for event in sent]
        begun.append(asyncio.ensure_future(send(one, named)))
        return [event.id for event in named]

    yield mock.patch.object(intake.Intake, "send", hasty)


@_plant("P4", "requests", finders=("requested",))
def _a_dead_worker_answers_requests() -> Iterator[AbstractContextManager[object]]:
    anyone = (_requests.c.run_id == bindparam("run"), _requests.c.hash == bindparam("step"))
    done = Statement(lambda _: delete(_requests).where(*anyone).returning(_requests.c.run_id))
    yield mock.patch.object(requests, "DONE", done)


@_plant("P6", "fetching", "requests", finders=("P6", "ends"))
def _keys_are_not_asked_for_again() -> Iterator[AbstractContextManager[object]]:
    forgetting = mock.Mock(return_value=None)
    yield mock.patch.object(requests, "end_session", forgetting)


def hunt(name: str) -> tuple[Figures, Case | None]:
    """Look for a planted bug: what was looked into, and the case that shows it."""
    mutation = next(one for one in MUTATIONS if one.name == name)
    figures = Figures()
    with mutation.planted():
        for case in itertools.islice(_cases(mutation), WORLDS):
            found = look(case)
            figures.add(replace(found.figures, failures=[]))
            if mutation.finders & found.problems.keys():
                return figures, case
    return figures, None


def _cases(mutation: Mutation) -> Iterator[Case]:
    """Worlds with drawn casts as they are; those with one program with a crash at each of their commits."""
    for seed in itertools.count(mutation.first):
        for world in mutation.worlds:
            yield Case(world, seed)
            if world in NARROW:
                yield from some_crash(world, seed)


BY_PROMISE: Mapping[str, Sequence[Mutation]] = {
    promise: [one for one in MUTATIONS if one.promise == promise] for promise in {one.promise for one in MUTATIONS}
}
