"""Runs as JSON: the keys that `--json` promises (docs/reference/cli.md)."""

from __future__ import annotations

from collections.abc import Sequence

from inngest.embedded.explanations import Explanation, Pending
from inngest.embedded.reader import AppAway
from inngest.embedded.views import Attempt, DeferRecord, Run, Said, StepRecord
from inngest.protocol.errors import ErrorInfo
from inngest.server.run_json import hold_json, optional_iso


def run_shape(run: Run) -> dict[str, object]:
    """A run without its details."""
    return {
        "id": run.id,
        "function_id": run.function_id,
        "status": run.status.value,
        "event_id": run.event_id,
        "created_at": optional_iso(run.created_at),
        "started_at": optional_iso(run.started_at),
        "ended_at": optional_iso(run.ended_at),
        "output": run.output,
        "error": error_shape(run.error),
        "hold": None if run.hold is None else hold_json(run.hold),
        "origin_id": run.origin_id,
        "erased_at": optional_iso(run.erased_at),
        "unreadable": list(run.unreadable),
    }


def run_in_full(run: Run, said: Sequence[Said]) -> dict[str, object]:
    """A run with its event, its steps and their attempts, and what is said about them."""
    return {
        **run_shape(run),
        "event": run.event,
        "steps": [_step(step) for step in run.steps],
        "attempts": [{**_attempt(attempt), "step": attempt.step} for attempt in run.attempts],
        "defers": [_defer(defer) for defer in run.defers],
        "follows": run.follows,
        "unasked": list(run.unasked),
        "origin_step": run.origin_step,
        "origin_input": None if run.origin_input is None else list(run.origin_input),
        "reruns": list(run.reruns),
        "erased_by": run.erased_by,
        "metadata": [{**vars(one), "at": optional_iso(one.at)} for one in said],
    }


def explanation(found: Explanation) -> dict[str, object]:
    """Why a run waits."""
    return {
        "id": found.run_id,
        "function_id": found.function_id,
        "status": found.status.value,
        "reasons": [
            {"rule": reason.rule.value, "text": reason.text, "until": optional_iso(reason.until), "step": reason.step}
            for reason in found.reasons
        ],
    }


def pending(found: Sequence[Pending]) -> list[dict[str, object]]:
    """Runs that are to come."""
    return [
        {
            "function_id": one.function_id,
            "gate": one.gate,
            "key": one.key,
            "events": one.events,
            "due_at": optional_iso(one.due_at),
        }
        for one in found
    ]


def apps_away(found: Sequence[AppAway]) -> list[dict[str, object]]:
    """Apps that cannot be reached."""
    return [{"app": one.name, "since": optional_iso(one.since), "error": one.error} for one in found]


def _step(step: StepRecord) -> dict[str, object]:
    return {
        "id": step.id,
        "kind": step.kind,
        "status": step.status,
        "started_at": optional_iso(step.started_at),
        "ended_at": optional_iso(step.ended_at),
        "due_at": optional_iso(step.due_at),
        "kept": step.kept,
        "attempts": [_attempt(attempt) for attempt in step.attempts],
        "output": step.output,
        "error": error_shape(step.error),
        "usage": None if step.usage is None else {**step.usage._asdict(), "tools": list(step.usage.tools)},
    }


def _defer(defer: DeferRecord) -> dict[str, object]:
    return {
        "id": defer.id,
        "function_id": defer.function_id,
        "data": defer.data,
        "status": defer.status,
        "created_at": optional_iso(defer.created_at),
        "error": error_shape(defer.error),
    }


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "number": attempt.number,
        "started_at": optional_iso(attempt.started_at),
        "ended_at": optional_iso(attempt.ended_at),
        "error": error_shape(attempt.error),
    }


def error_shape(error: ErrorInfo | None) -> dict[str, str | None] | None:
    """An error; every key is there."""
    return None if error is None else error._asdict()
