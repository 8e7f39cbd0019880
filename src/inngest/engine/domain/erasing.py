"""Erasing what belongs to a person: what is looked for, what an erased value becomes, what is told. Pure.

The rest of a run is its skeleton: its function, its times, its status, the names of its steps and their order, and
which runs and events belong together. `store.affected` finds what an erasure is about, `store.erasing` writes it.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from inngest.protocol import codec
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.events import DEFERRED, INVOKED, SYSTEM

from .explaining import LATEST
from .model import Code, Event, Origin, RunStatus
from .system_events import ENDS
from .transitions import FINAL

ACTION = "erase"
"""What the audit calls it."""

ERROR = "DataErasedError"
"""The name of an error in whose place nothing is known any more."""

BEGINS = '{"_inngest":{"erased":"'
"""How a JSON text begins that stands for an erased value."""

MASK = '"…"'
"""Stands for a literal of an expression that is told to others."""

_KEPT_OF_END = ("function_id", "run_id", "correlation_id")


def time_text(at: int) -> str:
    """A time (unix ms) for people, in UTC."""
    time = datetime.datetime.fromtimestamp(min(max(at, 0), LATEST) / 1000, datetime.UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def value(at: int) -> str:
    """JSON text that stands for a value which was erased at a time."""
    return f'{BEGINS}{time_text(at)}"}}}}'


def is_erased(text: str | None) -> bool:
    """Whether a JSON text stands for an erased value."""
    return text is not None and text.startswith(BEGINS)


def is_erased_value(given: object) -> bool:
    """The same of a JSON value; of the data of an event of an engine, too, of which a part stays."""
    about = given.get("_inngest") if isinstance(given, dict) else None
    return isinstance(about, dict) and isinstance(about.get("erased"), str)


def error(at: int) -> str:
    """JSON text of the error that stands for one which was erased."""
    return ErrorInfo(ERROR, f"what was recorded here was erased on {time_text(at)}").to_json()


def event_data(event: Event, at: int) -> str:
    """The data of an event once they are erased: of those that an engine sends, which runs they are about stays."""
    if event.name not in SYSTEM:
        return value(at)
    told = _read(event.data)
    about = told.get("_inngest")
    kept = {**(about if isinstance(about, dict) else {}), "erased": time_text(at)}
    if event.name in ENDS:
        return codec.dumps({"_inngest": kept, **{name: told[name] for name in _KEPT_OF_END if name in told}})
    return codec.dumps({"_inngest": kept})


def deferred(text: str, at: int) -> str:
    """The note that a step has kept of a function that it deferred: which one, and not its data."""
    return codec.dumps({**_read(text), "input": codec.loads(value(at))})


def code(text: str | None) -> str | None:
    """The facts that are known of a run's code, without the values by which it was found to be another."""
    try:
        return Code.from_json(text)._replace(hold=None).to_json()
    except Exception:  # it cannot be read, and nobody knows what it holds
        return None


def origin_step(run_id: str | None, text: str | None) -> str | None:
    """From which step on a rerun runs again, without replaced arguments."""
    try:
        origin = Origin.read(run_id, text)
    except Exception:
        return None
    return None if origin is None else origin._replace(input=None).step_json()


def source_runs(event: Event) -> Iterator[str]:
    """Ids of the runs that an event of an engine is about: those that ended, invoked or deferred."""
    if event.name not in ENDS and event.name not in (INVOKED, DEFERRED):
        return
    told = _read(event.data)
    about = told.get("_inngest")
    inner: Mapping[str, object] = about if isinstance(about, dict) else {}
    if event.name in ENDS:
        named: tuple[object, ...] = (told.get("run_id"),)
    else:
        correlation = inner.get("correlation_id")
        invoking = correlation.partition(".")[0] if isinstance(correlation, str) else None
        named = (inner.get("source_run_id"), invoking)
    yield from (one for one in named if isinstance(one, str) and one)


def causes(event: Event) -> Iterator[Mapping[str, object]]:
    """The events that stand in an event about the end of a run: those that started that run.

    Raises:
        ValueError: its data is no JSON.
    """
    if event.name not in ENDS:
        return
    told = codec.loads(event.data)
    if not isinstance(told, dict):
        return
    several = told.get("events")
    for one in (told.get("event"), *(several if isinstance(several, list) else ())):
        if isinstance(one, dict):
            yield one


def _read(text: str) -> dict[str, object]:
    """The members of a JSON object; none if it is none."""
    try:
        found = codec.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


# -- the condition


def masked(where: str) -> str:
    """An expression as it may be kept: its literals, which are a person's, are masked, and comments are left out."""
    from inngest.expressions.tokens import tokens  # noqa: PLC0415 - most processes have no expression

    words: list[str] = []
    found = tokens(where)
    for token, following in itertools.pairwise(found):
        word = MASK if token.kind == "value" else f"`{token.value}`" if token.kind == "quoted" else token.word
        words.append(word + (" " if where[following.at - 1].isspace() else ""))
    return "".join(words).strip()


def literals(where: str) -> frozenset[str]:
    """The texts and numbers that an expression names; none if it cannot be read."""
    from inngest.expressions.errors import ExpressionError  # noqa: PLC0415 - most processes have no expression
    from inngest.expressions.tokens import tokens  # noqa: PLC0415

    try:
        return frozenset(str(token.value) for token in tokens(where) if token.kind == "value" and token.value != "")
    except ExpressionError:
        return frozenset()


# -- what it is about


class AuditEntry(NamedTuple):
    """Something that people did, and that leaves no other trace."""

    id: str  # ULID
    at: int  # unix ms
    actor: str  # who did it, as far as that is known
    action: str
    target: str | None  # to what
    detail: str | None  # JSON text of the rest


class FoundRun(NamedTuple):
    """A run that an erasure is about."""

    id: str
    function_id: str
    status: RunStatus
    erased: bool  # before
    lane: str | None
    parent: tuple[str, str] | None  # run and step that invoked it

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL


class Pending(NamedTuple):
    """Events that have not become all they are to become: they are collected, or still to be accepted or told."""

    kind: str  # of the timer: debounce, batch, unread, starts, tell; or parcel, outbox
    key: str  # of the timer; id of the parcel, or of the row of the outbox
    events: tuple[str, ...]  # ids
    function_id: str = ""  # that collects them
    part: int = 0  # of a parcel
    batch_id: str = ""  # of a batch


class Key(NamedTuple):
    """A key under which a gate has counted a run."""

    table: str  # idempotency, rates or singletons
    function_id: str
    key: str
    run_id: str
    started_at: int = 0  # of a rate limit


class UnderWay(NamedTuple):
    """Something that goes on, and must have ended before it is erased."""

    text: str  # for people
    run_id: str | None = None


_WAITS = {
    "debounce": "waits in a debounce of",
    "batch": "waits in a batch of",
    "unread": "waits until it can be read what it starts of",
    "starts": "is still starting runs",
    "tell": "is still told to runs that wait",
    "parcel": "was sent with many others, and is still to be accepted",
    "outbox": "is in the outbox, and is still to be accepted",
}


@dataclass(slots=True)
class Affected:
    """All that an erasure is about, as it was found. Rows that were erased before are in `runs` and `known` alone."""

    roots: dict[str, None] = field(default_factory=dict)  # ids of events that match
    said: dict[str, None] = field(default_factory=dict)  # ids of events that were made from those, or about their runs
    known: set[str] = field(default_factory=set)  # ids of all these events, also of those that were erased before
    runs: dict[str, FoundRun] = field(default_factory=dict)  # that they started
    others: dict[str, FoundRun] = field(default_factory=dict)  # runs that only got something of it
    memos: dict[tuple[str, str], None] = field(default_factory=dict)  # of the others: run and hash of the step
    pending: list[Pending] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    cancellations: dict[str, bool] = field(default_factory=dict)  # that name it, by ids; whether they are active
    sent: dict[str, str] = field(default_factory=dict)  # names of events that steps of the runs sent, of each the first
    kept: list[str] = field(default_factory=list)  # ids of runs whose code has not returned
    unreadable: int = 0  # events of which nobody can say whether they match

    @property
    def new_runs(self) -> list[FoundRun]:
        """Runs that are still to be erased."""
        return [run for run in self.runs.values() if not run.erased]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is left to be erased."""
        left = (self.roots, self.said, self.new_runs, self.memos, self.pending, self.keys, self.cancellations)
        return not any(left)

    @property
    def running(self) -> list[FoundRun]:
        """Runs that have not ended."""
        return [run for run in (*self.runs.values(), *self.others.values()) if not run.is_over]

    @property
    def active(self) -> list[str]:
        """Cancellations that still end runs."""
        return [one for one, is_active in self.cancellations.items() if is_active]

    @property
    def under_way(self) -> list[UnderWay]:
        """The runs that have to end before anything is erased."""
        runs = [UnderWay(f"run {run.id} of {run.function_id} is {run.status.value}", run.id) for run in self.running]
        events = [UnderWay(_waiting(one)) for one in self.pending]
        return [*runs, *events, *(UnderWay(f"cancellation {one} still ends runs") for one in self.active)]


def _waiting(one: Pending) -> str:
    named = ", ".join(one.events[:3]) + (f" and {len(one.events) - 3} more" if one.events[3:] else "")
    what = f"{_WAITS[one.kind]} {one.function_id}".rstrip()
    return f"event {named} {what}"


# -- what is done


class Part(NamedTuple):
    """The rows that are erased in one transaction."""

    at: int  # unix ms, of the whole erasure
    now: int  # unix ms
    audit: AuditEntry | None = None  # is written, or written anew
    cancel: tuple[str, ...] = ()  # runs that are ended
    cancellations: tuple[str, ...] = ()  # whose expressions are masked, and that end nothing more
    drop: tuple[Pending, ...] = ()  # events that become nothing
    memos: tuple[tuple[str, str], ...] = ()  # of other runs
    runs: tuple[str, ...] = ()
    after: str = ""  # of the first of them: the steps up to this hash are erased
    lanes: tuple[str, ...] = ()  # in which they were
    events: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()


class Done(NamedTuple):
    """The result of a part."""

    cancelled: tuple[str, ...] = ()
    runs: int = 0  # that are erased
    left: tuple[str, ...] = ()  # runs of the part that are still to be erased
    after: str = ""  # of the first of these: the steps up to this hash are erased
    steps: int = 0
    events: int = 0
    memos: int = 0
    keys: int = 0
    dropped: int = 0  # events


def refusal(run_id: str, at: int, by: str | None) -> str:
    """Why a run cannot be run again whose data were erased."""
    who = "" if by is None else f" by {by}"
    return f"run {run_id} cannot be run again: its data were erased on {time_text(at)}{who}"
