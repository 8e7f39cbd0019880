"""Reading runs, for people and for callers that wait."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

from inngest.engine.domain.model import Run, RunStatus
from inngest.engine.domain.transitions import FINAL
from inngest.engine.records import Owner, RunView
from inngest.protocol import texts
from inngest.protocol.opcodes import Memo, OpenStep

from . import audit
from .as_far import AsFar
from .core import bindparam, select, tables
from .entering import RUN_STEPS, defers_of
from .events import batches, event
from .records import RUN_COLUMNS
from .statement import Statement, Transaction, constant

_runs, _attempts, _steps = tables.runs, tables.attempts, tables.steps
_RUN = tuple(_runs.c[name] for name in RUN_COLUMNS)

RUN = Statement(
    "A reader reads one run, and its owner.",
    lambda _: select(*_RUN, _runs.c.session_id).where(_runs.c.id == bindparam("run")),
)

FAILED_ATTEMPTS = Statement(
    "A reader reads the failed attempts of a run in the order of their ends.",
    lambda _: (
        select(_attempts.c.hash, _attempts.c.attempt, _attempts.c.started_at, _attempts.c.ended_at, _attempts.c.error)
        .where(_attempts.c.run_id == bindparam("run"))
        .order_by(_attempts.c.ended_at, _attempts.c.hash, _attempts.c.attempt)
    ),
)

METADATA = Statement(
    "A reader reads the metadata of the steps of a run.",
    lambda _: select(_steps.c.hash, _steps.c.metadata).where(
        _steps.c.run_id == bindparam("run"), _steps.c.metadata.is_not(None)
    ),
)

ENDED = Statement(
    "A reader reads those of these runs that have ended.",
    lambda words: select(*_RUN).where(
        words.any_of(_runs.c.id, "runs"), _runs.c.status.in_([constant(status.value) for status in sorted(FINAL)])
    ),
)

CANCELLED = Statement(
    "A reader lists the runs that were cancelled since a time.",
    lambda _: (
        select(*_RUN)
        .where(
            _runs.c.ended_at >= bindparam("at"),
            (_runs.c.ended_at > bindparam("at")) | (_runs.c.id > bindparam("after")),
            _runs.c.status == constant(RunStatus.CANCELLED.value),
        )
        .order_by(_runs.c.ended_at, _runs.c.id)
        .limit(bindparam("count"))
    ),
)

TOKENS = Statement(
    "A worker reads the tokens under which runs are owned.",
    lambda words: select(_runs.c.id, _runs.c.token).where(words.any_of(_runs.c.id, "runs")),
)

KNOWN = Statement(
    "A reader finds those of these runs that are stored.",
    lambda words: select(_runs.c.id).where(words.any_of(_runs.c.id, "runs")),
)

_NEWEST = select(_runs.c.id).order_by(_runs.c.id.desc()).limit(bindparam("searched")).subquery()

ENDING = Statement(
    "A reader finds the newest runs whose ids end in a text.",
    lambda _: (
        select(*_RUN)
        .where(_runs.c.id.in_(select(_NEWEST.c.id).where(_NEWEST.c.id.like(bindparam("pattern")))))
        .order_by(_runs.c.id.desc())
        .limit(bindparam("count"))
    ),
)

RERUNS = Statement(
    "A reader lists the newest reruns of a run.",
    lambda _: (
        select(_runs.c.id)
        .where(_runs.c.origin_id == bindparam("run"))
        .order_by(_runs.c.id.desc())
        .limit(bindparam("count"))
    ),
)

SHOWN_RERUNS = 20
"""Reruns that are told with a run."""

FUNCTION_IDS = Statement(
    "A reader lists the ids of all functions.", lambda _: select(tables.functions.c.id).order_by(tables.functions.c.id)
)


def functions(tx: Transaction) -> list[str]:
    """Ids of the functions that are known."""
    return [row[0] for row in tx.execute(FUNCTION_IDS).fetchall()]


def run(tx: Transaction, run_id: str) -> RunView | None:
    """One run with all that is recorded of it, as far as that can be read; `unread` of the run names the rest."""
    row = tx.execute(RUN, {"run": texts.stored(run_id)}).fetchone()
    if row is None:
        return None
    read = AsFar(tx.tables)
    found = read.run(row[:-1])
    started_by = read.event(event(tx, found.event_id), found.event_id)
    entries = read.entries([one[1:] for one in tx.execute(RUN_STEPS, {"runs": json.dumps([run_id])}).fetchall()])
    batch = [] if found.batch_id is None else batches(tx, [found.batch_id])[found.batch_id]
    view = RunView(
        found,
        started_by,
        [entry for entry in entries if isinstance(entry, Memo)],
        [entry for entry in entries if isinstance(entry, OpenStep)],
        read.failed(tx.execute(FAILED_ATTEMPTS, {"run": run_id}).fetchall()),
        row[-1],
        [read.event(one, one.id) for one in batch],
        dict(tx.execute(METADATA, {"run": run_id}).fetchall()),
        defers_of(entries),
        [row[0] for row in tx.execute(RERUNS, {"run": run_id, "count": SHOWN_RERUNS}).fetchall()],
        None if found.erased_at is None else audit.eraser(tx, found.erased_at),
    )
    return view._replace(run=found._replace(unread=tuple(read.unread))) if read.unread else view


def _run_of(tx: Transaction, row: Sequence[Any]) -> Run:
    read = AsFar(tx.tables)
    found = read.run(row)
    return found._replace(unread=tuple(read.unread)) if read.unread else found


def runs(
    tx: Transaction,
    *,
    event_id: str | None,
    function_id: str | None,
    status: RunStatus | None,
    limit: int,
    before: str | None,
) -> list[Run]:
    """Runs, newest first."""
    filters = {"event": event_id, "function": function_id, "status": status, "before": before}
    if status is RunStatus.FAILED:  # which is part of the statement, so that it is found by the index of failed runs
        filters["status"], filters["failed"] = None, status
    given = tuple(name for name in _FILTERS if filters.get(name) is not None)
    parameters = {f"given_{name}": texts.stored(str(filters[name])) for name in given if name != "failed"}
    rows = tx.execute(RUNS[given], {**parameters, "count": limit}).fetchall()
    return [_run_of(tx, row) for row in rows]


def ending(tx: Transaction, tail: str, *, searched: int, limit: int) -> list[Run]:
    """Runs whose id ends so (in upper case), newest first, among as many of the newest as are searched."""
    parameters = {"pattern": f"%{texts.escaped(tail)}", "searched": searched, "count": limit}
    return [_run_of(tx, row) for row in tx.execute(ENDING, parameters).fetchall()]


def cancelled(tx: Transaction, since: int, after: str, limit: int) -> list[Run]:
    """Runs that were cancelled at that time or later, in the order of their ends; at that time, ids after this one."""
    return [_run_of(tx, row) for row in tx.execute(CANCELLED, {"at": since, "after": after, "count": limit}).fetchall()]


def ended(tx: Transaction, run_ids: Sequence[str]) -> list[Run]:
    """Those of these runs that have ended."""
    return [_run_of(tx, row) for row in tx.execute(ENDED, {"runs": json.dumps(list(run_ids))}).fetchall()]


def not_owned(tx: Transaction, owners: Sequence[Owner]) -> list[str]:
    """Ids of those runs that do not belong to these owners any more."""
    tokens = dict(tx.execute(TOKENS, {"runs": json.dumps([owner.run_id for owner in owners])}).fetchall())
    return [owner.run_id for owner in owners if tokens.get(owner.run_id) != owner.token]


def missing(tx: Transaction, run_ids: Sequence[str]) -> list[str]:
    """Those of these runs that there are not."""
    known = {row[0] for row in tx.execute(KNOWN, {"runs": json.dumps(list(run_ids))}).fetchall()}
    return [run_id for run_id in run_ids if run_id not in known]


OF_EVENT = (_runs.c.event_id == bindparam("given_event")) | _runs.c.batch_id.in_(
    select(tables.batches.c.batch_id).where(tables.batches.c.event_id == bindparam("given_event"))
)
"""An event, alone or in a batch, started the run."""

FAILED = _runs.c.status == constant(RunStatus.FAILED.value)

BESIDE = _runs.c.function_id.concat("")
"""The function of a run, where another condition finds the runs: an expression, so that its index is not used."""

_FILTERS = {
    "event": OF_EVENT,
    "function": _runs.c.function_id == bindparam("given_function"),
    "status": _runs.c.status == bindparam("given_status"),
    "failed": FAILED,
    "before": _runs.c.id < bindparam("given_before"),
}


def _by(given: tuple[str, ...]) -> Statement:
    filters = dict(_FILTERS)
    if "event" in given or "failed" in given:  # there are few of them
        filters["function"] = bindparam("given_function") == BESIDE
    query = select(*_RUN).where(*(filters[name] for name in given)).order_by(_runs.c.id.desc())
    return Statement(
        f"A reader lists runs, newest first, by {' and '.join(given) or 'nothing else'}.",
        lambda _: query.limit(bindparam("count")),
    )


RUNS = {
    given: _by(given)
    for count in range(len(_FILTERS) + 1)
    for given in itertools.combinations(_FILTERS, count)
    if not {"status", "failed"} <= set(given)
}
"""By the filters that are given."""
