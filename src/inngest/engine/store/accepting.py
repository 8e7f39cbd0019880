"""Accepting events: the events, and every run they start, in one transaction (P1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import bindparam

from inngest.engine.domain.model import Event, Registry, RunStatus, Start
from inngest.engine.ports import Acceptance, Accepted, Ids, Owner
from inngest.protocol import limits

from . import tables
from .records import event_row, run_row
from .statement import Statement, Transaction

INSERT_EVENT = Statement(
    lambda words: words.insert(tables.events).on_conflict_do_nothing().returning(tables.events.c.id)
)

INSERT_RUN = Statement(lambda words: words.insert(tables.runs).on_conflict_do_nothing())

INSERT_JOB = Statement(lambda words: words.insert(tables.jobs).on_conflict_do_nothing())

TAKE_KEY = Statement(
    lambda words: (
        (insertion := words.insert(tables.idempotency))
        .on_conflict_do_update(
            index_elements=["function_id", "key"],
            set_={"run_id": insertion.excluded.run_id, "expires_at": insertion.excluded.expires_at},
            where=(tables.idempotency.c.expires_at <= bindparam("now"))
            | (tables.idempotency.c.run_id == insertion.excluded.run_id),
        )
        .returning(tables.idempotency.c.run_id)
    )
)


def accept(tx: Transaction, acceptance: Acceptance, registry: Registry, ids: Ids) -> Accepted:
    """Write events and the runs they start."""
    new = insert_events(tx, acceptance.events)
    starts = [start for start in acceptance.plan(registry) if start.run.event_id in new]
    owners = iter(acceptance.claim)
    started: list[tuple[Start, Owner | None]] = []
    for start in starts:
        mine = start.due_at <= acceptance.now and start.run.function_id in acceptance.functions
        owner = next(owners, None) if mine else None
        if owner is not None:
            owner = replace(owner, run_id=start.run.id)
        if insert_start(tx, start, ids, owner):
            started.append((start, owner))
    return Accepted(started)


def insert_events(tx: Transaction, events: Sequence[Event]) -> set[str]:
    """Write events; the ids of those that were not stored already."""
    return {event.id for event in events if tx.execute(INSERT_EVENT, event_row(event)).fetchone() is not None}


def insert_start(tx: Transaction, start: Start, ids: Ids, owner: Owner | None) -> bool:
    """Write a run with its job, or with its owner. False if its idempotency key is taken."""
    run = start.run
    if start.key and not _take_key(tx, start):
        return False
    row = run_row(run)
    if owner is not None:
        row.update(
            session_id=owner.session, token=owner.token, status=RunStatus.RUNNING.value, started_at=run.created_at
        )
    tx.execute(INSERT_RUN, row)
    if owner is None:
        insert_job(tx, ids, run.id, run.function_id, start.due_at)
    return True


def insert_job(tx: Transaction, ids: Ids, run_id: str, function_id: str, due_at: int, *, alone: bool = False) -> None:
    """Queue something to do for a run."""
    row = {"id": ids.ulid(due_at), "run_id": run_id, "function_id": function_id, "due_at": due_at, "alone": int(alone)}
    tx.execute(INSERT_JOB, row)


def _take_key(tx: Transaction, start: Start) -> bool:
    run = start.run
    parameters = {
        "function_id": run.function_id,
        "key": start.key,
        "run_id": run.id,
        "expires_at": run.created_at + limits.IDEMPOTENCY_PERIOD,
        "now": run.created_at,
    }
    return tx.execute(TAKE_KEY, parameters).fetchone() is not None
