"""Why is this run waiting? From what the scheduler decides by, and nothing else. Pure."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from typing import NamedTuple

from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Opcode, OpenStep

from .lanes import described
from .model import Run, RunStatus, Watch, Watching

SHOWN = 5
"""Runs that are named where there may be many."""


class Rule(enum.StrEnum):
    """What holds a run."""

    ENDED = "ended"
    EXECUTING = "executing"  # a worker has it
    DUE = "due"  # nothing holds it: a worker takes it next
    DELAYED = "delayed"  # its event is from the future
    SLEEPING = "sleeping"
    RETRY = "retry"  # a step, or the body, failed, and is tried again later
    EVENT = "event"
    SIGNAL = "signal"
    INVOKE = "invoke"
    REQUEST = "request"  # the answer to an HTTP request of a step is not there
    NO_WORKER = "no_worker"  # no living worker has its function
    CONCURRENCY = "concurrency"  # the slots of its lane are taken
    THROTTLE = "throttle"  # its lane may not begin another run yet
    ALONE = "alone"  # workers died on it: it waits until one has nothing else in flight


class Reason(NamedTuple):
    """One thing that holds a run, or why nothing does."""

    rule: Rule
    text: str  # one sentence, for people
    until: int | None = None  # unix ms, when it holds it no longer by itself
    step: str | None = None  # id of the step that waits


class RequestFact(NamedTuple):
    """What is known of a request of a step."""

    hash: str  # of the step
    attempt: int
    due_at: int
    under_way: bool
    orphaned: bool  # no living worker knows its credentials


class Queued(NamedTuple):
    """Where a run that has limits queues."""

    ahead: int  # runs of its lane that come before it
    full: str | None  # the budget that has no slot left for it
    slots: int  # of that budget
    holders: Sequence[str]  # ids of the runs that have them
    opens_at: int | None  # when its throttle lets the next run begin, if that is what it waits for


class Facts(NamedTuple):
    """What is known of a run, at one moment."""

    run: Run
    open: Sequence[OpenStep]
    failures: Sequence[ErrorInfo]  # of the last failed attempts: of each open step, and of the body
    watches: Sequence[Watch]
    children: Sequence[tuple[str, str, str]]  # hash of the step, id and status of the run that it invoked
    due_at: int | None  # when its job falls due; None if it has none
    alone: bool
    worker: str | None  # host and process that own it
    requests: Sequence[RequestFact]
    served: bool  # whether a living worker has its function
    queued: Queued | None = None  # None if it has no limits, or is in no lane now


def explain(facts: Facts, now: int) -> list[Reason]:
    """Why a run does not go on, most important first; or that it does."""
    run = facts.run
    if run.ended_at is not None:
        return [Reason(Rule.ENDED, _ended(run))]
    if facts.worker is not None:
        return [Reason(Rule.EXECUTING, f"It is executing on {facts.worker}."), *_steps(facts, now)]
    reasons = _steps(facts, now)
    if not facts.served:
        text = f"No living worker has its function {run.function_id}: start an engine with it."
        reasons.insert(0, Reason(Rule.NO_WORKER, text))
    elif facts.due_at is not None and facts.due_at <= now and facts.queued and (queued := _in_lane(facts.queued)):
        reasons.insert(0, queued)
    elif not reasons and facts.due_at is not None:
        reasons.append(_queued(facts, facts.due_at, now))
    if facts.alone:
        text = f"{run.takeovers} workers died while they ran it: it goes on when a worker has nothing else in flight."
        reasons.insert(0, Reason(Rule.ALONE, text))
    return reasons


def _ended(run: Run) -> str:
    if run.status is RunStatus.COMPLETED:
        return "It has completed."
    why = "" if run.error is None else f": {ErrorInfo.from_json(run.error).message}"
    return f"It has {'failed' if run.status is RunStatus.FAILED else 'been cancelled'}{why}."


def _queued(facts: Facts, due_at: int, now: int) -> Reason:
    if due_at <= now:
        return Reason(Rule.DUE, "Nothing holds it: the next worker with room takes it.")
    if facts.run.started_at is None:
        return Reason(Rule.DELAYED, "Its event is from the future: it starts then.", due_at)
    return Reason(
        Rule.RETRY, f"Attempt {facts.run.attempt} of the code between its steps is tried then{_because(facts)}.", due_at
    )


def _in_lane(queued: Queued) -> Reason | None:
    ahead = f"{queued.ahead:,} of its lane are before it" if queued.ahead else "it is the first of its lane"
    if queued.full is not None:
        has = f"{queued.slots} slot{'s' if queued.slots != 1 else ''}"
        holders = ", ".join(queued.holders[:SHOWN]) + (", …" if len(queued.holders) > SHOWN else "")
        return Reason(
            Rule.CONCURRENCY, f"The limit of {described(queued.full)} has {has}, taken by {holders}; {ahead}."
        )
    if queued.opens_at is not None:
        return Reason(Rule.THROTTLE, f"Its throttle lets the next run begin then; {ahead}.", queued.opens_at)
    return Reason(Rule.DUE, f"A worker takes it when its turn comes: {ahead}.") if queued.ahead else None


def _steps(facts: Facts, now: int) -> list[Reason]:
    watches = {watch.hash: watch for watch in facts.watches if watch.kind != Watching.CANCEL}
    return [_step(step, watches.get(step.step.hash), facts, now) for step in facts.open]


def _step(step: OpenStep, watch: Watch | None, facts: Facts, now: int) -> Reason:
    name = step.step.text
    if step.kind is Opcode.SLEEP:
        return Reason(Rule.SLEEPING, f'Step "{name}" sleeps.', step.due_at, name)
    if step.kind is Opcode.STEP_RUN:
        return Reason(
            Rule.RETRY, f'Attempt {step.attempt} of step "{name}" is tried then{_because(facts)}.', step.due_at, name
        )
    if watch is None:
        text = f'What step "{name}" waits for has come, or its time is over: it goes on.'
        return Reason(Rule.DUE, text, None, name)
    what = watch.topic.partition(":")[2]
    if watch.kind == Watching.SIGNAL:
        return Reason(Rule.SIGNAL, f'Step "{name}" waits for signal {what!r}.', step.due_at, name)
    if watch.kind == Watching.INVOKE:
        child = next((f" {run} ({status})" for hashed, run, status in facts.children if hashed == step.step.hash), "")
        return Reason(Rule.INVOKE, f'Step "{name}" waits for run{child} of {what}.', step.due_at, name)
    if watch.kind == Watching.REQUEST:
        return _request(step, what, facts, now)
    return Reason(Rule.EVENT, f'Step "{name}" waits for event {what!r}{_where(watch)}.', step.due_at, name)


def _request(step: OpenStep, what: str, facts: Facts, now: int) -> Reason:
    name = f'the request of step "{step.step.text}" ({what})'
    known = next((one for one in facts.requests if one.hash == step.step.hash), None)
    text, until = f"The next worker with room makes {name}.", None
    if known is not None and known.under_way:
        text = f"Attempt {known.attempt} of {name} is under way."
    elif known is not None and known.orphaned:
        text = f"No worker knows the credentials of {name}: the run is entered again, to be told."
    elif known is not None and known.due_at > now:
        text, until = f"Attempt {known.attempt} of {name} is made then{_because(facts)}.", known.due_at
    return Reason(Rule.REQUEST, text, until, step.step.text)


def _where(watch: Watch) -> str:
    parts: list[str] = []
    if watch.path:
        parts.append(f"async.{'.'.join(json.loads(watch.path))} == {watch.key}")
    if watch.expression:
        parts.append(f"`{watch.expression}`")
    return f" with {' and '.join(parts)}" if parts else ""


def _because(facts: Facts) -> str:
    return f", after {facts.failures[-1].name}: {facts.failures[-1].message}" if facts.failures else ""
