"""Claiming from lanes: one after the other, whoever was served longest ago first; what is blocked is not looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.function_rules import Queueing
from inngest.engine.domain.lanes import LARGEST_SHIFT, Capacity, FullBudget, Lane, LaneTurn
from inngest.engine.domain.model import Registry
from inngest.runtime.ports import Ids

from . import lanes, locking, serving, troubles
from .allowance import ROWS, Allowance
from .core import (
    BigInteger,
    ClauseElement,
    Integer,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    tables,
    update,
)
from .jobs import DELAYED
from .records import LARGEST, number_of
from .statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction

_lanes, _jobs = tables.lanes, tables.jobs
_NO, _YES = literal_column("0", Integer), literal_column("1", Integer)
_DELAYED = literal_column(str(DELAYED), Integer)
_LARGEST = literal_column(str(LARGEST), BigInteger)  # texts come after all numbers

LEAST = 16
"""Lanes that are looked at in one claim, at least: some turn out to have no room."""

_QUEUED = select(_jobs.c.id, _jobs.c.run_id, _jobs.c.due_at).where(
    _jobs.c.function_id == bindparam("function"), _jobs.c.queue_class == _NO, _jobs.c.lane == bindparam("lane")
)

JOBS_OF_LANE = Statement(
    "A claim reads the first jobs of a lane, of runs that go on or of runs that begin.",
    lambda _: (
        _QUEUED.where(_jobs.c.start == bindparam("starting"))
        .order_by(_jobs.c.score, _jobs.c.id)
        .limit(bindparam("count"))
    ),
)

DUE_STARTS = Statement(
    "A claim reads the first due jobs of a lane, by priority, of runs that begin.",
    lambda _: (
        _QUEUED.where(
            _jobs.c.start == _YES,
            _jobs.c.score <= bindparam("horizon"),
            or_(_jobs.c.due_at <= bindparam("now"), _jobs.c.due_at > _LARGEST),  # of the latter nobody can say when
        )
        .order_by(_jobs.c.score, _jobs.c.id)
        .limit(bindparam("count"))
    ),
)

NEXT_START = Statement(
    "A claim reads the next job of a lane that falls due, of a run that begins.",
    lambda _: (
        _QUEUED.where(_jobs.c.start == _YES, _jobs.c.due_at > bindparam("now"), _jobs.c.due_at <= _LARGEST)
        .order_by(_jobs.c.score, _jobs.c.id)
        .limit(_YES)
    ),
)

NEXT_DELAYED = Statement(
    "A claim asks when the next delayed run of a lane falls due.",
    lambda _: select(func.min(_jobs.c.score)).where(
        _jobs.c.function_id == bindparam("function"),
        _jobs.c.queue_class == _NO,
        _jobs.c.lane == bindparam("lane"),
        _jobs.c.start == _DELAYED,
    ),
)

FALL_DUE = Statement(
    "A claim puts delayed runs that have fallen due in the order of their priorities.",
    lambda _: (
        update(_jobs)
        .where(
            _jobs.c.id.in_(
                select(_jobs.c.id)
                .where(
                    _jobs.c.function_id == bindparam("function"),
                    _jobs.c.queue_class == _NO,
                    _jobs.c.lane == bindparam("lane"),
                    _jobs.c.start == _DELAYED,
                    _jobs.c.score <= bindparam("now"),
                )
                .order_by(_jobs.c.score, _jobs.c.id)
                .limit(bindparam("count"))
            )
        )
        .values(start=_YES, score=_jobs.c.due_at - _jobs.c.shift)
        .returning(_jobs.c.id)
    ),
)

PUT_OFF = Statement(
    "A claim has a lane looked at later that cannot be read.",
    lambda _: (
        update(_lanes)
        .where(_lanes.c.id.in_([bindparam("lane"), cast(bindparam("lane_as_text"), Text)]))  # it is given as bytes
        .values(ready_at=bindparam("until"))
    ),
)

DELETE_LANES = Statement(
    "A claim removes lanes in which nothing waits.",
    lambda words: delete(_lanes).where(words.any_of(_lanes.c.id, "lanes")),
)


def _set_lanes(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    changed = {name: given.c[name] for name in ("ready_at", "blocked_on", "blocked_at", "turn")}
    return update(_lanes).where(_lanes.c.id == given.c.id).values(**changed)


SET_LANES = MultiRowStatement(
    "A claim notes when lanes are to be looked at again, or what they wait for.",
    _lanes,
    ("id", "ready_at", "blocked_on", "blocked_at", "turn"),
    _set_lanes,
)


class Job(NamedTuple):
    """A row of the queue."""

    id: str
    run_id: str
    due_at: int


class LaneJobs(NamedTuple):
    """The result of visiting lanes."""

    jobs: Sequence[tuple[Job, Lane]]  # to take now: their slots are counted
    next_due: int | None  # when to look again
    hidden: bool = False  # others have lanes that are due


class _Found(NamedTuple):
    """The result of one lane."""

    jobs: Sequence[Job]  # to take now
    ready_at: int | None  # when to look at it again
    full: FullBudget | None  # the budget that it must wait for


class LaneClaim:
    """One look at the lanes, within one transaction.

    Args:
        queues: functions whose lanes they are, and when the first lane of each is to be looked at.
        now: what is due.
        registry: the functions as they are configured now.
        ids: for turns.
    """

    def __init__(self, tx: Transaction, queues: Mapping[str, int], now: int, registry: Registry, ids: Ids) -> None:
        self._tx = tx
        self._queues = queues
        self._now = now
        self._registry = registry
        self._ids = ids

    def take(self, count: int) -> LaneJobs:
        """Find up to `count` jobs that may be taken now, and count their slots."""
        limit = max(count, LEAST) + 1
        found = serving.first(self._tx, serving.READY_LANES, self._queues, limit if count else 0, self._now)
        next_due = found.next_due
        if not found.rows:
            return LaneJobs((), next_due, found.hidden)
        if len(found.rows) == limit:
            next_due = self._now  # there may be more: these may be full, and the next not
        jobs: list[tuple[Job, Lane]] = []
        states: list[tuple[object, ...]] = []
        done: list[str] = []
        times = [] if next_due is None else [next_due]
        ready: list[tuple[Lane, str]] = []
        for _, turn, lane_id in found.rows:
            try:
                ready.append((Lane.of(lane_id), turn))
            except (ValueError, TypeError) as error:
                self._put_off(lane_id, turn, error, states, times)
        if self._tx.hold(locking.of_lanes, [lane for lane, _ in ready]):
            return self.take(count)  # they may have changed until they were held
        capacity = lanes.capacity(self._tx, [lane for lane, _ in ready])
        for index, (lane, turn) in enumerate(ready):
            if len(jobs) == count:
                times.append(self._now)
                break
            share = -(-(count - len(jobs)) // (len(ready) - index))
            try:
                has = self._look(lane, capacity, share)
            except Exception as error:  # it stops no other
                self._tx.see_that_it_goes_on(error)
                self._put_off(lane.id, turn, error, states, times)
                continue
            jobs += [(job, lane) for job in has.jobs]
            turn = self._ids.ulid(self._now) if has.jobs else turn
            if has.ready_at is None and has.full is None:
                done.append(lane.id)
            else:
                states.append((lane.id, *lanes.state_of(has.ready_at, has.full), turn))
            if has.ready_at is not None:
                times.append(has.ready_at)
        lanes.write(self._tx, capacity)
        self._tx.execute_rows(SET_LANES, states)
        if done:
            self._tx.execute(DELETE_LANES, {"lanes": json.dumps(done)})
        if self._pass_on(capacity, [lane for lane, _ in ready]):
            times.append(self._now)
        return LaneJobs(jobs, min(times, default=None), found.hidden)

    def _put_off(
        self, lane_id: object, turn: str, error: Exception, states: list[tuple[object, ...]], times: list[int]
    ) -> None:
        """A lane cannot be read, or its function's rules: it is looked at again later, and its runs wait."""
        until = troubles.note(self._tx, troubles.LANE, str(lane_id), text_of(error), self._now)
        if isinstance(lane_id, str):
            states.append((lane_id, until, None, None, turn))
        else:
            self._tx.execute(PUT_OFF, {"lane": lane_id, "lane_as_text": lane_id, "until": until})
        times.append(until)

    def _look(self, lane: Lane, capacity: Capacity, share: int) -> _Found:
        """The jobs that may be taken of a lane, up to a share."""
        rules, now = lanes.rules_of(self._registry, lane), self._now
        going_on = self._jobs(lane, share + 1, starting=False)
        turn = LaneTurn(lane, rules, capacity, share, [job.due_at for job in going_on], now)
        starts, next_start = self._starts(lane, rules, turn.allowed + 1)
        taken, begun, ready_at, full = turn.decide(len(starts), next_start)
        return _Found([*going_on[:taken], *starts[:begun]], ready_at, full)

    def _starts(self, lane: Lane, rules: Queueing, count: int) -> tuple[list[Job], int | None]:
        """Runs that may begin, the first of them; and, if there are fewer, when the next falls due."""
        moved, delayed = self._delayed(lane)
        if delayed is not None and delayed <= self._now and moved < ROWS:
            return [], self._now  # one of the others may be the first: the next claim goes on
        if rules.priority is None:
            queued = self._jobs(lane, count, starting=True)
            due = [job for job in queued if job.due_at <= self._now]
            following = queued[len(due)].due_at if len(due) < len(queued) else None
        else:
            of_lane = {"function": lane.function_id, "lane": lane.id, "now": self._now}
            asked = {**of_lane, "horizon": self._now + LARGEST_SHIFT, "count": count}
            due = [self._job(row) for row in self._tx.execute(DUE_STARTS, asked).fetchall()]
            if len(due) == count:
                return due, None
            row = self._tx.execute(NEXT_START, of_lane).fetchone()  # from when the function had no priority
            following = None if row is None else self._job(row).due_at
        return due, min((time for time in (following, delayed) if time is not None), default=None)

    def _delayed(self, lane: Lane) -> tuple[int, int | None]:
        """Have what has fallen due queue with the rest, as much as may be written: how much, and when the next is due.

        One lane must not keep the others from theirs, so each has a few whatever was written before.
        """
        of_lane = {"function": lane.function_id, "lane": lane.id}
        row = self._tx.execute(NEXT_DELAYED, of_lane).fetchone()
        if row is None or row[0] is None or self._when(row[0]) > self._now:
            return 0, None if row is None else row[0]
        allowance = Allowance.of(self._tx)
        until = row[0] if number_of(row[0], -1) < 0 else self._now  # nobody can say when the first is due: it is
        asked = {**of_lane, "now": until, "count": max(LEAST, allowance.rows)}
        moved = len(self._tx.execute(FALL_DUE, asked).fetchall())
        allowance.take(moved)
        row = self._tx.execute(NEXT_DELAYED, of_lane).fetchone()
        return moved, None if row is None or row[0] is None else self._when(row[0])

    def _jobs(self, lane: Lane, count: int, *, starting: bool) -> list[Job]:
        asked = {"function": lane.function_id, "lane": lane.id, "starting": int(starting), "count": count}
        return [self._job(row) for row in self._tx.execute(JOBS_OF_LANE, asked).fetchall()]

    def _job(self, row: tuple[Any, ...]) -> Job:
        """A job; one of which nobody can say when it is due, is: its run knows."""
        job_id, run_id, due_at = row
        return Job(job_id, run_id, self._when(due_at))

    def _when(self, due_at: object) -> int:
        return number_of(due_at, self._now)

    def _pass_on(self, capacity: Capacity, visited: Sequence[Lane]) -> bool:
        """A lane that was woken for a slot may not have used it: others that wait for it are looked at instead."""
        waited_for = dict.fromkeys(budget for lane in visited for budget in capacity.awaited(lane))
        woken = [lanes.wake(self._tx, budget, capacity.used(budget), LEAST, self._now) for budget in waited_for]
        return any(woken)
