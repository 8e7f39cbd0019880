"""Runs that are to be called later, found page by page: their function may have any number of them.

A page follows the index of the jobs of a function, so that it costs the same wherever it begins.
"""

from __future__ import annotations

from inngest.engine.records import JobPlace, PutOff, PutOffPage
from inngest.protocol import texts
from inngest.protocol.opcodes import Opcode

from .core import BigInteger, bindparam, exists, func, literal_column, null, select, tables, tuple_
from .holding import ON_HOLD
from .records import number_of
from .statement import Statement, Transaction, constant

LOOKED_AT = 100
"""Jobs of a page, and so runs that one transaction writes about."""

_runs, _jobs, _steps, _requests = tables.runs, tables.jobs, tables.steps, tables.requests
_PLACE = [_jobs.c[name] for name in JobPlace._fields]
_ZERO = literal_column("0", BigInteger)

PUT_OFF = Statement(
    "A registration looks at jobs of a function: which runs are to be called later, and where something has failed.",
    lambda _: (
        select(
            *_PLACE,
            _jobs.c.run_id,
            _jobs.c.due_at,
            func.coalesce(_runs.c.discover_at, _ZERO),
            (_runs.c.attempt > _ZERO)
            | exists().where(
                _steps.c.run_id == _jobs.c.run_id,
                _steps.c.kind == constant(Opcode.STEP_RUN.value),
                _steps.c.seq.is_(null()),
                _steps.c.due_at > bindparam("now"),
            )
            | exists().where(
                _requests.c.run_id == _jobs.c.run_id,
                _requests.c.session_id.is_(null()),
                _requests.c.due_at > bindparam("at"),
            ),
        )
        .join_from(_jobs, _runs, _runs.c.id == _jobs.c.run_id, isouter=True)
        .where(
            _jobs.c.function_id == bindparam("function"),
            tuple_(*_PLACE) > tuple_(*(bindparam(f"after_{name}") for name in JobPlace._fields)),
        )
        .order_by(*_PLACE)
        .limit(bindparam("count"))
    ),
)


def page(tx: Transaction, asked: PutOff, now: int) -> PutOffPage:
    """A page of runs that are to be called later."""
    given = {
        "function": texts.stored(asked.function_id),
        "now": now,
        "at": now,
        "count": LOOKED_AT,
        **{f"after_{name}": value for name, value in asked.after._asdict().items()},
    }
    found, last = list[str](), asked.after
    rows = tx.execute(PUT_OFF, given).fetchall()
    for *place, run_id, due_at, tried_at, failed in rows:
        last = JobPlace(*place)
        if number_of(last.queue_class) >= ON_HOLD:
            return PutOffPage(found, None)
        if now < number_of(due_at) <= asked.until and (failed if asked.failed else number_of(tried_at) <= now):
            found.append(run_id)
    if len(rows) < LOOKED_AT:
        return PutOffPage(found, None)
    # Its score is the time when it is due: all that follow in its lane are due later.
    if not last.start and number_of(last.score) > asked.until:
        last = last._replace(start=1, score=-1, id="")
    return PutOffPage(found, asked._replace(after=last))
