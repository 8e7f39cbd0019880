"""Events that the engine itself sends: events about runs that ended, and those that start a function directly.

Names and members of their data are those that other engines of this API send, without ids of their tables and traces.

A run that an event about an end has started ends without a word; and what a run invokes or defers that listens to
invocations or defers, or what that invokes or defers, is not told to those who listen: else whoever listens would start
itself for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from inngest.protocol import codec
from inngest.protocol.calls import EventData
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.events import CANCELLED, DEFERRED, FAILED, FINISHED, INVOKED

from .event_view import value_of
from .model import Defer, Ended, Event, Run, RunStatus

ENDS = frozenset({FAILED, FINISHED, CANCELLED})

_STATUSES = {RunStatus.COMPLETED: "Completed", RunStatus.FAILED: "Failed", RunStatus.CANCELLED: "Cancelled"}


class Invoker(NamedTuple):
    """The step that invokes a function."""

    run: Run
    hash: str
    step: str  # its id, as the developer wrote it
    expires_at: int
    quiet: bool  # nobody else is told


def is_silent(causes: Sequence[EventData]) -> bool:
    """Whether a run that these events started ends without a word."""
    return any(event.name in ENDS for event in causes)


def is_quiet(run: Run, causes: Sequence[EventData]) -> bool:
    """Whether what the run invokes or defers is told to nobody else."""
    if causes[0].name not in (INVOKED, DEFERRED):
        return False
    about = codec.loads(causes[0].data).get("_inngest", {})
    return bool(about.get("fn_id") != run.function_id or about.get("quiet"))


def of_end(run: Run, ended: Ended, causes: Sequence[EventData], now: int, new_id: Callable[[int], str]) -> Event:
    """The event about a failed or cancelled run."""
    name = FAILED if ended.status is RunStatus.FAILED else CANCELLED
    return Event(new_id(now), name, codec.dumps(_about(run, ended, causes)), now, run.id, now)


def of_finish(run: Run, ended: Ended, causes: Sequence[EventData], now: int, new_id: Callable[[int], str]) -> Event:
    """The event `inngest/function.finished` about any run that ended."""
    return Event(new_id(now), FINISHED, codec.dumps(_about(run, ended, causes)), now, "", now)


def of_invocation(
    function_id: str, data: str, now: int, new_id: Callable[[int], str], by: Invoker | None = None, *, key: str = ""
) -> Event:
    """The event with which a function is started by itself, whatever its triggers: `inngest/function.invoked`.

    Args:
        function_id: `app-function`.
        data: JSON text of an object.
        now: unix ms.
        new_id: makes ULIDs.
        by: the step that invokes it; None: a request does.
        key: the id that whoever asks for it gave it; "" for none.
    """
    about: dict[str, object] = {"fn_id": function_id}
    if by is not None:
        about |= {
            "correlation_id": f"{by.run.id}.{by.hash}",
            "expire": by.expires_at,
            "name": by.step,
            "source_fn_id": by.run.function_id,
        }
        if by.quiet:
            about["quiet"] = True
    return Event(new_id(now), INVOKED, _with(data, about), now, key, now)


def invoked_function(event: Event) -> str | None:
    """The function that an event starts by itself; None if it starts none so."""
    if event.name != INVOKED:
        return None
    about = codec.loads(event.data).get("_inngest", {})
    return str(about["fn_id"]) if "fn_id" in about else None


def of_defer(run: Run, defer: Defer, quiet: bool, now: int, new_id: Callable[[int], str]) -> Event:
    """The event with which a deferred function is started, whatever its triggers. SDKs read who `parent_…` is."""
    about: dict[str, object] = {
        "fn_id": defer.function_id,
        "name": defer.step.id,
        "source_fn_id": run.function_id,
        "source_run_id": run.id,
        "source_hash": defer.step.hash,
        "parent_fn_slug": run.function_id,
        "parent_run_id": run.id,
    }
    if quiet:
        about["quiet"] = True
    return Event(new_id(now), DEFERRED, _with(defer.data, about), now, "", now)


def _with(data: str, about: Mapping[str, object]) -> str:
    """The JSON text of an object with one more member; the last of two with the same name counts."""
    comma = "" if data == "{}" else ","
    return f'{data[:-1]}{comma}"_inngest":{codec.dumps(about)}}}'


def _about(run: Run, ended: Ended, causes: Sequence[EventData]) -> dict[str, object]:
    events = [value_of(event) for event in causes]
    about: dict[str, object] = {
        "function_id": run.function_id,
        "run_id": run.id,
        "event": {**events[0], "user": {}},
        "events": events,
        "_inngest": {"status": _STATUSES[ended.status]},
    }
    if run.parent_id is not None:
        about["correlation_id"] = f"{run.parent_id}.{run.parent_hash}"
    if ended.status is RunStatus.COMPLETED:
        about["result"] = codec.loads(ended.output or "null")
    elif ended.status is RunStatus.FAILED and ended.error is not None:
        about |= _failure(ended.error)
    return about


def _failure(error: ErrorInfo) -> dict[str, object]:
    details = {"name": error.name, "message": error.message, "stack": error.stack or ""}
    return {"error": {"error": error.name, **details}, "result": {"code": error.code or "unknown", **details}}
