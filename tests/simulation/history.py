"""What happened in a world: everything that could be seen from outside, and every change that was committed.

Checkers read nothing else. Times are microseconds of the world; processes are numbered; rows are what the tables hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inngest.protocol.steps import hash_step_id

from .carried import (
    Answered,
    AppDied,
    AppStarted,
    Called,
    CheckpointAnswered,
    Checkpointed,
    CheckpointHeard,
    Delivered,
    Replied,
    Returned,
)
from .faults import Fault

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Started:
    """A process lives."""

    at: int
    process: int


@dataclass(frozen=True, slots=True)
class Died:
    """A process is gone; nothing of it happens afterwards."""

    at: int
    process: int
    why: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """A process begins to drain: it gives its runs back."""

    at: int
    process: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """A process has drained and ended."""

    at: int
    process: int


@dataclass(frozen=True, slots=True)
class Change:
    """A row was written: inserted (no old), updated, or deleted (no new)."""

    table: str  # without the prefix
    old: Row | None
    new: Row | None


class Written(NamedTuple):
    """A row, as a transaction leaves it behind."""

    table: str
    key: tuple[object, ...]
    row: Row | None  # None: deleted


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction."""

    at: int
    process: int
    number: int  # of the commit boundary, through the whole world
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Away:
    """Files are moved away, and back: what is committed meanwhile, nobody finds."""

    at: int
    until: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """`send` gave these ids."""

    at: int
    process: int
    event_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Told:
    """`wait` said how a run ended."""

    at: int
    process: int
    run_id: str
    status: str
    output: str | None


@dataclass(frozen=True, slots=True)
class Signalled:
    """`send_signal` said which run it woke."""

    at: int
    process: int
    name: str
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`cancel` said whether it ended a run."""

    at: int
    process: int
    run_id: str
    done: bool


@dataclass(frozen=True, slots=True)
class Reran:
    """`rerun` said which run it made; or nobody knows whether it made one."""

    at: int
    process: int
    run_id: str
    new_id: str | None  # None: its process died, or its store failed


@dataclass(frozen=True, slots=True)
class Paused:
    """A function is paused, or resumed."""

    at: int
    process: int
    function_id: str
    on_event: str | None  # None: resumed


@dataclass(frozen=True, slots=True)
class Entered:
    """An invocation began."""

    at: int
    process: int
    session: str
    token: str  # of the claim; with the run, it names the invocation
    run_id: str
    function_id: str
    attempt: int  # of the body
    memos: Sequence[str]  # effective ids that it was given, in order


@dataclass(frozen=True, slots=True)
class Left:
    """An invocation ended."""

    at: int
    process: int
    token: str
    run_id: str
    how: str  # Completed, Failed, Yielded, or what was raised


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record was answered."""

    at: int
    process: int
    token: str
    run_id: str
    advice: str
    memos: Sequence[tuple[str, str | None, int]]  # effective id, data, attempt of the memos that it was told of


@dataclass(frozen=True, slots=True)
class Began:
    """A handler began its work outside."""

    at: int
    process: int
    token: str
    run_id: str
    step: str  # effective id
    attempt: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A handler ended."""

    at: int
    process: int
    token: str
    run_id: str
    step: str
    attempt: int
    how: str  # returned, raised, cancelled


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault happened."""

    at: int
    fault: Fault
    process: int | None


@dataclass(frozen=True, slots=True)
class Calm:
    """From here on there are no faults."""

    at: int


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that should not be: an exception in a callback, a wait that never ended."""

    at: int
    what: str


Entry = (
    AppStarted
    | AppDied
    | Called
    | Answered
    | Delivered
    | Returned
    | Checkpointed
    | CheckpointAnswered
    | CheckpointHeard
    | Replied
    | Started
    | Died
    | Stopping
    | Stopped
    | Committed
    | Away
    | Acknowledged
    | Told
    | Signalled
    | Cancelled
    | Paused
    | Reran
    | Entered
    | Left
    | Recorded
    | Began
    | Finished
    | Fired
    | Calm
    | Noticed
)


@dataclass(slots=True)
class State:
    """What is committed, row by row."""

    sessions: dict[str, Row] = field(default_factory=dict)  # by id
    functions: dict[str, Row] = field(default_factory=dict)  # by id
    events: dict[str, Row] = field(default_factory=dict)  # by id
    runs: dict[str, Row] = field(default_factory=dict)  # by id
    jobs: dict[str, Row] = field(default_factory=dict)  # by id
    budgets: dict[str, Row] = field(default_factory=dict)  # by id
    kept_slots: dict[tuple[str, str], Row] = field(default_factory=dict)  # by run and token
    steps: dict[tuple[str, str], Row] = field(default_factory=dict)  # by run and hash
    attempts: dict[tuple[str, str, int, int], Row] = field(default_factory=dict)  # run, hash, attempt, time
    requests: dict[tuple[str, str], Row] = field(default_factory=dict)  # by run and hash
    waits: dict[tuple[str, str], Row] = field(default_factory=dict)  # by run and hash
    inbox: dict[tuple[str, str], Row] = field(default_factory=dict)  # by run and hash
    parcels: dict[tuple[str, int], Row] = field(default_factory=dict)  # by parcel and part
    timers: dict[tuple[str, str], Row] = field(default_factory=dict)  # by kind and key
    batches: dict[tuple[str, int], Row] = field(default_factory=dict)  # by batch and position
    pauses: dict[str, Row] = field(default_factory=dict)  # by function
    unfinished: dict[str, None] = field(default_factory=dict)  # ids of runs

    def lives(self, session: str) -> bool:
        """Whether a worker is not declared dead; if many runs are its own, it is so before all of them are taken."""
        row = self.sessions.get(session)
        return row is not None and row["ended"] is None

    def apply(self, change: Change) -> None:
        """Take over a change."""
        rows = getattr(self, change.table)
        if change.old is not None:
            del rows[key_of(change.table, change.old)]
        if change.new is not None:
            rows[key_of(change.table, change.new)] = change.new
        if change.table == "runs" and change.new is not None:
            if change.new["ended_at"] is None:
                self.unfinished[str(change.new["id"])] = None
            else:
                self.unfinished.pop(str(change.new["id"]), None)

    def changes(self, writings: Iterable[Written]) -> list[Change]:
        """What a transaction changes that writes these rows, in this order."""
        found: list[Change] = []
        latest: dict[tuple[str, object], Row | None] = {}
        for table, values, row in writings:
            key = values[0] if len(values) == 1 else values
            old = latest[table, key] if (table, key) in latest else getattr(self, table).get(key)
            assert old is not None or row is not None, f"a row of {table} is deleted that was not there: {key}"
            latest[table, key] = row
            found.append(Change(table, old, row))
        return found

    def memo(self, run_id: str, step: str) -> Row | None:
        """The memo of a step, by its effective id."""
        row = self.steps.get((run_id, hash_step_id(step)))
        return row if is_memo(row) else None


_OF_STEP = ("run_id", "hash")
KEYS: dict[str, tuple[str, ...]] = {
    "budgets": ("budget",),
    **dict.fromkeys(("steps", "waits", "inbox", "requests"), _OF_STEP),
    "kept_slots": ("run_id", "token"),
    "attempts": (*_OF_STEP, "attempt", "ended_at"),
    "parcels": ("id", "part"),
    "timers": ("kind", "key"),
    "batches": ("batch_id", "position"),
    "pauses": ("function_id",),
}
TABLES = (
    "sessions",
    "functions",
    "events",
    "runs",
    "jobs",
    "budgets",
    "kept_slots",
    "steps",
    "attempts",
    "waits",
    "inbox",
    "requests",
    "parcels",
    "timers",
    "batches",
    "pauses",
)


def written(table: str, row: Row) -> Written:
    """A row that was inserted or updated."""
    return Written(table, tuple(row[name] for name in KEYS.get(table, ("id",))), row)


def key_of(table: str, row: Row) -> object:
    """What a row is known by in its table."""
    names = KEYS.get(table)
    return row["id"] if names is None else row[names[0]] if len(names) == 1 else tuple([row[name] for name in names])


@dataclass(slots=True)
class History:
    """Everything that happened in one world, in order."""

    entries: list[Entry] = field(default_factory=list)
    state: State = field(default_factory=State)  # what is committed by now

    def note(self, entry: Entry) -> None:
        """Something happened."""
        if isinstance(entry, Committed):
            for change in entry.changes:
                self.state.apply(change)
        self.entries.append(entry)

    def walk(self) -> Iterator[tuple[int, Entry, State]]:
        """Each entry with its number, and what is committed once it has happened."""
        state = State()
        for number, entry in enumerate(self.entries):
            if isinstance(entry, Committed):
                for change in entry.changes:
                    state.apply(change)
            yield number, entry, state

    @property
    def digest(self) -> str:
        """Equal histories have equal digests."""
        return hashlib.sha256("\n".join(map(repr, self.entries)).encode()).hexdigest()[:16]


def is_memo(row: Row | None) -> bool:
    """Whether a row of steps is that of a finished step."""
    return row is not None and row["seq"] is not None


def effective_id(row: Row) -> str:
    """The effective id of a row of steps."""
    return f"{row['step_id']}:{row['repeat']}" if row["repeat"] else str(row["step_id"])


def hold_of(run: Row) -> Mapping[str, Any] | None:
    """Why a run is on hold; None if it is not."""
    code = None if run["code"] is None else json.loads(str(run["code"]))
    return None if code is None else code["hold"]


def batch_of(run: Row, state: State) -> list[Row]:
    """The events that started a run: its own, or those of its batch, in order."""
    if run["batch_id"] is None:
        return [state.events[str(run["event_id"])]]
    rows = [row for row in state.batches.values() if row["batch_id"] == run["batch_id"]]
    rows.sort(key=lambda row: int(str(row["position"])))
    return [state.events[str(row["event_id"])] for row in rows]


def begun_sessions(entry: Committed) -> list[str]:
    """Sessions that a transaction began; they are of the process that committed it."""
    begun = [change.new for change in entry.changes if change.table == "sessions" and change.old is None]
    return [str(row["id"]) for row in begun if row is not None]
