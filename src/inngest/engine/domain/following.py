"""What follows from what was decided for a run: the events that are stored with it, and the runs that they start."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from inngest.protocol import limits
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import Opcode

from . import announcements, triggers
from .announcements import Invoker
from .model import Changes, Ended, Event, Registry, Run, RunStatus, Start, Wait

Plan: TypeAlias = Callable[[Registry], Sequence[Start]]
"""Finds the runs that events start. Pure, and called in the transaction that stores them, so that no function that
another process registers meanwhile is missed."""

AT_ONCE = 250
"""Events that are accepted in one transaction, at most."""

BYTES_AT_ONCE = 4 * limits.MB
"""Bytes of their data, at most, if they are several."""


class Following(NamedTuple):
    """What is stored with the changes of a run."""

    events: Sequence[Event]
    plan: Plan  # the runs that these events start
    finished: Callable[[], Event] | None = None  # the event about the end of the run, for whoever listens
    parcel: Sequence[Event] = ()  # events that steps sent, if they are too many to be accepted with the changes


def is_large(events: Sequence[Event]) -> bool:
    """Whether events that are sent together are a parcel: stored together, and accepted one after the other."""
    if len(events) <= 1:
        return False
    return len(events) > AT_ONCE or sum(len(event.data) for event in events) > BYTES_AT_ONCE


def following(
    run: Run, causes: Sequence[EventData], changes: Changes, now: int, new_id: Callable[[int], str]
) -> Following:
    """Events that steps sent, of functions that are invoked or deferred, about the run's end; and what they start."""
    transition = changes.transition
    if transition is None and not changes.sent and not changes.waits:
        return NOTHING
    over = transition if isinstance(transition, Ended) else None
    ended = None if over is None or announcements.is_silent(causes) else over
    # A run that grew too large with this very commit ends, and nobody would wait for what it invokes.
    invoking = [wait for wait in changes.waits if wait.step.kind is Opcode.INVOKE] if over is None else []
    deferred = () if over is None else over.deferred
    if not changes.sent and not invoking and not deferred and ended is None:
        return NOTHING
    events = [triggers.stored(event, now, new_id) for event in changes.sent]
    parcel = events if is_large(events) else ()
    events = [] if parcel else events
    quiet = bool(invoking or deferred) and announcements.is_quiet(run, causes)
    invoked = [(wait, _invoked_event(run, wait, quiet, now, new_id)) for wait in invoking]
    scheduled = [(one.function_id, announcements.of_defer(run, one, quiet, now, new_id)) for one in deferred]
    failed = None
    if ended is not None and ended.status is RunStatus.FAILED:
        failed = announcements.of_end(run, ended, causes, now, new_id)

    def plan(registry: Registry) -> list[Start]:
        started = triggers.starts(events, registry, now, new_id)
        for wait, event in invoked:
            by = (run.id, wait.step.step.hash)
            started += triggers.invoked(wait.target.name, event, registry, now, new_id, by=by, heard=not quiet)
        for function_id, event in scheduled:
            started += triggers.invoked(function_id, event, registry, now, new_id, heard=not quiet)
        if failed is not None:
            started += triggers.failure_starts(run.function_id, failed, registry, now, new_id)
            started += triggers.starts([failed], registry, now, new_id)
        return started

    said = [*events, *(event for _, event in (*invoked, *scheduled)), *([] if failed is None else [failed])]
    if ended is None:
        return Following(said, plan, parcel=parcel)
    finished = functools.partial(announcements.of_finish, run, ended, causes, now, new_id)
    return Following(said, plan, finished, parcel)


def _starts_nothing(_: Registry) -> Sequence[Start]:
    return ()


NOTHING = Following((), _starts_nothing)


def _invoked_event(run: Run, wait: Wait, quiet: bool, now: int, new_id: Callable[[int], str]) -> Event:
    step, target = wait.step, wait.target
    by = Invoker(run, step.step.hash, step.step.id, step.due_at, quiet)
    return announcements.of_invocation(target.name, target.data, now, new_id, by)
