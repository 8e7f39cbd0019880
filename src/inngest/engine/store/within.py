"""The record of a step in a transaction of the user's, on the user's connection: its statements, and their parameters.

The statements are those of `committing`, so that the record counts on the same conditions (P3, P4).
"""

from __future__ import annotations

from collections.abc import Sequence

from inngest.engine.records import Owner
from inngest.engine.within import RecordWithin

from . import committing
from .core import Text, bindparam, literal_column, select, tables, update
from .database import Database
from .statement import Statement

_runs = tables.runs

OWNS = Statement(
    "A transaction of a step sees that it is on the database of its run.",
    lambda _: select(_runs.c.id).where(
        _runs.c.id == bindparam("owned"),
        _runs.c.token == bindparam("token"),
        _runs.c.session_id == bindparam("session"),
    ),
    ("owned", "token", "session"),
)

LOCK_FILE = Statement(
    "A transaction of a step, which a library has begun, keeps others from writing.",
    lambda _: update(_runs).where(_runs.c.id == literal_column("''", Text)).values(touched=_runs.c.touched),
)

Executed = tuple[str, Sequence[object]]
"""A statement as the driver takes it, and its parameters."""


def owns(database: Database, owner: Owner) -> Executed:
    """Gives a row if the connection is of the database in which a run has this owner."""
    return OWNS.text(database).sql, (owner.run_id, owner.token, owner.session)


def lock_file(database: Database) -> str:
    """Changes nothing, and waits for whoever writes. Of SQLite only."""
    return LOCK_FILE.text(database).sql


def record(database: Database, given: RecordWithin) -> Executed:
    """Changes a row if the run is its owner's, and has no such record yet."""
    return committing.RECORD.text(database).sql, committing.parameters(given.owner, given.memo)


def begin_anew(database: Database, given: RecordWithin) -> Executed | None:
    """Follows the record; None if there is nothing to count anew."""
    if given.body_attempt is None:
        return None
    return committing.BEGIN_ANEW.text(database, 1), (given.owner.run_id, given.body_attempt)
