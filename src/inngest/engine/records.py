"""Values that the verbs of the store take and give."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import WAITS, Arrival, Memo, Op, Opcode, OpenStep

from .domain.advance.reports import Report
from .domain.effects import NOTHING, Effects
from .domain.model import (
    App,
    Changes,
    Defer,
    Event,
    FailedAttempt,
    Run,
    RunState,
    RunStatus,
    StoredRequest,
    Subscription,
)
from .domain.rerun import Refusal
from .domain.starts import Start


class Owner(NamedTuple):
    """The owner of a run: a worker session, and one invocation of it. Every write about the run carries it (P0, P4)."""

    session: str  # of the worker
    token: str  # of the invocation
    run_id: str


CALLS_APPS = "*"
"""Among the functions of a worker: it calls all functions of apps."""


class Session(NamedTuple):
    """A worker."""

    id: str  # random; never used again
    started_at: int
    host: str
    pid: int
    functions: Sequence[str]  # ids of those in its process; and CALLS_APPS
    lease: int | None = None  # ms for which it lives after it was heard; None where locks tell


class Claimed(NamedTuple):
    """A run that now belongs to this worker, with what is recorded of it."""

    owner: Owner
    run: Run
    events: Sequence[EventData]
    memos: Sequence[Memo]  # in commit order
    open: Sequence[OpenStep]
    arrivals: Sequence[Arrival] = ()  # what open steps have been waiting for
    at: int = 0  # when it was claimed: what had not run out by then may still be overtaken by what comes
    defers: Sequence[Defer] = ()  # in the order in which they were made
    unread: bool = False  # it is too large to be read with the claim: see `Store.read`

    @property
    def begins(self) -> bool:
        """Whether its function is entered for the first time. A rerun has memos before that, which it keeps."""
        run = self.run
        waited = run.started_at is not None and run.started_at < self.at  # its app was away, or its code not there
        has_run = (self.memos or self.unread) and run.origin is None
        return not (waited or has_run or self.open or run.attempt or run.takeovers)

    @property
    def state(self) -> RunState:
        """The state in which its owner takes it up."""
        run = self.run
        if not (self.memos or self.open or self.arrivals or self.defers):  # it begins: most do only once
            return RunState(
                run.id,
                run.function_id,
                run.retries,
                run.attempt,
                waiting=run.watched,
                code=run.code,
                discovery=run.discovery,
            )
        return RunState(
            run.id,
            run.function_id,
            run.retries,
            attempt=run.attempt,
            seq=self.memos[-1].seq + 1 if self.memos else 0,
            steps=len(self.memos),
            size=sum(memo.size for memo in self.memos),
            open={step.step.hash: step for step in self.open},
            arrived={arrival.hash: arrival for arrival in self.arrivals},
            waiting=run.watched or any(step.kind in WAITS for step in self.open),
            defers={defer.step.hash: defer for defer in self.defers},
            done={memo.step.hash: memo for memo in self.memos},
            code=run.code,
            discovery=run.discovery,
        )


class Acceptance(NamedTuple):
    """Events to accept, with the runs they start."""

    events: Sequence[Event]
    claim: Sequence[Owner]  # this worker begins so many of the runs at once, if they are due and it has their functions
    functions: frozenset[str]  # that this worker can run
    now: int
    plain: frozenset[str] = frozenset()  # those of them that need a thread
    threads: int = 0  # of the runs that this worker begins, so many at most are of functions that need one
    invoke: str = ""  # id of the function that its one event starts by itself; if there is none, triggers decide
    parcel: str = ""  # which the next of its events are of; `events` are none then
    outbox: str | None = None  # the same, of the outbox: of the row of this id, or of the first ("")

    @property
    def is_page(self) -> bool:
        """Whether its events are found in the transaction, as many as that has room for."""
        return bool(self.parcel) or self.outbox is not None


class Notifications(NamedTuple):
    """The effects of a transaction on runs other than those that it was about."""

    arrivals: Sequence[Arrival] = ()  # for steps that wait
    cancelled: Sequence[str] = ()  # ids of runs that it cancelled
    queued: bool = False  # jobs are due that were not before
    unknown: Sequence[tuple[str, str]] = ()  # runs that ended, and functions they had deferred that nobody knows

    def and_then(self, later: Notifications) -> Notifications:
        """Both."""
        if later is NO_NOTIFICATIONS or self is NO_NOTIFICATIONS:
            return self if later is NO_NOTIFICATIONS else later
        return Notifications(
            [*self.arrivals, *later.arrivals],
            [*self.cancelled, *later.cancelled],
            self.queued or later.queued,
            [*self.unknown, *later.unknown],
        )


NO_NOTIFICATIONS = Notifications()


class Touched(NamedTuple):
    """An event woke or cancelled a run that looked for it."""

    event_id: str
    run_id: str
    cancelled: bool  # else it woke


class Accepted(NamedTuple):
    """The result of accepting."""

    started: Sequence[tuple[Start, Owner | None]]  # the runs that were created, and who owns those that are claimed
    events: Sequence[Event] = ()  # of a parcel or the outbox: those that were accepted now
    more: bool = False  # of these: others are still to be accepted
    touched: Sequence[Touched] = ()  # what its events did to others, as far as this transaction told them


class Fired(NamedTuple):
    """The result of firing the timers that were due."""

    started: Sequence[Start]  # the runs that were created
    next_due: int | None  # when the next timer falls due; None if there is none


class Told(NamedTuple):
    """The report of an app from which a decision follows, which is made again if others have written of the run."""

    report: Report
    chance: float  # from 0 to 1, for what is decided by chance
    going_on: bool = False  # it is a checkpoint: the call goes on


class Commit(NamedTuple):
    """An owner's decision about its run."""

    owner: Owner
    function_id: str
    changes: Changes
    now: int
    effects: Effects = NOTHING  # events that are stored with the changes, and what they start
    begins_anew: bool = False  # the store counts attempts of the body, or workers that died, from before this step
    alone: bool = False  # workers died on the run: whoever takes it up next has nothing else in flight
    subscriptions: Sequence[Subscription] = ()  # what steps that began to wait look for
    waiting: bool = False  # steps of the run wait, or have waited, for something from outside
    parent: tuple[str, str] | None = None  # run and step that invoked the run; when it ends
    requests: Sequence[StoredRequest] = ()  # that steps asked for
    lane: str | None = None  # of the run
    concludes: bool = False  # the invocation is over: nobody waits for what each of its steps became
    busy: int = 0  # slots that are kept when the run ends or is let go: handlers of this owner have not returned
    staged: str = ""  # the parcel of its effects, if the events are stored already
    told: Told | None = None  # by the app of the run


class Fork(NamedTuple):
    """A run that is to be run again."""

    run_id: str
    new_id: str  # ULID of the new run
    event_id: str  # ULID of its event, if that has other data
    step: str | None  # from which on: its id as written, with `:n` for a repeat, or its hash; None: from the start
    input: str | None  # JSON text: with a step an array, its handler's arguments; without, an object, the event's data
    now: int


class Forked(NamedTuple):
    """The result of running a run again."""

    run: Run | None  # the new one
    refusal: Refusal | None = None  # why there is none; None if there is no such run


class Checkpoint(NamedTuple):
    """Reports that the code of a run makes while its call is under way."""

    run_id: str
    generation: int  # that the call was given
    ops: Sequence[Op]
    now: int
    chance: float = 0.5  # from 0 to 1, for what is decided by chance


class Beginning(NamedTuple):
    """A run of an endpoint that begins."""

    run: Run  # as it is to be written
    event: Event


class Requested(NamedTuple):
    """A run of an endpoint in its request: it begins, or its app has reported more of it."""

    run_id: str
    ops: Sequence[Op]
    now: int
    chance: float = 0.5  # from 0 to 1, for what is decided by chance
    begins: Beginning | None = None  # None: it is there


class InRequest(NamedTuple):
    """The result of a report about a run of an endpoint."""

    run: Run
    changes: Changes  # that were written; of a repetition, none
    due_at: int | None = None  # when its job falls due from now on; None if that has not changed
    new: bool = False  # it began with this


class Written(enum.Enum):
    """The result of a commit."""

    DONE = "done"
    LOST = "lost"  # the run is not this owner's any more: nothing was written (P3, P4)


class Receipt(NamedTuple):
    """The answer to a commit."""

    written: Written
    settled: Mapping[str, Memo] = {}  # memos that became others than was asked for, by hash of the step
    again: Changes | None = None  # what was written instead, since another worker had written of the run


DONE = Receipt(Written.DONE)


REFUSED = Receipt(Written.LOST)


COUNTED = 1_000
"""Runs that wait for a function which is archived are counted as far as this."""


class Archived(NamedTuple):
    """A function that an app has registered without."""

    function_id: str
    waiting: int  # runs that wait for it, counted as far as `COUNTED`


class Synced(NamedTuple):
    """The result of registering an app."""

    app: App
    modified: bool  # it, or one of its functions, is another than before
    taken: Sequence[str] = ()  # those of its functions that others have: then nothing was written
    archived: Sequence[Archived] = ()  # functions that it had before
    returned: Sequence[str] = ()  # functions that were archived, and are so no more


class JobPlace(NamedTuple):
    """Where a job stands among those of its function."""

    queue_class: int
    lane: str
    start: int
    score: int
    id: str


class PutOff(NamedTuple):
    """Runs of a function that are looked for, page by page, which are to be called later."""

    function_id: str
    until: int  # unix ms: their next call is due then, or before
    failed: bool  # True: something of them waits for its next attempt; False: their bodies do not
    after: JobPlace = JobPlace(0, "", 0, -1, "")  # where the page begins


class PutOffPage(NamedTuple):
    """The runs that were found among as many jobs as one page has."""

    runs: Sequence[str]  # ids
    following: PutOff | None  # the next page; None: this is the last one


class Claims(NamedTuple):
    """The result of claiming."""

    runs: Sequence[Claimed]
    next_due: int | None  # when the first job falls due that was not claimed; None if there is none
    alone_due: bool = False  # a run that must be tried alone is due, or kept for this worker, and was not taken
    fenced: bool = False  # this worker was declared dead (P4)


class Retried(NamedTuple):
    """The runs that are tried again at once."""

    steps: Sequence[str]  # hashes of steps between two attempts
    anything: bool = False  # or its body, a request, or a run on hold
    more: bool = False  # there may be more


class RequestKey(NamedTuple):
    """Which request."""

    run_id: str
    hash: str  # of the step


class ClaimedRequest(NamedTuple):
    """A request that this worker makes."""

    key: RequestKey
    kind: Opcode
    request: str  # JSON text
    attempt: int  # from 0
    retries: int
    host: str  # that it goes to
    secret: bool  # it has credentials


class Circle(NamedTuple):
    """Where a look at hosts begins that goes through all of them, and where it ends."""

    after: str = ""  # this host
    until: str | None = None  # this host, as the last; None: all around


class DueRequests(NamedTuple):
    """The result of looking for requests."""

    keys: Sequence[RequestKey]  # that are due, and that there are places for
    next_due: int | None  # when the first falls due of those that are not due yet; None if there is none
    waiting: bool  # whether others are due, for which there is no place
    circle: Circle  # where the next look goes on; it has to, at once, if `until` is there


class RequestClaims(NamedTuple):
    """The result of claiming requests."""

    requests: Sequence[ClaimedRequest]
    missed: bool  # not all that were to be claimed could be
    fenced: bool = False  # this worker was declared dead (P4)


class RequestAttempt(NamedTuple):
    """The result of an attempt at a request."""

    session: str  # of the worker that made it
    key: RequestKey
    attempt: int
    arrival: Arrival | None  # the step's result; None if there is to be another attempt
    due_at: int  # when that is
    failed: FailedAttempt | None  # how this one failed
    now: int


class EventCursor(NamedTuple):
    """Where an event is in the order in which all were received."""

    received_at: int
    id: str


class Place(NamedTuple):
    """A place in a list that is ordered by a time, and by ids where times are equal."""

    at: int  # unix ms
    id: str


class RunQuery(NamedTuple):
    """Which runs are listed, and in which order."""

    limit: int
    functions: Sequence[str] | None = None  # ids; None: of all
    statuses: Sequence[RunStatus] | None = None
    event_id: str | None = None  # which started them, alone or in a batch
    deferred: bool | None = None  # whether another run has deferred them; None: both
    time: str = "queued"  # by which they are ordered and bounded: "queued", "started" or "ended"
    since: int | None = None  # unix ms
    until: int | None = None  # unix ms; before it
    descending: bool = True
    after: Place | None = None  # of the last one that was listed


class EventQuery(NamedTuple):
    """Which events are listed, newest first."""

    limit: int
    name: str | None = None
    since: int | None = None  # unix ms: received then or later
    until: int | None = None  # unix ms: received before
    after: Place | None = None  # of the last one that was listed: when it was received, and its id


class Cancellation(NamedTuple):
    """Many runs that are cancelled together: those of a function that were queued within a time."""

    id: str  # ULID
    app_id: str
    function_id: str  # app-function
    started_after: int | None  # unix ms: queued then or later; None: however long ago
    started_before: int  # unix ms: queued before
    expression: str | None  # on the event that started the run; None: all of them
    created_at: int


class CancelledPage(NamedTuple):
    """A part of them."""

    ended: int  # how many runs it has ended
    more: bool  # there may be others


class RunView(NamedTuple):
    """A run with everything that is recorded of it."""

    run: Run
    event: Event
    memos: Sequence[Memo]
    open: Sequence[OpenStep]
    failed: Sequence[FailedAttempt]
    worker: str | None  # session that owns it
    batch: Sequence[Event] = ()  # all events of a batch, in the order in which they came; empty if one event started it
    metadata: Mapping[str, str] = MappingProxyType({})  # JSON texts, by hash of the step
    defers: Sequence[Defer] = ()  # in the order in which they were made
    reruns: Sequence[str] = ()  # ids of its newest reruns, the newest first
    eraser: str | None = None  # who erased its data; None if nobody did, or nobody knows

    @property
    def failed_by_entry(self) -> list[FailedAttempt]:
        """The failed attempts; those of a step that has no entry yet are the body's, by which they are counted."""
        known = {memo.step.hash for memo in self.memos} | {step.step.hash for step in self.open}
        return [one if one.step in known else one._replace(step="") for one in self.failed]


class Waiting(NamedTuple):
    """The jobs of a function: what its runs have to do, or wait to do, while nobody owns them."""

    due: int  # that might be taken now
    since: int | None  # unix ms, when the oldest of those fell due
    held: int  # of runs on hold
    later: int  # of runs that sleep, wait, or are tried again


class Backlog(NamedTuple):
    """The work that waits in a database."""

    functions: Mapping[str, Waiting]
    blocked: Mapping[str, int]  # lanes without room, by function
    waits: Mapping[str, int]  # what steps wait for, by its kind
    outbox: tuple[int, int]  # rows that wait in it, and rows that were put aside


class Spending(NamedTuple):
    """The work of a writer since it began."""

    transactions: int
    seconds: float  # that they took
