"""Decisions of owners: memos, open steps, and how runs ended or were let go (P2, P3, P4).

All commits of a batch are written together: one statement for all their memos, one for all runs that ended, …
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from inngest.engine.domain import effects
from inngest.engine.domain.model import Changes, Ended, Registry, Released
from inngest.engine.records import DONE, REFUSED, Commit, Notifications, Owner, Receipt, Written
from inngest.protocol.opcodes import Arrival, Memo

from . import events, holding, kept, lanes, overtaken, parcels, requests, telling, timers, waits
from .commands import Alone
from .context import WriteContext
from .core import (
    ClauseElement,
    ColumnElement,
    Insert,
    Integer,
    bindparam,
    exists,
    literal_column,
    null,
    select,
    tables,
    update,
)
from .jobs import INSERT_JOBS, job_row
from .records import FAILED_COLUMNS, NEW_OPEN_COLUMNS, NEW_STEP_COLUMNS, defer_row, failed_row, memo_row, open_row
from .starting import create
from .statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction, insert_new
from .telling import Teller
from .timers import ALWAYS

_runs, _steps = tables.runs, tables.steps
_NONE = literal_column("0", Integer)

STEP_UPDATES = ("kind", "seq", "attempt", "started_at", "due_at", "ended_at", "data", "error", "cancelled")


def _lost(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    owned = exists().where(
        _runs.c.id == given.c.id,
        _runs.c.token == given.c.token,
        _runs.c.session_id == given.c.session_id,
        _runs.c.touched == _NONE,
    )
    return select(given.c.id, given.c.token).where(~owned)


def _touched(words: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    columns = (_runs.c.id, _runs.c.function_id, _runs.c.lane, _runs.c.slots, _runs.c.attempt)
    where = (_runs.c.id == given.c.id, _runs.c.token == given.c.token, _runs.c.touched > _NONE)
    return words.locking(select(*columns).where(*where), skip=False)


def _write_memos(words: SqlDialect, rows: Rows) -> ClauseElement:
    return _over_open(words.insert(_steps).values(rows.values), STEP_UPDATES)


def _write_open(words: SqlDialect, rows: Rows) -> ClauseElement:
    """An open step changes when its next attempt is known, when that begins, and when it has not begun after all."""
    insertion = words.insert(_steps).values(rows.values)
    new = insertion.excluded
    begins = (_steps.c.attempt == new.attempt) & _steps.c.due_at.is_not(None) & new.due_at.is_(None)
    same = (_steps.c.attempt == new.attempt) & new.op.is_not(None)
    came_back = same & _steps.c.due_at.is_(None) & new.due_at.is_not(None)
    return _over_open(insertion, ("attempt", "due_at"), (_steps.c.attempt < new.attempt) | begins | came_back)


def _write_defers(words: SqlDialect, rows: Rows) -> ClauseElement:
    insertion = words.insert(_steps).values(rows.values)
    return _over_open(insertion, ("cancelled",), _steps.c.cancelled < insertion.excluded.cancelled)


def _over_open(insertion: Any, changed: Sequence[str], only_if: ColumnElement[bool] | None = None) -> Insert:
    """New steps; of those that are there, only open ones change, and only if this is true of theirs."""
    is_open = _steps.c.seq.is_(None)
    where: ColumnElement[bool] = is_open if only_if is None else is_open & only_if
    set_ = {name: insertion.excluded[name] for name in changed}
    writing: Insert = insertion.on_conflict_do_update(index_elements=["run_id", "hash"], set_=set_, where=where)
    return writing


def _end_runs(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    changed = {name: given.c[name] for name in ("status", "output", "error", "attempt", "ended_at")}
    return update(_runs).where(_runs.c.id == given.c.id).values(**changed, session_id=null(), token=null(), slots=_NONE)


def _release_runs(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    changes = update(_runs).where(_runs.c.id == given.c.id)
    return changes.values(attempt=given.c.attempt, session_id=null(), token=null(), slots=_NONE)


def _begin_anew(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    return update(_runs).where(_runs.c.id == given.c.id).values(attempt=given.c.attempt, takeovers=_NONE)


def _write_discoveries(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    changed = {name: given.c[name] for name in ("generation", "request_version", "owed", "discover_at")}
    return update(_runs).where(_runs.c.id == given.c.id).values(**changed)


def _describe(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    where = (_steps.c.run_id == given.c.run_id, _steps.c.hash == given.c.hash)
    return update(_steps).where(*where).values(metadata=given.c.metadata)


def _record(words: SqlDialect) -> ClauseElement:
    owned = (
        _runs.c.id == bindparam("owned"),
        _runs.c.token == bindparam("token"),
        _runs.c.session_id == bindparam("session"),
        _runs.c.touched == _NONE,
    )
    row = select(*(bindparam(name, type_=_steps.c[name].type) for name in NEW_STEP_COLUMNS))
    if words.shared:  # whoever takes the run from its owner has its row: who is first is first
        held = words.locking(select(_runs.c.id).where(*owned), skip=False).cte("held")
        row = row.select_from(held)
    else:
        row = row.where(exists().where(*owned))
    insertion = words.insert(_steps).from_select(list(NEW_STEP_COLUMNS), row)
    return _over_open(insertion, STEP_UPDATES)


RECORD = Statement(
    "A commit of one memo writes it if the run is its owner's, and the step has no memo yet.",
    _record,
    (*NEW_STEP_COLUMNS, "owned", "token", "session"),
)
LOST = MultiRowStatement(
    "A commit finds the runs that are not their owners' any more.", _runs, ("id", "token", "session_id"), _lost
)
TOUCHED = MultiRowStatement(
    "A commit finds runs of which others have written since their owners took them up.",
    _runs,
    ("id", "token"),
    _touched,
)
WRITE_MEMOS = MultiRowStatement(
    "A commit writes memos over open steps, never over memos.", _steps, NEW_STEP_COLUMNS, _write_memos, key=2
)
WRITE_OPEN = MultiRowStatement(
    "A commit writes open steps; one that is stored changes when its attempt grows, or begins.",
    _steps,
    NEW_OPEN_COLUMNS,
    _write_open,
    key=2,
)
WRITE_DEFERS = MultiRowStatement(
    "A commit writes deferred functions; one that is stored changes when it is aborted.",
    _steps,
    NEW_STEP_COLUMNS,
    _write_defers,
)
WRITE_FAILED = insert_new("A commit writes failed attempts of steps and bodies.", tables.attempts, FAILED_COLUMNS)
DESCRIBE = MultiRowStatement(
    "A commit writes the metadata of memos.", _steps, ("run_id", "hash", "metadata"), _describe
)  # a statement of its own, since few steps have metadata
END_RUNS = MultiRowStatement(
    "A commit ends runs and takes them from their owners.",
    _runs,
    ("id", "status", "output", "error", "attempt", "ended_at"),
    _end_runs,
    tells=lambda tidings, rows: tidings.end(row[0] for row in rows),
)
RELEASE_RUNS = MultiRowStatement(
    "A commit takes runs from their owners, so that others may claim them.", _runs, ("id", "attempt"), _release_runs
)
BEGIN_ANEW = MultiRowStatement(
    "A commit sets the attempt of the body, and counts takeovers from zero again.",
    _runs,
    ("id", "attempt"),
    _begin_anew,
)

WRITE_DISCOVERIES = MultiRowStatement(
    "A commit writes what is known of the calls of runs of apps.",
    _runs,
    ("id", "generation", "request_version", "owed", "discover_at"),
    _write_discoveries,
)


def commit(context: WriteContext, commits: Sequence[Commit]) -> list[Receipt]:
    """Write what owners decided, each only if the run is still its own; what became of each."""
    now = commits[-1].now
    context.keep_time(now)
    waiting = {one.owner.run_id for one in commits if one.waiting}
    if waiting:
        context.arrived(telling.catch_up(context, waiting, now))
    claims = {(one.owner.run_id, one.owner.token): one.owner.session for one in commits}
    lost: set[tuple[str, ...]] = set(context.execute_rows(LOST, [(*key, session) for key, session in claims.items()]))
    again: dict[int, Receipt] = {}  # by identity of the commit
    if lost:
        again = _decide_again(context, commits, lost)
        going_on = {one.owner for one in commits if id(one) in again and one.told is not None and one.told.going_on}
        going_on -= {one.owner for one in commits if one.told is None or not one.told.going_on}
        stay = {(owner.run_id, owner.token) for owner in going_on}
        _let_touched_go(context, [(run_id, token) for run_id, token in lost if (run_id, token) not in stay], now)
    elif all(map(_is_result, commits)):
        context.execute_rows(WRITE_MEMOS, [memo_row(one.owner.run_id, one.changes.memos[0]) for one in commits])
        return [DONE] * len(commits)
    kept, late = _until_let_go([one for one in commits if (one.owner.run_id, one.owner.token) not in lost])
    settled, gone = write(context, kept)
    lost |= {(one.owner.run_id, one.owner.token) for one in kept if one.owner.run_id in gone}
    receipts = _receipts(commits, lost, settled, late)
    return [again.get(id(one), receipt) for one, receipt in zip(commits, receipts, strict=True)] if again else receipts


def _decide_again(
    context: WriteContext, commits: Sequence[Commit], lost: Collection[tuple[str, ...]]
) -> dict[int, Receipt]:
    """Write what apps have told of runs of which others have written; the answers, by identities of commits.

    The owner keeps a run as long as its call goes on, and then loses it: it does not know what others have written.
    """
    touched = {row[0] for row in context.execute_rows(TOUCHED, list(lost))}
    found: dict[int, Receipt] = {}
    for one in commits:
        run_id = one.owner.run_id
        made = overtaken.decided_again(context, one) if run_id in touched else None
        if made is None or one.told is None:
            continue
        settled, gone = write(context, [made])
        if run_id in gone:
            continue
        changes = _with(made.changes, run_id, {key: memo for key, memo in settled.items() if key[0] == run_id})
        keeps = one.told.going_on or changes.transition is not None
        found[id(one)] = Receipt(Written.DONE if keeps else Written.LOST, again=changes)
    return found


def write(context: WriteContext, kept: list[Commit]) -> tuple[Mapping[tuple[str, str], Memo], Collection[str]]:
    """Write decisions about runs that are their owners'.

    Returns:
        Memos that became others than was asked for, by run and hash; and the runs that are cancelled meanwhile.
    """
    settled: dict[tuple[str, str], Memo] = {}
    if any(one.waiting or one.changes.signals for one in kept):
        settled, woken = waits.settle(context, kept, kept[-1].now)
        context.arrived(woken)
        if settled:
            kept = [one._replace(changes=_with(one.changes, one.owner.run_id, settled)) for one in kept]
    _write_steps(context, kept)
    anew = {one.owner.run_id: (one.owner.run_id, one.changes.attempt) for one in kept if one.begins_anew}
    if anew:
        context.execute_rows(BEGIN_ANEW, list(anew.values()))  # by run: a batch may have several commits of one
    calls = {one.owner.run_id: found for one in kept if (found := one.changes.discovery) is not None}
    if calls:
        rows = [(run_id, one.generation, one.version, int(one.owed), one.at) for run_id, one in calls.items()]
        context.execute_rows(WRITE_DISCOVERIES, rows)
    # Before events of this batch are told, which cancel no run that has ended.
    _end(context, [one for one in kept if isinstance(one.changes.transition, Ended)])
    _write_events(context, kept)
    gone = set(context.notifications.cancelled)
    if gone:  # by an event of this very batch, or by one that was still to be told
        kept = [one for one in kept if one.owner.run_id not in gone]
    released = [one for one in kept if isinstance(one.changes.transition, Released)]
    freed: Collection[str] = ()
    if released:
        _give_slots_back(context, [one for one in released if one.lane is not None])
        freed = holding.freed(context, [one.owner.run_id for one in released if _is_held(one)])
    _write_transitions(context, kept, freed)
    holding.write(context, [(one.owner.run_id, one.changes) for one in kept], freed)
    context.finished += [one.effects.finish for one in kept if one.effects.finish is not None]
    return settled, gone


def _let_touched_go(context: WriteContext, lost: Sequence[tuple[str, str]], now: int) -> None:
    """Runs of which others have written since their owners took them up go back to the queue."""
    for run_id, function_id, lane, slots, attempt in context.execute_rows(TOUCHED, lost):
        lanes.give_back(context, [(lane, slots)], now)
        context.execute_rows(RELEASE_RUNS, [(run_id, attempt)])
        context.execute_rows(INSERT_JOBS, [job_row(context.ids, run_id, function_id, now, now, lane=lane)])
        if (found := lanes.readable(lane)) is not None:
            queue = lanes.Queue()
            queue.add(found, now)
            queue.write(context, now, context.ids)
        context.notify(Notifications(queued=True))


def _until_let_go(commits: Sequence[Commit]) -> tuple[list[Commit], set[int]]:
    """Commits, but those of a run that an earlier one of the batch has ended or let go; the identities of those."""
    over: set[tuple[str, str]] = set()
    kept: list[Commit] = []
    late: set[int] = set()
    for one in commits:
        key = (one.owner.run_id, one.owner.token)
        if key in over:
            late.add(id(one))
            continue
        kept.append(one)
        if one.changes.transition is not None:
            over.add(key)
    return kept, late


def _end(tx: WriteContext, commits: Sequence[Commit]) -> None:
    if not commits:
        return
    _give_slots_back(tx, [one for one in commits if one.lane is not None])
    rows: list[tuple[object, ...]] = []
    for one in commits:
        ended = one.changes.transition
        assert isinstance(ended, Ended)
        error = None if ended.error is None else ended.error.to_json()
        rows.append((one.owner.run_id, ended.status.value, ended.output, error, one.changes.attempt, one.now))
    tx.execute_rows(END_RUNS, rows)
    timers.forget_times(tx, [one.owner.run_id for one in commits])


def alone(one: Commit) -> Alone[Receipt] | None:
    """A commit that is nothing but the result of a step as one statement."""
    return Alone(RECORD, parameters(one.owner, one.changes.memos[0]), _recorded) if _is_result(one) else None


def _is_result(one: Commit) -> bool:
    """Whether a commit is nothing but the result of a step, which is what most are."""
    return one.changes.is_result and not one.waiting and not one.begins_anew


def parameters(owner: Owner, memo: Memo) -> tuple[object, ...]:
    """Of RECORD."""
    return (*memo_row(owner.run_id, memo), owner.run_id, owner.token, owner.session)


def _recorded(count: int) -> Receipt | None:
    return DONE if count else None  # the run is lost; or the memo is there already


def _receipts(
    commits: Sequence[Commit],
    lost: Collection[object],
    settled: Mapping[tuple[str, str], Memo],
    late: Collection[int],
) -> list[Receipt]:
    """The answers."""
    by_run: dict[str, dict[str, Memo]] = {}
    for (run_id, hashed), memo in settled.items():
        by_run.setdefault(run_id, {})[hashed] = memo
    return [
        REFUSED
        if (one.owner.run_id, one.owner.token) in lost or id(one) in late
        else DONE._replace(settled=by_run[one.owner.run_id])
        if one.owner.run_id in by_run
        else DONE
        for one in commits
    ]


def _with(changes: Changes, run_id: str, settled: Mapping[tuple[str, str], Memo]) -> Changes:
    return changes._replace(memos=[settled.get((run_id, memo.step.hash), memo) for memo in changes.memos])


def _has_steps(changes: Changes) -> bool:
    return bool(changes.memos or changes.open or changes.failed or changes.defers)


def _write_steps(tx: Transaction, commits: Sequence[Commit]) -> None:
    """Open steps come first: a memo of the same batch finishes them."""
    changes = [(one.owner.run_id, one.changes) for one in commits if _has_steps(one.changes)]
    if not changes:
        return
    tx.execute_rows(WRITE_OPEN, [open_row(run_id, step) for run_id, change in changes for step in change.open])
    tx.execute_rows(WRITE_MEMOS, [memo_row(run_id, memo) for run_id, change in changes for memo in change.memos])
    described = [
        (run_id, memo.step.hash, memo.metadata) for run_id, change in changes for memo in change.memos if memo.metadata
    ]
    tx.execute_rows(DESCRIBE, described)
    defers = {(run_id, one.step.hash): defer_row(run_id, one) for run_id, change in changes for one in change.defers}
    tx.execute_rows(WRITE_DEFERS, list(defers.values()))
    tx.execute_rows(WRITE_FAILED, [failed_row(run_id, one) for run_id, change in changes for one in change.failed])


def _write_events(context: WriteContext, commits: Sequence[Commit]) -> None:
    """Stores sent events, opens new waits, delivers events that match, and creates the runs that events start."""
    for one in commits:
        if one.effects.parcel:
            _put_parcel(context, one)
    sending = [one for one in commits if one.effects.events]
    waiting = [one for one in commits if one.subscriptions or one.requests]
    if not sending and not waiting:
        return
    known, now = context.registry, commits[-1].now
    sent = [event for one in sending for event in one.effects.events]
    new = events.insert(context, sent) if sent else set()
    # By any commit of this batch: who is told at once that nobody waits any more may give up before this is written.
    finished = (
        {(one.owner.run_id, memo.step.hash) for one in commits for memo in one.changes.memos} if waiting else set()
    )
    looking = [watch for one in waiting for watch in one.subscriptions if (watch.run_id, watch.hash) not in finished]
    context.arrived(waits.register(context, looking, known, now))
    requests.ask(context, waiting, finished)
    if sending:
        context.notify(Notifications(queued=True, unknown=_unknown(sending, known)))
    Teller(context).tell([event for event in sent if event.id in new], now)
    starts = (start for one in sending for start in effects.starts_of(one.effects, known, one.now, context.ids.ulid))
    create(context, new, starts, now)


def _put_parcel(context: WriteContext, one: Commit) -> None:
    """Events that a step sent are accepted from now on: they are stored with the commit, or were before."""
    if one.staged and parcels.seal(one.staged, context.timers):
        return
    for parts in parcels.parts_of(context.ids.token(), one.effects.parcel):
        parcels.put(context, parts, one.now, ALWAYS, context.timers)


def _unknown(commits: Sequence[Commit], known: Registry) -> list[tuple[str, str]]:
    """Runs that have ended, each with a function that it had deferred and that nobody knows."""
    return [
        (one.owner.run_id, defer.function_id)
        for one in commits
        if isinstance(one.changes.transition, Ended)
        for defer in one.changes.transition.deferred
        if defer.function_id not in known.functions
    ]


def _give_slots_back(context: WriteContext, commits: Sequence[Commit]) -> None:
    """Runs that end, or wait, execute no more."""
    if not commits:
        return
    lane_of = {one.owner.run_id: one.lane or "" for one in commits}  # they were taken there, whatever is stored now
    held = [(run_id, lane_of[run_id], slots) for run_id, slots in lanes.held(context, list(lane_of))]
    busy = {one.owner.run_id: one for one in commits if one.busy}
    if busy:
        left = [
            kept.Kept(run_id, one.owner.token, one.owner.session, one.function_id, lane, min(one.busy, slots), one.now)
            for run_id, lane, slots in held
            if (one := busy.get(run_id)) is not None
        ]
        kept.keep(context, left)
    free = [(lane, slots - min(slots, busy[run_id].busy if run_id in busy else 0)) for run_id, lane, slots in held]
    lanes.give_back(context, free, max(one.now for one in commits))


def _is_held(one: Commit) -> bool:
    return isinstance(one.changes.transition, Released) and one.changes.transition.hold is not None


def _write_transitions(context: WriteContext, commits: Sequence[Commit], freed: Collection[str]) -> None:
    ids = context.ids
    released: list[tuple[object, ...]] = []
    jobs: list[tuple[object, ...]] = []
    on_hold: list[tuple[object, ...]] = []
    queue = lanes.Queue()
    told: list[Arrival] = []
    early = False  # a run goes on earlier than its owner knows
    for one in commits:
        run_id, changes, transition = one.owner.run_id, one.changes, one.changes.transition
        if isinstance(transition, Ended):
            if one.parent is not None:
                told.append(Arrival(*one.parent, transition.output, transition.error, one.now))
        elif isinstance(transition, Released):
            released.append((run_id, changes.attempt))
            due_at = transition.due_at
            if one.waiting and waits.arrivals(context, [run_id]):
                due_at, early = one.now, True
            if transition.hold is not None and run_id not in freed and due_at is not None:
                hold = transition.hold
                on_hold.append(holding.held_row(ids, run_id, one.function_id, one.now, due_at, hold, one.owner.session))
            elif due_at is not None:
                due_at = one.now if run_id in freed else due_at
                jobs.append(job_row(ids, run_id, one.function_id, one.now, due_at, alone=one.alone, lane=one.lane))
                if not one.alone and (lane := lanes.readable(one.lane)) is not None:
                    queue.add(lane, due_at)
    if released:
        context.execute_rows(RELEASE_RUNS, released)
        context.execute_rows(INSERT_JOBS, jobs)
        context.execute_rows(holding.INSERT_HELD, on_hold)
    if jobs:
        queue.write(context, commits[0].now, ids)
    over = [one.owner.run_id for one in commits if one.waiting and isinstance(one.changes.transition, Ended)]
    if over:
        waits.closed(context, over)
    if told:
        context.arrived(waits.deliver(context, told, commits[-1].now))
    if early:
        context.notify(Notifications(queued=True))
