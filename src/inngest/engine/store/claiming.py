"""Claims: a worker takes runs that are due (P0, P4, P6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.function_rules import PLAIN
from inngest.engine.domain.lanes import Lane
from inngest.engine.domain.model import RunStatus
from inngest.engine.domain.transitions import sources
from inngest.engine.records import Claimed, Claims, Owner
from inngest.runtime.careful import CarefulLogger

from . import entering, holding, lane_claims, lanes, serving, sweeping, troubles, unreadable
from .context import WriteContext
from .core import (
    Integer,
    Text,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal_column,
    select,
    tables,
    update,
)
from .records import RUN_COLUMNS, number_of, run_of
from .statement import Statement, Transaction, constant

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

_runs, _steps, _jobs, _sessions = tables.runs, tables.steps, tables.jobs, tables.sessions
_lanes, _budgets, _throttles = tables.lanes, tables.budgets, tables.throttles
_NO, _YES = literal_column("0", Integer), literal_column("1", Integer)
_UNFINISHED = [constant(status.value) for status in sources(RunStatus.FAILED)]

ASKING = Statement(
    "A claim checks that its worker lives, and asks whether any lane, budget or throttle exists.",
    lambda _: select(
        _sessions.c.id,
        _sessions.c.started_at,
        exists(select(_lanes.c.id)) | exists(select(_budgets.c.budget)) | exists(select(_throttles.c.id)),
    ).where(_sessions.c.id == bindparam("session"), _sessions.c.ended.is_(None)),
)

SUSPECTS = Statement(
    "A claim finds the earliest job of a run that must be tried alone.",
    lambda words: (
        select(_jobs.c.id, _jobs.c.run_id, _jobs.c.due_at, _jobs.c.lane)
        .where(words.any_of(_jobs.c.function_id, "functions"), _jobs.c.queue_class == _YES)
        .order_by(_jobs.c.due_at, _jobs.c.id)
        .limit(_YES)
    ),
)

PUT_OFF = Statement(
    "A claim makes a job due at another time.",
    lambda _: (
        update(_jobs)
        .where(_jobs.c.id.in_([bindparam("job"), cast(bindparam("job_as_text"), Text)]))  # it may be given as bytes
        .values(due_at=bindparam("until"), score=bindparam("until_score"))
    ),
)

FREE_JOBS = Statement(
    "A claim locks those of these jobs that nobody takes, or moves.",
    lambda words: words.locking(
        select(_jobs.c.id).where(words.any_of(_jobs.c.id, "jobs")).order_by(_jobs.c.id), skip=True
    ),
)

KNOWN_JOBS = Statement(
    "A claim asks which of these jobs there are.",
    lambda words: select(_jobs.c.id).where(words.any_of(_jobs.c.id, "jobs")),
)

DELETE_JOBS = Statement(
    "A claim removes the jobs that it takes.", lambda words: delete(_jobs).where(words.any_of(_jobs.c.id, "jobs"))
)

FREE_RUNS = Statement(
    "A claim locks those of these runs that nobody writes about.",
    lambda words: words.locking(
        select(_runs.c.id).where(words.any_of(_runs.c.id, "runs")).order_by(_runs.c.id), skip=True
    ),
)

KNOWN_RUNS = Statement(
    "A claim asks which of these runs there are.",
    lambda words: select(_runs.c.id).where(words.any_of(_runs.c.id, "runs")),
)

TAKE_RUNS = Statement(
    "A claim gives unfinished runs that nobody owns to its worker, under a new token.",
    lambda words: (
        update(_runs)
        .where(words.any_of(_runs.c.id, "runs"), _runs.c.session_id.is_(None), _runs.c.status.in_(_UNFINISHED))
        .values(
            session_id=bindparam("session"),
            token=bindparam("owner_token"),
            status=constant(RunStatus.RUNNING.value),
            started_at=func.coalesce(_runs.c.started_at, bindparam("now")),
            slots=case((_runs.c.lane.is_not(None), bindparam("slot", type_=Integer)), else_=_NO),
            generation=_runs.c.generation + _YES,
            touched=_NO,
        )
    ),
)

TAKEN_RUNS = Statement(
    "A claim reads the runs that it has taken.",
    lambda words: select(*(_runs.c[name] for name in RUN_COLUMNS)).where(
        words.any_of(_runs.c.id, "runs"), _runs.c.token == bindparam("owner_token")
    ),
)

SET_LANE = Statement(
    "A claim writes the lane of a run whose job queued in another, with its slot.",
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("run"))
        .values(lane=bindparam("of_job"), slots=bindparam("slot", type_=Integer))
    ),
)

AT_ONCE = 100
"""Runs that one claim takes, at most, and as many on hold."""

SOON = 10
"""Milliseconds until the next look, up to twice as many, for runs that others wrote about."""

PATIENCE = 200
"""Milliseconds until the next look for the slot of a run that must be alone."""


class Claim(NamedTuple):
    """A worker's question."""

    session: str
    token: str  # of the invocations that follow; a run is taken once per claim, so that one token serves for all
    most: int  # runs
    functions: Sequence[str]
    now: int
    alone: bool  # a run that must be alone may be taken
    probes: int = 0  # runs on hold, beside the others
    together: int | None = None  # runs on hold and others, at most; None: as many as both may be
    keep: int | None = None  # unix ms: such a run is kept for this worker until then, and no other is taken


class Claiming:
    """Claims of one worker's process."""

    def __init__(self) -> None:
        self._odd = 0  # one place cannot be shared, so plain functions and lanes have it in turns
        self._turn = 0  # and one thread, so runs on hold and others
        self._sweeper = sweeping.Sweeper()

    def claim(self, context: WriteContext, asked: Claim) -> Claims:
        """Take runs whose jobs are due; one that must be alone comes first, or is in nobody's way."""
        claims = self._claim(context, asked)
        if claims.runs:  # else nothing is written, and nobody is woken
            context.keep_time(asked.now)
        return claims

    def _claim(self, tx: WriteContext, asked: Claim) -> Claims:
        row = tx.execute(ASKING, {"session": asked.session}).fetchone()
        if row is None:
            return Claims((), None, fenced=True)
        if row[2]:
            self._sweeper.sweep(tx, asked.functions, asked.now)
        heads = serving.heads(tx, asked.functions)
        special = [head.function_id for head in heads if head.special]
        quarantined = self._suspect(tx, asked, special)
        alone_due = quarantined is not None and (quarantined[2] <= asked.now or quarantined[2] == asked.keep)
        if quarantined is not None and alone_due:
            if asked.alone:
                taken, *_ = self._take_suspect(tx, asked, quarantined)
                return Claims(taken, asked.now if taken or not tx.is_shared else _soon(tx, asked))
            if asked.keep is not None:
                _put_off(tx, quarantined[0], asked.keep)
                return Claims((), asked.keep, alone_due=True)
            quarantined = None  # others go on
        if asked.most == 0:
            return Claims((), asked.now)
        probed, next_probe, _ = self._probe(tx, asked, special, row[1]) if special and asked.probes else _NOBODY
        if asked.together is not None:
            asked = asked._replace(most=min(asked.most, asked.together - len(probed)))
        plain = {head.function_id: head.plain for head in heads if head.plain is not None}
        found = serving.first(tx, serving.PLAIN_JOBS, plain, asked.most, asked.now)
        jobs = [lane_claims.Job(job_id, run_id, due_at) for due_at, job_id, run_id in found.rows]
        queues = {head.function_id: head.lane for head in heads if head.lane is not None}
        visited = self._visit(tx, asked, queues, len(jobs)) if queues else lane_claims.LaneJobs((), None)
        due = jobs[: asked.most - len(visited.jobs)]
        times = [job.due_at for job in jobs[len(due) :]]
        jobs = [*due, *(job for job, _ in visited.jobs)]
        taken, again_at, busy = _take(tx, asked, jobs) if jobs else _NOBODY
        if any(claimed.run.lane is not None for claimed in taken[: len(due)]):
            taken = _without_astray(tx, asked, {job.run_id for job in due}, taken)
        looks = (
            found.next_due,
            _soon(tx, asked) if found.hidden or visited.hidden else None,
            visited.next_due,
            again_at,
            None if quarantined is None else quarantined[2],
            next_probe,
        )
        times += [time for time in looks if time is not None]
        taken = _in_lanes(tx, visited, taken)
        _leave_untaken(tx, asked, visited, taken, again_at, busy)
        return Claims([*taken, *probed], min(times, default=None), alone_due=alone_due)

    def _probe(self, tx: WriteContext, asked: Claim, functions: list[str], started: int) -> _Taken:
        """Runs on hold: beside the others; where they need threads as well, they have half of those in turns."""
        most = asked.probes
        if asked.together is not None:
            turn = tx.kept[self, "probes"] = 1 - tx.kept.get((self, "probes"), self._turn)
            tx.on_commit(lambda: self._had_turn(turn))
            most = min(most, (asked.together + turn) // 2)
        probes, next_due = holding.due(tx, functions, asked.session, started, most, asked.now)
        free, free_at = _free(tx, asked, probes)
        taken, again_at, _ = _take(tx, asked, free, slot=0) if free else _NOBODY
        return _Taken(taken, min((time for time in (next_due, free_at, again_at) if time is not None), default=None))

    def _visit(self, tx: WriteContext, asked: Claim, queues: Mapping[str, int], plain: int) -> lane_claims.LaneJobs:
        """Lanes have half of the places, and what plain functions do not need of the other half."""
        odd = tx.kept[self] = 1 - tx.kept.get(self, self._odd)
        tx.on_commit(lambda: self._had(odd))
        count = asked.most - min(plain, (asked.most + odd) // 2)
        return lane_claims.LaneClaim(tx, queues, asked.now, tx.registry, tx.ids).take(count)

    def _had(self, odd: int) -> None:
        self._odd = odd

    def _had_turn(self, turn: int) -> None:
        self._turn = turn

    def _suspect(self, tx: WriteContext, asked: Claim, functions: list[str]) -> tuple[str, str, int, str] | None:
        """The first run of these functions that must be alone; its slot may not be free yet, and then it is put off."""
        row = tx.execute(SUSPECTS, {"functions": json.dumps(functions)}).fetchone() if functions else None
        if row is None:
            return None
        job_id, run_id, due_at, lane_id = row
        due_at = number_of(due_at)
        if lane_id and asked.alone and (due_at <= asked.now or due_at == asked.keep):
            try:
                lane = Lane.of(lane_id)
                full = lanes.capacity(tx, [lane]).full(lane, lanes.rules_of(tx.registry, lane))
                until = asked.now + PATIENCE if full else None
            except Exception as error:  # others go on
                tx.see_that_it_goes_on(error)
                until = troubles.note(tx, troubles.LANE, str(lane_id), text_of(error), asked.now)
            if until is not None:
                due_at = until
                _put_off(tx, job_id, due_at)
        return job_id, run_id, due_at, lane_id

    def _take_suspect(self, tx: WriteContext, asked: Claim, quarantined: tuple[str, str, int, str]) -> _Taken:
        jobs, free_at = _free(tx, asked, [quarantined[:3]])
        taken = _take(tx, asked, jobs, alone=True) if jobs else _Taken([], free_at)
        lane = lanes.readable(quarantined[3])
        if taken.runs and lane is not None:
            capacity = lanes.capacity(tx, [lane])
            capacity.take(lane, PLAIN, 1, 0, asked.now)
            lanes.write(tx, capacity)
        return taken


def _without_astray(tx: WriteContext, asked: Claim, plain: set[str], taken: Sequence[Claimed]) -> Sequence[Claimed]:
    """Those that were taken without a lane, and have one, go there: it could not be read when they were put off."""
    kept: list[Claimed] = []
    for claimed in taken:
        if claimed.run.lane is None or claimed.run.id not in plain:
            kept.append(claimed)
        else:
            owner = Owner(asked.session, asked.token, claimed.run.id)
            unreadable.queue_again(tx, owner, asked.now, taken_at=asked.now)
    return kept


def _in_lanes(tx: WriteContext, visited: lane_claims.LaneJobs, taken: Sequence[Claimed]) -> Sequence[Claimed]:
    """A run has the lane in which its job queued: there its slot was taken, and there it is given back.

    A lane without budgets has no slots, and its runs have no lane.
    """
    lane_of = {job.run_id: lane.id if lane.budgets else None for job, lane in visited.jobs}
    wrong = [one.run.id for one in taken if one.run.lane != lane_of.get(one.run.id, one.run.lane)]
    if not wrong:
        return taken
    for run_id in wrong:
        LOGGER.error("run %s queued in the lane %r, and has that from now on", run_id, lane_of[run_id])
        tx.execute(SET_LANE, {"run": run_id, "of_job": lane_of[run_id], "slot": lane_of[run_id] is not None})
    return [
        one._replace(run=one.run._replace(lane=lane_of[one.run.id])) if one.run.id in wrong else one for one in taken
    ]


def _leave_untaken(
    tx: WriteContext,
    asked: Claim,
    visited: lane_claims.LaneJobs,
    taken: Sequence[Claimed],
    again_at: int | None,
    busy: Collection[str],
) -> None:
    """A job whose run has ended meanwhile takes nothing, nor does one that cannot be read: its lane has it still."""
    if len(visited.jobs) == 0:
        return
    runs = {claimed.run.id for claimed in taken}
    untaken = [(job, lane) for job, lane in visited.jobs if job.run_id not in runs]
    lanes.give_back(tx, [(lane.id, 1) for _, lane in untaken], asked.now)
    queue = lanes.Queue()
    for job, lane in untaken:
        if again_at is not None and (_is_strange(job) or job.run_id in busy):
            queue.add(lane, again_at)
    queue.write(tx, asked.now, tx.ids)


class _Taken(NamedTuple):
    """The result of taking jobs."""

    runs: Sequence[Claimed]
    again_at: int | None = None  # when to look again: for those that cannot be read, and for those that others have
    busy: Collection[str] = ()  # runs that others write about just now: their jobs stay


_NOBODY = _Taken([])


def _take(
    tx: WriteContext, asked: Claim, jobs: Sequence[tuple[str, str, int]], *, alone: bool = False, slot: int = 1
) -> _Taken:
    strange = [job for job in jobs if _is_strange(job)]
    times = [_put_job_off(tx, job, asked.now) for job in strange]
    jobs = [job for job in jobs if job not in strange] if strange else jobs
    busy = _busy(tx, jobs) if tx.is_shared else ()
    if busy:
        jobs = [job for job in jobs if job[1] not in busy]
        times.append(_soon(tx, asked))
    tx.execute(DELETE_JOBS, {"jobs": json.dumps([job[0] for job in jobs])})
    runs = [job[1] for job in jobs]
    taking: dict[str, object] = {"runs": json.dumps(runs), "session": asked.session, "owner_token": asked.token}
    taking |= {"now": asked.now, "slot": slot}
    tx.execute(TAKE_RUNS, taking)
    try:
        taken = _read(tx, asked, runs)
        if len(taken) == len(runs):
            return _Taken(taken, min(times, default=None), busy)
    except Exception as error:  # one of them cannot be read: which one is found out
        tx.see_that_it_goes_on(error)
    taken = []
    for run_id in runs:
        try:
            taken += _read(tx, asked, [run_id])  # nothing if it was not taken, since it has ended meanwhile
        except Exception as error:
            tx.see_that_it_goes_on(error)
            owner = Owner(asked.session, asked.token, run_id)
            until = unreadable.put_off(
                tx, owner, text_of(error), asked.now, taken_at=asked.now, alone=alone, holds=False
            )
            times += [] if until is None else [until]
    times += unreadable.put_off_strange(tx, runs, asked.now, alone=alone)
    return _Taken(taken, min(times, default=None), busy)


def _free(
    tx: WriteContext, asked: Claim, jobs: Sequence[tuple[str, str, int]]
) -> tuple[Sequence[tuple[str, str, int]], int | None]:
    """Those of these jobs that nobody else takes or moves, locked from now on; and when to look again for the others.

    They were found without locks. One that goes into another queue meanwhile has another id there.
    """
    if not tx.is_shared or not jobs:
        return jobs, None
    asking = {"jobs": json.dumps([job[0] for job in jobs])}
    free = {row[0] for row in tx.execute(FREE_JOBS, asking).fetchall()}
    hidden = len(free) < len(jobs) and len(tx.execute(KNOWN_JOBS, asking).fetchall()) > len(free)
    return [job for job in jobs if job[0] in free], _soon(tx, asked) if hidden else None


def _soon(tx: WriteContext, asked: Claim) -> int:
    return asked.now + SOON + round(tx.ids.random() * SOON)


def _busy(tx: Transaction, jobs: Sequence[tuple[str, str, int]]) -> set[str]:
    """Those of the runs of these jobs about which others write: a claim never waits, since it finds runs by their jobs.

    The others are locked from now on, or are gone.
    """
    runs = {"runs": json.dumps([job[1] for job in jobs])}
    free = {row[0] for row in tx.execute(FREE_RUNS, runs).fetchall()}
    return {row[0] for row in tx.execute(KNOWN_RUNS, runs).fetchall()} - free if len(free) < len(jobs) else set()


def _is_strange(job: tuple[str, str, int]) -> bool:
    return not isinstance(job[0], str) or not isinstance(job[1], str)


def _put_job_off(tx: Transaction, job: tuple[str, str, int], now: int) -> int:
    """A job does not say whose it is: it is looked at again then (unix ms)."""
    job_id, run_id, _ = job
    until = troubles.note(tx, "job", str(job_id), f"its run is {run_id!r}", now)
    _put_off(tx, job_id, until)
    return until


def _put_off(tx: Transaction, job_id: str, until: int) -> None:
    tx.execute(PUT_OFF, {"job": job_id, "job_as_text": job_id, "until": until, "until_score": until})


def _read(tx: WriteContext, asked: Claim, run_ids: Sequence[str]) -> list[Claimed]:
    """Those of these runs that were taken, with what is recorded of them."""
    rows = tx.execute(TAKEN_RUNS, {"runs": json.dumps(run_ids), "owner_token": asked.token}).fetchall()
    found = {run.id: run for run in map(run_of, rows)}
    taken = [found[run_id] for run_id in run_ids if run_id in found]
    for run in taken:
        if run.lane is not None:
            Lane.of(run.lane)  # nobody can say whose slot it would have
    return entering.taken(tx, taken, Owner(asked.session, asked.token, ""), asked.now) if taken else []
