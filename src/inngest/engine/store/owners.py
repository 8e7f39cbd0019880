"""The owners of runs for which something came: their workers are told.

A file of its own: the transaction asks for them, and the statements of waits are written in it.
"""

from __future__ import annotations

import json

from .core import select, tables
from .statement import Statement, Transaction

_runs = tables.runs

OWNERS = Statement(
    "A transaction finds the workers that have runs for which something came.",
    lambda words: select(_runs.c.id, _runs.c.session_id).where(
        words.any_of(_runs.c.id, "runs"), _runs.c.session_id.is_not(None)
    ),
)


def address(tx: Transaction) -> None:
    """Address those of the transaction's tidings that are for the owners of runs: it holds the rows of these runs."""
    came, tx.tidings.came = tx.tidings.came, set()
    for run_id, session in tx.execute(OWNERS, {"runs": json.dumps(sorted(came))}).fetchall() if came else ():
        tx.tidings.about(session, run_id)
