"""The end of a worker's session: its runs go back to the queue, for others to take over (P4, P6)."""

from __future__ import annotations

from inngest.engine.domain.holding import delay
from inngest.engine.domain.model import Transport

from . import holding, kept, lanes, locking, requests
from .context import WriteContext
from .core import Integer, bindparam, delete, func, literal_column, null, select, tables, update
from .jobs import INSERT_JOBS, job_row
from .records import number_of
from .statement import MultiRowStatement, Statement
from .tidings import Tidings

_runs, _steps, _sessions = tables.runs, tables.steps, tables.sessions
_NO = literal_column("0", Integer)

SESSION = Statement(
    "The end of a session reads whether the session is ending already.",
    lambda words: words.locking(
        select(_sessions.c.ended).where(_sessions.c.id == bindparam("session")),
        skip=False,
    ),
)


def _leaves(tidings: Tidings, _: object) -> None:
    """Nobody else knows what the worker has seen that falls due later: all is to be looked at."""
    tidings.everything = True


IS_ENDING = Statement(
    "The end of a session notes how the session ended while more of its runs are left.",
    lambda _: (
        update(_sessions)
        .where(_sessions.c.id == bindparam("session"), _sessions.c.ended.is_(None))
        .values(ended=bindparam("how"))
    ),
    tells=_leaves,
)

END_SESSION = Statement(
    "The end of a session removes the row of the worker.",
    lambda _: delete(_sessions).where(_sessions.c.id == bindparam("session")),
    tells=_leaves,
)

RUNS_OF_SESSION = Statement(
    "The end of a session reads a page of the worker's runs, each with the number of its memos.",
    lambda words: words.locking(
        select(
            _runs.c.id,
            _runs.c.function_id,
            _runs.c.takeovers,
            _runs.c.takeover_steps,
            _runs.c.lane,
            _runs.c.slots,
            _runs.c.code,
            select(func.count())
            .select_from(_steps)
            .where(_steps.c.run_id == _runs.c.id, _steps.c.seq.is_not(None))
            .scalar_subquery(),
        )
        .where(_runs.c.session_id == bindparam("session"))
        .order_by(_runs.c.id)
        .limit(bindparam("count")),
        skip=False,
    ),
)

IDS_OF_SESSION = Statement(
    "The end of a session finds a page of the worker's runs.",
    lambda _: (
        select(_runs.c.id)
        .where(_runs.c.session_id == bindparam("session"))
        .order_by(_runs.c.id)
        .limit(bindparam("count"))
    ),
)

ORPHAN_RUNS = MultiRowStatement(
    "The end of a session takes runs from their owner and counts the takeovers.",
    _runs,
    ("id", "takeovers", "takeover_steps"),
    lambda _, rows: (
        update(_runs)
        .where(_runs.c.id == (given := rows.as_table()).c.id)
        .values(
            session_id=null(),
            token=null(),
            slots=_NO,
            takeovers=given.c.takeovers,
            takeover_steps=given.c.takeover_steps,
        )
    ),
)

ORPHANS = 200
"""Runs of a worker that is gone that go back to the queue in one transaction, and as many of its requests and slots."""

DIED, LEFT = "died", "left"
"""How a session ended."""


def _is_remote(context: WriteContext, function_id: str) -> bool:
    """Whether the code of a function is in an app's process: it kills no worker."""
    function = context.registry.known(function_id)
    return function is not None and function.transport is not Transport.LOCAL


def end_session(context: WriteContext, session_id: str, now: int, *, died: bool) -> bool | None:
    """A worker is gone: its runs go back to the queue. A recorded step since the last takeover resets their count.

    Where they are many, its session stays until the last page, and says that it is over: it claims nothing, and whoever
    sees it goes on. Whether more is left; None if it was gone already, or is heard again.
    """
    context.keep_time(now)
    ids, policy = context.ids, context.policy
    session = context.execute(SESSION, {"session": session_id}).fetchone()
    if session is None:
        return None
    if died and session[0] is None and not context.declares_dead(session_id):
        return None
    died = died if session[0] is None else session[0] == DIED
    orphans: list[tuple[object, ...]] = []
    jobs: list[tuple[object, ...]] = []
    on_hold: list[tuple[object, ...]] = []
    held: list[tuple[str | None, int]] = []
    queue = lanes.Queue()
    page = {"session": session_id, "count": ORPHANS}
    if context.is_shared:
        context.hold(locking.runs, [row[0] for row in context.execute(IDS_OF_SESSION, page).fetchall()])
    for row in context.execute(RUNS_OF_SESSION, page).fetchall():
        run_id, function_id, takeovers, steps_then, lane, slots, code, steps_now = row
        takeovers, steps_then, slots = number_of(takeovers), number_of(steps_then), number_of(slots)
        if died and not _is_remote(context, function_id):
            takeovers, steps_then = (1 if steps_now > steps_then else takeovers + 1), steps_now
        orphans.append((run_id, takeovers, steps_then))
        alone = takeovers >= policy.alone_after
        known = lanes.readable(lane)
        if slots:  # of another function's lane they never were
            held.append((lane if known is None or known.function_id == function_id else None, slots))
        hold = holding.hold_of(code)
        if hold is not None and not alone:
            on_hold.append(holding.held_row(ids, run_id, function_id, now, now, hold, ""))
            continue
        due_at = now if hold is None else now + delay(takeovers)  # it never fails by that, so it must not come at once
        jobs.append(job_row(ids, run_id, function_id, now, due_at, alone=alone, lane=lane))
        if known is not None and not alone:
            queue.add(known, now)
    context.execute_rows(ORPHAN_RUNS, orphans)
    context.execute_rows(INSERT_JOBS, jobs)
    context.execute_rows(holding.INSERT_HELD, on_hold)
    asked = requests.end_session(context, session_id, now, ORPHANS)
    freed = [(lane, number_of(slots)) for lane, slots in kept.end_session(context, session_id, ORPHANS)]
    lanes.give_back(context, [*held, *freed], now)
    queue.write(context, now, ids)
    more = asked or ORPHANS in (len(orphans), len(freed))
    if more:
        context.execute(IS_ENDING, {"session": session_id, "how": DIED if died else LEFT})
    else:
        context.execute(END_SESSION, {"session": session_id})
    return more
