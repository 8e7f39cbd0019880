"""Records of runs that were taken: a little is read with the claim, the rest after it and in pages (P2).

While the writer has its transaction nobody else writes, so it reads no more there than a page. Each page asks whether
the run still belongs to its reader: nobody but the owner of a run writes steps of it.

A report about a run that nobody here owns is decided in the transaction that writes it. Each of them reads what was
decided before, so it reads of finished steps no more than their places and sizes: a run has many, and they are large.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from inngest.engine.domain.event_view import data_of
from inngest.engine.domain.model import Defer, Event, Run, RunState
from inngest.engine.records import Claimed, Owner
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import WAITS, Arrival, Entry, Memo, Op, OpenStep

from . import telling, waits
from .context import Counted, WriteContext
from .core import bindparam, func, select, tables
from .records import EVENT_COLUMNS, STEP_COLUMNS, entry_of
from .statement import Cursor, Statement, Transaction

_runs, _steps, _events, _batches = tables.runs, tables.steps, tables.events, tables.batches

ROWS = 4_000
"""Rows of one page."""

BYTES = 2 * 1024 * 1024
"""Bytes of one page; the row that exceeds it is its last."""

PLACES = 32
"""Steps of which most runs have fewer: what follows on them is read beside them at first."""

EVENTS_OF_RUNS = Statement(
    "A claim reads the events that started runs.",
    lambda words: (
        select(_runs.c.id, *(_events.c[name] for name in EVENT_COLUMNS))
        .join(_events, _events.c.id == _runs.c.event_id)
        .where(words.any_of(_runs.c.id, "runs"))
    ),
)

EVENTS_OF_BATCH = Statement(
    "A reader of a run reads the events of its batch after a position.",
    lambda _: (
        select(_batches.c.position, *(_events.c[name] for name in EVENT_COLUMNS))
        .join(_events, _events.c.id == _batches.c.event_id)
        .where(_batches.c.batch_id == bindparam("batch"), _batches.c.position > bindparam("after"))
        .order_by(_batches.c.position)
    ),
)

RUN_STEPS = Statement(
    "A claim reads the steps of runs, memos in commit order.",
    lambda words: (
        select(_steps.c.run_id, *(_steps.c[name] for name in STEP_COLUMNS))
        .where(words.any_of(_steps.c.run_id, "runs"))
        .order_by(_steps.c.run_id, _steps.c.seq, _steps.c.hash)
    ),
)

STEPS_AFTER = Statement(
    "A reader of a run reads its steps after a hash.",
    lambda _: (
        select(*(_steps.c[name] for name in STEP_COLUMNS))
        .where(_steps.c.run_id == bindparam("run"), _steps.c.hash > bindparam("after"))
        .order_by(_steps.c.hash)
    ),
)

STEP_PLACES = Statement(
    "A report reads the places of the steps of its run, and of what follows on them.",
    # Without an end: to compare a row with one, SQLite reads it whole, with its result.
    lambda _: (
        select(_steps.c.run_id, _steps.c.hash, _steps.c.seq)
        .where(_steps.c.run_id >= bindparam("run"))
        .order_by(_steps.c.run_id, _steps.c.hash)
        .limit(bindparam("most"))
    ),
)

STEP_SIZES = Statement(
    "A report reads how large the results and errors of steps are that no report before it has counted.",
    lambda words: select(
        func.sum(func.coalesce(func.length(_steps.c.data), 0) + func.coalesce(func.length(_steps.c.error), 0))
    ).where(_steps.c.run_id == bindparam("run"), words.any_of(_steps.c.hash, "hashes")),
)

STEPS_OF = Statement(
    "A report reads the steps that it names, and those that are open.",
    lambda words: (
        select(*(_steps.c[name] for name in STEP_COLUMNS))
        .where(_steps.c.run_id == bindparam("run"), words.any_of(_steps.c.hash, "hashes"))
        .order_by(_steps.c.hash)
    ),
)

IS_OWNED = Statement(
    "A reader of a run checks that the run is still its own.",
    lambda _: select(_runs.c.id).where(
        _runs.c.id == bindparam("run"),
        _runs.c.token == bindparam("owner_token"),
        _runs.c.session_id == bindparam("session"),
    ),
)


class _Page:
    """How much more may be read in a transaction."""

    def __init__(self, *, bounded: bool = True) -> None:
        self._rows: float = ROWS if bounded else math.inf
        self._bytes: float = BYTES if bounded else math.inf

    @property
    def full(self) -> bool:
        """Whether nothing more may be."""
        return self._rows <= 0 or self._bytes <= 0

    def rows(self, cursor: Cursor) -> Iterator[tuple[Any, ...]]:
        """Rows; what is more than there is room for is not read. Reads no row without need, for it may be large.

        Raises:
            ValueError: a text is none. The code of users must not meet it.
        """
        try:
            while not self.full and (row := cursor.fetchone()) is not None:
                self._rows -= 1
                if bytes in map(type, row):
                    raise ValueError(
                        f"it is no text: {next(value for value in row if isinstance(value, bytes))[:60]!r}"
                    )
                self._bytes -= sum(len(value) for value in row if isinstance(value, str))
                yield row
        finally:
            cursor.close()


class _Taken:
    """The parts of a run that are read."""

    def __init__(self) -> None:
        self.events: list[EventData] = []
        self.entries: list[Entry | Defer] = []
        self.arrivals: list[Arrival] = []

    def of(self, owner: Owner, run: Run, at: int) -> Claimed:
        """The run with it."""
        memos = sorted((entry for entry in self.entries if isinstance(entry, Memo)), key=lambda memo: memo.seq)
        open_steps = [entry for entry in self.entries if isinstance(entry, OpenStep)]
        defers = defers_of(self.entries) if len(memos) + len(open_steps) < len(self.entries) else ()
        return Claimed(owner, run, self.events, memos, open_steps, self.arrivals, at, defers)


def taken(tx: WriteContext, runs: Sequence[Run], owner: Owner, at: int) -> list[Claimed]:
    """Runs that were taken, in their order, with what is recorded of them; of those that are too large, without."""
    page = _Page()
    found = {run.id: _Taken() for run in runs}
    _read_events(tx, runs, found, page)
    _read_steps(tx, found, page)
    waiting = [run_id for run_id, one in found.items() if any(_waits(entry) for entry in one.entries)]
    waiting += [run.id for run in runs if run.id not in found]
    told: dict[str, list[Arrival]] = {}  # what lies in no inbox
    if waiting:
        telling.catch_up(tx, waiting, at, cancel=False)
        for arrival in waits.drop_expired(tx, waiting, at, owed=bool(telling.markers(tx))):
            told.setdefault(arrival.run_id, []).append(arrival)
        _read_arrivals(tx, waiting, found, page)
    for run_id, arrivals in told.items():
        if run_id in found:
            found[run_id].arrivals += arrivals
    return [
        found[run.id].of(owner._replace(run_id=run.id), run, at)
        if run.id in found
        else Claimed(owner._replace(run_id=run.id), run, (), (), (), told.get(run.id, ()), at, unread=True)
        for run in runs
    ]


def _waits(entry: Entry | Defer) -> bool:
    return isinstance(entry, OpenStep) and entry.kind in WAITS


def _read_events(tx: Transaction, runs: Sequence[Run], found: dict[str, _Taken], page: _Page) -> None:
    single = json.dumps([run.id for run in runs if run.batch_id is None])
    for run_id, *event in page.rows(tx.execute(EVENTS_OF_RUNS, {"runs": single})):
        found[run_id].events.append(data_of(Event(*event)))
    for run in runs:
        if run.batch_id is not None:
            for _, *event in page.rows(tx.execute(EVENTS_OF_BATCH, {"batch": run.batch_id, "after": -1})):
                found[run.id].events.append(data_of(Event(*event)))
            if page.full:
                del found[run.id]  # some may be missing
    for run_id in [run_id for run_id, one in found.items() if not one.events]:
        del found[run_id]


def _read_steps(tx: Transaction, found: dict[str, _Taken], page: _Page) -> None:
    last = ""
    for row in page.rows(tx.execute(RUN_STEPS, {"runs": json.dumps(list(found))})):
        last = row[0]
        found[last].entries.append(entry_of(row[1:]))
    if page.full:
        _drop_from(found, last, list(found))


def _read_arrivals(tx: Transaction, waiting: Sequence[str], found: dict[str, _Taken], page: _Page) -> None:
    last = ""
    asked = {"runs": json.dumps([run_id for run_id in waiting if run_id in found])}
    for row in page.rows(tx.execute(waits.ARRIVED, asked)):
        arrival = waits.arrival_of(row)
        found[arrival.run_id].arrivals.append(arrival)
        last = arrival.run_id
    if page.full:
        _drop_from(found, last, waiting)


def _drop_from(found: dict[str, _Taken], last: str, among: Iterable[str]) -> None:
    """The page ended with a row of a run: of it, and of those after it, something may be missing."""
    for run_id in among:
        if run_id >= last:
            found.pop(run_id, None)


class Reading:
    """Reads a run that was too large for its claim, page by page.

    Args:
        claimed: the run.
    """

    def __init__(self, claimed: Claimed) -> None:
        self._claimed = claimed
        self._taken = _Taken()
        self._position = -1  # of the last event of a batch
        self._hash: str | None = None  # of the last step; None: there may be more events
        self.is_over = False  # all is read

    def page(self, tx: Transaction) -> bool:
        """Read the next page; False if the run is not this owner's any more."""
        owner, run = self._claimed.owner, self._claimed.run
        asked = {"run": run.id, "owner_token": owner.token, "session": owner.session}
        if tx.execute(IS_OWNED, asked).fetchone() is None:
            return False
        self._read_on(tx)
        return True

    def _read_on(self, tx: Transaction) -> None:
        run, page = self._claimed.run, _Page()
        if self._hash is None:
            self._read_events(tx, run, page)
        if self._hash is not None and not page.full:
            for step in page.rows(tx.execute(STEPS_AFTER, {"run": run.id, "after": self._hash})):
                self._taken.entries.append(entry_of(step))
                self._hash = step[0]
            if not page.full:
                self._taken.arrivals = [*waits.arrivals(tx, [run.id]), *self._claimed.arrivals]
                self.is_over = True

    def _read_events(self, tx: Transaction, run: Run, page: _Page) -> None:
        if run.batch_id is None:
            cursor = tx.execute(EVENTS_OF_RUNS, {"runs": json.dumps([run.id])})
        else:
            cursor = tx.execute(EVENTS_OF_BATCH, {"batch": run.batch_id, "after": self._position})
        for position, *event in page.rows(cursor):
            self._taken.events.append(data_of(Event(*event)))
            self._position = position
        if run.batch_id is None or not page.full:
            self._hash = ""

    def claimed(self) -> Claimed:
        """The run with all that is recorded of it."""
        return self._taken.of(self._claimed.owner, self._claimed.run, self._claimed.at)


class Reported(NamedTuple):
    """A run about which something is reported, for what is decided in this very transaction."""

    claimed: Claimed  # with its open steps, and of the finished ones those that the report names
    state: RunState  # counts all of them


def reported(tx: WriteContext, run: Run, owner: Owner, ops: Sequence[Op], at: int) -> Reported:
    """A run about which something is reported.

    Args:
        tx: in which it is decided.
        run: it.
        owner: who writes what follows.
        ops: the reports.
        at: unix ms.

    Raises:
        ValueError: a row is not what it should be.
    """
    taken, page = _Taken(), _Page(bounded=False)
    if run.batch_id is None:
        cursor = tx.execute(EVENTS_OF_RUNS, {"runs": json.dumps([run.id])})
    else:
        cursor = tx.execute(EVENTS_OF_BATCH, {"batch": run.batch_id, "after": -1})
    taken.events = [data_of(Event(*event)) for _, *event in page.rows(cursor)]
    places = _places(tx, run.id)
    wanted = {op.step.hash for op in ops} | {hashed for hashed, seq in places.items() if seq is None}
    asked = {"run": run.id, "hashes": json.dumps(sorted(wanted))}
    taken.entries = [entry_of(step) for step in page.rows(tx.execute(STEPS_OF, asked))]
    taken.arrivals = list(waits.arrivals(tx, [run.id]))
    claimed = taken.of(owner, run, at)
    state = claimed.state
    memos = {hashed: seq for hashed, seq in places.items() if seq is not None}
    state.seq, state.steps = max(memos.values(), default=-1) + 1, len(memos)
    state.size = _size(tx, run.id, memos)
    return Reported(claimed, state)


def _places(tx: Transaction, run_id: str) -> dict[str, int | None]:
    """The places of the steps of a run, by their hashes; None for what is open, or deferred."""
    most = 2 * PLACES
    while True:
        rows = tx.execute(STEP_PLACES, {"run": run_id, "most": most}).fetchall()
        found = {hashed: seq for run, hashed, seq in rows if run == run_id}
        if len(found) < most:
            break
        most *= 4
    if odd := [seq for seq in found.values() if not isinstance(seq, int | None)]:
        raise ValueError(f"the place of a step is {odd[0]!r}")
    return found


def _size(tx: WriteContext, run_id: str, places: Mapping[str, int]) -> int:
    """The size of all results of a run. Those that a report before has counted are not read again."""
    before = tx.counted.get(run_id, Counted(-1, 0))
    new = [hashed for hashed, seq in places.items() if seq > before.place]
    if not new:
        return before.size
    (more,) = tx.execute(STEP_SIZES, {"run": run_id, "hashes": json.dumps(new)}).fetchone() or (0,)
    now = Counted(max(places.values()), before.size + (more or 0))
    tx.on_commit(lambda: tx.count(run_id, now))  # what is not committed may become another step's place
    return now.size


def defers_of(entries: Sequence[Entry | Defer]) -> list[Defer]:
    """Those that are deferred, in the order in which they were made."""
    return sorted((entry for entry in entries if isinstance(entry, Defer)), key=lambda defer: defer.number)
