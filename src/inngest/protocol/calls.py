"""A call of a function and what comes back: the same for an invocation in process as for one over the wire."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from .errors import ErrorInfo
from .opcodes import Entry, Memo, Op, OpenStep


class Mode(enum.Enum):
    """The purpose of an entry into a function: in process RUN, behind HTTP one of the others."""

    RUN = "run"  # its steps run as the code comes to them
    REPORT = "report"  # a step that is alone runs, and is reported; several are reported to be planned
    CHECKPOINT = "checkpoint"  # a step that is alone runs, and is recorded while the code goes on
    PLAN = "plan"  # steps are only reported: the server says which of them run
    TARGET = "target"  # one of its steps runs, and no other


class EventData(NamedTuple):
    """An event as a function receives it."""

    id: str  # the developer's id if there is one, else the ULID
    name: str
    data: str  # JSON text of an object
    ts: int  # unix ms
    extra: str | None = None  # JSON text of an object: its user, v and meta, as far as it has them


class Call(NamedTuple):
    """One entry into a function: everything it needs to know to replay and go on."""

    run_id: str  # ULID
    function_id: str  # "{app}-{fn}"
    attempt: int  # of the body between steps, from 0
    max_attempts: int | None  # retries + 1, of each step and of the body; None: the server has not said it
    events: Sequence[EventData]  # one, or a batch
    memos: Sequence[Memo]  # finished steps, in the order of their commits
    open_steps: Sequence[OpenStep]
    defers: Mapping[str, bool] = {}  # what is deferred, by hash: whether it can be aborted, or was before
    follows: bool = False  # memos are found by their names alone, whatever order the code asks for them in
    holds: int = 0  # how often it was put on hold because its code had changed
    probes: bool = False  # it is on hold: replay only, and let go before anything new runs
    patches: Collection[str] = ()  # ids that `ctx.patched` has said yes to
    threaded: bool = False  # threads that the function has started itself have called steps
    # -- of a function behind HTTP
    mode: Mode = Mode.RUN
    target: str = ""  # TARGET: hash of the step that runs; `attempt` is that of this step then
    inputs: Mapping[str, str] = {}  # what handlers get instead of their arguments, by hash: JSON text of an array
    foreign: bool = False  # the server is not ours: no run goes on hold there, and `once` and Patched say nothing to it
    generation: int = 0  # of the run: an older one may record nothing any more
    request_id: str = ""  # of the HTTP request
    job_id: str = ""  # of the server's job
    qi_id: str = ""  # of the item in the server's queue: it fences checkpoints
    function_uuid: str = ""  # by which the server knows the function
    # -- of all
    trace: str = ""  # `traceparent` of what its code does; "": as its event, or its id, tell


class Advice(enum.Enum):
    """The recorder's advice to an invocation after a record."""

    GO_ON = "go on"
    YIELD = "yield"  # let the run go as soon as nothing is running: it goes on later, perhaps elsewhere
    STOP = "stop"  # the run is no longer this invocation's, or has ended: do nothing more


class Recorded(NamedTuple):
    """The answer to a record."""

    advice: Advice
    entries: Sequence[Entry]  # what each reported step became, in order, defers left out; empty on STOP


class Sign(enum.StrEnum):
    """By what changed code shows, in an invocation of a run that other code began."""

    CALLED = "called"  # another call stands in the place of a recorded step
    RETURNED = "returned"  # the function returns where a recorded step was
    KIND = "kind"  # a step is of another kind than it was recorded as
    GIVEN_UP = "given up"  # the code waits for a step that it gave up when that was recorded
    VALUE = "value"  # the recorded value of a step is not of the type that the code asks for


class Completed(NamedTuple):
    """The function returned."""

    data: str  # JSON text
    ops: tuple[Op, ...] = ()  # what it deferred since the last record
    unasked: tuple[str, ...] = ()  # ids of recorded steps that the code did not ask for


class Failed(NamedTuple):
    """The function raised, or could not go on."""

    error: ErrorInfo
    retriable: bool
    retry_after: int | None = None  # ms
    ops: tuple[Op, ...] = ()  # after what it deferred since the last record: the steps that waited beside


class Yielded(NamedTuple):
    """The function waits, or was asked to let go; these steps became open in the end."""

    ops: tuple[Op, ...] = ()  # after what it deferred since the last record
    at_once: bool = False  # it was asked to let go, and can go on at any time
    unreached: Sequence[str] = ()  # hashes of open steps that the code has not come to
    through: bool = True  # the code has asked for all that was recorded before


class Held(NamedTuple):
    """The code changed while the run was under way: nothing new ran, and no step of the new code is recorded."""

    sign: Sign
    step: str  # id of the recorded step that the code does not come to, or that is another now
    call: str  # id of the call that stands in its place; "" if none does
    detail: str = ""  # of KIND: what it was recorded as, and is; of VALUE: what does not fit
    ops: tuple[Op, ...] = ()  # always empty, as those of other outcomes ride: they would be of the new code


Outcome = Completed | Failed | Yielded | Held
