"""Everything that is stored, as values. Times are unix ms of the store's clock; JSON is kept as text."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Self

from inngest.protocol import codec
from inngest.protocol.calls import Sign
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Arrival, Entry, Memo, Opcode, OpenStep, OpTarget, SentEvent
from inngest.protocol.steps import StepName

from . import transitions

RunStatus = transitions.RunStatus


class Event(NamedTuple):
    """A stored fact."""

    id: str  # ULID
    name: str
    data: str  # JSON text of an object
    ts: int  # when it happened
    key: str  # the developer's id: its idempotency key; "" if none
    received_at: int  # when it was accepted
    extra: str | None = (
        None  # JSON text of an object: user, v, meta, traceparent, and source, the name of its sender's key
    )

    @property
    def public_id(self) -> str:
        """The id that people and functions see: the developer's, else the ULID."""
        return self.key or self.id


class Transport(enum.StrEnum):
    """The way to a function's code."""

    LOCAL = "local"  # it is in this process
    HTTP = "http"  # an app answers requests for it
    API = "api"  # it is an endpoint of an app: each request that somebody sends there is a run of it


class FunctionSpec(NamedTuple):
    """A function as the engine knows it."""

    id: str  # "{app}-{fn}"
    app_id: str
    name: str  # for people
    version: str  # hash of the configuration; a run keeps the one it started with
    retries: int  # of each step, and of the body
    events: tuple[str, ...]  # names of the events that start it
    failure_of: str | None  # the function whose failures start it
    config: str  # JSON text of the wire configuration
    transport: Transport = Transport.LOCAL
    url: str = ""  # where its calls go, as its app gave it, with `fnId` and `stepId`; "" if it is local
    uuid: str = ""  # its id on the wire; "" if it is local
    archived: bool = False  # its app was registered without it: nothing starts it, and runs under way go on


class App(NamedTuple):
    """An app that serves functions, as it was registered last."""

    name: str  # of one that never was registered: its URL
    uuid: str
    url: str  # of its endpoint
    method: str = "serve"  # how its functions are called
    sdk: str = ""  # "py:v0.5.19"; "" if it did not say
    version: str = ""  # of the app; "" if it did not say
    framework: str = ""
    platform: str = ""
    checksum: str = ""  # of what it registered; "" if it never did
    created_at: int = 0
    synced_at: int | None = None  # when it was registered last; None: never
    error: str | None = None  # why its last sync failed; None: it did not
    archived_at: int | None = None


class Discovery(NamedTuple):
    """The knowledge about calls of a run's code behind HTTP.

    A *discovery* is a call that enters the code and asks what there is to do.
    """

    generation: int = 0  # grows with each claim and each call that is given up: what earlier calls record is refused
    version: int = -1  # of requests, as the code's first answer said; -1: it has not answered yet
    owed: bool = True  # a discovery is to be made, or is under way
    at: int = 0  # unix ms: not before


FIRST_DISCOVERY = Discovery()
"""A run whose code was not called yet."""


class Asking(NamedTuple):
    """The part of an owner's knowledge about its calls that is not stored: the next owner begins without it."""

    under_way: bool = False  # a discovery is
    again: bool = False  # another discovery is owed once that one is answered
    news: bool = False  # something of the run was recorded since that one left
    idle: int = 0  # discoveries in a row that brought nothing new
    strays: tuple[tuple[str, int], ...] = ()  # answers in a row that said nothing of the step they were for, by hash


NOT_ASKING = Asking()
"""Nothing is under way."""


class Hold(NamedTuple):
    """A run is on hold: the code that its workers have is not the code that began it."""

    sign: Sign
    step: str  # id of the recorded step that the code does not come to, or that is another now
    call: str  # id of the call that stands in its place; "" if the function returns
    detail: str
    times: int  # how often since it went on last
    since: int
    at: int  # when it was put on hold last


class Code(NamedTuple):
    """The knowledge about a run's code: whether it was changed while the run was under way, and who calls its steps."""

    hold: Hold | None = None
    holds: int = 0  # how often it was put on hold
    patches: tuple[str, ...] = ()  # ids that `ctx.patched` has said yes to
    unasked: tuple[str, ...] = ()  # ids of recorded steps that the code which ended it did not ask for
    threaded: bool = False  # threads that the function has started itself call steps

    def to_json(self) -> str | None:
        """As it is stored; None if there is nothing to say."""
        if self == UNCHANGED:
            return None
        return codec.dumps({**self._asdict(), "hold": None if self.hold is None else self.hold._asdict()})

    @classmethod
    def from_json(cls, text: str | None) -> Code:
        """Reads the stored text."""
        if text is None:
            return UNCHANGED
        found = codec.loads(text)
        hold = None if found["hold"] is None else Hold(**{**found["hold"], "sign": Sign(found["hold"]["sign"])})
        return cls(hold, found["holds"], tuple(found["patches"]), tuple(found["unasked"]), found.get("threaded", False))


UNCHANGED = Code()


class Origin(NamedTuple):
    """The run that a run was made from: it runs that again, from the start or from one of its steps on."""

    run_id: str  # ULID; it may be gone
    hash: str = ""  # of the step from which on it runs again; "": from the start
    step: str = ""  # the id of that step, as written, with `:n` for a repeat
    input: str | None = None  # JSON text of an array: what the step's handler gets instead of its arguments
    kept: int = 0  # memos of that run: its first ones have been this run's from its begin

    def step_json(self) -> str | None:
        """JSON text of all but the run, as it is stored; None if it runs from the start."""
        return codec.dumps({**self._asdict(), "run_id": None}) if self.hash else None

    @classmethod
    def read(cls, run_id: str | None, step: str | None) -> Origin | None:
        """Reads what is stored; None of a run that is no rerun."""
        if run_id is None:
            return None
        return cls(run_id) if step is None else cls(**{**codec.loads(step), "run_id": run_id})

    @property
    def inputs(self) -> Mapping[str, str]:
        """The replaced arguments of handlers, by the hashes of their steps."""
        return {} if self.input is None else {self.hash: self.input}


class Run(NamedTuple):
    """One execution of a function."""

    id: str  # ULID
    function_id: str
    function_version: str
    event_id: str  # ULID of the (first) event that started it
    status: RunStatus
    created_at: int
    retries: int  # as configured when it was created
    started_at: int | None = None  # when its function was first entered
    ended_at: int | None = None
    attempt: int = 0  # of the body between steps
    takeovers: int = 0  # how often a worker died on it since a step was recorded last
    output: str | None = None  # JSON text, when COMPLETED
    error: str | None = None  # JSON text of an ErrorInfo, when FAILED; why, when CANCELLED or SKIPPED
    batch_id: str | None = None  # ULID of the batch of events that started it; None if one event did
    parent_id: str | None = None  # the run that invoked it
    parent_hash: str | None = None  # by which of its steps
    watched: bool = False  # events may cancel it
    lane: str | None = None  # id of the lane whose budgets it needs a slot of to execute; None if it needs none
    follows: bool = False  # its memos are found by the names of their steps alone, in any order
    code: Code = UNCHANGED
    discovery: Discovery = FIRST_DISCOVERY  # says nothing of a local function
    origin: Origin | None = None  # of a rerun
    erased_at: int | None = None  # when its data were erased
    unread: tuple[str, ...] = ()  # what of it cannot be read, in words, when it is read for people


class Job(NamedTuple):
    """Something to do for a run at a time."""

    id: str  # ULID
    run_id: str
    function_id: str  # whose workers may take it
    due_at: int
    alone: bool = False  # workers died on this run: take it while nothing else is in flight


class FailedAttempt(NamedTuple):
    """A try that failed and was followed by another."""

    step: str  # hash of the step; "" for the body
    attempt: int
    started_at: int
    ended_at: int
    error: ErrorInfo
    name: str = ""  # of a step that no entry names: one that an app runs while it enters the code


class Defer(NamedTuple):
    """A function that is to start when a run has ended."""

    step: StepName  # what the run calls it
    number: int  # its place among those of the run, from 0
    function_id: str  # "{app}-{fn}"
    data: str  # JSON text of an object: of its event
    created_at: int
    aborted: bool = False  # it is not to start, after all
    rejected: ErrorInfo | None = None  # why it never is: an app has deferred too much, and its data were not kept

    @property
    def starts(self) -> bool:
        """Whether it starts when the run has ended."""
        return not self.aborted and self.rejected is None


class Ended(NamedTuple):
    """The run is over."""

    status: RunStatus
    output: str | None
    error: ErrorInfo | None
    deferred: Sequence[Defer] = ()  # what starts now


class Released(NamedTuple):
    """Its owner lets the run go; it goes on at `due_at`, or never by itself if that is None."""

    due_at: int | None
    hold: Hold | None = None  # why it is entered to replay only, until its code is found to be as it was


class Wait(NamedTuple):
    """A step that began to wait for something from outside."""

    step: OpenStep
    target: OpTarget
    again: bool = False  # it waits already: a request whose credentials are given again


class Signal(NamedTuple):
    """A signal that a step sends; its memo tells which run was woken."""

    hash: str  # of the sending step
    name: str
    data: str  # JSON text


class Verdict(NamedTuple):
    """The result of an attempt at a request."""

    data: str | None  # JSON text of the step's result, if this is the last attempt
    error: ErrorInfo | None = None  # why it failed
    retriable: bool = False  # another attempt may help
    retry_after: int | None = None  # ms, as the answer asks for
    metadata: str | None = None


class StoredRequest(NamedTuple):
    """A request that a step asks for, as it is stored."""

    run_id: str
    hash: str  # of the step
    kind: Opcode
    request: str  # JSON text
    retries: int  # as its run has
    host: str  # that it goes to (`hosts.host_of`)
    secret: bool  # only who knows its credentials can make it
    again: bool = False  # it is stored already: who asks now knows its credentials


class Subscription(NamedTuple):
    """An event, signal or answer that a run looks for, as it is stored."""

    run_id: str
    hash: str  # of the step that waits; of another text if no step does
    kind: str  # a SubscriptionKind
    topic: str  # the kind of what is looked for, and its name: "event:order/paid"
    path: str  # JSON text of a list of names, where in the event the key stands; "" if there is no key
    key: str  # as of `expressions.key_at`
    expression: str  # CEL; "" if path and key say all
    parameters: str  # JSON text of what the expression needs of the run's own event
    expires_at: int  # from then on nothing matches
    since: int | None = None  # events that were received from then on count too
    own: str = ""  # id of the run's own event, which is not what it looks for
    replace: bool = False  # of a signal: who looks for it already loses it
    searched: tuple[int, str] | None = None  # the last of the stored events that were searched already
    found: str = ""  # id of the event among them that it is


class SubscriptionKind(enum.StrEnum):
    """The kind of a run's search."""

    STEP = "step"  # a step waits for an event
    CANCEL = "cancel"  # the event cancels the run
    SIGNAL = "signal"  # a step waits for a signal
    INVOKE = "invoke"  # a step waits for a run
    REQUEST = "request"  # a step waits for the answer to its request


@dataclass(slots=True)
class RunState:
    """The state of a run in the memory of its owner. Only `apply` changes it."""

    run_id: str
    function_id: str
    retries: int
    attempt: int = 0  # of the body
    seq: int = 0  # place of the next memo
    steps: int = 0  # memos so far
    size: int = 0  # bytes of the memos so far
    open: dict[str, OpenStep] = field(default_factory=dict)  # by hash
    arrived: dict[str, Arrival] = field(default_factory=dict)  # what open steps have been waiting for, by hash
    waiting: bool = False  # a step waits for something from outside, or has waited
    defers: dict[str, Defer] = field(default_factory=dict)  # by hash, in the order in which they were made
    done: dict[str, Memo] = field(default_factory=dict)  # memos, by hash: a report that comes again is answered so
    code: Code = UNCHANGED
    discovery: Discovery = FIRST_DISCOVERY  # as it is stored; says nothing of a local function
    asking: Asking = NOT_ASKING  # likewise; changes also as a discovery leaves

    def add(self, memo: Memo) -> None:
        """Take over the result of a step with which nothing else was decided, as `apply` does."""
        self.attempt = 0
        self.seq += 1
        self.steps += 1
        self.size += memo.size
        hashed = memo.step.hash
        if self.open:
            self.open.pop(hashed, None)
            self.arrived.pop(hashed, None)
        self.done[hashed] = memo

    def apply(self, changes: Changes) -> None:
        """Take over what was decided."""
        self.attempt = changes.attempt
        self.seq += len(changes.memos)
        self.steps += len(changes.memos)
        self.size += changes.size
        for open_step in changes.open:
            self.open[open_step.step.hash] = open_step
        self.waiting = self.waiting or bool(changes.waits)
        for memo in changes.memos:
            self.open.pop(memo.step.hash, None)
            self.arrived.pop(memo.step.hash, None)
            self.done[memo.step.hash] = memo
        for defer in changes.defers:
            self.defers[defer.step.hash] = defer
        if changes.code is not None:
            self.code = changes.code
        if changes.discovery is not None:
            self.discovery = changes.discovery
        if changes.asking is not None:
            self.asking = changes.asking


class Changes(NamedTuple):
    """The decisions of `advance`: written in one transaction, or not at all."""

    attempt: int  # of the body, from now on; stored with a transition, or if it has changed
    memos: Sequence[Memo] = ()
    open: Sequence[OpenStep] = ()
    failed: Sequence[FailedAttempt] = ()
    entries: Sequence[Entry] = ()  # what each reported step became, in the order of the report
    size: int = 0  # bytes of the memos
    transition: Ended | Released | None = None  # None: the owner keeps the run
    sent: Sequence[SentEvent] = ()  # events that steps sent
    waits: Sequence[Wait] = ()  # steps that began to wait for something from outside
    signals: Sequence[Signal] = ()
    defers: Sequence[Defer] = ()  # new, or aborted
    code: Code | None = None  # from now on; None: as before
    follows: bool = False  # from now on; then `code` is there too
    discovery: Discovery | None = None  # from now on; None: as before
    asking: Asking | None = None  # in memory, from now on; None: as before

    @classmethod
    def of_result(cls, memo: Memo) -> Self:
        """The result of a step, and nothing else."""
        memos = (memo,)
        return cls(0, memos, entries=memos, size=memo.size)

    @property
    def is_result(self) -> bool:
        """Whether they are nothing but the result of one step, which is what most are."""
        return (
            len(self.memos) == 1
            and self.transition is None
            and not (self.open or self.failed or self.sent or self.signals or self.defers)
            and self.code is None
            and self.discovery is None
            and not self.memos[0].metadata
        )

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is to be written, but perhaps the attempt of the body."""
        return self.transition is None and not (
            self.memos
            or self.open
            or self.failed
            or self.sent
            or self.waits
            or self.signals
            or self.defers
            or self.code is not None
            or self.discovery is not None
        )

    def followed_by(self, later: Changes) -> Changes:
        """Both, to be written together; what each step became is told for the later one."""
        return later._replace(
            memos=[*self.memos, *later.memos],
            open=[*self.open, *later.open],
            failed=[*self.failed, *later.failed],
            size=self.size + later.size,
            sent=[*self.sent, *later.sent],
            waits=[*self.waits, *later.waits],
            signals=[*self.signals, *later.signals],
            defers=[*self.defers, *later.defers],
            code=later.code or self.code,
            follows=self.follows or later.follows,
            discovery=later.discovery or self.discovery,
            asking=later.asking or self.asking,
        )


class Policy(NamedTuple):
    """How an engine runs functions."""

    max_steps: int  # memos of one run
    retry_interval: int | None  # ms between attempts, instead of the backoff table
    max_takeovers: int = 10  # a run on which so many workers died in a row fails
    alone_after: int = 3  # from so many on, it is resumed while nothing else is in flight
    always_replays: bool = False  # a run is let go after each record: its code has to come to the same steps each time


class Registry(NamedTuple):
    """All functions that are known to the store, and what starts them."""

    generation: int  # grows with each change
    functions: Mapping[str, FunctionSpec]  # by id
    by_event: Mapping[str, Sequence[FunctionSpec]]  # by the name of an event that starts them
    by_failure: Mapping[str, FunctionSpec]  # by the id of the function whose failures they handle
    paused: Mapping[str, str] = MappingProxyType({})  # what becomes of events, by id: "queue" or "skip"
    wild: bool = False  # some triggers end in `*`
    archived: Mapping[str, FunctionSpec] = MappingProxyType({})  # by id: those that nothing starts any more

    @classmethod
    def of(
        cls, generation: int, functions: Iterable[FunctionSpec], paused: Mapping[str, str] | None = None
    ) -> Registry:
        """A registry of these functions, some of which are paused."""
        given = {function.id: function for function in functions}
        by_id = {function.id: function for function in given.values() if not function.archived}
        archived = {function.id: function for function in given.values() if function.archived}
        by_event: dict[str, list[FunctionSpec]] = {}
        for function in by_id.values():
            for name in dict.fromkeys(function.events):
                by_event.setdefault(name, []).append(function)
        by_failure = {function.failure_of: function for function in by_id.values() if function.failure_of is not None}
        wild = any(name.endswith("*") for name in by_event)
        return cls(generation, by_id, by_event, by_failure, paused or {}, wild, archived)

    def known(self, function_id: str) -> FunctionSpec | None:
        """A function, also one that is archived; None if there is none of that id."""
        return self.functions.get(function_id) or self.archived.get(function_id)
