"""Planted bugs about what runs wait for, and about runs that are over (P8; over; requests)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from sqlalchemy import bindparam, delete, literal_column, select, update
from sqlalchemy.sql import ClauseElement

from inngest.engine.domain.hosts import Hosts
from inngest.engine.gateway import Gateway
from inngest.engine.owned_run import OwnedRun
from inngest.engine.records import NO_NOTIFICATIONS, Commit
from inngest.engine.store import cancelling, committing, requests, tables, telling, waits
from inngest.engine.store.context import WriteContext
from inngest.engine.store.statement import SqlDialect, Statement
from inngest.engine.store.system_events import SystemEvents
from inngest.engine.store.telling import Teller
from inngest.engine.store.timers import TELL, Timers
from inngest.protocol.opcodes import Memo, OpenStep
from inngest.sdk.invocation import replay

from .planting import plant

_runs, _steps, _waits, _requests = tables.runs, tables.steps, tables.waits, tables.requests


@plant("P8", "awaits", "mixed")
def _events_are_told_to_nobody() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Teller, "_page", return_value=None)


@plant("P8", "broadcast", finders=("P8",))
def _what_is_beyond_a_page_is_forgotten() -> Iterator[AbstractContextManager[object]]:
    put = Timers.put

    def unmarked(timers: Timers, kind: str, *args: Any) -> None:
        if kind != TELL:
            put(timers, kind, *args)

    yield mock.patch.object(Timers, "put", unmarked)


@plant("P8", "broadcast", finders=("P8",))
def _time_runs_out_before_the_next_page() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(telling, "catch_up", return_value=NO_NOTIFICATIONS)


@plant("P8", "broadcast", finders=("P8",))
def _who_comes_late_gets_the_page_too() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(waits, "BROADCASTS", Statement("A planted bug.", lambda _: select(literal_column("'0'"))))


@plant("P8", "mixed", "awaits", "impatient", "outside")
def _a_time_out_that_is_recorded_overrides_what_came() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(waits, "arrivals", return_value=[])


@plant("P8", "nearly", "outside", finders=("P8", "P9", "ends"))
def _time_runs_out_before_the_store_says_so() -> Iterator[AbstractContextManager[object]]:
    call = OwnedRun.call

    def late(owned_run: OwnedRun) -> object:
        owned_run.claimed = owned_run.claimed._replace(at=owned_run._worker.clock.now() + 300)
        return call(owned_run)

    yield mock.patch.object(OwnedRun, "call", late)


@plant("P8", "brief", finders=("P8", "over"))
def _a_wait_that_was_given_up_stays() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(waits, "TAKE_WAIT", Statement("A planted bug.", _takes_none))


def _takes_none(_: SqlDialect) -> ClauseElement:
    return delete(_waits).where(_waits.c.run_id == bindparam("run"), _waits.c.hash == "").returning(_waits.c.run_id)


@plant("P8", "invokes", "orphans")
def _the_end_of_a_child_is_its_own_affair() -> Iterator[AbstractContextManager[object]]:
    commit = committing.commit

    def childless(context: WriteContext, commits: Sequence[Commit]) -> object:
        return commit(context, [one._replace(parent=None) for one in commits])

    yield mock.patch.object(committing, "commit", childless)


@plant("P8", "invokes")
def _what_comes_while_a_step_opens_is_forgotten() -> Iterator[AbstractContextManager[object]]:
    add = replay.History.add

    def as_recorded(history: replay.History, entry: Memo | OpenStep) -> Memo | OpenStep:
        add(history, entry)
        return entry

    yield mock.patch.object(replay.History, "add", as_recorded)


@plant("over", "stopped", "watched", "outside", finders=("over", "P4"))
def _a_cancelled_run_keeps_its_owner() -> Iterator[AbstractContextManager[object]]:
    cancelling_runs = Statement(
        "A planted bug.",
        lambda words: (
            update(_runs)
            .where(words.any_of(_runs.c.id, "runs"))
            .values(status="CANCELLED", error=bindparam("why"), ended_at=bindparam("now"))
        ),
    )
    yield mock.patch.object(cancelling, "CANCEL_RUNS", cancelling_runs)


@plant("over", "crowd")
def _a_run_that_is_cancelled_is_not_taken_down() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(OwnedRun, "lose")


@plant("P4", "requests", finders=("requested",), first=12)
def _a_dead_worker_answers_requests() -> Iterator[AbstractContextManager[object]]:
    anyone = (_requests.c.run_id == bindparam("run"), _requests.c.hash == bindparam("step"))
    done = Statement("A planted bug.", lambda _: delete(_requests).where(*anyone).returning(_requests.c.run_id))
    yield mock.patch.object(requests, "DONE", done)


@plant("P6", "fetching", "requests", finders=("P6", "ends"))
def _keys_are_not_asked_for_again() -> Iterator[AbstractContextManager[object]]:
    forgetting = mock.Mock(return_value=None)
    yield mock.patch.object(requests, "end_session", forgetting)


@plant("P6", "hosts", finders=("requested",))
def _a_slow_host_gets_all_places() -> Iterator[AbstractContextManager[object]]:
    def greedy(hosts: Hosts, _: str) -> bool:
        hosts.free -= 1
        return hosts.free >= 0

    yield mock.patch.object(Hosts, "take", greedy)


@plant("P6", "hosts", finders=("P6", "ends"))
def _requests_that_found_no_place_are_forgotten() -> Iterator[AbstractContextManager[object]]:
    def done(gateway: Gateway, task: asyncio.Task[None], _: str) -> None:
        gateway._tasks.pop(task, None)

    yield mock.patch.object(Gateway, "_done", done)


@plant("P1", "hears", finders=("announced",), first=1)
def _nobody_says_that_a_run_was_cancelled() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(SystemEvents, "cancelled")
