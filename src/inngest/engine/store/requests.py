"""Requests of steps: asked for, taken by workers, answered (P4, P6).

A request is a row until it is answered. The worker that makes it has it, as an owner has its run: a worker that was
declared dead has none any more, and can answer none. Credentials are in no row. `holder` is the worker that knows
them; when it is gone, the run is entered again, and the step tells them to the worker that enters it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.model import StoredRequest
from inngest.engine.records import ClaimedRequest, Commit, RequestAttempt, RequestClaims, RequestKey
from inngest.protocol.opcodes import Opcode

from . import troubles, waits
from .context import WriteContext
from .core import (
    BigInteger,
    ClauseElement,
    ColumnElement,
    bindparam,
    delete,
    literal_column,
    null,
    or_,
    select,
    tables,
    tuple_,
    union,
    update,
)
from .records import FAILED_COLUMNS, LARGEST, failed_row
from .sessions import lives
from .statement import MultiRowStatement, Rows, SqlDialect, Statement, Transaction, constant, insert_new
from .tidings import Tidings

_requests = tables.requests

ANYBODY = waits.ANYBODY

COLUMNS = ("run_id", "hash", "kind", "request", "attempt", "retries", "due_at", "holder", "session_id", "host")


def _asked(tidings: Tidings, rows: Sequence[object]) -> None:
    tidings.asked = tidings.asked or bool(rows)


INSERT_REQUESTS = insert_new("A commit stores the requests of steps.", _requests, COLUMNS, _asked)
WRITE_FAILED = insert_new("An answer writes the failed attempt at a request.", tables.attempts, FAILED_COLUMNS)

HOLD = Statement(
    "A commit notes the worker that knows the credentials of a request.",
    lambda _: (
        update(_requests)
        .where(_requests.c.run_id == bindparam("run"), _requests.c.hash == bindparam("step"))
        .values(holder=bindparam("session"))
    ),
)


def _take(_: SqlDialect, rows: Rows) -> ClauseElement:
    """`due_at` of the rows is the time by which they must be due."""
    given, own = rows.as_table(), _requests.c
    still = (
        own.run_id == given.c.run_id,
        own.hash == given.c.hash,
        own.session_id.is_(None),
        or_(own.due_at <= given.c.due_at, own.due_at > literal_column(str(LARGEST), BigInteger)),  # nobody can say when
        or_(own.holder == constant(ANYBODY), own.holder == given.c.session_id),
    )
    taken = (own.run_id, own.hash, own.kind, own.request, own.attempt, own.retries, own.host, own.holder)
    return update(_requests).where(*still).values(session_id=given.c.session_id).returning(*taken)


TAKE = MultiRowStatement(
    "A worker takes requests that are due, that nobody makes, and whose credentials it knows.",
    _requests,
    ("run_id", "hash", "due_at", "session_id"),
    _take,
)

_MINE = (
    _requests.c.run_id == bindparam("run"),
    _requests.c.hash == bindparam("step"),
    _requests.c.session_id == bindparam("session"),
)

PUT_OFF = Statement(
    "An answer gives a request back for its next attempt, if the worker still has it.",
    lambda _: (
        update(_requests)
        .where(*_MINE)
        .values(session_id=null(), attempt=bindparam("next_attempt"), due_at=bindparam("again_at"))
        .returning(_requests.c.run_id)
    ),
)

DELAY = Statement(
    "A claim puts off a request that cannot be read.",
    lambda _: (
        update(_requests)
        .where(_requests.c.run_id == bindparam("run"), _requests.c.hash == bindparam("step"))
        .values(session_id=null(), due_at=bindparam("until"))
    ),
)

DONE = Statement(
    "An answer removes a request, if the worker still has it.",
    lambda _: delete(_requests).where(*_MINE).returning(_requests.c.run_id),
)

OF_SESSION = Statement(
    "A worker lists the requests that it makes, or whose credentials it knows.",
    lambda _: union(
        select(_requests.c.run_id, _requests.c.hash).where(_requests.c.session_id == bindparam("session")),
        select(_requests.c.run_id, _requests.c.hash).where(_requests.c.holder == bindparam("session")),
    ),
)

_KEY = tuple_(_requests.c.run_id, _requests.c.hash)


def _some(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a request is among the first `count` of a session."""
    rows = select(_requests.c.run_id, _requests.c.hash).where(column == bindparam("session"))
    return _KEY.in_(rows.limit(bindparam("count")))


GIVE_BACK = Statement(
    "The end of a session gives back requests that the worker made.",
    lambda _: (
        update(_requests).where(_some(_requests.c.session_id)).values(session_id=null()).returning(_requests.c.run_id)
    ),
)

FORGET_SECRETS = Statement(
    "The end of a session notes that nobody knows the credentials of requests any more.",
    lambda _: update(_requests).where(_some(_requests.c.holder)).values(holder=null()).returning(_requests.c.run_id),
)


def ask(tx: Transaction, commits: Sequence[Commit], finished: set[tuple[str, str]]) -> None:
    """Steps ask for requests; those that are finished in the same batch do not."""
    rows: list[tuple[object, ...]] = []
    for one in commits:
        for asked in one.requests:
            if (asked.run_id, asked.hash) in finished:
                continue
            if asked.again:
                tx.execute(HOLD, {"run": asked.run_id, "step": asked.hash, "session": one.owner.session})
            else:
                rows.append(_row(asked, one))
    tx.execute_rows(INSERT_REQUESTS, rows)


def _row(asked: StoredRequest, commit: Commit) -> tuple[object, ...]:
    holder = commit.owner.session if asked.secret else ANYBODY
    step = (asked.run_id, asked.hash, asked.kind.value)
    return (*step, asked.request, 0, asked.retries, commit.now, holder, None, asked.host)


def claim(tx: Transaction, session: str, keys: Sequence[RequestKey], now: int) -> RequestClaims:
    """Take requests that are still due, and nobody's."""
    if not lives(tx, session):
        return RequestClaims((), missed=True, fenced=True)
    taken: list[ClaimedRequest] = []
    for run_id, hashed, kind, request, attempt, retries, host, holder in tx.execute_rows(
        TAKE, [(*key, now, session) for key in keys]
    ):
        try:
            if not (isinstance(request, str) and isinstance(attempt, int) and isinstance(retries, int)):
                raise ValueError(
                    f"its attempt is {attempt!r} of {retries!r}, and what it asks {type(request).__name__}"
                )
            key = RequestKey(run_id, hashed)
            taken.append(ClaimedRequest(key, Opcode(kind), request, attempt, retries, host, holder != ANYBODY))
        except ValueError as error:
            until = troubles.note(tx, f"{troubles.REQUEST}:{hashed}", run_id, text_of(error), now)
            tx.execute(DELAY, {"run": run_id, "step": hashed, "until": until})
    order = {key: place for place, key in enumerate(keys)}
    return RequestClaims(sorted(taken, key=lambda held: order[held.key]), missed=len(taken) < len(keys))


def answer(context: WriteContext, answered: RequestAttempt) -> None:
    """The result of an attempt, if the request is still this worker's."""
    key, arrival = answered.key, answered.arrival
    mine = {"run": key.run_id, "step": key.hash, "session": answered.session}
    if arrival is not None:
        done = context.execute(DONE, mine).fetchone() is not None
        if done:
            context.arrived(waits.deliver(context, [arrival], answered.now))
    else:
        again = {"next_attempt": answered.attempt + 1, "again_at": answered.due_at}
        done = context.execute(PUT_OFF, {**mine, **again}).fetchone() is not None
    if done and answered.failed is not None:
        context.execute_rows(WRITE_FAILED, [failed_row(key.run_id, answered.failed)])


def of_session(tx: Transaction, session: str) -> list[RequestKey]:
    """Requests that a worker makes, or knows the credentials of."""
    return [RequestKey(*row) for row in tx.execute(OF_SESSION, {"session": session}).fetchall()]


def end_session(tx: Transaction, session: str, now: int, count: int) -> bool:
    """A worker is gone: others make its requests. Where only it knew the credentials, the run has to be entered.

    As many as `count` at once; whether there may be more.
    """
    asked = {"session": session, "count": count}
    given = tx.execute(GIVE_BACK, asked).fetchall()
    forgotten = tx.execute(FORGET_SECRETS, asked).fetchall()
    if forgotten:
        waits.make_due(tx, {row[0] for row in forgotten}, now)
    return count in (len(given), len(forgotten))
