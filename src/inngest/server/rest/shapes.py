"""Runs, steps, events, apps and functions as the REST API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inngest.engine.domain.explaining import LATEST
from inngest.engine.domain.model import App, Event, FunctionSpec, Registry, Run, RunStatus
from inngest.engine.domain.registration import app_uuid, function_uuid
from inngest.engine.domain.run_metadata import Metadata
from inngest.engine.records import RunView
from inngest.protocol import codec, limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.headers import ACCOUNT_ID
from inngest.protocol.opcodes import Entry, Memo, Opcode
from inngest.server import run_json

STEP_OPS = {
    Opcode.SLEEP: "SLEEP",
    Opcode.WAIT_FOR_EVENT: "WAIT_FOR_EVENT",
    Opcode.WAIT_FOR_SIGNAL: "WAIT_FOR_SIGNAL",
    Opcode.INVOKE: "INVOKE",
    Opcode.AI_GATEWAY: "AI_GATEWAY",
}
"""Kinds of steps; all others are RUN."""


def present(members: Mapping[str, object]) -> dict[str, object]:
    """An object without those of its members that have no value."""
    return {name: value for name, value in members.items() if value is not None}


def time_of(ms: int | None) -> str | None:
    """A time as ISO 8601 in UTC."""
    return None if ms is None else run_json.time_text(min(max(ms, 0), LATEST))


def _json(text: str | None) -> Any:
    """The value of a stored text; None if it is damaged: a list shows the rest."""
    try:
        return None if text is None else codec.loads(text)
    except ValueError:
        return None


def _error(text: str | None) -> dict[str, object] | None:
    try:
        return None if text is None else present(ErrorInfo.from_json(text)._asdict())
    except Exception:
        return {"name": "Error", "message": text or ""}


# -- v1


def event_v1(event: Event) -> dict[str, object]:
    """An event."""
    extra = _json(event.extra)
    extra = extra if isinstance(extra, dict) else {}
    return {
        "internal_id": event.id,
        "account_id": ACCOUNT_ID,
        "environment_id": run_json.ENVIRONMENT_ID,
        "source": extra.get("source", ""),
        "source_id": None,
        "received_at": time_of(event.received_at),
        "id": event.public_id,
        "name": event.name,
        "data": _json(event.data),
        "ts": event.ts,
        **{name: extra[name] for name in ("user", "v", "meta") if name in extra},
    }


def function_v1(function: FunctionSpec, app: App | None) -> dict[str, object]:
    """A function of an app.

    Args:
        function: it.
        app: that serves it; None: a worker's own process has it.
    """
    # The time at which a function came is not kept; it came with its app, or later.
    created_at = None if app is None else app.created_at or None
    return {
        "internal_id": str(function_uuid(function.id)),
        "env_id": run_json.ENVIRONMENT_ID,
        "app_id": str(app_uuid(function.app_id)),
        "id": function.id,
        "name": function.name,
        "config": _json(function.config),
        "created_at": time_of(created_at),
        "archived_at": None,
    }


# -- v2


def run_v2(
    run: Run, registry: Registry, *, output: bool, listed: bool, trigger: Mapping[str, object]
) -> dict[str, object]:
    """A run.

    Args:
        run: it.
        registry: knows its function.
        output: whether its result is shown.
        listed: it stands in a list: the error of one that failed is in a member of its own then.
        trigger: what started it.
    """
    function = registry.known(run.function_id)
    app_id = "" if function is None else function.app_id
    shown: object = None
    if output:
        error = _error(run.error)
        shown = ({"error": error} if listed else error) if error is not None else wrapped(_json(run.output))
        shown = None if run.output is None and error is None else shown
    return present(
        {
            "id": run.id,
            "function": present(
                {
                    "id": local_id(run.function_id, app_id),
                    "name": run.function_id if function is None else function.name,
                    "app": {"id": app_id} if app_id else None,
                }
            ),
            "app": {"id": app_id} if app_id else None,
            "status": run.status.value,
            "queuedAt": time_of(run.created_at),
            "startedAt": time_of(run.started_at),
            "endedAt": time_of(run.ended_at),
            "durationMs": _duration(run.started_at, run.ended_at),
            "trigger": trigger,
            "output": shown,
        }
    )


def result_v2(run: Run, registry: Registry) -> dict[str, object]:
    """The result of a run that a request waits for; its output once it has ended."""
    shown = run_v2(run, registry, output=True, listed=False, trigger={})
    return {"runId": run.id, **{name: shown[name] for name in ("status", "output") if name in shown}}


def trigger_v2(run: Run, event: Event | None = None) -> dict[str, object]:
    """The events that started a run; of one that is not given, its id."""
    cron = run_json.cron_of(event)
    return present(
        {
            "eventIds": [run.event_id],
            "eventName": None if event is None or cron else event.name,
            "isBatch": True if run.batch_id else None,
            "batchId": run.batch_id,
            "cronSchedule": cron,
        }
    )


def wrapped(value: object) -> object:
    """An object as it is; anything else in one."""
    return value if isinstance(value, dict) else {"data": value}


def local_id(function_id: str, app_id: str) -> str:
    """The id of a function within its app."""
    return function_id.removeprefix(f"{app_id}-") if app_id else function_id


def _duration(begin: int | None, end: int | None) -> str | None:
    return None if begin is None or end is None else str(max(0, end - begin))


def metadata_of_run(view: RunView, said: Sequence[Metadata]) -> list[dict[str, object]]:
    """The metadata of a run: those that apps reported with steps, which are named, and those that were said of it."""
    found = [
        {**one, "stepId": memo.step.hash}
        for memo in view.memos
        for one in _reported(view.metadata.get(memo.step.hash), of_run=True)
    ]
    return found + metadata_v2(said, of=None)


def _reported(metadata: str | None, *, of_run: bool) -> list[Any]:
    """Those metadata that came with the result of a step, and are about its run, or are not."""
    return [one for one in _listed(_json(metadata)) if (isinstance(one, dict) and one.get("scope") == "run") is of_run]


def metadata_v2(said: Sequence[Metadata], *, of: str | None) -> list[dict[str, object]]:
    """The metadata of a run, with `of` None, or of the step with that hash."""
    return [
        present(
            {
                "kind": one.kind,
                "scope": "run" if one.hash is None else "step",
                "attempt": one.attempt,
                "values": _json(one.values),
                "updatedAt": time_of(one.at),
            }
        )
        for one in said
        if one.hash == of
    ]


def trace_v2(view: RunView, said: Sequence[Metadata], registry: Registry, *, output: bool) -> dict[str, object]:
    """A run as a tree of spans: itself, and its steps in the order in which they were recorded, open ones last.

    Metadata of steps that are not recorded stand with the run, with their `stepId`.
    """
    run = view.run
    function = registry.known(run.function_id)
    error = _error(run.error)
    events = [_json(one.data) for one in view.batch or [view.event]]
    entries: list[Entry] = [*view.memos, *view.open]
    root: dict[str, object] = {
        "id": run.id,
        "name": run.function_id if function is None else function.name,
        "status": run.status.value,
        "queuedAt": time_of(run.created_at),
        "startedAt": time_of(run.started_at),
        "endedAt": time_of(run.ended_at),
        "durationMs": _duration(run.started_at, run.ended_at),
        "input": {"data": events} if output else None,
        "output": (error if error is not None else wrapped(_json(run.output))) if output and run.ended_at else None,
        "children": [_span(run, one, view.metadata.get(one.step.hash), said, output=output) for one in entries],
    }
    known = {one.step.hash for one in entries}
    unknown = sorted({one.hash for one in said if one.hash is not None} - known)
    about = metadata_of_run(view, said)
    about += [{**one, "stepId": hash} for hash in unknown for one in metadata_v2(said, of=hash)]
    if about:
        root["metadata"] = about
    return {"runId": run.id, "rootSpan": present(root)}


def _span(run: Run, entry: Entry, metadata: str | None, said: Sequence[Metadata], *, output: bool) -> dict[str, object]:
    ended_at = entry.ended_at if isinstance(entry, Memo) else None
    began = entry.started_at if isinstance(entry, Memo) else entry.created_at
    shown: object = None
    if isinstance(entry, Memo) and output:
        shown = present(entry.error._asdict()) if entry.error is not None else wrapped(_json(entry.data))
    return present(
        {
            "id": f"{run.id}.{entry.step.hash}",
            "name": entry.step.text,
            "stepId": entry.step.hash,
            "stepOp": STEP_OPS.get(entry.kind, "RUN") if entry.kind is not None else "RUN",
            "status": _step_status(entry, over=run.ended_at is not None),
            "queuedAt": time_of(began),
            "startedAt": time_of(began),
            "endedAt": time_of(ended_at),
            "durationMs": _duration(began, ended_at),
            "attempts": entry.attempt + 1,
            "output": shown,
            "metadata": [*_reported(metadata, of_run=False), *metadata_v2(said, of=entry.step.hash)],
        }
    )


def _step_status(entry: Entry, *, over: bool) -> str:
    """A step of a run that is `over`, and was open then, waits for nothing more."""
    if isinstance(entry, Memo):
        return "CANCELLED" if entry.cancelled else "COMPLETED" if entry.error is None else "FAILED"
    if over:
        return "CANCELLED"
    return "RUNNING" if entry.begun else "QUEUED" if entry.kind is Opcode.STEP_RUN else "WAITING"


def app_v2(app: App, functions: Sequence[FunctionSpec]) -> dict[str, object]:
    """An app, with what its last sync gave."""
    language, _, version = app.sdk.partition(":")
    sync = {
        "status": "error" if app.error else "success",
        "syncedAt": time_of(app.synced_at),
        "sdkLanguage": language or None,
        "sdkVersion": version.removeprefix("v") or None,
        "framework": app.framework or None,
        "platform": app.platform or None,
        "url": app.url or None,
        "error": app.error,
    }
    return present(
        {
            "id": app.name,
            "internalId": app.uuid,
            "name": app.name,
            "method": app.method.upper(),
            "appVersion": app.version or None,
            "createdAt": time_of(app.created_at) if app.created_at else None,
            "isArchived": True if app.archived_at is not None else None,
            "archivedAt": time_of(app.archived_at),
            "functionCount": len(functions),
            "latestSync": present(sync) if app.url else None,
        }
    )


def function_v2(function: FunctionSpec, registry: Registry) -> dict[str, object]:
    """A function with its configuration."""
    wire = _json(function.config)
    wire = wire if isinstance(wire, dict) else {}
    handler = registry.by_failure.get(function.id)
    limit = {"value": function.retries, "isDefault": function.retries == limits.DEFAULT_RETRIES}
    concurrency = [one if isinstance(one, dict) else {"limit": one} for one in _listed(wire.get("concurrency"))]
    return present(
        {
            "id": local_id(function.id, function.app_id),
            "internalId": str(function_uuid(function.id)),
            "name": function.name,
            "slug": local_id(function.id, function.app_id),
            "app": {"id": function.app_id},
            "isArchived": True if function.archived else None,
            "triggers": [_trigger(one) for one in _listed(wire.get("triggers"))],
            "failureHandler": None if handler is None else {"id": local_id(handler.id, handler.app_id)},
            "configuration": present(
                {
                    "retries": limit,
                    "cancellations": wire.get("cancel"),
                    "priority": (wire.get("priority") or {}).get("run"),
                    "eventsBatch": wire.get("batchEvents"),
                    "concurrency": [_concurrency(one) for one in concurrency] or None,
                    "rateLimit": wire.get("rateLimit"),
                    "debounce": wire.get("debounce"),
                    "throttle": wire.get("throttle"),
                    "singleton": wire.get("singleton"),
                }
            ),
        }
    )


def _listed(value: Any) -> Sequence[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _trigger(wire: Mapping[str, Any]) -> dict[str, object]:
    if "cron" in wire:
        return {"type": "CRON", "value": wire["cron"]}
    return present({"type": "EVENT", "value": wire.get("event"), "if": wire.get("expression")})


def _concurrency(wire: Mapping[str, Any]) -> dict[str, object]:
    scope = {"env": "ENVIRONMENT", "account": "ACCOUNT"}.get(wire.get("scope") or "", "FUNCTION")
    limit = {"value": wire.get("limit"), "isPlanLimit": False}
    return present({"scope": scope, "limit": limit, "key": wire.get("key")})


STATUSES = {status.value: status.value for status in RunStatus}
