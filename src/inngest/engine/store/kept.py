"""Slots that are kept for code which has not returned, though its run is over or was let go (P7).

A process that cancels a run cannot know which of its handlers still execute. So the slots of a run that is cancelled
while a worker owns it are kept, under the name of that worker. It frees them as its handlers return; if it is gone,
all are free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inngest.engine.records import Owner

from . import lanes
from .context import WriteContext
from .core import Integer, bindparam, delete, literal_column, select, tables, tuple_, update
from .statement import Statement, Transaction, insert_new

_kept = tables.kept_slots
_NONE = literal_column("0", Integer)

COLUMNS = ("run_id", "token", "session_id", "function_id", "lane", "slots", "since")

KEEP = insert_new(
    "A transaction keeps slots of runs that are over for handlers that have not returned.", _kept, COLUMNS
)

_MINE = (
    _kept.c.run_id == bindparam("run"),
    _kept.c.token == bindparam("owner_token"),
    _kept.c.session_id == bindparam("session"),
)

HELD = Statement(
    "A worker reads the slots that are kept for one of its invocations.",
    lambda words: words.locking(select(_kept.c.lane, _kept.c.slots).where(*_MINE), skip=False),
)

SET = Statement(
    "A worker keeps fewer slots for one of its invocations.",
    lambda _: update(_kept).where(*_MINE).values(slots=bindparam("left")),
)

FORGET = Statement(
    "A worker keeps no slots for one of its invocations any more.", lambda _: delete(_kept).where(*_MINE)
)

OF_SESSION = Statement(
    "The end of a session removes slots that were kept for the handlers of the worker.",
    lambda _: (
        delete(_kept)
        .where(
            tuple_(_kept.c.run_id, _kept.c.token).in_(
                select(_kept.c.run_id, _kept.c.token)
                .where(_kept.c.session_id == bindparam("session"))
                .limit(bindparam("count"))
            )
        )
        .returning(_kept.c.lane, _kept.c.slots)
    ),
)


class Kept(NamedTuple):
    """The row of COLUMNS of the slots of one invocation."""

    run_id: str
    token: str
    session_id: str
    function_id: str
    lane: str
    slots: int
    since: int  # unix ms: when its run ended, or was let go


def keep(tx: Transaction, kept: Sequence[Kept]) -> None:
    """These slots are not the run's any more, and are not free yet."""
    tx.execute_rows(KEEP, kept)


def free(tx: WriteContext, owner: Owner, left: int, now: int) -> bool:
    """Of the slots that were kept for an invocation, `left` are still needed; whether others are free now."""
    mine = {"run": owner.run_id, "owner_token": owner.token, "session": owner.session}
    row = tx.execute(HELD, mine).fetchone()
    if row is None or row[1] <= left:
        return False
    lane, slots = row
    tx.execute(SET, {**mine, "left": left}) if left else tx.execute(FORGET, mine)
    lanes.give_back(tx, [(lane, slots - left)], now)
    return True


def end_session(tx: Transaction, session: str, count: int) -> list[tuple[str, int]]:
    """A worker is gone, and with it its handlers: the lanes of the slots that were kept for them, and how many.

    Of so many invocations at once.
    """
    return [(row[0], row[1]) for row in tx.execute(OF_SESSION, {"session": session, "count": count}).fetchall()]
