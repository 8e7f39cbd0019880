"""Rows of tables, and the values they stand for."""

from __future__ import annotations

import json
from typing import Any

from inngest.engine.domain.model import Event, FailedAttempt, FunctionSpec, Run, RunStatus
from inngest.engine.ports import Session
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Entry, Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName

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
)

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
)


def event_row(event: Event) -> dict[str, object]:
    """The row of an event."""
    return {
        "id": event.id,
        "name": event.name,
        "data": event.data,
        "ts": event.ts,
        "key": event.key,
        "received_at": event.received_at,
    }


def run_row(run: Run) -> dict[str, object]:
    """The row of a run that nobody owns yet."""
    return {
        "id": run.id,
        "function_id": run.function_id,
        "function_version": run.function_version,
        "event_id": run.event_id,
        "status": run.status.value,
        "created_at": run.created_at,
        "retries": run.retries,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "attempt": run.attempt,
        "takeovers": run.takeovers,
        "takeover_steps": 0,
        "output": run.output,
        "error": run.error,
        "session_id": None,
        "token": None,
    }


def run_of(row: tuple[Any, ...]) -> Run:
    """The run of a row of RUN_COLUMNS."""
    values = dict(zip(RUN_COLUMNS, row, strict=True))
    values["status"] = RunStatus(values["status"])
    return Run(**values)


def memo_row(run_id: str, memo: Memo) -> dict[str, object]:
    """The row of a finished step."""
    step = memo.step
    return {
        "run_id": run_id,
        "hash": step.hash,
        "step_id": step.id,
        "repeat": step.repeat,
        "kind": memo.kind.value,
        "seq": memo.seq,
        "attempt": memo.attempt,
        "started_at": memo.started_at,
        "due_at": None,
        "ended_at": memo.ended_at,
        "data": memo.data,
        "error": None if memo.error is None else memo.error.to_json(),
        "cancelled": int(memo.cancelled),
    }


def open_row(run_id: str, open_step: OpenStep) -> dict[str, object]:
    """The row of an open step."""
    step = open_step.step
    return {
        "run_id": run_id,
        "hash": step.hash,
        "step_id": step.id,
        "repeat": step.repeat,
        "kind": open_step.kind.value,
        "seq": None,
        "attempt": open_step.attempt,
        "started_at": open_step.created_at,
        "due_at": open_step.due_at,
        "ended_at": None,
        "data": None,
        "error": None,
        "cancelled": 0,
    }


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The memo or open step of a row of STEP_COLUMNS."""
    (hashed, step_id, repeat, kind, seq, attempt, started_at, due_at, ended_at, data, error, cancelled) = row
    step = StepName(step_id, repeat, hashed)
    if seq is None:
        return OpenStep(step, Opcode(kind), attempt, due_at, started_at)
    info = None if error is None else ErrorInfo.from_json(error)
    return Memo(step, Opcode(kind), seq, data, info, ended_at, attempt, started_at, bool(cancelled))


def failed_row(run_id: str, failed: FailedAttempt) -> dict[str, object]:
    """The row of a failed attempt."""
    return {
        "run_id": run_id,
        "hash": failed.step,
        "attempt": failed.attempt,
        "started_at": failed.started_at,
        "ended_at": failed.ended_at,
        "error": failed.error.to_json(),
    }


def failed_of(row: tuple[Any, ...]) -> FailedAttempt:
    """The failed attempt of a row (hash, attempt, started_at, ended_at, error)."""
    hashed, attempt, started_at, ended_at, error = row
    return FailedAttempt(hashed, attempt, started_at, ended_at, ErrorInfo.from_json(error))


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
    }


def function_of(row: tuple[Any, ...]) -> FunctionSpec:
    """The function of a row (id, app_id, name, version, retries, events, failure_of, config)."""
    function_id, app_id, name, version, retries, events, failure_of, config = row
    return FunctionSpec(function_id, app_id, name, version, retries, tuple(json.loads(events)), failure_of, config)


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
    return Session(session_id, started_at, host, pid, tuple(json.loads(functions)))
