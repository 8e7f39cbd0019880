"""Planted bugs about limits: slots, gates, time and the queue (P1, P7, crons)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from inngest.embedded.local_invoker import LocalInvoker
from inngest.engine import slots
from inngest.engine.store import kept, lane_claims, lanes, tables, takeovers
from inngest.engine.store.context import WriteContext

from .planting import plant

_runs, _steps, _waits, _requests = tables.runs, tables.steps, tables.waits, tables.requests


@plant("P7", "limited", "shared")
def _the_dead_keep_their_slots() -> Iterator[AbstractContextManager[object]]:
    end_session = takeovers.end_session

    def keeping(context: WriteContext, *args: Any, **more: Any) -> bool | None:
        with mock.patch.object(lanes, "give_back"):
            return end_session(context, *args, **more)

    yield mock.patch.object(takeovers, "end_session", keeping)


@plant("P7", "limited-2", "shared-2")
def _claims_do_not_count() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(lanes, "write")


@plant("P6", "spaced", "spaced-2")
def _runs_are_taken_from_a_lane_that_is_not_theirs() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(
        lane_claims.LaneJobs,
        "jobs",
        property(lambda found: [(job, lane._replace(budgets=("x", *lane.budgets))) for job, lane in found[0]]),
    )


@plant("P7", "halted", "halted-2", "crowd", first=6)
def _a_cancelled_run_gives_its_slots_back_at_once() -> Iterator[AbstractContextManager[object]]:
    def give_back(tx: WriteContext, rows: Sequence[kept.Kept]) -> None:
        lanes.give_back(tx, [(row.lane, row.slots) for row in rows], rows[0].since)

    yield mock.patch.object(kept, "keep", give_back)


@plant("P7", "halted", "halted-2", "crowd", first=6)
def _a_handler_that_was_cancelled_is_taken_to_have_returned() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(slots.RunSlots, "busy", property(lambda run: int(run._entered)))


@plant("P7", "halted", "halted-2")
def _slots_of_a_worker_that_is_gone_are_kept() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(kept, "end_session", return_value=[])


@plant("P7", "queued", "queued-2", finders=["threads"])
def _plain_runs_are_taken_without_a_thread() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(LocalInvoker, "plain", frozenset[str]())


@plant("P7", "queued", "queued-2", finders=["threads"])
def _a_thread_of_a_run_that_is_over_is_taken_to_be_free() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(LocalInvoker, "threads", 2)


@plant("P7", "shared", "limited")
def _handlers_beside_the_first_need_no_slot() -> Iterator[AbstractContextManager[object]]:
    async def take(_: slots.RunSlots) -> None:
        return

    yield mock.patch.object(slots.RunSlots, "take", take)
    yield mock.patch.object(slots.RunSlots, "give")
