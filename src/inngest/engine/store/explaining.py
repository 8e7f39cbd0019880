"""Facts about a run, for `domain.explaining`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from inngest.engine.domain import endpoints
from inngest.engine.domain.explaining import Pending, text_of
from inngest.engine.domain.function_rules import PLAIN, Queueing, rules_of
from inngest.engine.domain.gates import BatchState, DebounceState
from inngest.engine.domain.index_keys import UNSAID, shown
from inngest.engine.domain.lanes import FullBudget, Lane
from inngest.engine.domain.model import FunctionSpec, Subscription, Transport
from inngest.engine.domain.subscriptions import can_be_told
from inngest.engine.domain.waiting_facts import (
    AppFact,
    Facts,
    FormerApp,
    Full,
    Handler,
    Holder,
    KeptFact,
    Queued,
    RequestFact,
    Trouble,
    WorkerFact,
)
from inngest.engine.records import CALLS_APPS, RunView
from inngest.protocol import limits, texts

from . import apps, lanes, reading, troubles
from .core import Integer, bindparam, func, literal_column, select, tables
from .lanes import readable
from .records import names_of, number_of
from .registry import RegistryCache
from .statement import Statement, Transaction, constant
from .timers import BATCH, DEBOUNCE, NEVER
from .waits import WAIT_COLUMNS

_jobs, _sessions, _waits, _runs = tables.jobs, tables.sessions, tables.waits, tables.runs
_requests, _timers, _batches, _kept = tables.requests, tables.timers, tables.batches, tables.kept_slots

JOB = Statement(
    "An explanation reads the job of a run.",
    lambda _: select(
        _jobs.c.due_at, _jobs.c.queue_class, _jobs.c.lane, _jobs.c.start, _jobs.c.score, _jobs.c.id, _jobs.c.function_id
    ).where(_jobs.c.run_id == bindparam("run")),
)
AHEAD = Statement(
    "An explanation counts the due jobs that a lane takes before this one.",
    lambda _: select(func.count()).where(
        _jobs.c.function_id == bindparam("function"),
        _jobs.c.queue_class == literal_column("0", Integer),
        _jobs.c.lane == bindparam("lane"),
        (_jobs.c.start < bindparam("starting"))
        | (
            (_jobs.c.start == bindparam("starting"))
            & (
                (_jobs.c.score < bindparam("place"))
                | ((_jobs.c.score == bindparam("place")) & (_jobs.c.id < bindparam("job")))
            )
        ),
        _jobs.c.due_at <= bindparam("now"),
    ),
)
CONFIG = Statement(
    "An explanation reads the configuration of a function.",
    lambda _: select(tables.functions.c.config).where(tables.functions.c.id == bindparam("function")),
)
HOLDERS = Statement(
    "An explanation reads the runs that hold slots.",
    lambda _: (
        select(_runs.c.id, _runs.c.function_id, _runs.c.slots, _runs.c.lane)
        .where(_runs.c.session_id.is_not(None), _runs.c.slots > literal_column("0", Integer))
        .order_by(_runs.c.session_id, _runs.c.id)
    ),
)
KEPT_HOLDERS = Statement(
    "An explanation reads the slots that are kept for handlers of runs that are over.",
    lambda _: select(_kept.c.run_id, _kept.c.function_id, _kept.c.slots, _kept.c.lane),
)
KEPT = Statement(
    "An explanation reads the slots that are kept for handlers of one run.",
    lambda _: (
        select(_kept.c.session_id, _kept.c.slots, _kept.c.since)
        .where(_kept.c.run_id == bindparam("run"))
        .order_by(_kept.c.since, _kept.c.token)
    ),
)
WORKERS = Statement(
    "An explanation reads the workers, their functions and their long handlers.",
    lambda _: select(
        _sessions.c.id, _sessions.c.host, _sessions.c.pid, _sessions.c.functions, _sessions.c.executing
    ).where(_sessions.c.ended.is_(None)),
)
EXECUTING = Statement(
    "An explanation counts the runs that each worker owns.",
    lambda _: (
        select(_runs.c.session_id, func.count())
        .where(_runs.c.session_id.is_not(None))
        .group_by(_runs.c.session_id)
        .order_by(_runs.c.session_id)
    ),
)
PAUSED = Statement(
    "An explanation reads since when a function is paused.",
    lambda _: select(tables.pauses.c.since).where(tables.pauses.c.function_id == bindparam("function")),
)
WAITS = Statement(
    "An explanation reads what a run waits for.",
    lambda _: select(*(_waits.c[name] for name in WAIT_COLUMNS)).where(_waits.c.run_id == bindparam("run")),
)
CHILDREN = Statement(
    "An explanation reads the runs that a run has invoked.",
    lambda _: select(_runs.c.parent_hash, _runs.c.id, _runs.c.status).where(_runs.c.parent_id == bindparam("run")),
)

REQUESTS = Statement(
    "An explanation reads the requests of a run.",
    lambda _: (
        select(_requests.c.hash, _requests.c.attempt, _requests.c.due_at, _requests.c.session_id, _requests.c.holder)
        .where(_requests.c.run_id == bindparam("run"))
        .order_by(_requests.c.hash)
    ),
)

PENDING = Statement(
    "An explanation reads the debounces and batches that hold an event.",
    lambda _: (
        select(_timers.c.kind, _timers.c.key, _timers.c.due_at, _timers.c.payload)
        .where(
            _batches.c.event_id == bindparam("of_event"),
            ((_timers.c.kind == constant(DEBOUNCE)) & (_timers.c.key == _batches.c.batch_id))
            | ((_timers.c.kind == constant(BATCH)) & _timers.c.payload.contains(_batches.c.batch_id)),
        )
        .order_by(_timers.c.key, _timers.c.kind)
    ),
)


def pending(tx: Transaction, event_id: str) -> list[Pending]:
    """The runs that an event is to start, alone or with others, when it is over that more may come."""
    found: list[Pending] = []
    for kind, place, due_at, payload in tx.execute(PENDING, {"of_event": texts.stored(event_id)}).fetchall():
        collected = BatchState(*json.loads(payload)) if kind == BATCH else DebounceState(*json.loads(payload))
        function_id, key = collected.function_id, UNSAID if shown(place) == UNSAID else shown(json.loads(place)[1])
        events = collected.held if isinstance(collected, BatchState) else None
        found.append(Pending(function_id, kind, key, events, due_at if due_at < NEVER else None))
    return found


def facts(tx: Transaction, run_id: str, now: int) -> Facts | None:
    """Facts about a run, and about its place in the queue at a time; None if there is none."""
    run_id = texts.stored(run_id)
    asked = {"run": run_id}
    job = tx.execute(JOB, asked).fetchone()
    due_at = None if job is None else number_of(job[0])
    known = troubles.of_key(tx, run_id)
    view = reading.run(tx, run_id)
    if view is None:
        return None
    if view.run.unread and not any(_stands(one, due_at, now) for one in known):  # nobody has tried it yet
        known.append(_found(troubles.RUN, "; ".join(view.run.unread), now))
    known += troubles.of_key(tx, view.run.function_id)
    known += [] if view.run.lane is None else troubles.of_key(tx, view.run.lane)
    function = RegistryCache().read(tx).known(view.run.function_id)
    app = None
    if function is not None and function.transport is not Transport.LOCAL:
        app = AppFact(function.app_id, not function.archived)
        known += troubles.of_key(tx, troubles.app_key(app.name))
    former = _former(tx, function) if function is not None and app is None else None
    paused = tx.execute(PAUSED, {"function": view.run.function_id}).fetchone()
    subscriptions = _watches(tx, run_id, known, now)
    queued = None
    if job is not None and job[2]:
        try:
            queued = _queued(tx, job, now)
        except Exception as error:
            tx.see_that_it_goes_on(error)
            known.append(_found(troubles.LANE, text_of(error), now))
    failed = view.failed_by_entry
    return Facts(
        run=view.run,
        open=view.open,
        failed=failed,
        subscriptions=subscriptions,
        children=[(row[0], row[1], row[2]) for row in tx.execute(CHILDREN, asked).fetchall()] if subscriptions else (),
        due_at=due_at,
        alone=job is not None and job[1] == 1,
        owner=view.worker,
        workers=_workers(tx, view, is_remote=app is not None),
        requests=[_request(row) for row in tx.execute(REQUESTS, asked).fetchall()] if subscriptions else (),
        paused=None if paused is None else number_of(paused[0]),
        recorded=view.memos[-1] if view.memos else None,
        queued=queued,
        kept=[KeptFact(one, number_of(slots), number_of(at)) for one, slots, at in tx.execute(KEPT, asked).fetchall()],
        troubles=known,
        app=app,
        former=former,
        of_step=bool(failed) and failed[-1] != view.failed[-1],
        eraser=view.eraser,
        in_request=_is_in_request(function, view),
    )


def _former(tx: Transaction, function: FunctionSpec) -> FormerApp | None:
    """The app of a worker's function, if one is registered by that name."""
    for one in apps.apps(tx):
        if one.name == function.app_id and one.synced_at is not None and one.archived_at is None:
            return FormerApp(one.name, one.url)
    return None


def _is_in_request(function: FunctionSpec | None, view: RunView) -> bool:
    is_endpoint = function is not None and function.transport is Transport.API
    return is_endpoint and view.worker is None and endpoints.in_request(view.run, view.open)


def _found(kind: str, error: str, now: int) -> Trouble:
    """Troubles that show now, and have not been put off."""
    return Trouble(kind, error, 0, now, now + 1)


def _watches(tx: Transaction, run_id: str, known: list[Trouble], now: int) -> list[Subscription]:
    """The subscriptions of a run; what of it cannot be read joins what is known to be in trouble."""
    told = {trouble.kind for trouble in known if trouble.until > now}  # one that was put aside before still may be
    subscriptions: list[Subscription] = []
    for row in tx.execute(WAITS, {"run": run_id}).fetchall():
        try:
            watch = Subscription(*row)
            can_be_told(watch)
            subscriptions.append(watch)
        except Exception as error:
            if (kind := f"{troubles.WAIT}:{row[1]}") not in told:
                known.append(_found(kind, text_of(error), now))
    return subscriptions


def _stands(trouble: Trouble, due_at: int | None, now: int) -> bool:
    """Whether a run cannot be read: its job is the one that was put off, or it is tried just now."""
    if trouble.kind != troubles.RUN:
        return False
    return due_at == trouble.until or (due_at is None and now < trouble.until + limits.MINUTE)


def _workers(tx: Transaction, view: RunView, *, is_remote: bool) -> list[WorkerFact]:
    executing = dict(tx.execute(EXECUTING).fetchall())
    recorded = {memo.step.text for memo in view.memos}
    return [
        WorkerFact(
            one,
            f"{host}, process {pid}",
            (CALLS_APPS if is_remote else view.run.function_id) in names_of(functions),
            executing.get(one, 0),
            handlers=[
                handler for handler in _handlers(told) if handler.run_id == view.run.id and handler.step not in recorded
            ],
        )
        for one, host, pid, functions, told in tx.execute(WORKERS).fetchall()
        if isinstance(one, str)
    ]


def _handlers(told: str | None) -> list[Handler]:
    """The last handlers that a worker has told of; nothing if it cannot be read, since it is for people only."""
    try:
        return [] if told is None else [Handler(*one) for one in json.loads(told)]
    except (ValueError, TypeError):
        return []


def _queued(tx: Transaction, job: Sequence[Any], now: int) -> Queued:
    _, _, lane_id, starting, place, job_id, function_id = job
    lane = Lane.of(lane_id)
    config = tx.execute(CONFIG, {"function": function_id}).fetchone()
    rules = PLAIN if config is None else rules_of(function_id, config[0]).queueing
    capacity = lanes.capacity(tx, [lane], mends=False)  # it only reads
    asked = {
        "function": function_id,
        "lane": lane_id,
        "starting": starting,
        "place": place,
        "job": job_id,
        "now": now,
    }
    ahead = tx.execute(AHEAD, asked).fetchone()
    assert ahead is not None
    return Queued(
        ahead=ahead[0],
        full=[_full(tx, found, lane, rules) for found in capacity.all_full(lane, rules)],
        throttle=rules.throttle if starting and lane.throttle is not None else None,
        throttled="" if lane.throttle is None else shown(lane.throttle.removeprefix(f"{function_id}:")),
        opens_at=capacity.opens_at(lane, rules, now),
    )


def _full(tx: Transaction, found: FullBudget, lane: Lane, rules: Queueing) -> Full:
    """A limit of a lane that has no slot left, and who has them."""
    limit = dict(zip(lane.budgets, rules.limits_of(lane.budgets), strict=True))[found.budget]
    assert limit is not None, "a budget without a limit is not full"
    holders = [
        Holder(str(run_id), str(function_id), number_of(slots), returning)
        for statement, returning in ((KEPT_HOLDERS, True), (HOLDERS, False))
        for run_id, function_id, slots, held in sorted(tx.execute(statement).fetchall(), key=repr)
        if (of := readable(held)) is not None and found.budget in of.budgets
    ]
    return Full(limit, shown(found.budget.removeprefix(limit.prefix)), holders)


def _request(row: tuple[Any, ...]) -> RequestFact:
    hashed, attempt, due_at, session_id, holder = row
    return RequestFact(hashed, number_of(attempt), number_of(due_at), session_id is not None, holder is None)
