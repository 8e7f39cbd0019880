"""Subscriptions of runs are written down, and events, signals and answers are given to the steps that wait (P8).

A step waits while it has a row in `waits`. The event that it waits for takes that row away and puts itself into the
`inbox`, in the transaction in which it happens: so there is one answer, and a time-out that is recorded later loses
against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inngest.engine.domain import holding, subscriptions
from inngest.engine.domain.advance.waits import INVOKE_TIMED_OUT
from inngest.engine.domain.event_view import text_of
from inngest.engine.domain.model import Code, Event, Registry, Signal, Subscription, SubscriptionKind
from inngest.engine.records import Commit, Notifications
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import REQUESTS, WAITS, Arrival, Memo

from . import lanes, locking, looking_back, woken
from .context import WriteContext
from .core import ClauseElement, Text, bindparam, delete, func, literal_column, select, tables, update
from .records import EVENT_COLUMNS, number_of
from .statement import SqlDialect, Statement, Transaction, constant, insert_new

_waits, _inbox, _jobs, _events = tables.waits, tables.inbox, tables.jobs, tables.events
_meta, _runs = tables.meta, tables.runs
_requests = tables.requests

WAIT_COLUMNS = ("run_id", "hash", "kind", "topic", "path", "key", "expression", "parameters", "expires_at")

INSERT_WAITS = insert_new("A transaction opens waits.", _waits, (*WAIT_COLUMNS, "opened"))
INBOX_COLUMNS = ("run_id", "hash", "data", "error", "arrived_at", "attempt", "started_at", "metadata", "event_id")
INSERT_INBOX = insert_new("A delivery puts what has come into the inboxes of runs.", _inbox, INBOX_COLUMNS)


def _paths(words: SqlDialect) -> ClauseElement:
    """Each path of the subscriptions to a topic: from one to the next in the index, however many waits have it."""
    topic = words.listed("topics")
    path = select(func.min(_waits.c.path)).where(_waits.c.topic == topic).scalar_subquery()
    found = select(topic.label("topic"), path.label("path")).cte("found", recursive=True)
    following = select(func.min(_waits.c.path)).where(_waits.c.topic == found.c.topic, _waits.c.path > found.c.path)
    more = select(found.c.topic, following.scalar_subquery()).where(found.c.path.is_not(None))
    found = found.union_all(more)
    return select(found.c.topic, found.c.path).where(found.c.path.is_not(None))


PATHS = Statement("An event finds the paths at which waits of its topic have keys.", _paths)

WAITING_FOR = Statement(
    "A signal finds the steps that wait for it.",
    lambda _: (
        select(_waits.c.run_id, _waits.c.hash, _waits.c.parameters)
        .where(
            _waits.c.topic == bindparam("of_topic"),
            _waits.c.path == literal_column("''", Text),
            _waits.c.key == literal_column("''", Text),
            _waits.c.expires_at > bindparam("at"),
        )
        .order_by(_waits.c.run_id, _waits.c.hash)
    ),
)

BROADCASTS = Statement(
    "A new wait reads the number of the last marker.",
    lambda _: select(_meta.c.value).where(_meta.c.key == constant("broadcasts")),
)

TAKE_WAIT = Statement(
    "A delivery, or a memo, takes the wait of a step.",
    lambda _: (
        delete(_waits)
        .where(_waits.c.run_id == bindparam("run"), _waits.c.hash == bindparam("step"))
        .returning(_waits.c.run_id)
    ),
)

CHILD = Statement(
    "A time-out of an invocation reads what is known of the code of the invoked run.",
    lambda _: select(_runs.c.id, _runs.c.code).where(
        _runs.c.parent_id == bindparam("run"), _runs.c.parent_hash == bindparam("step"), _runs.c.code.is_not(None)
    ),
)

MAKE_DUE = Statement(
    "A delivery makes the jobs of runs due.",
    lambda words: (
        update(_jobs)
        .where(words.any_of(_jobs.c.run_id, "runs"), _jobs.c.due_at > bindparam("now"))
        .values(due_at=bindparam("now"), score=bindparam("now"))
        .returning(_jobs.c.run_id, _jobs.c.function_id, _jobs.c.lane)
    ),
)

ARRIVED = Statement(
    "An owner reads what has come for the steps of its run.",
    lambda words: (
        select(*(_inbox.c[name] for name in INBOX_COLUMNS), *(_events.c[name] for name in EVENT_COLUMNS))
        .join_from(_inbox, _events, _events.c.id == _inbox.c.event_id, isouter=True)
        .where(words.any_of(_inbox.c.run_id, "runs"))
        .order_by(_inbox.c.run_id, _inbox.c.arrived_at, _inbox.c.hash)
    ),
)

DROP_ARRIVAL = Statement(
    "A memo removes what has come for its step.",
    lambda _: delete(_inbox).where(_inbox.c.run_id == bindparam("run"), _inbox.c.hash == bindparam("step")),
)
DROP_ARRIVALS = Statement(
    "The end of runs removes what has come for them.",
    lambda words: delete(_inbox).where(words.any_of(_inbox.c.run_id, "runs")),
)
DROP_WAITS = Statement(
    "The end of runs removes their waits.", lambda words: delete(_waits).where(words.any_of(_waits.c.run_id, "runs"))
)
DROP_EXPIRED = Statement(
    "A claim removes waits of runs that have expired.",
    lambda words: (
        delete(_waits)
        .where(
            words.any_of(_waits.c.run_id, "runs"),
            _waits.c.expires_at <= bindparam("now"),
            _waits.c.kind != bindparam("but"),
        )
        .returning(_waits.c.run_id, _waits.c.hash, _waits.c.kind, _waits.c.expires_at)
    ),
)

ANYBODY = "none"
"""The holder of a request without credentials."""

_MAKERS = (_requests.c.run_id, _requests.c.session_id, _requests.c.holder)
DROP_REQUEST = Statement(
    "A memo removes the request of its step.",
    lambda _: (
        delete(_requests)
        .where(_requests.c.run_id == bindparam("run"), _requests.c.hash == bindparam("step"))
        .returning(*_MAKERS)
    ),
)
DROP_REQUESTS = Statement(
    "The end of runs removes their requests.",
    lambda words: delete(_requests).where(words.any_of(_requests.c.run_id, "runs")).returning(*_MAKERS),
)

# -- looking out


def look_out(tx: Transaction, found: Sequence[Subscription]) -> None:
    """Write down what is looked for from now on."""
    if found:
        tx.hold(locking.of_waits, found)
        row = tx.execute(BROADCASTS).fetchone()
        opened = 0 if row is None else number_of(row[0])
        tx.execute_rows(INSERT_WAITS, [(*watch[: len(WAIT_COLUMNS)], opened) for watch in found])


def register(tx: Transaction, found: Sequence[Subscription], registry: Registry, now: int) -> list[Arrival]:
    """Steps begin to wait; what has arrived for them, or instead of them, at once."""
    arrived: list[Arrival] = []
    for watch in found:
        rivals = _waiting_for(tx, watch, now) if watch.kind == SubscriptionKind.SIGNAL else []
        look_out(tx, [watch])
        if watch.since is not None:
            arrived += looking_back.earlier(tx, watch, now)
        elif rivals:
            losers = rivals if watch.replace else [(watch.run_id, watch.hash)]
            arrived += [Arrival(run_id, step, None, _taken(watch), now) for run_id, step in losers]
        elif (
            watch.kind == SubscriptionKind.INVOKE and (name := watch.topic.partition(":")[2]) not in registry.functions
        ):
            error = ErrorInfo("Error", f"could not find function with ID: {name}")
            arrived.append(Arrival(watch.run_id, watch.hash, None, error, now))
    return deliver(tx, arrived, now)


def _taken(watch: Subscription) -> ErrorInfo:
    signal = watch.topic.partition(":")[2]
    if watch.replace:
        message = f"run {watch.run_id} waits for signal {signal!r} now, and replaced this wait"
    else:
        message = f"another run waits for signal {signal!r} already: use on_conflict='replace', or another name"
    return ErrorInfo("SignalConflictError", message)


def _waiting_for(tx: Transaction, watch: Subscription, now: int) -> list[tuple[str, str]]:
    """Other steps that wait for a signal. One whose time is over does not, even if nobody has said so yet."""
    rows = tx.execute(WAITING_FOR, {"of_topic": watch.topic, "at": now}).fetchall()
    return [(row[0], row[1]) for row in rows if (row[0], row[1]) != (watch.run_id, watch.hash)]


# -- finding


def sought(tx: Transaction, events: Iterable[Event]) -> dict[str, list[str]]:
    """Where the data of these events may hold what somebody looks for, by topic."""
    topics = dict.fromkeys(subscriptions.topic(SubscriptionKind.STEP, event.name) for event in events)
    paths: dict[str, list[str]] = {}
    for topic, path in tx.execute(PATHS, {"topics": json.dumps(list(topics))}).fetchall() if topics else ():
        paths.setdefault(topic, []).append(path)
    return paths


def signal(tx: Transaction, name: str, data: str, now: int) -> tuple[str | None, list[Arrival]]:
    """Give a signal to who waits for it: the run's id, or None."""
    asked = {"of_topic": subscriptions.topic(SubscriptionKind.SIGNAL, name), "at": now}
    row = tx.execute(WAITING_FOR, asked).fetchone()
    while row is not None and tx.hold(locking.runs, [row[0]]):  # it may wait no more by now
        row = tx.execute(WAITING_FOR, asked).fetchone()
    if row is None:
        return None, []
    data = subscriptions.told(row[2], name, data)
    return row[0], deliver(tx, [Arrival(row[0], row[1], data, None, now)], now)


def send_signal(context: WriteContext, name: str, data: str, now: int) -> str | None:
    """Somebody sends a signal: the id of the run that waited for it, or None."""
    woken, arrivals = signal(context, name, data, now)
    context.arrived(arrivals)
    return woken


# -- giving


def deliver(tx: Transaction, arrivals: Sequence[Arrival], now: int) -> list[Arrival]:
    """Put what came into the inbox of who still waits for it, and wake those that nobody owns; what was taken."""
    tx.hold(locking.of_arrivals, arrivals)
    taken = [arrival for arrival in arrivals if _take_wait(tx, arrival.run_id, arrival.hash)]
    if taken:
        tx.execute_rows(INSERT_INBOX, [_inbox_row(arrival) for arrival in taken])
        woken.arrived(tx, taken)
        make_due(tx, {arrival.run_id for arrival in taken}, now)
    return taken


def _take_wait(tx: Transaction, run_id: str, step: str) -> bool:
    """Whether a step has waited; it does no more."""
    return tx.execute(TAKE_WAIT, {"run": run_id, "step": step}).fetchone() is not None


def make_due(tx: Transaction, run_ids: Iterable[str], now: int) -> None:
    """Runs that nobody owns go on at once."""
    runs = sorted(run_ids)
    rows = tx.execute(MAKE_DUE, {"runs": json.dumps(runs), "now": now}).fetchall()
    if tx.is_shared:
        for _, function_id, _ in rows:
            tx.tidings.queue(function_id, now)
        tx.tidings.came |= {*runs} - {row[0] for row in rows}  # somebody owns them, or they are due already
    if queued := dict.fromkeys(row[2] for row in rows if row[2] and isinstance(row[2], str)):
        lanes.look_at(tx, list(queued), now)


def go_on(context: WriteContext, run_ids: Sequence[str], now: int) -> None:
    """As `make_due`, and workers hear of it."""
    make_due(context, run_ids, now)
    context.notify(Notifications(queued=True))


def arrivals(tx: Transaction, run_ids: Sequence[str]) -> list[Arrival]:
    """The arrivals for steps of these runs that are in no memo yet."""
    return [arrival_of(row) for row in tx.execute(ARRIVED, {"runs": json.dumps(list(run_ids))}).fetchall()]


def arrival_of(row: Sequence[Any]) -> Arrival:
    """The arrival of a row of ARRIVED."""
    run_id, step, data, error, *rest = row[: len(INBOX_COLUMNS)]
    event = row[len(INBOX_COLUMNS) :]
    text = data if event[0] is None else text_of(Event(*event))
    return Arrival(run_id, step, text, None if error is None else _error_of(error), *rest)


def _error_of(text: str) -> ErrorInfo:
    try:
        return ErrorInfo.from_json(text)
    except Exception:  # the step fails with it all the same
        return ErrorInfo("Error", f"how it failed cannot be read: {text}")


def drop_expired(tx: Transaction, run_ids: Sequence[str], now: int, *, owed: bool) -> list[Arrival]:
    """These runs are claimed now: what has run out takes nothing any more; what is in no inbox and says why.

    With `owed`, events are still to be told to those who looked for them when they came. A run may have been cancelled
    by one of them in time, so its cancellations stay.
    """
    but = SubscriptionKind.CANCEL.value if owed else ""
    dropped = tx.execute(DROP_EXPIRED, {"runs": json.dumps(list(run_ids)), "now": now, "but": but}).fetchall()
    return [
        Arrival(run_id, step, None, error, expired_at)
        for run_id, step, kind, expired_at in dropped
        if kind == SubscriptionKind.INVOKE and (error := _held_child(tx, run_id, step)) is not None
    ]


def _held_child(tx: Transaction, run_id: str, step: str) -> ErrorInfo | None:
    """Why a step has waited in vain for the run that it invoked, if that is on hold."""
    row = tx.execute(CHILD, {"run": run_id, "step": step}).fetchone()
    try:
        hold = None if row is None else Code.from_json(row[1]).hold
    except Exception:  # of another run: its own owner finds out
        return None
    if row is None or hold is None:
        return None
    text = f"{INVOKE_TIMED_OUT.message}: run {row[0]} is on hold, since {holding.what_changed(hold)}"
    return ErrorInfo(INVOKE_TIMED_OUT.name, text)


# -- memos


def settle(tx: Transaction, commits: Sequence[Commit], now: int) -> tuple[dict[tuple[str, str], Memo], list[Arrival]]:
    """Memos as they must be: with what has come, though the owner did not know of it; with the run that was woken."""
    settled: dict[tuple[str, str], Memo] = {}
    woken: list[Arrival] = []
    for one in commits:
        run_id = one.owner.run_id
        memos = [memo for memo in one.changes.memos if memo.kind in WAITS]
        # Waits are taken before the inbox is read: what comes from then on finds no wait.
        waited = {memo.step.hash for memo in memos if _take_wait(tx, run_id, memo.step.hash)}
        came = {arrival.hash: arrival for arrival in arrivals(tx, [run_id])} if memos else {}
        for memo in memos:
            arrival = came.get(memo.step.hash)
            if arrival is not None and not memo.cancelled:
                settled[run_id, memo.step.hash] = arrival.fill(memo)
            if memo.step.hash in waited and memo.error == INVOKE_TIMED_OUT:
                held = _held_child(tx, run_id, memo.step.hash)
                settled[run_id, memo.step.hash] = memo._replace(error=held or memo.error)
            tx.execute(DROP_ARRIVAL, {"run": run_id, "step": memo.step.hash})
            if memo.kind in REQUESTS:
                _drop(tx, DROP_REQUEST, {"run": run_id, "step": memo.step.hash})
        by_hash: Mapping[str, Memo] = {memo.step.hash: memo for memo in one.changes.memos}
        for sent in one.changes.signals:
            settled[run_id, sent.hash], arrived = _sent(tx, by_hash[sent.hash], sent, now)
            woken += arrived
    return settled, woken


def _sent(tx: Transaction, memo: Memo, sent: Signal, now: int) -> tuple[Memo, list[Arrival]]:
    run_id, arrived = signal(tx, sent.name, sent.data, now)
    return memo._replace(data=json.dumps(run_id)), arrived


def closed(tx: Transaction, run_ids: Sequence[str]) -> None:
    """These runs are over: nothing is looked for on their behalf."""
    runs = {"runs": json.dumps(list(run_ids))}
    tx.execute(DROP_WAITS, runs)
    _drop(tx, DROP_REQUESTS, runs)
    tx.execute(DROP_ARRIVALS, runs)


def _drop(tx: Transaction, requests: Statement, given: Mapping[str, object]) -> None:
    """Remove requests; who makes them is told."""
    for run_id, session, holder in tx.execute(requests, given).fetchall():
        for worker in {session, holder} - {ANYBODY}:
            tx.tidings.about(worker, run_id)


def _inbox_row(arrival: Arrival) -> tuple[object, ...]:
    error = None if arrival.error is None else arrival.error.to_json()
    return (
        arrival.run_id,
        arrival.hash,
        arrival.data if arrival.event_id is None else None,
        error,
        arrival.at,
        arrival.attempt,
        arrival.started_at,
        arrival.metadata,
        arrival.event_id,
    )
