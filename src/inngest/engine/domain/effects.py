"""Effects of an acceptance, or of a decision for a run, as data: events that are stored, and the runs they start.

The store asks `starts_of` in the transaction that stores the events, with the functions as they are there: so no
function that another process registers meanwhile is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from inngest.protocol import limits, traces
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import Opcode

from . import system_events, triggers
from .model import Changes, Ended, Event, Registry, Run, RunStatus, Wait
from .starts import Start
from .system_events import Invoker

AT_ONCE = 250
"""Events that are accepted in one transaction, at most."""

BYTES_AT_ONCE = 4 * limits.MB
"""Bytes of their data, at most, if they are several."""


class Invocation(NamedTuple):
    """An event that starts one function by itself, whatever its triggers: a run invokes the function, or defers it."""

    function_id: str
    event: Event
    by: tuple[str, str] | None = None  # the run that waits for it, and the hash of the step
    heard: bool = True  # functions that listen to such events start, too


class Failure(NamedTuple):
    """The event about a run that failed. It starts the failure handler of the function, and who listens to it."""

    function_id: str
    event: Event


class Finish(NamedTuple):
    """A run that ended. The event about it is only made if anyone listens."""

    run: Run
    ended: Ended
    causes: Sequence[EventData]  # events that started the run
    at: int
    trace: str = ""  # see `effects_of`

    def event(self, new_id: Callable[[int], str]) -> Event:
        """The event `inngest/function.finished` about it."""
        event = system_events.of_finish(self.run, self.ended, self.causes, self.at, new_id)
        return _traced(event, self.trace)


class Effects(NamedTuple):
    """Events and runs that are stored with the changes of a run."""

    sent: Sequence[Event] = ()  # by steps
    invocations: Sequence[Invocation] = ()
    failure: Failure | None = None
    finish: Finish | None = None
    parcel: Sequence[Event] = ()  # events that steps sent, if they are too many to be accepted with the changes

    @property
    def events(self) -> Sequence[Event]:
        """The events that are stored in the same transaction."""
        if not self.invocations and self.failure is None:
            return self.sent
        failed = [] if self.failure is None else [self.failure.event]
        return [*self.sent, *(one.event for one in self.invocations), *failed]


NOTHING = Effects()


def is_large(events: Sequence[Event]) -> bool:
    """Whether events that are sent together are a parcel: stored together, and accepted one after the other."""
    if len(events) <= 1:
        return False
    return len(events) > AT_ONCE or sum(len(event.data) for event in events) > BYTES_AT_ONCE


def effects_of(
    run: Run,
    causes: Sequence[EventData],
    changes: Changes,
    now: int,
    new_id: Callable[[int], str],
    trace: str = "",
) -> Effects:
    """Events that steps sent, of functions that are invoked or deferred, and about the run's end.

    Args:
        run: it.
        causes: events that started it.
        changes: what was decided for it.
        now: unix ms.
        new_id: makes ULIDs.
        trace: `traceparent` of the run, if its spans are recorded: what it causes is a part of that trace. "": of the
            one that its event tells.
    """
    transition = changes.transition
    if transition is None and not changes.sent and not changes.waits:
        return NOTHING
    over = transition if isinstance(transition, Ended) else None
    ended = None if over is None or system_events.is_silent(causes) else over
    # A run that grew too large with this very commit ends, and nobody would wait for what it invokes.
    invoking = [wait for wait in changes.waits if wait.step.kind is Opcode.INVOKE] if over is None else []
    deferred = () if over is None else over.deferred
    if not changes.sent and not invoking and not deferred and ended is None:
        return NOTHING
    trace = trace or traces.carried(run.id, causes[0].extra if causes else None)
    sent = [triggers.stored(event, now, new_id) for event in changes.sent]
    if trace:
        sender = changes.memos[0].step.hash if len(changes.memos) == 1 else None
        parent = trace if sender is None else traces.of_step(trace, run.id, sender)
        sent = [_traced(event, parent) for event in sent]
    parcel = sent if is_large(sent) else ()
    quiet = bool(invoking or deferred) and system_events.is_quiet(run, causes)
    invocations = [_invocation(run, wait, quiet, now, new_id, trace) for wait in invoking]
    for one in deferred:
        event = _traced(system_events.of_defer(run, one, quiet, now, new_id), trace)
        invocations.append(Invocation(one.function_id, event, heard=not quiet))
    failure = None
    if ended is not None and ended.status is RunStatus.FAILED:
        failure = Failure(run.function_id, _traced(system_events.of_end(run, ended, causes, now, new_id), trace))
    finish = None if ended is None else Finish(run, ended, causes, now, trace)
    return Effects(() if parcel else sent, invocations, failure, finish, parcel)


def _traced(event: Event, parent: str) -> Event:
    """An event with its parent; one that has a parent keeps it."""
    return event._replace(extra=traces.with_parent(event.extra, parent)) if parent else event


def _invocation(run: Run, wait: Wait, quiet: bool, now: int, new_id: Callable[[int], str], trace: str) -> Invocation:
    step, target = wait.step, wait.target
    by = Invoker(run, step.step.hash, step.step.id, step.due_at, quiet)
    event = system_events.of_invocation(target.name, target.data, now, new_id, by)
    event = _traced(event, traces.of_step(trace, run.id, step.step.hash))
    return Invocation(target.name, event, (run.id, step.step.hash), heard=not quiet)


def starts_of(effects: Effects, registry: Registry, now: int, new_id: Callable[[int], str]) -> list[Start]:
    """The runs that the events of a commit start."""
    started = triggers.starts(effects.sent, registry, now, new_id)
    for function_id, event, by, heard in effects.invocations:
        started += triggers.invoked(function_id, event, registry, now, new_id, by=by, heard=heard)
    if effects.failure is not None:
        function_id, event = effects.failure
        started += triggers.failure_starts(function_id, event, registry, now, new_id)
        started += triggers.starts([event], registry, now, new_id)
    return started


def starts_of_accepted(
    events: Sequence[Event], invoke: str, registry: Registry, now: int, new_id: Callable[[int], str]
) -> list[Start]:
    """The runs that accepted events start. With `invoke`, their one event starts that function by itself.

    An unknown function is not invoked, and nobody who listens to invocations is told.
    """
    if not invoke:
        return triggers.starts(events, registry, now, new_id)
    if invoke not in registry.functions:
        return []
    return [start for event in events for start in triggers.invoked(invoke, event, registry, now, new_id)]
