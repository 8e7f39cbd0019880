"""Why is this run waiting? From what the scheduler decides by, and nothing else. Pure."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Sequence
from typing import NamedTuple

from inngest.protocol import durations, limits, texts
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.protocol.opcodes import Memo, Opcode, OpenStep

from . import holding
from .function_rules import MICROSECONDS, Throttle
from .index_keys import shown
from .model import Run, RunStatus, Subscription, SubscriptionKind
from .waiting_facts import Facts, Full, Handler, KeptFact, Queued, Trouble, WorkerFact, is_away

LATEST = 253_402_300_799_000
"""The latest time that can be told, unix ms: the end of the year 9999."""

SHOWN = 5
"""Runs that are named where there may be many."""

LONGEST = 200
"""Letters of an error's message that are told."""

KEPT = 1_000
"""Letters that are kept of what is wrong with a row."""


class Rule(enum.StrEnum):
    """The rule that holds a run."""

    ENDED = "ended"
    EXECUTING = "executing"  # a worker has it
    ANSWERING = "answering"  # its app answers the request that it began with
    DUE = "due"  # nothing holds it: a worker takes it next
    DELAYED = "delayed"  # its event is from the future
    SLEEPING = "sleeping"
    RETRY = "retry"  # a step, or the body, failed, and is tried again later
    EVENT = "event"
    SIGNAL = "signal"
    INVOKE = "invoke"
    REQUEST = "request"  # the answer to an HTTP request of a step is not there
    NO_WORKER = "no_worker"  # no living worker has its function
    APP = "app"  # its app cannot be reached
    NO_FUNCTION = "no_function"  # its app has it no more
    CONCURRENCY = "concurrency"  # the slots of its lane are taken
    THROTTLE = "throttle"  # its lane may not begin another run yet
    PAUSED = "paused"  # its function is
    RETURNING = "returning"  # code of it has not returned, and keeps slots until it does
    ON_HOLD = "on_hold"  # the code that its workers have is not the code that began it
    UNREADABLE = "unreadable"  # it, or what it waits for, cannot be read or done, and is put off
    ALONE = "alone"  # workers died on it: it waits until one has nothing else in flight


class Reason(NamedTuple):
    """One thing that holds a run, or why nothing does."""

    rule: Rule
    text: str  # one sentence, for people
    until: int | None = None  # unix ms, when it holds it no longer by itself
    step: str | None = None  # id of the step that waits


class Pending(NamedTuple):
    """A run that is to come: its events are still collected."""

    function_id: str
    gate: str  # "debounce" or "batch"
    key: str  # as JSON; empty if it has none
    events: int | None  # of a batch: so far
    due_at: int | None  # None: when the batch is full


class KeptBack(NamedTuple):
    """Why an event has not started a run of a function that has its name as a trigger, or why that run rests."""

    function_id: str
    rule: str  # "debounce", "batch", "condition", "id", "idempotency", "rate_limit", "paused", "wait" or "unknown"
    text: str  # one sentence, for people
    run_id: str | None = None  # the run that came first, or that rests
    due_at: int | None = None  # when its run begins at the latest


class Woken(NamedTuple):
    """A run that looked for an event, and what that has done to it."""

    run_id: str
    function_id: str
    step: str | None  # that waited for it; None if none did
    cancelled: bool  # it ended the run


def explain(facts: Facts, now: int) -> list[Reason]:
    """Why a run does not go on, most important first; or that it does. Last, which slots it keeps all the same."""
    return [*_explain(facts, now), *_archived(facts), *(_returning(kept, facts) for kept in facts.kept)]


def _explain(facts: Facts, now: int) -> list[Reason]:
    run = facts.run
    if run.ended_at is not None:
        return [Reason(Rule.ENDED, f"{_ended(run)}{_erased(run, facts.eraser)}")]
    held, steps = _held(facts, now), _steps(facts, now)
    owner = next((one for one in facts.workers if one.id == facts.owner), None)
    if owner is not None and owner.alive:
        what = _handlers(owner.handlers) or _since(facts.recorded)
        named = {one.step for one in owner.handlers}  # what is due of these is told: it executes
        steps = [one for one in steps if one.rule is not Rule.DUE or one.step not in named]
        return [Reason(Rule.EXECUTING, f"It is executing on {owner.name}{what}."), *held, *steps]
    serving = [one for one in facts.workers if one.serves and one.alive]
    if owner is not None:
        return [*held, _died(owner, serving, facts), *steps]
    if not serving:
        text = f"No living worker has its function {run.function_id}: start an engine with it{_back(facts)}."
        held.append(Reason(Rule.NO_WORKER, text))
    if facts.run.code.hold is not None or facts.due_at is None:
        return [*held, *steps]
    if facts.in_request and facts.due_at > now:
        text = f"Its app answers the request itself{_since(facts.recorded)}."
        return [*held, Reason(Rule.ANSWERING, text, facts.due_at)]
    if facts.due_at <= now:
        held += _lane(facts.queued, now)
    elif later := _later(facts, facts.due_at, now):
        steps.insert(0, later)
    if not held and facts.due_at <= now:
        held.append(_next(facts.queued, serving))
    return [*held, *steps]


def _erased(run: Run, by: str | None) -> str:
    if run.erased_at is None:
        return ""
    who = "" if by is None else f" by {by}"
    return f" Its data were erased on {_time(run.erased_at)}{who}."


def _ended(run: Run) -> str:
    if run.status is RunStatus.COMPLETED:
        return "It has completed."
    ways = {RunStatus.FAILED: "It has failed", RunStatus.SKIPPED: "It was skipped"}
    named = run.status is RunStatus.FAILED  # 'total' alone would not tell a KeyError
    why = "" if run.error is None else f": {_first_line(_message(run.error, named=named))}"
    return f"{ways.get(run.status, 'It has been cancelled')}{why}."


def _message(error: str, *, named: bool) -> str:
    try:
        info = ErrorInfo.from_json(error)
        return f"{info.name}: {info.message}" if named else info.message
    except Exception:
        return f"how it ended cannot be read: {error!r}"


def _returning(kept: KeptFact, facts: Facts) -> Reason:
    worker = next((one.name for one in facts.workers if one.id == kept.session), "a worker that is gone")
    it = "it" if kept.slots == 1 else "them"
    text = (
        f"Code of it has not returned on {worker}: it keeps {_count(kept.slots, 'slot')} since {_time(kept.since)}, "
        f"and gives {it} back when it returns, or its process ends."
    )
    return Reason(Rule.RETURNING, text)


def _held(facts: Facts, now: int) -> list[Reason]:
    """The reasons that keep it from going on, whatever else there is."""
    held: list[Reason] = []
    if (hold := facts.run.code.hold) is not None:
        often = "once" if hold.times == 1 else f"{hold.times:,} times"
        text = (
            f"It is on hold, since its code has changed: {holding.what_changed(hold)}. It was put there {often} since "
        )
        text += f"{_time(hold.since)}. {holding.advice(facts.run.id)}."
        held.append(Reason(Rule.ON_HOLD, text, facts.due_at, hold.step))
    if facts.paused is not None:
        name = facts.run.function_id
        text = (
            f"Its function {name} has been paused since {_time(facts.paused)}: `inngest resume {name}` lets it go on."
        )
        held.append(Reason(Rule.PAUSED, text))
    held += _of_app(facts, now)
    held += [_put_off(trouble) for trouble in facts.troubles if trouble.until > now and trouble.kind != "app"]
    if facts.alone:
        text = (
            f"{_count(facts.run.takeovers, 'worker')} died while executing it: it goes on when a worker executes "
            "nothing else."
        )
        held.append(Reason(Rule.ALONE, text))
    return held


def _of_app(facts: Facts, now: int) -> list[Reason]:
    """The reasons for which calls to its app do not run its code."""
    if facts.app is None:
        return []
    away = [one for one in facts.troubles if one.kind == "app" and is_away(one, now)]
    found = [Reason(Rule.APP, _away(facts.app.name, one, now)) for one in away]
    function = facts.run.function_id
    if _refused(facts):
        text = (
            f"Its app {facts.app.name} answers that it has no function {function}: deploy the app with it, or cancel "
        )
        found.append(Reason(Rule.NO_FUNCTION, f"{text}the run. Each answer counts as a failed attempt."))
    return found


def _archived(facts: Facts) -> list[Reason]:
    """The function is archived: that holds nothing until its app is called, and says that it has it no more."""
    if facts.run.ended_at is not None or facts.app is None or facts.app.names_it or _refused(facts):
        return []
    text = (
        f"Its app {facts.app.name} has registered without its function {facts.run.function_id}: nothing starts that "
        "any more. This run goes on if the app has the code of it; else deploy the app with it, or cancel the run."
    )
    return [Reason(Rule.NO_FUNCTION, text)]


def _away(app: str, trouble: Trouble, now: int) -> str:
    text = f"Its app {app} cannot be reached since {_time(trouble.since)}: {_first_line(trouble.error)}. "
    if now - trouble.since < limits.DAY:
        return f"{text}Start it, or register it under the URL where it is. No attempt is counted, for a day."
    return f"{text}That is more than a day: each call counts as a failed attempt now."


def _refused(facts: Facts) -> bool:
    """Whether the app has said lately that it has no such function."""
    targets = {"", *(step.step.hash for step in facts.open)}
    last = next((one for one in reversed(facts.failed) if one.step in targets), None)
    return last is not None and last.error.code == ErrorCode.FUNCTION_NOT_FOUND


_UNREADABLE = {
    "run": "It cannot be read",
    "request": "A request of it cannot be read",
    "wait": "What one of its steps waits for, or what cancels it, cannot be read, and no event is told to it",
    "lane": "The lane in which it queues cannot be read",
    "function": "The configuration of its function cannot be read",
}


def _put_off(trouble: Trouble) -> Reason:
    kind, _, which = trouble.kind.partition(":")
    what = _UNREADABLE.get(kind)
    times = "once" if trouble.tries == 1 else f"{trouble.tries:,} times since {_time(trouble.since)}"
    tried = f", and was tried {times}" if trouble.tries else ""
    text = f"{what or f'Its {kind} ({which}) cannot be done'}{tried}: {_first_line(trouble.error)}."
    return Reason(Rule.UNREADABLE, text, trouble.until if trouble.tries else None)


def _handlers(handlers: Sequence[Handler]) -> str:
    """The handlers that take long; nothing is known of what has just begun."""
    named = [
        (f"attempt {one.attempt + 1} of " if one.attempt else "")
        + (f'step "{one.step}"' if one.step else "a call of its app")
        + f", since {_time(one.since)}"
        for one in sorted(handlers, key=lambda one: (one.since, one.step))
    ]
    more = len(named) - SHOWN
    if more > 0:
        named = [*named[:SHOWN], f"{more:,} more"]
    return f": {'; '.join(named)}" if named else ""


def _since(recorded: Memo | None) -> str:
    """The text names the step after which a step hangs."""
    if recorded is None:
        return ", and has recorded no step"
    return f', and recorded step "{recorded.step.text}" last, at {_time(recorded.ended_at)}'


def _back(facts: Facts) -> str:
    """The other way to have somebody who has its function."""
    if facts.former is None:
        return ""
    return f"; or, if app {facts.former.name} is to serve it, have that register again (PUT {facts.former.url})"


def _died(owner: WorkerFact, serving: Sequence[WorkerFact], facts: Facts) -> Reason:
    if serving:
        return Reason(Rule.DUE, f"Its worker ({owner.name}) has died: another one takes it over.")
    text = f"Its worker ({owner.name}) has died, and no other has its function {facts.run.function_id}"
    return Reason(Rule.NO_WORKER, f"{text}: start an engine with it{_back(facts)}.")


def _later(facts: Facts, due_at: int, now: int) -> Reason | None:
    """Something else than a step is waited for: the time of its event, or the next attempt of its body."""
    if due_at <= now:
        return None
    if facts.run.started_at is None:
        return Reason(Rule.DELAYED, "Its event is from the future.", due_at)
    if facts.run.attempt == 0 or any(step.due_at == due_at for step in facts.open):
        return None
    what = "One of its steps" if facts.of_step else "The code between its steps"
    return Reason(Rule.RETRY, f"{what} {_so_far(facts, '', facts.run.attempt)}.", due_at)


# -- in its lane


def _lane(queued: Queued | None, now: int) -> list[Reason]:
    """The limits that hold it, each of them: one that has room again does not open the others."""
    if queued is None:
        return []
    found = [Reason(Rule.CONCURRENCY, f"{_used_up(full)}; {_ahead(queued)}.") for full in queued.full]
    if queued.throttle is not None and queued.opens_at > now:
        own = queued.opens_at + -(-queued.ahead * queued.throttle.interval // MICROSECONDS)
        closed = _closed(queued.throttle, queued.throttled)
        found.append(Reason(Rule.THROTTLE, f"{closed}; {_ahead(queued)}.", own))
    return found


def _ahead(queued: Queued) -> str:
    if not queued.ahead:
        return "it is next in its lane"
    return f"{_count(queued.ahead, 'run')} of its lane {'goes' if queued.ahead == 1 else 'go'} before it"


def _next(queued: Queued | None, serving: Sequence[WorkerFact]) -> Reason:
    executing = sum(one.executing for one in serving)
    has, executes = ("has", "executes") if len(serving) == 1 else ("have", "execute")
    workers = f"{_count(len(serving), 'worker')} {has} its function, and {executes} {_count(executing, 'run')}"
    text = f"Nothing holds it: it goes on when a worker has room. {workers}"
    return Reason(Rule.DUE, f"{text}; {_ahead(queued)}." if queued is not None else f"{text}.")


def _used_up(full: Full) -> str:
    limit = full.limit
    scope = limit.prefix.partition(":")[0]
    shared = "" if scope == "fn" else f" in scope {scope}"
    own = {holder.function_id for holder in full.holders if limit.prefix.startswith(f"fn:{holder.function_id}:")}
    named = [
        holder.run_id
        + ("" if holder.function_id in own else f" of {holder.function_id}")
        + (f" ({holder.slots} slots)" if holder.slots > 1 else "")
        + (" (over, but its code has not returned)" if holder.returning else "")
        for holder in full.holders[:SHOWN]
    ]
    more = len(full.holders) - SHOWN
    names = ", ".join([*named, f"{more:,} more"] if more > 0 else named)
    used = f" by {'run' if len(full.holders) == 1 else 'runs'} {names}" if named else ""
    return f"The concurrency limit of {limit.slots}{_for(limit.key, full.value)}{shared} is used up{used}"


def _closed(throttle: Throttle, value: str) -> str:
    ms = throttle.interval / MICROSECONDS
    each = f"{ms:,g} ms" if ms % 1_000 else durations.to_text(int(ms))
    return f"Its throttle (a start each {each}{_for(throttle.key, value)}) is closed"


def _for(key: str | None, value: str) -> str:
    return "" if key is None else f" for {key} = {value or 'none'}"


# -- its steps


def _steps(facts: Facts, now: int) -> list[Reason]:
    subscriptions = {watch.hash: watch for watch in facts.subscriptions if watch.kind != SubscriptionKind.CANCEL}
    soonest = sorted(facts.open, key=lambda step: (step.due_at, step.step.text))
    return [_step(step, subscriptions.get(step.step.hash), facts, now) for step in soonest]


def _step(step: OpenStep, watch: Subscription | None, facts: Facts, now: int) -> Reason:
    name = step.step.text
    if step.begun:
        text = f'Step "{name}" has begun, and is not run again: if its worker dies, it fails with StepInterruptedError.'
        return Reason(Rule.EXECUTING, text, None, name)
    plain = step.kind in (Opcode.SLEEP, Opcode.STEP_RUN)
    if not plain and watch is None:
        return Reason(Rule.DUE, f'What step "{name}" waits for has come, or its time is over.', None, name)
    if watch is not None and watch.kind == SubscriptionKind.REQUEST:
        return _request(step, watch.topic.partition(":")[2], facts, now)
    if step.kind is Opcode.STEP_RUN and not step.attempt:  # of an app, which has planned it
        return Reason(Rule.DUE, f'Step "{name}" is there to run: its app is called for it.', None, name)
    rule, text = _sought(step, watch, facts) if watch is not None else _plain(step, facts)
    if step.due_at <= now:
        return Reason(Rule.DUE, f"{text}: {_OVER.get(rule, 'its time is over')}.", None, name)
    return Reason(rule, f"{text}.", step.due_at, name)


_OVER = {Rule.SLEEPING: "long enough", Rule.RETRY: "the next attempt is due"}


def _plain(step: OpenStep, facts: Facts) -> tuple[Rule, str]:
    if step.kind is Opcode.SLEEP:
        return Rule.SLEEPING, f'Step "{step.step.text}" sleeps'
    return Rule.RETRY, f'Step "{step.step.text}" {_so_far(facts, step.step.hash, step.attempt)}'


def _sought(step: OpenStep, watch: Subscription, facts: Facts) -> tuple[Rule, str]:
    """The target of a step that waits."""
    name, what = f'Step "{step.step.text}" waits for', watch.topic.partition(":")[2]
    if watch.kind == SubscriptionKind.SIGNAL:
        return Rule.SIGNAL, f"{name} signal {what!r}"
    if watch.kind == SubscriptionKind.INVOKE:
        child = next((f" {run} ({status})" for hashed, run, status in facts.children if hashed == step.step.hash), "")
        return Rule.INVOKE, f"{name} run{child} of {what}"
    return Rule.EVENT, f"{name} event {what!r}{_where(watch)}"


def _request(step: OpenStep, what: str, facts: Facts, now: int) -> Reason:
    text, until = f'The request of step "{step.step.text}" ({what})', None
    known = next((one for one in facts.requests if one.hash == step.step.hash), None)
    so_far = f" {_so_far(facts, step.step.hash, known.attempt)}" if known is not None and known.attempt else ""
    if known is None or known.under_way:
        state = f"{so_far}, and is under way again" if so_far else " is under way"
    elif known.orphaned:
        state = " needs credentials that no living worker knows: the run is entered again, to be told"
    elif known.due_at > now:
        state, until = so_far, known.due_at
    else:
        state = f"{so_far}, and is made when a worker has room" if so_far else " is made when a worker has room"
    return Reason(Rule.REQUEST, f"{text}{state}.", until, step.step.text)


def _where(watch: Subscription) -> str:
    key = f"async.{'.'.join(json.loads(watch.path))} == {shown(watch.key)}" if watch.path else ""
    if not watch.expression:
        return f" with `{key}`" if key else ""
    return f" with `{watch.expression}`" + (f", for this run `{key}`" if key else "")


def _so_far(facts: Facts, hashed: str, attempts: int) -> str:
    """How an attempt failed, and how many did."""
    times = "has failed once" if attempts == 1 else f"has failed {attempts:,} times"
    last = next((one.error for one in reversed(facts.failed) if one.step == hashed), None)
    if last is None:
        return times
    return f"{times}, {'with' if attempts == 1 else 'last with'} {last.name}: {_first_line(last.message)}"


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _time(ms: int) -> str:
    return datetime.datetime.fromtimestamp(min(max(ms, 0), LATEST) // 1_000, datetime.UTC).strftime(
        "%Y-%m-%d %H:%M:%S UTC"
    )


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def text_of(error: BaseException) -> str:
    """An error in a few words, as a column can hold them."""
    try:
        said = str(error)
    except Exception:  # it is of a row, and not to be trusted
        said = ""
    text = texts.escaped(f"{type(error).__name__}: {said}" if said else type(error).__name__)
    return text if len(text) <= KEPT else f"{text[: KEPT - 1]}…"
