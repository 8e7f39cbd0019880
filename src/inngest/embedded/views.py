"""Runs as a caller sees them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from inngest.engine.domain import holding
from inngest.engine.domain.ai_usage import Usage
from inngest.engine.domain.explaining import LATEST, text_of
from inngest.engine.domain.model import Defer, Event, FailedAttempt, RunStatus
from inngest.engine.domain.model import Hold as StoredHold
from inngest.engine.domain.model import Run as StoredRun
from inngest.engine.domain.run_metadata import Metadata
from inngest.engine.records import RunView
from inngest.protocol import codec
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import REQUESTS, WAITS, Memo, Opcode, OpenStep
from inngest.sdk.steps.current import StepState

T = TypeVar("T")

__all__ = ["Attempt", "DeferRecord", "Hold", "Run", "RunStatus", "RunningStep", "StepRecord", "StepState", "Usage"]


@dataclass(frozen=True)
class Attempt:
    """One recorded try of a step, or of the function's body between steps."""

    number: int  # from 0
    started_at: datetime.datetime  # aware, UTC
    ended_at: datetime.datetime  # aware, UTC
    error: ErrorInfo | None  # None: it succeeded
    step: str | None = None  # id of a step that an app ran in this try of the body, and that is not recorded yet


@dataclass(frozen=True)
class RunningStep:
    """A handler that runs now, in this engine."""

    run_id: str  # ULID
    function_id: str  # "{app}-{fn}"
    step: str  # as written by the developer, with `:n` for a repeat
    attempt: int  # from 0
    state: StepState  # whether it was asked to stop, and whether it knows


@dataclass(frozen=True)
class StepRecord:
    """The record of one step."""

    id: str  # as written by the developer, with `:n` for a repeat
    kind: str  # "StepRun", "Sleep", …
    status: str  # "completed", "failed", "cancelled" (also: open when its run ended); open: "retrying", "sleeping", …
    started_at: datetime.datetime  # the last try began; a sleep was recorded
    ended_at: datetime.datetime | None  # None while it is open
    due_at: datetime.datetime | None  # when an open step goes on; of one that waits, when it gives up
    attempts: tuple[Attempt, ...]  # every recorded try, the successful one too
    output: object  # what the handler returned; None while there is nothing
    error: ErrorInfo | None  # why it failed for good
    usage: Usage | None = None  # of `step.ai.infer`: the model, the tokens, why it stopped, the tools it calls
    kept: bool = False  # of a rerun: it was recorded by the run that is run again


@dataclass(frozen=True)
class DeferRecord:
    """The record of one function that a run deferred."""

    id: str  # as written by the developer, with `:n` for a repeat
    function_id: str  # "{app}-{fn}"
    data: Mapping[str, object]  # of its event
    status: (
        str  # "deferred", "aborted", "rejected"; when the run has ended "scheduled", or "dropped" if it was cancelled
    )
    created_at: datetime.datetime  # aware, UTC: when it was recorded
    error: ErrorInfo | None = None  # why it was rejected: an app has deferred too much


@dataclass(frozen=True)
class Said:
    """Something that code or people have said about a run, or about a step of it, beside the result."""

    kind: str  # "inngest.score", or a name of the user's
    step: str | None  # id of the step as written by the developer, its hash if it is not recorded; None: of the run
    attempt: int | None  # of that step, from 0; None: the last
    values: object  # as JSON
    at: datetime.datetime  # aware, UTC: when it was said, or changed last


@dataclass(frozen=True)
class Hold:
    """A run is on hold: the code that its workers have is not the code that began it."""

    sign: str  # by what it shows: "called", "returned", "kind", "given up", "value"
    step: str  # id of the recorded step that the code does not come to, or that is another now
    call: str  # id of the call that stands in its place; "" if the function returns
    text: str  # one sentence, for people
    times: int  # how often since it went on last
    since: datetime.datetime  # aware, UTC


@dataclass(frozen=True)
class Run:
    """A run."""

    id: str  # ULID
    function_id: str  # "{app}-{fn}"
    status: RunStatus
    event_id: str  # id of the (first) event that started it
    created_at: datetime.datetime  # aware, UTC
    started_at: datetime.datetime | None  # when its function was first entered
    ended_at: datetime.datetime | None
    output: object  # what the function returned; None while there is nothing
    error: ErrorInfo | None  # why it failed, or was cancelled or skipped
    event: Mapping[str, object] | None = None  # id, name, data, ts; None in a list of runs
    steps: tuple[StepRecord, ...] = ()  # in the order of their commits, open ones last; empty in a list of runs
    attempts: tuple[Attempt, ...] = ()  # failed tries of the body between steps; empty in a list of runs
    events: tuple[Mapping[str, object], ...] = ()  # all of a batch, or the one; empty in a list of runs
    batch_id: str | None = None  # ULID of the batch of events that started it; None if one event did
    defers: tuple[DeferRecord, ...] = ()  # in the order in which they were made; empty in a list of runs
    hold: Hold | None = None  # why it is on hold, if it is
    follows: bool = False  # its steps are found by their ids alone: see `on_change`
    unasked: tuple[str, ...] = ()  # ids of recorded steps that the code which ended it did not come to
    unreadable: tuple[str, ...] = ()  # what of it is damaged, or of a newer version, in words; it is left out here
    origin_id: str | None = None  # of a rerun: the run that it runs again, which may be gone
    origin_step: str | None = None  # of a rerun from a step on: the id of that step, with `:n` for a repeat
    origin_input: tuple[object, ...] | None = None  # of a rerun: what that step's handler gets instead of its arguments
    reruns: tuple[str, ...] = ()  # ids of its reruns, the newest first, up to 20; empty in a list of runs
    erased_at: datetime.datetime | None = None  # aware, UTC: when its data were erased
    erased_by: str | None = None  # who erased them, as the audit knows it; None in a list of runs


def run_of(run: StoredRun) -> Run:
    """A run without its details."""
    unread = list(run.unread)
    output = _loaded(run.output, "its result", unread)
    error = None if run.error is None else _part(lambda: ErrorInfo.from_json(run.error or ""), "its error", unread)
    return Run(
        id=run.id,
        function_id=run.function_id,
        status=run.status,
        event_id=run.event_id,
        created_at=_time(run.created_at),
        started_at=optional_time(run.started_at),
        ended_at=optional_time(run.ended_at),
        output=output,
        error=error,
        batch_id=run.batch_id,
        hold=None if run.code.hold is None or run.ended_at is not None else hold_of(run.code.hold),
        follows=run.follows,
        unasked=run.code.unasked,
        origin_id=None if run.origin is None else run.origin.run_id,
        origin_step=None if run.origin is None else run.origin.step or None,
        origin_input=_input(run, unread),
        unreadable=tuple(unread),
        erased_at=optional_time(run.erased_at),
    )


def _input(run: StoredRun, unread: list[str]) -> tuple[object, ...] | None:
    """The replaced arguments of a rerun."""
    given = None if run.origin is None else run.origin.input
    return None if given is None else _part(lambda: tuple(codec.loads(given)), "its replaced arguments", unread)


def _part(read: Callable[[], T], what: str, unread: list[str]) -> T | None:
    """A part of what is shown; None if it cannot be read, and then that is told."""
    try:
        return read()
    except Exception as error:
        unread.append(f"{what}: {text_of(error)}")
        return None


def _loaded(text: str | None, what: str, unread: list[str]) -> Any:
    """The value of a JSON text."""
    return None if text is None else _part(lambda: codec.loads(text), what, unread)


def hold_of(hold: StoredHold) -> Hold:
    """Why a run is on hold, with a sentence for people."""
    text = holding.what_changed(hold)
    return Hold(hold.sign.value, hold.step, hold.call, f"{text}.", hold.times, _time(hold.since))


def run_in_full(view: RunView) -> Run:
    """A run with its event, steps and attempts."""
    bare = run_of(view.run)
    unread = list(bare.unreadable)
    failed: dict[str, list[Attempt]] = {}
    for one in view.failed_by_entry:
        failed.setdefault(one.step, []).append(_attempt(one))
    kept = 0 if view.run.origin is None else view.run.origin.kept
    return Run(
        **{
            **vars(bare),
            "event": _event(view.event, unread),
            "events": tuple(_event(event, unread) for event in view.batch or [view.event]),
            "steps": tuple(
                replace(
                    _step(entry, failed.get(entry.step.hash, []), view.metadata.get(entry.step.hash), unread),
                    kept=entry.seq < kept,
                )
                for entry in view.memos
            )
            + tuple(
                _open_step(entry, tuple(failed.get(entry.step.hash, ())), over=bare.ended_at is not None)
                for entry in view.open
            ),
            "reruns": tuple(view.reruns),
            "erased_by": view.eraser,
            "attempts": tuple(failed.get("", ())),
            "defers": tuple(_defer(one, bare.status, unread) for one in view.defers),
            "unreadable": tuple(dict.fromkeys(unread)),
        }
    )


def said_of(view: RunView, said: Sequence[Metadata]) -> list[Said]:
    """All that is said about a run and its steps: by its apps, with results of steps, and by whomever since."""
    steps = [memo.step for memo in view.memos] + [step.step for step in view.open]
    names: dict[str | None, str] = {one.hash: one.text for one in steps}
    unread: list[str] = []
    found: list[Said] = []
    for memo in view.memos:
        told = _loaded(view.metadata.get(memo.step.hash), "", unread)
        for one in told if isinstance(told, list) else ():
            if isinstance(one, dict):
                step = None if one.get("scope") == "run" else memo.step.text
                found.append(Said(str(one.get("kind")), step, None, one.get("values"), _time(memo.ended_at)))
    for more in said:
        about = None if more.hash is None else names.get(more.hash, more.hash)
        found.append(Said(more.kind, about, more.attempt, _loaded(more.values, "", unread), _time(more.at)))
    return found


def _step(entry: Memo, failed: list[Attempt], metadata: str | None, unread: list[str]) -> StepRecord:
    attempts = tuple(failed)
    if (entry.kind is Opcode.STEP_RUN or entry.kind in REQUESTS) and not entry.cancelled:
        last = Attempt(entry.attempt, _time(entry.started_at), _time(entry.ended_at), entry.error)
        attempts = (*attempts, last)
    status = "cancelled" if entry.cancelled else "completed" if entry.error is None else "failed"
    return StepRecord(
        entry.step.text,
        entry.kind.value if entry.kind is not None else "",
        status,
        _time(entry.started_at),
        _time(entry.ended_at),
        None,
        attempts,
        _loaded(entry.data, f"the result of step {entry.step.text!r}", unread),
        entry.error,
        _part(lambda: _usage(metadata), f"what is known beside the result of step {entry.step.text!r}", unread),
    )


def _open_step(entry: OpenStep, failed: tuple[Attempt, ...], *, over: bool) -> StepRecord:
    """An open step. One of a run that is `over` waits for nothing more: it was given up."""
    status = "sleeping" if entry.kind is Opcode.SLEEP else "waiting" if entry.kind in WAITS else "retrying"
    if over or entry.begun:
        status = "cancelled" if over else "running"
    due_at = None if over or entry.begun else _time(entry.due_at)
    return StepRecord(
        entry.step.text, entry.kind.value, status, _time(entry.created_at), None, due_at, failed, None, None
    )


_DEFERS = {
    RunStatus.COMPLETED: "scheduled",
    RunStatus.FAILED: "scheduled",
    RunStatus.CANCELLED: "dropped",
}


def _defer(defer: Defer, status: RunStatus, unread: list[str]) -> DeferRecord:
    return DeferRecord(
        defer.step.text,
        defer.function_id,
        _loaded(defer.data, f"the data of {defer.step.text!r}, which is deferred", unread) or {},
        "rejected" if defer.rejected is not None else "aborted" if defer.aborted else _DEFERS.get(status, "deferred"),
        _time(defer.created_at),
        defer.rejected,
    )


def _usage(metadata: str | None) -> Usage | None:
    told = None if metadata is None else codec.loads(metadata)
    found = None if isinstance(told, list) else told and told.get("usage")  # a list came with the report of an app
    return None if found is None else Usage(**{**found, "tools": tuple(found["tools"])})


def _attempt(failed: FailedAttempt) -> Attempt:
    step = None if failed.step else failed.name or None
    return Attempt(failed.attempt, _time(failed.started_at), _time(failed.ended_at), failed.error, step)


def _event(event: Event, unread: list[str]) -> dict[str, object]:
    data = _loaded(event.data, f"the data of event {event.id}", unread)
    return {"id": event.key or event.id, "name": event.name, "data": data, "ts": event.ts}


def _time(ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(min(max(ms, 0), LATEST) / 1000, datetime.UTC)


def optional_time(ms: int | None) -> datetime.datetime | None:
    """A time, aware and in UTC, of unix ms."""
    return None if ms is None else _time(ms)
