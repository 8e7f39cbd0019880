"""Runs whose code was changed: what is known of that, and the queue of those that are on hold.

A run on hold is entered to replay only: without a slot, beside the places of its worker. Its job lies where no other
claim looks. It is due at its time, a little later for the worker that put it there, and at once for workers that have
started since: they may have other code.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence

from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.model import Changes, Code, Hold
from inngest.engine.records import Notifications, Retried
from inngest.protocol.opcodes import Opcode
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Ids

from . import jobs, lanes, waits
from .context import WriteContext
from .core import ClauseElement, Integer, Text, bindparam, case, delete, exists, literal_column, select, tables, update
from .jobs import INSERT_JOBS, job_row
from .records import number_of, tie_breaker
from .statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction, constant, each_value, insert_new
from .tidings import Tidings
from .timers import ALWAYS, RETRY

_runs, _jobs, _steps, _requests = tables.runs, tables.jobs, tables.steps, tables.requests
_NO = literal_column("0", Integer)

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

ON_HOLD = 2
"""In the column `alone` of a job: its run is on hold."""

OTHERS_FIRST = 500
"""Milliseconds that the worker which put a run on hold leaves to others when it is due."""

INSERT_HELD = insert_new(
    "A commit writes the jobs of runs that go on hold.", _jobs, (*jobs.COLUMNS, "held_at", "held_by"), jobs.told
)

_OF_FUNCTION = (
    _jobs.c.function_id == bindparam("function"),
    _jobs.c.queue_class == literal_column(str(ON_HOLD), Integer),
)


def _holders(_: SqlDialect) -> ClauseElement:
    """The workers that put runs of a function on hold."""
    found = each_value(_jobs.c.held_by, _jobs.c.function_id == bindparam("function"), _jobs.c.held_at.is_not(None))
    return select(found.c.id).where(found.c.id.is_not(None))


HOLDERS = Statement("A claim finds the workers that have put runs of a function on hold.", _holders)

HELD_BY = Statement(
    "A claim finds runs that one worker put on hold before this worker started.",
    lambda _: (
        select(_jobs.c.id, _jobs.c.run_id)
        .where(
            _jobs.c.function_id == bindparam("function"),
            _jobs.c.held_by == bindparam("holder"),
            _jobs.c.held_at <= bindparam("started"),
        )
        .order_by(_jobs.c.held_at)
        .limit(bindparam("count"))
    ),
)

IN_TIME = Statement(
    "A claim finds the runs on hold that fall due first.",
    lambda _: (
        select(_jobs.c.id, _jobs.c.run_id, _jobs.c.score, _jobs.c.held_by)
        .where(*_OF_FUNCTION, _jobs.c.lane == literal_column("''", Text), _jobs.c.start == _NO)
        .order_by(_jobs.c.score, _jobs.c.id)
        .limit(bindparam("count"))
    ),
)

FOLLOWING = Statement(
    "A commit finds those of its runs that were released to follow changed code.",
    lambda words: select(_runs.c.id).where(words.any_of(_runs.c.id, "runs"), _runs.c.follows != _NO),
)


def _write_code(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    follows = case((given.c.follows == _NO, _runs.c.follows), else_=given.c.follows)  # once is for ever
    return update(_runs).where(_runs.c.id == given.c.id).values(follows=follows, code=given.c.code)


WRITE_CODE = MultiRowStatement(
    "A commit writes what it found of the code of runs; a run that follows, follows for ever.",
    _runs,
    ("id", "follows", "code"),
    _write_code,
)


def write(tx: Transaction, decided: Sequence[tuple[str, Changes]], freed: Collection[str]) -> None:
    """The findings of owners about the code of their runs, the last of each; those that were freed are not on hold."""
    rows: dict[str, tuple[str, int, str | None]] = {}
    for run_id, changes in decided:
        if changes.code is not None:
            follows = changes.follows or (run_id in rows and bool(rows[run_id][1]))
            code = changes.code._replace(hold=None) if run_id in freed else changes.code
            rows[run_id] = (run_id, int(follows), code.to_json())
    if rows:
        tx.execute_rows(WRITE_CODE, list(rows.values()))


def hold_of(code: str | None) -> Hold | None:
    """The hold that a run is on; None also if that cannot be read, and then its next owner finds out."""
    try:
        return Code.from_json(code).hold
    except Exception:
        return None


def held_row(ids: Ids, run_id: str, function_id: str, now: int, due_at: int, hold: Hold, by: str) -> tuple[object, ...]:
    """The row of INSERT_HELD of a run on hold; `by` is the session of the worker that put it there, or empty."""
    return (ids.ulid(now), run_id, function_id, due_at, ON_HOLD, "", 0, due_at, hold.at, by)


def due(
    tx: Transaction, functions: Collection[str], session: str, started: int, count: int, now: int
) -> tuple[list[tuple[str, str, int]], int | None]:
    """Runs on hold that a worker may enter now, at most so many, by job, run and time; and when the next one is due.

    Nothing is locked: who looks at one that is not due would hide it from those for whom it is.

    Args:
        tx: the transaction.
        functions: whose runs.
        session: of the worker.
        started: when it started (unix ms).
        count: how many runs, at most.
        now: what is due.
    """
    found: dict[str, tuple[int, str]] = {}
    for function in functions:
        asked = {"function": function, "started": started, "count": count + 1}
        for holder in [row[0] for row in tx.execute(HOLDERS, asked).fetchall() if row[0] != session]:
            for job, run_id in tx.execute(HELD_BY, {**asked, "holder": holder}).fetchall():
                found[job] = (0, run_id)
        for job, run_id, due_at, by in tx.execute(IN_TIME, asked).fetchall():
            found.setdefault(job, (number_of(due_at) + (OTHERS_FIRST if by == session else 0), run_id))
    order = [(due_at, job, run_id) for job, (due_at, run_id) in found.items()]
    order.sort(key=lambda one: (one[0], tie_breaker(one[1])))
    taken = [one for one in order if one[0] <= now][:count]
    left = order[len(taken) :]
    return [(job, run_id, due_at) for due_at, job, run_id in taken], max(left[0][0], now) if left else None


def freed(tx: Transaction, run_ids: Sequence[str]) -> set[str]:
    """Those of these runs, which are being put on hold, that were released meanwhile: they go on at once."""
    if not run_ids:
        return set()
    return {row[0] for row in tx.execute(FOLLOWING, {"runs": json.dumps(list(run_ids))}).fetchall()}


OF_RUN = Statement(
    "A release reads an unfinished run, its owner and what is known of its code.",
    lambda words: words.locking(
        select(
            _runs.c.function_id,
            _runs.c.session_id,
            _runs.c.lane,
            _runs.c.attempt,
            _runs.c.code,
            (_runs.c.generation == _NO) & (_runs.c.owed == _NO),  # it is in its request: no worker has had it
        ).where(_runs.c.id == bindparam("run"), _runs.c.ended_at.is_(None)),
        skip=False,
    ),
)

COUNT_ANEW = Statement(
    "A release counts the takeovers of a run from zero again.",
    lambda _: update(_runs).where(_runs.c.id == bindparam("run"), _runs.c.session_id.is_(None)).values(takeovers=_NO),
)

DELETE_JOB = Statement(
    "A release removes the job of a run.", lambda _: delete(_jobs).where(_jobs.c.run_id == bindparam("run"))
)

AT_ONCE = 500
"""Steps, and requests, that are tried again because of one transaction."""

RETRY_STEPS = Statement(
    "A retry makes open steps due that wait for their next attempts.",
    lambda _: (
        update(_steps)
        .where(
            _steps.c.run_id == bindparam("run"),
            _steps.c.hash.in_(
                select(_steps.c.hash)
                .where(
                    _steps.c.run_id == bindparam("run"),
                    _steps.c.kind == constant(Opcode.STEP_RUN.value),
                    _steps.c.seq.is_(None),
                    _steps.c.due_at > bindparam("now"),
                )
                .limit(bindparam("count"))
            ),
        )
        .values(due_at=bindparam("now"))
        .returning(_steps.c.hash)
    ),
)


def requested(tidings: Tidings, _: object) -> None:
    """Others may know the credentials of requests, and have to make them."""
    tidings.requests = True


RETRY_REQUESTS = Statement(
    "A retry makes requests due that wait for their next attempts.",
    lambda _: (
        update(_requests)
        .where(
            _requests.c.run_id == bindparam("run"),
            _requests.c.hash.in_(
                select(_requests.c.hash)
                .where(
                    _requests.c.run_id == bindparam("run"),
                    _requests.c.session_id.is_(None),
                    _requests.c.due_at > bindparam("now"),
                )
                .limit(bindparam("count"))
            ),
        )
        .values(due_at=bindparam("now"))
        .returning(_requests.c.hash)
    ),
    tells=requested,
)


STATE_OF_RETRY = Statement(
    "The marker of a retry reads who owns the run, and whether a step is due that waits for an attempt.",
    lambda _: select(
        _runs.c.session_id,
        exists().where(
            _steps.c.run_id == _runs.c.id,
            _steps.c.kind == constant(Opcode.STEP_RUN.value),
            _steps.c.seq.is_(None),
            _steps.c.due_at <= bindparam("now"),
        ),
    ).where(_runs.c.id == bindparam("run"), _runs.c.ended_at.is_(None)),
)

FIRST_LOOK = 1_000
"""Milliseconds after which a marker of a retry looks again at a run that still has an owner; doubled each time."""

LONGEST_LOOK = 30_000


def go_on_with_retry(context: WriteContext, run_id: str, delay: int, now: int) -> None:
    """Have a run entered whose steps were made due while it had an owner; looks again later while it has one.

    Args:
        context: the transaction.
        run_id: of the run.
        delay: ms until the next look.
        now: unix ms.
    """
    row = context.execute(STATE_OF_RETRY, {"run": run_id, "now": now}).fetchone()
    if row is None or not row[1]:
        return
    if row[0] is None:
        waits.make_due(context, [run_id], now)
        context.notify(Notifications(queued=True))
    else:
        context.timers.put(RETRY, run_id, now + delay, min(2 * delay, LONGEST_LOOK))


def release(context: WriteContext, run_id: str, now: int) -> bool:
    """Have a run follow the code there is, from now on and for ever; False if it has ended, or is not there."""
    row = context.execute(OF_RUN, {"run": run_id}).fetchone()
    if row is None:
        return False
    function_id, session, lane, _, text, _ = row
    code = Code.from_json(text)
    context.execute_rows(WRITE_CODE, [(run_id, 1, code._replace(hold=None).to_json() if session is None else text)])
    if session is None and code.hold is not None:
        context.execute(COUNT_ANEW, {"run": run_id})  # what died with it while it was on hold is no matter any more
        context.execute(DELETE_JOB, {"run": run_id})
        context.execute_rows(INSERT_JOBS, [job_row(context.ids, run_id, function_id, now, now, lane=lane)])
        if (known := lanes.readable(lane)) is not None:
            queue = lanes.Queue()
            queue.add(known, now)
            queue.write(context, now, context.ids)
    return True


def retry_now(context: WriteContext, run_id: str, now: int) -> Retried:
    """Have what waits for its next attempt be tried now: steps, requests, the body, and a run on hold.

    A run of an endpoint whose app has yet to answer is taken from its app.

    As much as a transaction writes; the answer says whether more may be left. The owner of a run may release it now
    with a job for the old time, or be another process: a marker has the steps tried all the same.
    """
    row = context.execute(OF_RUN, {"run": run_id}).fetchone()
    if row is None:
        return Retried(())
    _, session, _, attempt, text, in_request = row
    asked = {"run": run_id, "now": now, "count": AT_ONCE}
    steps = tuple(row[0] for row in context.execute(RETRY_STEPS, asked).fetchall())
    requests = context.execute(RETRY_REQUESTS, asked).fetchall()
    body = session is None and bool(attempt > 0 or in_request or Code.from_json(text).hold is not None)
    if session is None and (steps or body):
        waits.make_due(context, [run_id], now)
    elif steps:
        context.timers.put(RETRY, run_id, ALWAYS, FIRST_LOOK)
    return Retried(steps, bool(steps or requests or body), AT_ONCE in (len(steps), len(requests)))


def retry_all(context: WriteContext, run_ids: Sequence[str], now: int) -> list[str]:
    """`retry_now` for some runs; those of which more may be left."""
    left: list[str] = []
    for run_id in run_ids:
        try:
            if retry_now(context, run_id, now).more:
                left.append(run_id)
        except (KeyError, TypeError, ValueError) as error:  # who claims it tells more of it
            LOGGER.warning("run %s cannot be read, and is tried again at its time: %s", run_id, text_of(error))
    return left
