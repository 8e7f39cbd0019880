"""Why a run waits, as a caller sees it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from inngest.engine.domain import explaining
from inngest.engine.domain.explaining import Rule
from inngest.engine.queries import Explained

from .views import RunStatus, optional_time

__all__ = ["Explanation", "KeptBack", "Pending", "Reason", "Rule", "Woken"]


@dataclass(frozen=True)
class Reason:
    """One thing that holds a run, or why nothing does."""

    rule: Rule  # for programs: "sleeping", "event", "no_worker", …
    text: str  # one sentence, for people
    until: datetime.datetime | None  # aware, UTC: when it holds the run no longer by itself
    step: str | None  # id of the step that waits


@dataclass(frozen=True)
class Explanation:
    """Why a run waits, or that it does not."""

    run_id: str
    function_id: str
    status: RunStatus
    reasons: tuple[Reason, ...]  # most important first; a run may wait for several things at once


@dataclass(frozen=True)
class Pending:
    """A run that is to come: its events are still collected by a debounce or a batch."""

    function_id: str
    gate: str  # "debounce" or "batch"
    key: str | None  # its value, as JSON text
    events: int | None  # of a batch: so far
    due_at: datetime.datetime | None  # aware, UTC: when it starts at the latest; None: when the batch is full


def pending(found: explaining.Pending) -> Pending:
    """A run that is to come."""
    return Pending(found.function_id, found.gate, found.key or None, found.events, optional_time(found.due_at))


@dataclass(frozen=True)
class KeptBack:
    """Why an event has not started a run of a function that has its name as a trigger, or why that run rests."""

    function_id: str  # "" for "outbox": the event was sent in a transaction, and is not accepted yet
    rule: str  # "debounce", "batch", "condition", "id", "idempotency", "rate_limit", "outbox", "paused", "wait", …
    text: str  # one sentence, for people
    run_id: str | None  # the run that came first, or that rests
    due_at: datetime.datetime | None  # aware, UTC: when its run begins at the latest


def kept_back(found: explaining.KeptBack) -> KeptBack:
    """The reasons that kept an event back."""
    return KeptBack(found.function_id, found.rule, found.text, found.run_id, optional_time(found.due_at))


@dataclass(frozen=True)
class Woken:
    """A run that looked for an event, and what that has done to it."""

    run_id: str
    function_id: str
    step: str | None  # id of the step that waited for it; None if none did
    cancelled: bool  # it ended the run


def explanation(explained: Explained) -> Explanation:
    """Why a run waits."""
    run = explained.run
    reasons = tuple(
        Reason(reason.rule, reason.text, optional_time(reason.until), reason.step) for reason in explained.reasons
    )
    return Explanation(run.id, run.function_id, run.status, reasons)
