"""Planted bugs about what stands between an event and a run: gates, timers, crons, the queue, pauses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from sqlalchemy import delete

from inngest.cron import ticks
from inngest.engine.domain import lanes as queues
from inngest.engine.domain import schedules, triggers
from inngest.engine.domain.gates import DebounceGate, Gates
from inngest.engine.domain.starts import Start
from inngest.engine.store import firing, pausing, serving, tables, timers
from inngest.engine.store import schedules as stored
from inngest.engine.store.gates import Gatekeeper
from inngest.engine.store.statement import Statement

from .planting import plant


@plant("P1", "batched", finders=("gates",))
def _a_batch_that_is_due_is_forgotten() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.dict(firing._KINDS, {timers.BATCH: lambda *_: None})


@plant("P1", "batched", finders=("gates", "flow"))
def _a_batch_holds_one_too_many() -> Iterator[AbstractContextManager[object]]:
    collect = Gatekeeper._collect

    def too_many(keeper: Gatekeeper, start: Start, own: Gates, batch: Any) -> list[Start]:
        return collect(keeper, start, own, batch._replace(size=batch.size + 1))

    yield mock.patch.object(Gatekeeper, "_collect", too_many)


@plant("P1", "debounced", finders=("gates",))
def _a_debounce_starts_with_its_first_event() -> Iterator[AbstractContextManager[object]]:
    debounce = Gatekeeper._debounce

    def first(keeper: Gatekeeper, start: Start, own: Gates, debounced: DebounceGate) -> None:
        debounce(keeper, start, own._replace(ts=-own.ts), debounced)

    yield mock.patch.object(Gatekeeper, "_debounce", first)


@plant("P1", "debounced", finders=("gates",))
def _a_debounce_knows_no_timeout() -> Iterator[AbstractContextManager[object]]:
    debounce = Gatekeeper._debounce

    def patient(keeper: Gatekeeper, start: Start, own: Gates, debounced: DebounceGate) -> None:
        debounce(keeper, start, own, debounced._replace(timeout=None))

    yield mock.patch.object(Gatekeeper, "_debounce", patient)


@plant("P1", "listens", "gated", finders=("P1", "gates"))
def _only_the_first_trigger_is_asked() -> Iterator[AbstractContextManager[object]]:
    patterns = triggers._patterns

    def first(*given: Any) -> Iterator[str]:
        yield from list(patterns(*given))[:1]

    yield mock.patch.object(triggers, "_patterns", first)


@plant("P7", "rated", finders=("gates", "flow"))
def _starts_are_not_counted_for_a_rate_limit() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Gatekeeper, "_rate_start", return_value=None)


@plant("P7", "rated", finders=("gates",), first=2)
def _what_a_rate_limit_refuses_counts_all_the_same() -> Iterator[AbstractContextManager[object]]:
    admit = Gatekeeper.admit

    def counting(keeper: Gatekeeper, start: Start, own: Gates) -> list[Start]:
        admitted = admit(keeper, start, own)
        if not admitted:
            keeper._count(start, own)
        return admitted

    yield mock.patch.object(Gatekeeper, "admit", counting)


@plant("P7", "once", finders=("gates",))
def _keys_of_expressions_are_not_kept() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Gatekeeper, "_take", return_value=True)


@plant("P7", "alone-skip", "alone-cancel", finders=("flow",))
def _a_singleton_does_not_look_for_others() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Gatekeeper, "_unfinished", return_value=None)


@plant("P7", "paused", finders=("flow",), first=2)
def _a_pause_does_not_hold_what_comes() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Start, "pause", lambda start, on_event: start)


@plant("P6", "paused")
def _what_a_pause_held_is_held_for_ever() -> Iterator[AbstractContextManager[object]]:
    pauses = tables.pauses
    yield mock.patch.object(
        pausing, "RESUME", Statement("A planted bug.", lambda _: delete(pauses).where(pauses.c.function_id == ""))
    )


@plant("P7", "paused", finders=("flow",))
def _a_claim_looks_at_what_is_paused() -> Iterator[AbstractContextManager[object]]:
    heads = Statement("A planted bug.", lambda words: serving.first_due(words.listed("functions")))
    yield mock.patch.object(serving, "HEADS", heads)


@plant("P7", "spaced", finders=("flow",))
def _a_throttle_lets_all_begin() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(queues.Capacity, "starts", return_value=sys.maxsize)


@plant("P7", "weighed", finders=("flow",))
def _priorities_are_not_clamped() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(queues, "LARGEST_SHIFT", 10**9)


@plant("P7", "weighed", finders=("flow",))
def _the_queue_knows_no_priority() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(queues, "_shift", return_value=0)


@plant("P7", "hurried", finders=("flow",))
def _nobody_is_too_late() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Gatekeeper, "_limit_time")


@plant("P7", "hurried", finders=("flow",))
def _time_runs_from_the_event_and_not_from_the_begin() -> Iterator[AbstractContextManager[object]]:
    def early(one: Any, timer: Any) -> None:
        status, _ = one._times(timer.key)
        if status in {"QUEUED", "RUNNING"}:
            one._cancel(timer.key, "timeouts.finish: too late")

    yield mock.patch.dict(firing._KINDS, {timers.FINISH_TIMEOUT: early})


@plant("crons", "ticking", finders=("ticks",))
def _a_tick_is_fired_again() -> Iterator[AbstractContextManager[object]]:
    due = schedules.due
    again_at: set[int] = set()

    def again(schedule: Any, armed: int, now: int) -> Any:
        ticks, following = due(schedule, armed, now)
        if not ticks or ticks[-1].scheduled_at in again_at:
            return ticks, following
        again_at.add(ticks[-1].scheduled_at)
        return ticks, ticks[-1]

    yield mock.patch.object(schedules, "due", again)


@plant("crons", "clockwork", finders=("ticks",), first=1)
def _missed_ticks_are_not_caught_up() -> Iterator[AbstractContextManager[object]]:
    due = schedules.due

    def late(schedule: Any, armed: int, now: int) -> Any:
        return due(schedule._replace(catch_up="none"), armed, now)

    yield mock.patch.object(schedules, "due", late)


@plant("crons", "ticking", finders=("ticks",))
def _ticks_overlap() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(stored, "_unfinished", return_value=[])


@plant("crons", "ticking", finders=("ticks",))
def _jitter_comes_before_its_tick() -> Iterator[AbstractContextManager[object]]:
    jittered = ticks.jittered

    def early(seed: str, tick: int, bound: int) -> int:
        return 2 * tick - jittered(seed, tick, bound)

    yield mock.patch.object(schedules, "jittered", early)


@plant("left", "hurried", finders=("left",))
def _timers_outlive_their_runs() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(timers, "forget_times")
