"""A run as the REST API shows it."""

from __future__ import annotations

import datetime

from inngest.embedded.views import Hold, Run, RunStatus
from inngest.engine.domain.registration import function_uuid

ENVIRONMENT_ID = "00000000-0000-4000-b000-000000000000"

_STATUS = {
    RunStatus.QUEUED: "Scheduled",
    RunStatus.RUNNING: "Running",
    RunStatus.COMPLETED: "Completed",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELLED: "Cancelled",
    RunStatus.SKIPPED: "Skipped",
}


def run_json(run: Run) -> dict[str, object]:
    """A run; its output is the error object if it failed. `function_slug` and `hold` are ours."""
    output: object = run.output
    if run.error is not None:
        output = {key: value for key, value in run.error._asdict().items() if value is not None}
    return {
        "run_id": run.id,
        "run_started_at": optional_iso(run.started_at or run.created_at),
        "function_id": str(function_uuid(run.function_id)),
        "function_slug": run.function_id,
        "environment_id": ENVIRONMENT_ID,
        "event_id": run.event_id,
        "status": _STATUS[run.status],
        "ended_at": optional_iso(run.ended_at),
        "output": output,
        "hold": None if run.hold is None else hold_json(run.hold),
        **({} if run.origin_id is None else {"original_run_id": run.origin_id}),
    }


def hold_json(hold: Hold) -> dict[str, object]:
    """Why a run is on hold, as JSON."""
    return {**vars(hold), "since": iso(hold.since)}


def time_text(ms: int) -> str:
    """Unix ms as ISO 8601 in UTC."""
    return iso(datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC))


def optional_iso(time: datetime.datetime | None) -> str | None:
    """See `iso`."""
    return None if time is None else iso(time)


def iso(time: datetime.datetime) -> str:
    """A time in UTC as ISO 8601, with milliseconds."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
