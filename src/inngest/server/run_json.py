"""A run as the REST API shows it."""

from __future__ import annotations

import datetime

from inngest.embedded.views import Hold, RunStatus, run_of
from inngest.engine.domain.model import Event, Run
from inngest.engine.domain.registration import function_uuid
from inngest.protocol import codec
from inngest.protocol.events import SCHEDULED

ENVIRONMENT_ID = "00000000-0000-4000-b000-000000000000"

_STATUS = {
    RunStatus.QUEUED: "Scheduled",
    RunStatus.RUNNING: "Running",
    RunStatus.COMPLETED: "Completed",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELLED: "Cancelled",
    RunStatus.SKIPPED: "Skipped",
}


def run_json(stored: Run, event: Event | None) -> dict[str, object]:
    """A run; its output is the error object if it failed. `function_slug`, `hold` and `erased_at` are ours.

    Args:
        stored: the run.
        event: that started it; None: it is gone.
    """
    run = run_of(stored)
    optional = {"batch_id": run.batch_id, "original_run_id": run.origin_id, "cron": cron_of(event)}
    optional["erased_at"] = optional_iso(run.erased_at)
    output: object = run.output
    if run.error is not None:
        output = {key: value for key, value in run.error._asdict().items() if value is not None}
    return {
        "run_id": run.id,
        "run_started_at": optional_iso(run.started_at or run.created_at),
        "function_id": str(function_uuid(run.function_id)),
        "function_slug": run.function_id,
        "function_version": stored.function_version,
        "environment_id": ENVIRONMENT_ID,
        "event_id": run.event_id,
        "status": _STATUS[run.status],
        "ended_at": optional_iso(run.ended_at),
        "output": output,
        "hold": None if run.hold is None else hold_json(run.hold),
        **{name: value for name, value in optional.items() if value is not None},
    }


def cron_of(event: Event | None) -> str | None:
    """The schedule whose tick an event is; None if it is none, or damaged."""
    if event is None or event.name != SCHEDULED:
        return None
    try:
        data = codec.loads(event.data)
    except ValueError:
        return None
    cron = data.get("cron") if isinstance(data, dict) else None
    return cron if isinstance(cron, str) else None


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
