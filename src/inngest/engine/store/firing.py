"""Timers that fall due: each is done in the transaction that removes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from inngest.engine.domain import triggers
from inngest.engine.domain.gates import ARCHIVED, BatchState, DebounceState, skipped
from inngest.engine.domain.model import Event, FunctionSpec, RunStatus
from inngest.engine.domain.starts import Start
from inngest.engine.domain.transitions import FINAL
from inngest.engine.records import Fired, Notifications
from inngest.protocol import durations, limits, ulids
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Arrival
from inngest.runtime.careful import CarefulLogger

from . import bulk_cancelling, cancelling, events, holding, lanes, parcels, schedules, timers, waits
from .allowance import OF_CANCELLATION, Allowance
from .context import WriteContext
from .core import bindparam, select, tables
from .gates import UNREAD, Unread
from .starting import Wanted, gatekeeper, insert_starts, rows_of_start, tell_parents
from .statement import Statement
from .telling import Marker, Teller
from .timers import (
    ACCEPT,
    ALWAYS,
    BATCH,
    CANCELLATION,
    DEBOUNCE,
    FINISH_TIMEOUT,
    LANES,
    RETRY,
    SLOTS,
    STAGED,
    START_TIMEOUT,
    STARTS,
    TELL,
    UNSAID,
    Timer,
)

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

AT_ONCE = 200
"""Timers of one transaction."""

TIMES_OF_RUN = Statement(
    "A timer that limits a run reads its status, and when it began.",
    lambda _: select(tables.runs.c.status, tables.runs.c.started_at).where(tables.runs.c.id == bindparam("run")),
)


class _Firing:
    """The timers that fall due in one transaction."""

    def __init__(self, context: WriteContext, now: int) -> None:
        self._tx = context
        self._now = now
        self._registry = context.registry
        self._ids = context.ids
        self._timers = context.timers
        self._keeper = gatekeeper(context)
        self.started: list[Start] = []
        self.said: list[Event] = []  # of ticks
        self.teller = Teller(context)
        self._allowance = Allowance.of(context)

    def debounce(self, timer: Timer) -> None:
        """No event has come for a while."""
        last = DebounceState(*timer.payload)
        self._add(self._keeper.debounced(self._start(last, last.event_id), timer.key))

    def batch(self, timer: Timer) -> None:
        """The first event has waited long enough."""
        collected = BatchState(*timer.payload)
        start = self._start(collected, collected.event_id)
        if start.gates is None:
            run = start.run._replace(batch_id=collected.batch_id)
            self._add([start._replace(run=run, due_at=self._now)])
        else:
            self._add(self._keeper.flush(start, start.gates, collected))

    def unread(self, timer: Timer) -> None:
        """A start could not be read, and may be now."""
        put_off = Unread(*timer.payload)
        function = self._registry.functions.get(put_off.function_id)
        if function is None:
            self._forgotten(timer.key, put_off)
            return
        event = self._event(put_off.event_id)
        found = triggers.again(function, event, self._registry, self._now, self._ids.ulid, direct=put_off.direct)
        self._keeper.readable(timer.key)
        started: list[Start] = []
        for start in found:
            run = start.run._replace(parent_id=put_off.parent_id, parent_hash=put_off.parent_hash)
            start = start._replace(run=run)
            if put_off.keyed:
                start = start._replace(key="")
            started += [start] if start.gates is None and not start.key else self._keeper.judge(start)
        self._add(started)
        tell_parents(self._tx, started, self._now)

    def _forgotten(self, run_id: str, put_off: Unread) -> None:
        """The function of a start that was put off is not known any more: for a day it may come back."""
        why = f"function {put_off.function_id} is not known any more"
        if self._now - _made_at(run_id) < limits.DAY:
            raise LookupError(why)
        LOGGER.warning("%s: it does not start with event %s", why, put_off.event_id)
        self._keeper.readable(run_id)
        if put_off.parent_id and put_off.parent_hash:
            error = ErrorInfo("FunctionNotFoundError", why)
            told = [Arrival(put_off.parent_id, put_off.parent_hash, None, error, self._now)]
            self._tx.arrived(waits.deliver(self._tx, told, self._now))

    def start_timeout(self, timer: Timer) -> None:
        """A run must have begun by now."""
        if timer.due_at == UNSAID:  # it has its time from now on
            self._timers.put(START_TIMEOUT, timer.key, self._now + timer.payload["after"], timer.payload)
        elif self._times(timer.key)[0] is RunStatus.QUEUED:
            after = durations.to_text(timer.payload["after"])
            self._cancel(timer.key, f"timeouts.start: it has not begun within {after}")

    def finish_timeout(self, timer: Timer) -> None:
        """A run must have ended by now, if it began as soon as it could; else it has its time from when it began."""
        status, started_at = self._times(timer.key)
        after: int = timer.payload["after"]
        due_at = (self._now if started_at is None else started_at) + after
        if status is None or status in FINAL:
            return
        if due_at <= self._now:
            self._cancel(timer.key, f"timeouts.finish: it has not ended within {durations.to_text(after)}")
        else:
            self._timers.put(FINISH_TIMEOUT, timer.key, due_at, timer.payload)

    def retry(self, timer: Timer) -> None:
        """Steps of a run were made due while it had an owner."""
        holding.go_on_with_retry(self._tx, timer.key, timer.payload, self._now)

    def tell(self, timer: Timer) -> None:
        """An event is still to be told to some who wait for it."""
        self.teller.go_on(timer.key, Marker(*timer.payload), self._now)

    def starts(self, timer: Timer) -> None:
        """Some of the runs that an event starts are still to be made: as if they had been when it was received."""
        event = self._event(timer.key)
        found = triggers.starts([event], self._registry, event.received_at, self._ids.ulid)
        self._want({timer.key}, [start for start in found if start.run.function_id > timer.payload], marker=timer.id)

    def accept(self, timer: Timer) -> None:
        """Events of a parcel are still to be accepted."""
        marker = parcels.Marker(*timer.payload)
        page = parcels.page(self._tx, timer.key, marker, self._registry, self._now, ALWAYS, self._timers)
        new = events.insert(self._tx, page.events)
        fresh = [event for event in page.events if event.id in new]
        self.teller.tell(fresh, self._now)
        self._want(new, triggers.starts(fresh, self._registry, self._now, self._ids.ulid))

    def lanes(self, timer: Timer) -> None:
        """A function was configured anew, and some of its lanes are still to be looked at again."""
        left = lanes.reconsider(self._tx, timer.key, timer.payload, self._now)
        if left is not None:
            self._timers.put(LANES, timer.key, ALWAYS, left)
        self._tx.notify(Notifications(queued=True))

    def slots(self, _: Timer) -> None:
        """Slots were given back of which nobody could say whose they are."""
        lanes.count_anew(self._tx, self._now)
        self._tx.notify(Notifications(queued=True))

    def staged(self, timer: Timer) -> None:
        """A parcel has not become whole."""
        if timer.due_at == UNSAID:
            self._timers.put(STAGED, timer.key, self._now + parcels.ABANDONED, timer.payload)
            return
        parcels.abandon(self._tx, timer.key, self._timers, AT_ONCE)

    def cancellation(self, timer: Timer) -> None:
        """Runs are still to be cancelled together with others."""
        after = str(timer.payload)
        page = bulk_cancelling.page(self._tx, timer.key, after, self._now, due_at=ALWAYS)
        self._allowance.take(page.ended * OF_CANCELLATION)

    def _want(self, new: set[str], starts: Sequence[Start], *, marker: str | None = None) -> None:
        """Make the runs that are wanted; `marker` is what they were left with, if they were: then they are first."""
        wanted = Wanted(self._tx, new, self._keeper, first=marker is not None)
        self.started += wanted.of(starts)
        wanted.mark(self._now, marker)

    def cron(self, timer: Timer) -> None:
        """A tick of a schedule, or several that nobody could fire."""
        ticked = schedules.fire(self._tx, timer, self._now)
        self.said += ticked.events
        own = {(start.run.function_id, start.run.event_id) for start in ticked.starts}
        listening = [
            start._replace(key="")  # ticks of different schedules may have the same
            for start in triggers.starts(ticked.events, self._registry, self._now, self._ids.ulid)
            if (start.run.function_id, start.run.event_id) not in own
        ]
        self._allowance.take(len(ticked.events))
        for start in ticked.starts:
            self._add([start] if start.gates is None else self._keeper.admit(start, start.gates))
        for start in listening:
            self._add([start] if start.gates is None else self._keeper.judge(start))

    def _add(self, starts: Sequence[Start]) -> None:
        self._allowance.take(sum(map(rows_of_start, starts)))
        self.started += starts

    def _times(self, run_id: str) -> tuple[RunStatus | None, int | None]:
        row = self._tx.execute(TIMES_OF_RUN, {"run": run_id}).fetchone()
        return (None, None) if row is None else (RunStatus(row[0]), row[1])

    def _cancel(self, run_id: str, reason: str) -> None:
        self._allowance.take(OF_CANCELLATION)
        cancelling.cancel(self._tx, [run_id], reason, self._now)

    def _start(self, kept: DebounceState | BatchState, event_id: str) -> Start:
        """The run, of the function as it is now; of one that is not known any more, as it was."""
        found = self._registry.known(kept.function_id)
        function = found or FunctionSpec(kept.function_id, "", "", kept.version, kept.retries, (), None, "{}")
        paused = self._registry.paused.get(function.id)
        start = triggers.collected(function, self._event(event_id), self._now, self._ids.ulid, paused=paused)
        return start.skip(skipped(ARCHIVED)) if function.archived else start

    def _event(self, event_id: str) -> Event:
        found = events.event(self._tx, event_id)
        assert found is not None, f"event {event_id} is collected, but not stored"
        return found


def _made_at(ulid: str) -> int:
    """When an id was made, unix ms; long ago if it is none of ours."""
    try:
        return ulids.read(ulid)[0]
    except ValueError:
        return 0


_KINDS: dict[str, Callable[[_Firing, Timer], Any]] = {
    DEBOUNCE: _Firing.debounce,
    BATCH: _Firing.batch,
    UNREAD: _Firing.unread,
    START_TIMEOUT: _Firing.start_timeout,
    FINISH_TIMEOUT: _Firing.finish_timeout,
    TELL: _Firing.tell,
    STARTS: _Firing.starts,
    ACCEPT: _Firing.accept,
    STAGED: _Firing.staged,
    LANES: _Firing.lanes,
    SLOTS: _Firing.slots,
    RETRY: _Firing.retry,
    CANCELLATION: _Firing.cancellation,
    schedules.CRON: _Firing.cron,
}


def fire(context: WriteContext, now: int, only: str | None = None) -> Fired:
    """Do what is due; of one timer `only`, by its id.

    Raises:
        Exception: one of them cannot be done, and none is.
    """
    context.keep_time(now)
    firing = _Firing(context, now)
    allowance = Allowance.of(context)
    for timer in context.timers.take_due(now, AT_ONCE, only):
        if timer.kind not in _KINDS:
            raise ValueError(f"there are no timers of kind {timer.kind!r}: is it of a newer version?")
        _KINDS[timer.kind](firing, timer)
        if allowance.rows <= 0:  # the others stay due
            break
    if firing.said:
        events.insert(context, firing.said)
        firing.teller.tell(firing.said, now)
    insert_starts(context, [(start, None) for start in firing.started])
    if firing.started:
        context.notify(Notifications(queued=True))
    return Fired(firing.started, context.alarm.look(context))


def put_off(context: WriteContext, timer_id: str, error: str, now: int) -> None:
    """A timer cannot be done: it falls due again later."""
    timers.put_off(context, timer_id, error, now, context.alarm)
