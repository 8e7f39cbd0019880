"""What is known of a run, for `domain.explaining`."""

from __future__ import annotations

import json

from sqlalchemy import bindparam, select

from inngest.engine.domain.explaining import Facts
from inngest.engine.domain.model import Watch

from . import reading, tables
from .statement import Statement, Transaction
from .waits import WAIT_COLUMNS

_jobs, _sessions, _waits, _runs = tables.jobs, tables.sessions, tables.waits, tables.runs

JOB = Statement(lambda _: select(_jobs.c.due_at, _jobs.c.alone).where(_jobs.c.run_id == bindparam("run")))
WORKERS = Statement(lambda _: select(_sessions.c.id, _sessions.c.host, _sessions.c.pid, _sessions.c.functions))
WAITS = Statement(
    lambda _: select(*(_waits.c[name] for name in WAIT_COLUMNS)).where(_waits.c.run_id == bindparam("run"))
)
CHILDREN = Statement(
    lambda _: select(_runs.c.parent_hash, _runs.c.id, _runs.c.status).where(_runs.c.parent_id == bindparam("run"))
)


def facts(tx: Transaction, run_id: str) -> Facts | None:
    """What is known of a run; None if there is none."""
    view = reading.run(tx, run_id)
    if view is None:
        return None
    asked = {"run": run_id}
    job = tx.execute(JOB, asked).fetchone()
    workers = {row[0]: row[1:] for row in tx.execute(WORKERS).fetchall()}
    owner = workers.get(view.worker or "")
    serving = {name for _, _, functions in workers.values() for name in json.loads(functions)}
    watches = [Watch(*row) for row in tx.execute(WAITS, asked).fetchall()]
    return Facts(
        run=view.run,
        open=view.open,
        failures=[one.error for one in view.failed],
        watches=watches,
        children=[(row[0], row[1], row[2]) for row in tx.execute(CHILDREN, asked).fetchall()] if watches else (),
        due_at=None if job is None else job[0],
        alone=job is not None and bool(job[1]),
        worker=None if owner is None else f"{owner[0]}, process {owner[1]}",
        served=view.run.function_id in serving,
    )
