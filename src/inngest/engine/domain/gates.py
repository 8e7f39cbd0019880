"""The conditions of a start before it becomes a run: the gates of its function, with their keys for its event. Pure.

`gates_for` evaluates the keys of a function's rules for one event. `store.gates` reads what is known of these keys;
`decide`, `debounced` and `batched` say what follows from it, and `store.gates` writes that.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from inngest.protocol import durations, limits
from inngest.protocol.errors import ErrorInfo

from .event_view import EventView
from .function_rules import FunctionRules
from .matching import EvaluationError, Expression

SKIPPED = "RunSkippedError"

PAUSED = "the function is paused"
ARCHIVED = "the function is archived: its app was registered without it"
"""Why a run is skipped whose function is paused, and skips what comes."""


class RateGate(NamedTuple):
    """A rate limit for one key."""

    limit: int
    period: int  # ms
    key: str

    @property
    def used_up(self) -> str:
        """A sentence for people: the limit lets nothing through."""
        runs = "1 run has" if self.limit == 1 else f"{self.limit:,} runs have"
        return f"{runs} started within {durations.to_text(self.period)}"

    def lets_nothing_through(self, facts: GateFacts, now: int) -> bool:
        """Whether so many runs have started in the period that ends now (unix ms)."""
        return facts.rate_start is not None and facts.rate_start > now - self.period


class DebounceGate(NamedTuple):
    """A debounce for one key."""

    period: int  # ms
    timeout: int | None  # ms
    key: str


class BatchGate(NamedTuple):
    """A batch for one key."""

    size: int
    timeout: int | None  # ms
    key: str


class SingletonGate(NamedTuple):
    """A singleton for one key."""

    cancels: bool
    key: str


class Gates(NamedTuple):
    """The gates of a start, in the order in which they are asked."""

    ts: int  # of the event
    size: int  # bytes of its data
    direct: bool  # somebody waits for this very run: it is neither collected, nor dropped without a trace
    debounce: DebounceGate | None = None
    batch: BatchGate | None = None
    rate: RateGate | None = None
    idempotency: str | None = None  # key
    paused: str | None = None  # "queue" or "skip"
    singleton: SingletonGate | None = None
    start_timeout: int | None = None  # ms
    finish_timeout: int | None = None  # ms
    unread: str | None = None  # why its function's configuration cannot be read: the start is put off


class UndecidedError(Exception):
    """An expression gave nothing to decide by. `info` is why the run is skipped."""

    def __init__(self, field: str, reason: str) -> None:
        self.info = skipped(f"{field}: {reason}")


def skipped(reason: str) -> ErrorInfo:
    """Why a run was skipped."""
    return ErrorInfo(SKIPPED, reason)


def any_true(field: str, conditions: Sequence[Expression], view: EventView) -> bool:
    """Whether one of these is true.

    Raises:
        UndecidedError: none is, and one gave neither true nor false.
    """
    strange = ""
    for condition in conditions:
        verdict = condition.matches(view.activation)
        if verdict.matched:
            return True
        strange = strange or verdict.text
    if strange:
        raise UndecidedError(field, strange)
    return False


def gates_for(
    rules: FunctionRules, view: EventView, *, direct: bool, paused: str | None, collected: bool = False
) -> Gates:
    """Evaluates the gates of a start.

    Args:
        rules: of its function.
        view: of its event.
        direct: somebody waits for this very run.
        paused: what becomes of events while the function is paused; None if it is not.
        collected: its debounce or batch is over.

    Raises:
        UndecidedError: a key cannot be told.
    """
    event = view.event
    waits = not direct and not collected
    return Gates(
        ts=event.ts,
        size=len(event.data.encode()),
        direct=direct,
        debounce=_debounce(rules, view) if waits else None,
        batch=_batch(rules, view) if waits else None,
        rate=_rate(rules, view),
        idempotency=None if rules.idempotency is None else _key("idempotency", rules.idempotency, view),
        paused=paused,
        singleton=_singleton(rules, view),
        start_timeout=rules.start_timeout,
        finish_timeout=rules.finish_timeout,
    )


def _debounce(rules: FunctionRules, view: EventView) -> DebounceGate | None:
    debounce = rules.debounce
    if debounce is None:
        return None
    return DebounceGate(debounce.period, debounce.timeout, _key("debounce.key", debounce.key, view) or "")


def _batch(rules: FunctionRules, view: EventView) -> BatchGate | None:
    batch = rules.batch
    if batch is None or (batch.condition and not any_true("batch_events.if_exp", (batch.condition,), view)):
        return None
    return BatchGate(batch.size, batch.timeout, _key("batch_events.key", batch.key, view) or "")


def _rate(rules: FunctionRules, view: EventView) -> RateGate | None:
    rate = rules.rate_limit
    if rate is None or (key := _key("rate_limit.key", rate.key, view)) is None:
        return None
    return RateGate(rate.limit, rate.period, key)


def _singleton(rules: FunctionRules, view: EventView) -> SingletonGate | None:
    singleton = rules.singleton
    if singleton is None or (key := _key("singleton.key", singleton.key, view)) is None:
        return None
    return SingletonGate(singleton.cancels, key)


def _key(field: str, expression: Expression | None, view: EventView) -> str | None:
    """The key; "" without an expression, and None if that gives null or false: a gate without a key stands open."""
    if expression is None:
        return ""
    try:
        return expression.key(view.activation)
    except EvaluationError as error:
        raise UndecidedError(field, str(error)) from None


# -- what follows from a start and what is known


class GateFacts(NamedTuple):
    """The store's knowledge of a start's keys."""

    rate_start: int | None = (
        None  # when the newest run but `limit - 1` of the rate limit's key started; None if none has
    )
    key_holder: str | None = None  # the run that has the idempotency key
    unfinished: str | None = None  # the run of the singleton's key that has not ended


class Admission(enum.Enum):
    """The fate of a start."""

    CREATED = "created"
    HELD = "held"  # created, and may not begin while its function is paused
    SKIPPED = "skipped"  # recorded with the reason
    DROPPED = "dropped"  # not recorded


class GateDecision(NamedTuple):
    """The fate of a start, and its reason."""

    admission: Admission
    reason: str = ""  # of a run that is skipped or dropped
    cancels: str | None = None  # the run that gives way to it


def decide(gates: Gates, facts: GateFacts, now: int) -> GateDecision:
    """Whether a start that is not, or no more, collected becomes a run. The gates are asked in this order: rate limit,
    idempotency, pause, singleton; nothing is counted for a start that one of them refuses.

    Args:
        gates: of the start.
        facts: what is known of their keys.
        now: unix ms, when the run is created.
    """
    if refusal := _refusal(gates, facts, now):
        return GateDecision(Admission.SKIPPED if gates.direct else Admission.DROPPED, refusal)
    if gates.paused == "skip":
        return GateDecision(Admission.SKIPPED, PAUSED)
    cancels = None
    if gates.singleton is not None and facts.unfinished is not None:
        if not gates.singleton.cancels:
            return GateDecision(Admission.SKIPPED, f"singleton: run {facts.unfinished} has not ended")
        cancels = facts.unfinished
    return GateDecision(Admission.CREATED if gates.paused is None else Admission.HELD, cancels=cancels)


def _refusal(gates: Gates, facts: GateFacts, now: int) -> str:
    """Why a start is surplus; "" if it is not."""
    if gates.rate is not None and gates.rate.lets_nothing_through(facts, now):
        return f"rate_limit: {gates.rate.used_up}"
    if gates.idempotency is not None and facts.key_holder is not None:
        return f"idempotency: run {facts.key_holder} has the same key"
    return ""


class DebounceState(NamedTuple):
    """A debounce under way: the payload of its timer."""

    function_id: str
    version: str
    retries: int
    event_id: str  # that will start the run
    ts: int  # of that event
    first_at: int  # when the first event came


def debounced(
    gate: DebounceGate, new: DebounceState, known: DebounceState | None, now: int
) -> tuple[DebounceState, int]:
    """The debounce after one more event, and when it is over: the last event by its `ts` starts the run.

    Args:
        gate: the debounce.
        new: what it is if this event is its first.
        known: what it was; None if it is not under way.
        now: unix ms.
    """
    state = new
    if known is not None:
        last = known if new.ts < known.ts else new
        state = new._replace(first_at=known.first_at, event_id=last.event_id, ts=last.ts)
    due_at = now + gate.period
    return state, due_at if gate.timeout is None else min(due_at, state.first_at + gate.timeout)


class BatchState(NamedTuple):
    """A batch that is being collected: the payload of its timer."""

    function_id: str
    version: str
    retries: int
    batch_id: str
    event_id: str  # of its first event
    held: int  # how many events it has
    size: int  # bytes of its events' data


class BatchDecision(NamedTuple):
    """The batch after one more event."""

    state: BatchState  # with the event
    due_at: int | None  # when it is over; None if it is never by time
    full: bool  # it is over now
    flushed: BatchState | None = None  # the batch before it, which has no room for the event and is over now


def batched(
    gate: BatchGate, size: int, new: BatchState, known: tuple[BatchState, int | None] | None, now: int
) -> BatchDecision:
    """The batch after one more event. It is over when it is full, in count or in bytes.

    Args:
        gate: the batch.
        size: bytes of the event's data.
        new: the batch that the event begins, without the event, if there is none or it has no room.
        known: the batch that is collected, and when it is over.
        now: unix ms.
    """
    state, flushed = new, None
    due_at = None if gate.timeout is None else now + gate.timeout
    if known is not None:
        if known[0].size + size > limits.MAX_BATCH_SIZE:
            flushed = known[0]
        else:
            state, due_at = known
    state = state._replace(held=state.held + 1, size=state.size + size)
    return BatchDecision(state, due_at, state.held >= gate.size, flushed)
