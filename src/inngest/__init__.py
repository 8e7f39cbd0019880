"""Durable functions for Python: they run to their end through crashes, deploys, retries and month-long sleeps."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING  # noqa: TID251 - the lazy names below are typed by it

import inngest.beginning as _beginning  # noqa: F401 - it acts by being imported, first
from inngest import errors
from inngest.coming import announce as _announce
from inngest.protocol.config import (
    Batch,
    Cancel,
    Checkpointing,
    Concurrency,
    Debounce,
    Priority,
    RateLimit,
    Singleton,
    Streaming,
    Throttle,
    Timeouts,
    TriggerCron,
    TriggerEvent,
)
from inngest.protocol.errors import ErrorInfo, NonRetriableError
from inngest.protocol.raw import JSON
from inngest.sdk.client import Inngest
from inngest.sdk.context import Context, ContextSync, Deferred
from inngest.sdk.environment import warn_of_namesake as _warn_of_namesake
from inngest.sdk.errors import RetryAfterError, StepError
from inngest.sdk.events import Event, SendEventsResult
from inngest.sdk.function import Function
from inngest.sdk.middleware import Middleware, MiddlewareSync, StepMemos, TransformOutputResult
from inngest.sdk.serializers import PydanticSerializer, Serializer
from inngest.sdk.steps.current import CurrentStep, StepState, current_step
from inngest.sdk.steps.gateway_arguments import FetchResponse
from inngest.sdk.steps.group import ParallelMode
from inngest.sdk.steps.options import Backoff
from inngest.sdk.steps.step import Step
from inngest.sdk.steps.step_sync import StepSync

if TYPE_CHECKING:
    from inngest.embedded.engine import Engine
    from inngest.embedded.erasure import Erased
    from inngest.embedded.explanations import Explanation, KeptBack, Reason, Rule, Woken
    from inngest.embedded.outbox import Outbox
    from inngest.embedded.views import Attempt, DeferRecord, Hold, Run, RunningStep, RunStatus, StepRecord, Usage

__all__ = [
    "Attempt",
    "Backoff",
    "Batch",
    "Cancel",
    "Checkpointing",
    "Concurrency",
    "Context",
    "ContextSync",
    "CurrentStep",
    "Debounce",
    "DeferRecord",
    "Deferred",
    "Engine",
    "Erased",
    "ErrorInfo",
    "Event",
    "Explanation",
    "FetchResponse",
    "Function",
    "Hold",
    "Inngest",
    "JSON",
    "KeptBack",
    "Middleware",
    "MiddlewareSync",
    "NonRetriableError",
    "Outbox",
    "ParallelMode",
    "Priority",
    "PydanticSerializer",
    "RateLimit",
    "Reason",
    "RetryAfterError",
    "Rule",
    "Run",
    "RunStatus",
    "RunningStep",
    "SendEventsResult",
    "Serializer",
    "Singleton",
    "Step",
    "StepError",
    "StepMemos",
    "StepRecord",
    "StepState",
    "StepSync",
    "Streaming",
    "Throttle",
    "Timeouts",
    "TransformOutputResult",
    "TriggerCron",
    "TriggerEvent",
    "Usage",
    "Woken",
    "current_step",
    "errors",
]

_warn_of_namesake()
_announce()

if not TYPE_CHECKING:  # a checker that sees it takes every misspelt name for one of the package's
    _LOADED_LATER = {
        "Engine": "inngest.embedded.engine",
        "Erased": "inngest.embedded.erasure",
        "Outbox": "inngest.embedded.outbox",
        **dict.fromkeys(("Explanation", "KeptBack", "Reason", "Rule", "Woken"), "inngest.embedded.explanations"),
        **dict.fromkeys(
            ("Attempt", "DeferRecord", "Hold", "Run", "RunStatus", "RunningStep", "StepRecord", "Usage"),
            "inngest.embedded.views",
        ),
    }

    def __getattr__(name: str) -> object:
        """`Engine`, and what it returns, are loaded on first use: a process that only sends needs no database."""
        if name not in _LOADED_LATER:
            raise AttributeError(f"module 'inngest' has no attribute {name!r}")
        found = getattr(_import_module(_LOADED_LATER[name]), name)
        globals()[name] = found  # found at once from now on
        return found

    def __dir__() -> list[str]:
        """All public names, also of what is loaded later."""
        return sorted({*globals(), *__all__})
