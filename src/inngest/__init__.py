"""Durable functions for Python: they run to their end through crashes, deploys, retries and month-long sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING  # noqa: TID251 - the lazy Engine below is typed by it

from inngest import errors
from inngest.coming import announce as _announce
from inngest.protocol.config import (
    Batch,
    Cancel,
    Concurrency,
    Debounce,
    Priority,
    RateLimit,
    Singleton,
    Throttle,
    Timeouts,
    TriggerCron,
    TriggerEvent,
)
from inngest.protocol.errors import NonRetriableError
from inngest.protocol.json import JSON
from inngest.protocol.streaming import Streaming
from inngest.runtime.uncollected import uncollected as _uncollected
from inngest.sdk.client import Inngest
from inngest.sdk.context import Context, ContextSync
from inngest.sdk.errors import RetryAfterError, StepError
from inngest.sdk.events import Event, SendEventsResult
from inngest.sdk.function import Function
from inngest.sdk.invocation.defers import Deferred
from inngest.sdk.middleware import Middleware, MiddlewareSync, StepMemos, TransformOutputResult
from inngest.sdk.namesake_check import warn_of_namesake as _warn_of_namesake
from inngest.sdk.serializers import PydanticSerializer, Serializer
from inngest.sdk.steps.current import CurrentStep, StepState, current_step
from inngest.sdk.steps.options import Backoff
from inngest.sdk.steps.responses import FetchResponse
from inngest.sdk.steps.step import ParallelMode, Step
from inngest.sdk.steps.step_sync import StepSync

if TYPE_CHECKING:
    from inngest.embedded.engine import Engine

__all__ = [
    "Backoff",
    "Batch",
    "Cancel",
    "Concurrency",
    "Context",
    "ContextSync",
    "CurrentStep",
    "Debounce",
    "Deferred",
    "Engine",
    "Event",
    "FetchResponse",
    "Function",
    "Inngest",
    "JSON",
    "Middleware",
    "MiddlewareSync",
    "NonRetriableError",
    "ParallelMode",
    "Priority",
    "PydanticSerializer",
    "RateLimit",
    "RetryAfterError",
    "SendEventsResult",
    "Serializer",
    "Singleton",
    "Step",
    "StepError",
    "StepMemos",
    "StepState",
    "StepSync",
    "Streaming",
    "Throttle",
    "Timeouts",
    "TransformOutputResult",
    "TriggerCron",
    "TriggerEvent",
    "current_step",
    "errors",
]

_warn_of_namesake()
_announce()

if not TYPE_CHECKING:  # a checker that sees it takes every misspelt name for one of the package's

    def __getattr__(name: str) -> object:
        """`Engine` is loaded on first use: a process that only sends events needs no database."""
        if name == "Engine":
            with _uncollected():
                from inngest.embedded.engine import Engine  # noqa: PLC0415 - see above

            globals()[name] = Engine  # found at once from now on
            return Engine
        raise AttributeError(f"module 'inngest' has no attribute {name!r}")
