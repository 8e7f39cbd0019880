"""Reports of an invocation about its steps, and a run's memory of them; as on the wire."""

from __future__ import annotations

import enum
from typing import NamedTuple

from . import codec
from .errors import ErrorInfo
from .requests import Secrets
from .steps import StepName


class Opcode(enum.StrEnum):
    """Names of opcodes: what an operation reports, or which kind a step is."""

    STEP_RUN = "StepRun"
    STEP_ERROR = "StepError"  # an attempt failed, and may be followed by another
    STEP_FAILED = "StepFailed"  # a step failed for good
    STEP_BEGUN = "StepBegun"  # ours: an attempt begins that must not be repeated, whatever becomes of its worker
    STEP_CANCELLED = "StepCancelled"  # ours: the caller of a step gave up waiting for it before it had a result
    SLEEP = "Sleep"
    WAIT_FOR_EVENT = "WaitForEvent"
    WAIT_FOR_SIGNAL = "WaitForSignal"
    INVOKE = "InvokeFunction"
    GATEWAY = "Gateway"  # an HTTP request that the engine makes
    AI_GATEWAY = "AIGateway"  # such a request to a model
    SEND_SIGNAL = "SendSignal"  # ours: its result is known when it is recorded: the run that was woken
    DEFER_ADD = "DeferAdd"  # a function to start when the run has ended
    DEFER_ABORT = "DeferAbort"  # not to start it, after all
    PATCHED = "Patched"  # ours: `ctx.patched` said yes, so it says yes in every replay
    FOLLOWED = "Followed"  # ours: the code did not come to the steps in their order, and never can again
    THREADED = "Threaded"  # ours: threads that the function has started itself call steps of it
    STEP_PLANNED = "StepPlanned"  # over the wire: a step that is there to run, when its server asks for it
    RUN_COMPLETE = "RunComplete"  # over the wire: the function returned, and steps are reported with that
    DISCOVERY_REQUEST = "DiscoveryRequest"  # over the wire: enter the function again, there is more to come
    NONE = "None"  # over the wire: there is nothing to report
    WAKE = "Wake"  # ours: an invocation that is still going saw its open step fall due, or what it waits for arrive


class SentEvent(NamedTuple):
    """An event that a step sends: it is stored with the step's memo."""

    name: str
    data: str  # JSON text of an object
    key: str  # the developer's id of the event, its idempotency key; "" if none
    ts: int  # unix ms; 0 for "now"
    id: str = ""  # ULID, when it is known beforehand; "" to have one made
    extra: str | None = None  # JSON text of an object: its user, v and meta, and the source it came from


REQUESTS = frozenset((Opcode.GATEWAY, Opcode.AI_GATEWAY))
"""Kinds of steps whose results are answers to HTTP requests of the engine."""

MARKS = frozenset((Opcode.PATCHED, Opcode.FOLLOWED, Opcode.THREADED))
"""Reports that are not about a step: they ride with others."""

WAITS = frozenset((Opcode.WAIT_FOR_EVENT, Opcode.WAIT_FOR_SIGNAL, Opcode.INVOKE)) | REQUESTS
"""Kinds of steps whose results come from outside of their invocation."""


class OpTarget(NamedTuple):
    """The aim of a step: the thing it waits for, the receiver of a signal, or the deferred function."""

    name: str  # of the event, the signal, or the id of the function ("{app}-{fn}")
    expression: str | None = None  # WaitForEvent: CEL with `event` and `async`
    since: int | None = None  # WaitForEvent: unix ms; events that arrived from then on count too
    replace: bool = False  # WaitForSignal: who waits for the signal already loses it; else this one fails
    data: str = "null"  # JSON text: of the invoked or deferred function's event, of the signal, or of the request
    secrets: Secrets | None = None  # of a request: what is never stored


class Op(NamedTuple):
    """One report about one step."""

    op: Opcode
    step: StepName
    kind: Opcode = Opcode.STEP_RUN  # what the step is: StepRun, Sleep, …
    attempt: int = 0  # which try of the step this was, from 0
    started_at: int = 0  # unix ms, when that try began
    data: str | None = None  # StepRun: JSON text of the output
    error: ErrorInfo | None = None  # StepError, StepFailed
    retry_after: int | None = None  # StepError: ms until the next attempt, instead of the backoff table
    max_attempts: int | None = None  # StepError: of this step, instead of the function's
    duration: int | None = None  # Sleep: ms from when it is recorded
    until: int | None = None  # Sleep: unix ms; one of the two is set
    target: OpTarget | None = None  # of steps in WAITS, which have a duration too, of SendSignal and DeferAdd
    events: tuple[SentEvent, ...] = ()  # StepRun of send_event: stored in the same transaction
    mode: str = ""  # over the wire: "wait" or "race", how its branch is paced (parallelMode); "": it was not said
    once: bool = False  # StepPlanned: an attempt of which nobody knows how it went is not to be repeated
    metadata: str | None = None  # StepRun, StepFailed: JSON text, see Memo


class Memo(NamedTuple):
    """The stored result of a finished step."""

    step: StepName
    kind: Opcode | None  # what the step was: a replay that finds another has changed code; None: nobody told (the wire)
    seq: int  # its place in the order of the run's commits, from 0
    data: str | None  # JSON text, when it succeeded
    error: ErrorInfo | None  # when it failed
    ended_at: int  # unix ms
    attempt: int = 0  # the try that gave the result
    started_at: int = 0  # unix ms, when that try began
    cancelled: bool = False  # the caller gave up waiting before there was a result
    metadata: str | None = None  # JSON text: what is known of it beside its result, for people

    @property
    def size(self) -> int:
        """UTF-8 bytes of its result, or about as many of its error: what a run keeps of it."""
        size = 0 if self.data is None else codec.size(self.data)
        return size if self.error is None else size + sum(len(text) for text in self.error if text)


class OpenStep(NamedTuple):
    """A step that is recorded but not finished: sleeping, waiting, or between two attempts."""

    step: StepName
    kind: Opcode
    attempt: int  # the attempt to come
    due_at: int  # unix ms: when it sleeps until, or may be tried again
    created_at: int  # unix ms
    begun: bool = False  # its attempt has begun, and must not be repeated: who finds this knows no outcome of it
    mode: str = ""  # behind HTTP: "race", its end is told at once; "wait", with those beside it; "" in process
    once: bool = False  # behind HTTP: an attempt of which nobody knows how it went is not to be repeated


class Arrival(NamedTuple):
    """An answer has come to a step that waits, and is kept until the step has its memo."""

    run_id: str
    hash: str  # of the step
    data: str | None  # JSON text, when it is a value
    error: ErrorInfo | None  # when the step fails by it
    at: int  # unix ms
    attempt: int = 0  # of a request: the try that gave it
    started_at: int | None = None  # of a request: unix ms, when that try began
    metadata: str | None = None  # JSON text, see Memo
    event_id: str | None = None  # of the event that it is: its text is kept once, with the event

    def fill(self, memo: Memo) -> Memo:
        """The memo with this as its result."""
        started_at = memo.started_at if self.started_at is None else self.started_at
        return memo._replace(
            data=self.data, error=self.error, attempt=self.attempt, started_at=started_at, metadata=self.metadata
        )


Entry = Memo | OpenStep
