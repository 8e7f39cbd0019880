"""Rows of tables, and the values they stand for."""

from __future__ import annotations

import json
import logging
from types import NoneType
from typing import Any

from inngest.engine.domain.model import (
    Code,
    Defer,
    Discovery,
    Event,
    FailedAttempt,
    FunctionSpec,
    Origin,
    Run,
    RunStatus,
    Transport,
)
from inngest.engine.records import Owner, Session
from inngest.protocol import codec
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Entry, Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.runtime.careful import CarefulLogger

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

LARGEST = 1 << 61
"""Beyond it, a number that is stored is none that was written: sums with it would not be stored."""

RUN_COLUMNS = (
    "id",
    "function_id",
    "function_version",
    "event_id",
    "status",
    "created_at",
    "retries",
    "started_at",
    "ended_at",
    "attempt",
    "takeovers",
    "output",
    "error",
    "batch_id",
    "parent_id",
    "parent_hash",
    "watched",
    "lane",
    "follows",
    "code",
    "generation",
    "request_version",
    "owed",
    "discover_at",
    "origin_id",
    "origin_step",
    "erased_at",
)

_DISCOVERY = ("generation", "request_version", "owed", "discover_at")

_COUNTS = ("created_at", "retries", "attempt", "takeovers")
"""Columns of a run that its worker counts with."""

STEP_COLUMNS = (
    "hash",
    "step_id",
    "repeat",
    "kind",
    "seq",
    "attempt",
    "started_at",
    "due_at",
    "ended_at",
    "data",
    "error",
    "cancelled",
    "mode",
    "op",
)


FUNCTION_COLUMNS = (
    "id",
    "app_id",
    "name",
    "version",
    "retries",
    "events",
    "failure_of",
    "config",
    "transport",
    "url",
    "uuid",
    "archived_at",
)

EVENT_COLUMNS = ("id", "name", "data", "ts", "key", "received_at", "extra")

NEW_RUN_COLUMNS = (*RUN_COLUMNS[:11], "takeover_steps", *RUN_COLUMNS[11:18], "session_id", "token", "slots")

NEW_STEP_COLUMNS = ("run_id", *STEP_COLUMNS[:-2])

ONCE = "once"
"""In the column `op` of a planned step: its attempt is not to be repeated if nobody knows how it went."""

NEW_OPEN_COLUMNS = (*NEW_STEP_COLUMNS, "mode", "op")

FAILED_COLUMNS = ("run_id", "hash", "attempt", "ended_at", "started_at", "error")


def number_of(value: Any, otherwise: int = 0) -> int:
    """A whole number as it is stored, also as text; something else if it is none, or a time nobody can mean."""
    try:
        number = int(value)
    except (ValueError, TypeError, OverflowError):
        return otherwise
    return number if -LARGEST <= number <= LARGEST else otherwise


def tie_breaker(value: object) -> str:
    """A text by which an id sorts among others of the same time. One that is no text compares with none."""
    return value if isinstance(value, str) else repr(value)


def event_row(event: Event) -> tuple[object, ...]:
    """The row of EVENT_COLUMNS of an event."""
    return (event.id, event.name, event.data, event.ts, event.key, event.received_at, event.extra)


def run_row(run: Run, owner: Owner | None) -> tuple[object, ...]:
    """The row of NEW_RUN_COLUMNS of a run that was not there before; with an owner it has begun."""
    return (
        run.id,
        run.function_id,
        run.function_version,
        run.event_id,
        run.status.value if owner is None else RunStatus.RUNNING.value,
        run.created_at,
        run.retries,
        run.started_at if owner is None else run.created_at,
        run.ended_at,
        run.attempt,
        run.takeovers,
        0,
        run.output,
        run.error,
        run.batch_id,
        run.parent_id,
        run.parent_hash,
        int(run.watched),
        run.lane,
        None if owner is None else owner.session,
        None if owner is None else owner.token,
        int(owner is not None and run.lane is not None),
    )


def run_of(row: tuple[Any, ...]) -> Run:
    """The run of a row of RUN_COLUMNS."""
    values: dict[str, Any] = dict(zip(RUN_COLUMNS, row, strict=True))
    for name in _COUNTS:
        if not isinstance(values[name], int):
            raise ValueError(f"its {name} is {values[name]!r}")
    values["status"] = RunStatus(values["status"])
    values["watched"] = bool(values["watched"])
    values["follows"] = bool(values["follows"])
    values["code"] = Code.from_json(values["code"])
    generation, version, owed, at = (values.pop(name) for name in _DISCOVERY)
    values["discovery"] = Discovery(number_of(generation), number_of(version, -1), bool(owed), number_of(at))
    values["origin"] = Origin.read(values.pop("origin_id"), values.pop("origin_step"))
    return Run(**values)


def memo_row(run_id: str, memo: Memo) -> tuple[object, ...]:
    """The row of NEW_STEP_COLUMNS of a finished step."""
    step, kind = memo.step, memo.kind
    assert kind is not None, "the engine knows the kinds of its steps"
    return (
        run_id,
        step.hash,
        step.id,
        step.repeat,
        kind.value,
        memo.seq,
        memo.attempt,
        memo.started_at,
        None,
        memo.ended_at,
        memo.data,
        None if memo.error is None else memo.error.to_json(),
        int(memo.cancelled),
    )


def open_row(run_id: str, open_step: OpenStep) -> tuple[object, ...]:
    """The row of NEW_OPEN_COLUMNS of an open step."""
    step = open_step.step
    return (
        run_id,
        step.hash,
        step.id,
        step.repeat,
        open_step.kind.value,
        None,
        open_step.attempt,
        open_step.created_at,
        None if open_step.begun else open_step.due_at,
        None,
        None,
        None,
        0,
        open_step.mode or None,
        ONCE if open_step.once else None,
    )


def defer_row(run_id: str, defer: Defer) -> tuple[object, ...]:
    """The row of NEW_STEP_COLUMNS of what is deferred: it has neither a place in the run's order nor a time."""
    step = defer.step
    return (
        run_id,
        step.hash,
        step.id,
        step.repeat,
        Opcode.DEFER_ADD.value,
        None,
        defer.number,
        defer.created_at,
        None,
        None,
        f'{{"fn_slug":{codec.dumps(defer.function_id)},"input":{defer.data}}}',
        None if defer.rejected is None else defer.rejected.to_json(),
        int(defer.aborted),
    )


def entry_of(row: tuple[Any, ...]) -> Entry | Defer:
    """The memo or open step of a row of STEP_COLUMNS, or what is deferred."""
    (hashed, step_id, repeat, kind, seq, attempt, started_at, due_at, ended_at, data, error, cancelled, mode, op) = row
    step = StepName(step_id, repeat, hashed)
    if seq is None and kind == Opcode.DEFER_ADD:
        wanted = codec.loads(data)
        rejected = None if error is None else ErrorInfo.from_json(error)
        data = codec.dumps(wanted["input"])
        return Defer(step, attempt, wanted["fn_slug"], data, started_at, bool(cancelled), rejected)
    if seq is None:
        if not isinstance(due_at, (int, NoneType)) or not isinstance(attempt, int):
            raise ValueError(f"the step {step_id!r} is due at {due_at!r}, for attempt {attempt!r}")
        return OpenStep(
            step, Opcode(kind), attempt, due_at or started_at, started_at, due_at is None, mode or "", op == ONCE
        )
    info = None if error is None else ErrorInfo.from_json(error)
    return Memo(step, Opcode(kind), seq, data, info, ended_at, attempt, started_at, bool(cancelled))


def failed_row(run_id: str, failed: FailedAttempt) -> tuple[object, ...]:
    """The row of FAILED_COLUMNS of a failed attempt. Its error names a step that has no row of its own yet."""
    error = failed.error.to_json()
    if failed.name:
        error = json.dumps({**json.loads(error), "step": failed.name})
    return (run_id, failed.step, failed.attempt, failed.ended_at, failed.started_at, error)


def failed_of(row: tuple[Any, ...]) -> FailedAttempt:
    """The failed attempt of a row (hash, attempt, started_at, ended_at, error)."""
    hashed, attempt, started_at, ended_at, error = row
    told = json.loads(error)
    name = str(told.get("step") or "")
    return FailedAttempt(hashed, attempt, started_at, ended_at, ErrorInfo.from_mapping(told), name)


def function_row(function: FunctionSpec, now: int) -> dict[str, object]:
    """The row of a function."""
    return {
        "id": function.id,
        "app_id": function.app_id,
        "name": function.name,
        "version": function.version,
        "retries": function.retries,
        "events": json.dumps(function.events),
        "failure_of": function.failure_of,
        "config": function.config,
        "updated_at": now,
        "uuid": function.uuid or None,
        "transport": function.transport.value,
        "url": function.url or None,
        "archived_at": None,
    }


def function_of(row: tuple[Any, ...]) -> FunctionSpec:
    """The function of a row of FUNCTION_COLUMNS."""
    function_id, app_id, name, version, retries, events, failure_of, config, transport, url, uuid, archived_at = row
    by = next((one for one in Transport if one.value == transport), Transport.HTTP)
    names, archived = names_of(events), archived_at is not None
    known = FunctionSpec(function_id, app_id, name, version, retries, names, failure_of, config)
    return known._replace(transport=by, url=url or "", uuid=uuid or "", archived=archived)


def session_row(session: Session) -> dict[str, object]:
    """The row of a worker."""
    return {
        "id": session.id,
        "started_at": session.started_at,
        "host": session.host,
        "pid": session.pid,
        "functions": json.dumps(list(session.functions)),
    }


def session_of(row: tuple[Any, ...]) -> Session:
    """The worker of a row (id, started_at, host, pid, functions)."""
    session_id, started_at, host, pid, functions = row
    return Session(session_id, started_at, host, pid, names_of(functions))


def names_of(text: str) -> tuple[str, ...]:
    """Those of a JSON list; none if it cannot be read: the row of one app, or worker, stops no others."""
    try:
        names = json.loads(text)
        if isinstance(names, list):
            return tuple(name for name in names if isinstance(name, str))
        raise TypeError("it is no list")
    except (ValueError, TypeError):
        LOGGER.error("a list of names cannot be read in the database: %r", text)
        return ()
