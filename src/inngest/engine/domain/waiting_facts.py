"""The facts by which `explaining` says why a run waits, as the store reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from inngest.protocol import limits
from inngest.protocol.opcodes import Memo, OpenStep

from .function_rules import Limit, Throttle
from .model import FailedAttempt, Run, Subscription


class RequestFact(NamedTuple):
    """The facts about a request of a step."""

    hash: str  # of the step
    attempt: int
    due_at: int
    under_way: bool
    orphaned: bool  # no living worker knows its credentials


class Trouble(NamedTuple):
    """Something that cannot be read, or done, and is put off."""

    kind: str  # "run", "timer:…", "request:…"
    error: str
    tries: int
    since: int  # unix ms
    until: int  # unix ms: it is tried again then


PROBED = limits.MINUTE
"""Milliseconds for which an app counts as away after the time of its trouble: calls ask for it more often than that."""


def is_away(trouble: Trouble, now: int) -> bool:
    """Whether an app cannot be reached, as far as is known: a call that it answers takes its trouble away."""
    return now < trouble.until + PROBED


class AppFact(NamedTuple):
    """The app that serves the run's function over HTTP."""

    name: str
    names_it: bool  # its last registration names the function


class FormerApp(NamedTuple):
    """An app that is registered beside workers which run the function in their processes: it may have served it."""

    name: str
    url: str  # of its endpoint


class Handler(NamedTuple):
    """A handler that runs."""

    run_id: str
    step: str  # as written by the developer, with `:n` for a repeat; "" if an app is called that is to say what it does
    attempt: int  # from 0
    since: int  # unix ms


class WorkerFact(NamedTuple):
    """A worker that has not been declared dead."""

    id: str  # of its session
    name: str  # host and process
    serves: bool  # it has the run's function
    executing: int  # runs
    alive: bool = True  # as far as is known; who can tell, says so
    handlers: Sequence[Handler] = ()  # those of the run that have run for a while, and are not recorded


class Holder(NamedTuple):
    """A run that has slots of a limit."""

    run_id: str
    function_id: str
    slots: int
    returning: bool = False  # it is over, or waits, and code of it has not returned


class KeptFact(NamedTuple):
    """Slots that a run keeps, though it does not execute any more."""

    session: str  # worker in which its code has not returned
    slots: int
    since: int


class Full(NamedTuple):
    """A limit that has no slot left."""

    limit: Limit
    value: str  # of its key, as JSON; empty if there is none
    holders: Sequence[Holder]


class Queued(NamedTuple):
    """Where a run that has limits queues."""

    ahead: int  # runs of its lane that come before it
    full: Sequence[Full]  # the limits that have no slot left for it
    throttle: Throttle | None  # if its lane has one, and it has yet to begin
    throttled: str  # the value of the throttle's key, as JSON; empty if there is none
    opens_at: int  # when the throttle lets the next run begin


class Facts(NamedTuple):
    """The facts about a run, at one moment."""

    run: Run
    open: Sequence[OpenStep]
    failed: Sequence[FailedAttempt]  # of its steps and its body, the last one last
    subscriptions: Sequence[Subscription]
    children: Sequence[tuple[str, str, str]]  # hash of the step, id and status of the run that it invoked
    due_at: int | None  # when its job falls due; None if it has none
    alone: bool
    owner: str | None  # session of the worker that has it
    workers: Sequence[WorkerFact]
    requests: Sequence[RequestFact]
    paused: int | None  # since when its function is; None if it is not
    recorded: Memo | None  # the step that was recorded last
    queued: Queued | None = None  # None if it has no limits, or is in no lane now
    kept: Sequence[KeptFact] = ()
    troubles: Sequence[Trouble] = ()
    app: AppFact | None = None  # None: its function is one of a worker's process, or nobody knows it
    former: FormerApp | None = None  # None: its function is one of an app, or no app has its name
    of_step: bool = False  # what failed last in its body is a step that has no entry yet: nobody knows its name
    eraser: str | None = None  # who erased its data; None if nobody did, or nobody knows
    in_request: bool = False  # its app has it: it is a run of an endpoint

    def judged(self, alive: Callable[[str], bool]) -> Self:
        """With what can be seen of the workers of these sessions."""
        return self._replace(workers=[one._replace(alive=alive(one.id)) for one in self.workers])
