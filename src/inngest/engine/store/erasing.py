"""The rows that an erasure is about are written over, part by part, each in one transaction.

Runs come before the events that started them: an erasure that is interrupted finds by these events what it has left. A
part that is written again changes nothing. Others that touch the same rows are never waited for while a part holds
some of its own: what they hold is left to the next look.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from inngest.engine.domain import erasing
from inngest.engine.domain.erasing import Done, Key, Part, Pending
from inngest.engine.domain.event_view import EventView
from inngest.engine.domain.function_rules import MICROSECONDS, rules_of
from inngest.engine.domain.gates import BatchState
from inngest.engine.domain.lanes import Lane, position_of
from inngest.protocol import codec
from inngest.protocol.opcodes import Opcode

from . import audit, cancelling, events, locking, parcels, pruning, timers, waits
from . import erasing_rows as rows_of
from .affected import listed
from .context import WriteContext
from .locks import Lock
from .records import event_row
from .statement import Transaction
from .timers import ACCEPT, BATCH, CANCELLATION, DEBOUNCE

ROWS = 1_000
"""Rows of runs that one transaction erases."""

ALL = "~"
"""Comes after the hash of every step."""

REASON = "cancelled: its data are to be erased"

_FREE_AND_FORGET = {
    "idempotency": (rows_of.FREE_KEY, rows_of.FORGET_KEY),
    "rates": (rows_of.FREE_START, rows_of.FORGET_START),
    "singletons": (rows_of.FREE_SINGLE, rows_of.FORGET_SINGLE),
}


def locks_of(part: Part) -> list[Lock]:
    """The locks that a part holds: runs about which it writes, what is collected, and the lanes of the runs."""
    about = {*part.cancel, *part.runs, *(run_id for run_id, _ in part.memos)}
    collected = [(one.kind, one.key) for one in part.drop if one.kind in (DEBOUNCE, BATCH)]
    locks = [locking.PRUNING, *locking.runs(sorted(about)), *locking.of_timers(collected)]
    return [*locks, *locking.of_lane_ids(part.lanes), *([locking.READS_FUNCTIONS] if part.cancel or part.runs else [])]


def erase(context: WriteContext, part: Part) -> Done:
    """Write one part."""
    context.at(part.now)
    if part.audit is not None:
        audit.write(context, part.audit)
    cancelled = cancelling.cancel(context, part.cancel, REASON, part.now) if part.cancel else []
    for cancellation in part.cancellations:
        _mask(context, cancellation, part.now)
    dropped = sum(_drop(context, one) for one in part.drop)
    for run_id, step in part.memos:
        of = {"run": run_id, "step": step}
        context.execute(rows_of.ERASE_STEP, {**of, **_erased(part.at)})
        context.execute(rows_of.DROP_FROM_INBOX, of)
    done = _erase_runs(context, part)
    return done._replace(
        cancelled=tuple(cancelled),
        memos=len(part.memos),
        events=sum(_erase_event(context, one, part.at) for one in sorted(part.events)),
        keys=sum(_forget_key(context, one) for one in part.keys),
        dropped=dropped,
    )


def _erased(at: int) -> dict[str, object]:
    return {"value": erasing.value(at), "failure": erasing.error(at)}


# -- runs


def _erase_runs(context: WriteContext, part: Part) -> Done:
    if not part.runs:
        return Done()
    rows = context.execute(rows_of.ENDED, {"runs": json.dumps(sorted(part.runs))}).fetchall()
    ended = {row[0]: row[1:] for row in rows}
    lanes = {lane for row in rows for lane in _lanes_of(context, *row[:4])}
    context.hold(locking.of_lane_ids, sorted(lanes))
    waits.closed(context, list(ended))
    timers.forget_times(context, list(ended))
    context.execute(rows_of.FORGET_TROUBLES, {"keys": json.dumps(sorted({*ended, *lanes}))})
    _forget_lanes(context, sorted(lanes), part.now)
    left, runs, steps = ROWS, 0, 0
    for place, run_id in enumerate(part.runs):
        if run_id not in ended:  # it goes on, or is gone
            continue
        if left <= 0:
            return Done(runs=runs, left=tuple(part.runs[place:]), steps=steps)
        count, after = _erase_steps(context, run_id, part.after if place == 0 else "", part.at, left)
        left, steps = left - count, steps + count
        if not after:
            left -= _forget_beside(context, run_id, left)
        if after or left <= 0:
            return Done(runs=runs, left=tuple(part.runs[place:]), after=after or ALL, steps=steps)
        *_, code, origin_id, origin_step = ended[run_id]
        found = {"of_code": erasing.code(code), "step": erasing.origin_step(origin_id, origin_step), "at": part.at}
        context.execute(rows_of.ERASE_RUN, {"run": run_id, **_erased(part.at), **found})
        left, runs = left - 1, runs + 1
    return Done(runs=runs, steps=steps)


def _lanes_of(context: WriteContext, run_id: str, function_id: str, event_id: str, lane: object) -> list[str]:
    """The lanes in which a run was, and would be now: of a throttle alone, the run knows none."""
    found = [lane] if isinstance(lane, str) else []
    function = context.registry.known(function_id)
    event = None if function is None else events.event(context, event_id)
    if function is None or event is None:
        return found
    try:
        rules = rules_of(function.id, function.config).queueing
        position = position_of(function.id, rules, EventView(event, event.received_at))
    except Exception as error:  # nobody can say in which it would be
        context.see_that_it_goes_on(error)
        return found
    return found if position is None else [*found, position.lane.id]


def _erase_steps(context: WriteContext, run_id: str, after: str, at: int, count: int) -> tuple[int, str]:
    """Erase so many steps of a run; how many, and the last of them if there may be more."""
    rows = context.execute(rows_of.STEPS_AFTER, {"run": run_id, "after": after, "count": count}).fetchall()
    if not rows:
        return 0, ""
    context.execute(rows_of.ERASE_STEPS, {"run": run_id, "after": after, "last": rows[-1][0], **_erased(at)})
    for step, kind, seq, data in rows:
        if kind == Opcode.DEFER_ADD and seq is None and data is not None:
            context.execute(rows_of.ERASE_DEFER, {"run": run_id, "step": step, "value": erasing.deferred(data, at)})
    return len(rows), rows[-1][0] if len(rows) == count else ""


def _forget_beside(context: WriteContext, run_id: str, count: int) -> int:
    """Remove what else is recorded of a run, at most so many rows; how many."""
    removed = 0
    for statement in (pruning.DELETE_SOME_ATTEMPTS, pruning.DELETE_SOME_METADATA):
        if removed < count:
            removed += max(0, context.execute(statement, {"run": run_id, "count": count - removed}).rowcount)
    return removed


def _forget_lanes(context: WriteContext, lane_ids: Sequence[str], now: int) -> None:
    """The counters of the lanes of runs are forgotten, unless somebody needs them."""
    found: list[Lane] = []
    for lane_id in lane_ids:
        try:
            found.append(Lane.of(lane_id))
        except (ValueError, TypeError):  # nobody can say what it counts for
            continue
    if not found:
        return
    context.execute(rows_of.FORGET_LANES, {"lanes": json.dumps(list(lane_ids))})
    budgets = sorted({budget for lane in found for budget in lane.budgets})
    throttles = sorted({lane.throttle for lane in found if lane.throttle is not None})
    if budgets:
        context.execute(rows_of.FORGET_BUDGETS, {"budgets": json.dumps(budgets)})
    if throttles:
        context.execute(rows_of.FORGET_THROTTLES, {"throttles": json.dumps(throttles), "now": now * MICROSECONDS})


# -- events, keys and conditions


def _erase_event(context: WriteContext, event_id: str, at: int) -> int:
    event = events.event(context, event_id)
    if event is None:
        return 0
    context.execute(rows_of.ERASE_EVENT, {"event": event_id, "value": erasing.event_data(event, at), "at": at})
    context.execute(rows_of.FORGET_TROUBLES, {"keys": json.dumps([event_id])})
    return 1


def _forget_key(context: WriteContext, key: Key) -> int:
    """Forget a key, unless somebody has hold of it; how many were forgotten."""
    free, forget = _FREE_AND_FORGET[key.table]
    of: dict[str, object] = {"function": key.function_id, "of_key": key.key}
    if key.table == "rates":
        of["at"] = key.started_at
    if context.execute(free, {**of, "run": key.run_id}).fetchone() is None:
        return 0
    context.execute(forget, {**of, "run": key.run_id} if key.table == "rates" else of)
    return 1


def _mask(context: WriteContext, cancellation: str, now: int) -> None:
    row = context.execute(rows_of.CONDITION, {"cancellation": cancellation}).fetchone()
    if row is None or row[0] is None:
        return
    masked = {"cancellation": cancellation, "condition": erasing.masked(row[0]), "now": now}
    context.execute(rows_of.MASK_CONDITION, masked)
    context.timers.remove(CANCELLATION, cancellation)


# -- what has not become a run yet


def _drop(context: WriteContext, one: Pending) -> int:
    """Have events become nothing, unless somebody makes something of them just now; how many events."""
    if one.kind == "outbox":
        return _drop_from_outbox(context, one)
    kind = ACCEPT if one.kind == "parcel" else one.kind
    row = context.execute(rows_of.FREE_TIMER, {"of_kind": kind, "of_key": one.key}).fetchone()
    if one.kind == "parcel":
        return _drop_from_parcel(context, one, None if row is None else row)
    if row is None:
        return 0
    context.execute(rows_of.FORGET_TROUBLES, {"keys": json.dumps([one.key])})
    for event_id in one.events if one.batch_id else ():
        context.execute(rows_of.UNCOLLECT, {"batch": one.batch_id, "event": event_id})
    if one.kind == BATCH:
        first = context.execute(rows_of.FIRST_COLLECTED, {"batch": one.batch_id}).fetchone()
        if first is not None:  # others wait in it
            batch = BatchState(*json.loads(row[1]))
            context.timers.put(BATCH, one.key, row[0], batch._replace(event_id=first[0]))
            return len(one.events)
    context.timers.remove(one.kind, one.key)
    return len(one.events)


def _drop_from_parcel(context: WriteContext, one: Pending, marker: Sequence[object] | None) -> int:
    """Events of a parcel are never accepted; it goes on with the next one."""
    asked = {"parcel": one.key, "of_part": one.part}
    row = context.execute(parcels.PART_OF, asked).fetchone()
    if row is None or (marker is None and not context.timers.has(timers.STAGED, one.key)):
        return 0
    found = list(listed(row[0]))
    meant = set(one.events)
    left = [event_row(event) for event in found if event.id not in meant]
    context.execute(rows_of.WRITE_PART, {**asked, "left": json.dumps(left, ensure_ascii=False)})
    if marker is not None:
        place = parcels.Marker(*json.loads(str(marker[1])))
        if place.part == one.part:
            passed = sum(event.id in meant for event in found[: place.place])
            context.timers.put(ACCEPT, one.key, _number(marker[0]), place._replace(place=place.place - passed))
    return len(found) - len(left)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _drop_from_outbox(context: WriteContext, one: Pending) -> int:
    row = context.execute(rows_of.OUTBOX_ROW, {"row": one.key}).fetchone()
    if row is None:
        return 0
    raw, meant = codec.loads(row[0]), set(one.events)
    left = [given for given, event in zip(raw, listed(row[0]), strict=True) if event.id not in meant]
    if left:
        context.execute(rows_of.WRITE_OUTBOX, {"row": one.key, "left": codec.dumps(left)})
    else:
        context.execute(rows_of.DROP_OUTBOX, {"row": one.key})
    return len(raw) - len(left)


# -- reruns


def erased_step(tx: Transaction, run_id: str, before: int) -> str | None:
    """The id of a step of a run, recorded before a place, whose memo was erased; None if there is none."""
    asked = {"run": run_id, "before": before, "pattern": f"{erasing.BEGINS}%", "failures": f"%{erasing.ERROR}%"}
    row = tx.execute(rows_of.ERASED_BEFORE, asked).fetchone()
    return None if row is None else str(row[0])
