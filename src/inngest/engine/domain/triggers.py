"""What an event starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from inngest.protocol import limits
from inngest.protocol.calls import EventData
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import SentEvent

from . import cancellations
from .model import Event, FunctionSpec, Registry, Run, RunStatus, Start
from .placing import place

FUNCTION_FAILED = "inngest/function.failed"
FUNCTION_INVOKED = "inngest/function.invoked"


def stored(sent: SentEvent, now: int, new_id: Callable[[int], str]) -> Event:
    """The event as it is stored: with an id, and a time."""
    return Event(sent.id or new_id(now), sent.name, sent.data, sent.ts or now, sent.key, now)


def starts(events: Iterable[Event], registry: Registry, now: int, new_id: Callable[[int], str]) -> list[Start]:
    """The runs that events start, in order."""
    return [
        start(function, event, now, new_id) for event in events for function in registry.by_event.get(event.name, ())
    ]


def start(function: FunctionSpec, event: Event, now: int, new_id: Callable[[int], str]) -> Start:
    """A run of a function for an event; an event from the future delays it."""
    due_at = event.ts if event.ts > now + limits.FUTURE_EVENT_GRACE else now
    placed = place(function, event, now)
    cancels = cancellations.of(function)
    run = Run(
        id=new_id(now),
        function_id=function.id,
        function_version=function.version,
        event_id=event.id,
        status=RunStatus.QUEUED,
        created_at=now,
        retries=function.retries,
        watched=bool(cancels),
        lane=None if placed is None or not placed.lane.budgets else placed.lane.id,
    )
    watches = cancellations.watches_of(run.id, cancels, event, now) if cancels else ()
    return Start(run, due_at, event.key, watches, placed)


def invoked_event(data: str, now: int, new_id: Callable[[int], str]) -> Event:
    """The event with which a function is started by itself, whatever its triggers (server-semantics §8)."""
    return Event(new_id(now), FUNCTION_INVOKED, data, now, "", now)


def failed_event(
    run_id: str,
    function_id: str,
    error: ErrorInfo,
    events: Sequence[EventData],
    now: int,
    new_id: Callable[[int], str],
) -> Event:
    """The event `inngest/function.failed` about a run (server-semantics §7)."""
    originals = [
        {"id": event.id, "name": event.name, "data": json.loads(event.data), "ts": event.ts} for event in events
    ]
    details = {"name": error.name, "message": error.message, "stack": error.stack or ""}
    data = {
        "function_id": function_id,
        "run_id": run_id,
        "event": originals[0],
        "events": originals,
        "error": {"error": error.name, **details},
        "result": {"code": error.code or "unknown", **details},
        "_inngest": {"status": "Failed"},
    }
    return Event(new_id(now), FUNCTION_FAILED, json.dumps(data), now, run_id, now)


def failure_starts(
    function_id: str, event: Event, registry: Registry, now: int, new_id: Callable[[int], str]
) -> list[Start]:
    """The run of a function's failure handler, if it has one."""
    handler = registry.by_failure.get(function_id)
    return [] if handler is None else [start(handler, event, now, new_id)]
