"""Runs start: those that are wanted are written with their jobs, or with their owners (P1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inngest.engine.domain.model import RunStatus
from inngest.engine.domain.starts import Start
from inngest.engine.records import Notifications, Owner
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Arrival
from inngest.runtime.ports import Ids

from . import jobs, lanes, parcels, waits
from .allowance import Allowance
from .context import WriteContext
from .core import bindparam, select, tables
from .gates import Gatekeeper
from .jobs import DELAYED
from .lanes import Queue, waiting
from .records import NEW_RUN_COLUMNS, run_row
from .statement import Statement, constant, insert_new
from .timers import ACCEPT, ALWAYS, STARTS

IS_LEFT = Statement(
    "A transaction asks whether runs, or events, of earlier ones are still to be made.",
    lambda _: (
        select(tables.timers.c.id)
        .where(
            tables.timers.c.kind.in_([constant(STARTS), constant(ACCEPT)]),
            tables.timers.c.due_at <= bindparam("until"),  # one that was put off holds up nobody
        )
        .limit(1)
    ),
)

INSERT_RUNS = insert_new("A transaction creates runs.", tables.runs, NEW_RUN_COLUMNS)
INSERT_STARTING = insert_new(
    "A transaction queues runs that are to begin.", tables.jobs, (*jobs.COLUMNS, "shift"), jobs.told
)


def _is_to_queue(start: Start) -> bool:
    """Whether a run that nobody owns needs a job now."""
    return not start.written and start.run.status is RunStatus.QUEUED


class LaneEntry:
    """How the starts of a transaction come into their lanes. Costs nothing if they have none."""

    def __init__(self, context: WriteContext, starts: Sequence[Start]) -> None:
        self._context = context
        queued = [start.position.lane for start in starts if start.position is not None and _is_to_queue(start)]
        self._capacity = lanes.capacity(context, queued)
        self._waiting = waiting(context, queued) if queued else set()
        self._queue = Queue()
        self._has_lanes = any(start.position is not None for start in starts)

    def admits(self, start: Start) -> bool:
        """Whether the run begins at once, past an empty lane with room; then it has its slot."""
        place, now = start.position, start.run.created_at
        assert place is not None
        lane, rules = place.lane, place.rules
        if lane.id in self._waiting or self._capacity.full(lane, rules) or not self._capacity.starts(lane, rules, now):
            return False
        self._capacity.take(lane, rules, 1, 1, now)
        return True

    def queue(self, start: Start) -> None:
        """The run waits in its lane, if it has one."""
        place, now = start.position, start.run.created_at
        if place is None or not _is_to_queue(start):
            return
        lane, rules = place.lane, place.rules
        self._waiting.add(lane.id)
        full = self._capacity.full(lane, rules) if start.due_at <= now else None
        opens_at = self._capacity.opens_at(lane, rules, now)
        if full is not None and opens_at <= now:
            self._queue.add(lane, start.due_at, full)
        else:
            self._queue.add(lane, max(start.due_at, opens_at))

    def write(self, now: int) -> None:
        """Write slots and lanes."""
        if not self._has_lanes:
            return
        lanes.write(self._context, self._capacity)
        self._queue.write(self._context, now, self._context.ids)


class Wanted:
    """Which starts of a transaction are wanted: those of new events, each once, that pass their gates.

    The rest, beyond what a transaction writes, is left from one function on, and hangs on a marker of its event. While
    others are left, what has gates is left too: they judge in the order in which events came.

    Args:
        context: the transaction.
        new: ids of the events that were not stored before this batch. The same event may be in it several times.
        keeper: asks what must be asked.
        first: what is wanted was left by others, and is the first of it.
    """

    def __init__(self, context: WriteContext, new: set[str], keeper: Gatekeeper, *, first: bool = False) -> None:
        self._context = context
        self._new = new
        self._keeper = keeper
        self._allowance = Allowance.of(context)
        self._seen: set[tuple[str, str]] = set()
        self._last: dict[str, str] = {}  # function whose run was wanted last, by event
        self._left: dict[str, str] = {}  # events of which some are left, with the function after which they begin
        self._behind = False if first else None  # whether others are left, once it is known

    def of(self, starts: Iterable[Start]) -> list[Start]:
        """The wanted ones of these, and batches that are over with them."""
        wanted: list[Start] = []
        for start in starts:
            if not self._is_first(start) or self._is_left(start):
                continue
            self._allowance.take(rows_of_start(start))
            if start.gates is None and not start.key:
                wanted.append(start)
            else:
                wanted += self._keeper.judge(start)
        return wanted

    def mark(self, now: int, marker: str | None = None) -> None:
        """Write the markers of what is left. A rest that was left before keeps its `marker`, and with that its turn."""
        for event_id, function_id in self._left.items():
            self._context.timers.put(STARTS, event_id, ALWAYS, function_id, marker or self._context.ids.ulid(now))

    def _is_first(self, start: Start) -> bool:
        event_id = start.run.event_id
        if event_id not in self._new or (event_id, start.run.function_id) in self._seen:
            return False
        self._seen.add((event_id, start.run.function_id))
        return True

    def _is_left(self, start: Start) -> bool:
        """Whether it is left to another transaction. Only what its event tells can be."""
        if not start.listens:
            return False
        event_id = start.run.event_id
        if event_id not in self._left and (self._allowance.rows <= 0 or self._must_wait(start)):
            self._left[event_id] = self._last.get(event_id, "")
        self._last[event_id] = start.run.function_id
        return event_id in self._left

    def _must_wait(self, start: Start) -> bool:
        if start.gates is None and not start.key:
            return False
        if self._behind is None:
            until = start.run.created_at + parcels.PATIENCE
            self._behind = self._context.execute(IS_LEFT, {"until": until}).fetchone() is not None
        return self._behind or bool(self._left)


def rows_of_start(start: Start) -> int:
    """How many rows it is, about."""
    return (
        2
        + 2 * (start.position is not None)
        + len(start.subscriptions)
        + 4 * (start.gates is not None)
        + bool(start.key)
    )


def insert_starts(
    context: WriteContext, starts: Sequence[tuple[Start, Owner | None]], entry: LaneEntry | None = None
) -> None:
    """Write runs with their jobs, or with their owners. Without an entry, all that have a lane queue in it."""
    if entry is None:
        entry = LaneEntry(context, [start for start, _ in starts])
        for start, _ in starts:
            entry.queue(start)
    context.execute_rows(INSERT_RUNS, [run_row(start.run, owner) for start, owner in starts if not start.written])
    rows = [_start_row(context.ids, start) for start, owner in starts if owner is None and _is_to_queue(start)]
    if rows:
        context.execute_rows(INSERT_STARTING, rows)
    if starts:
        entry.write(starts[0][0].run.created_at)
    watched = [watch for start, _ in starts if not start.written for watch in start.subscriptions]
    if watched:
        waits.look_out(context, watched)


def create(context: WriteContext, new: set[str], starts: Iterable[Start], now: int) -> None:
    """Create those of the runs that are wanted, for nobody in particular; `new` are the events that were not stored."""
    listed = Wanted(context, new, gatekeeper(context))
    wanted = listed.of(starts)
    listed.mark(now)
    insert_starts(context, [(start, None) for start in wanted])
    if wanted:
        context.notify(Notifications(queued=True))
    tell_parents(context, wanted, now)


def tell_parents(context: WriteContext, starts: Sequence[Start], now: int) -> None:
    """Give the steps that invoked runs which are skipped the reason."""
    told = [
        Arrival(start.run.parent_id, start.run.parent_hash, None, _of_skipped(start), now)
        for start in starts
        if start.run.status is RunStatus.SKIPPED and start.run.parent_id and start.run.parent_hash
    ]
    if told:
        context.arrived(waits.deliver(context, told, now))


def _of_skipped(start: Start) -> ErrorInfo:
    why = ErrorInfo.from_json(start.run.error or "{}").message
    return ErrorInfo("InvokedRunSkippedError", f"run {start.run.id} of {start.run.function_id} was skipped: {why}")


def gatekeeper(context: WriteContext) -> Gatekeeper:
    """The judge of the starts of a transaction."""
    return Gatekeeper(context, lambda start: insert_starts(context, [(start, None)]))


def _start_row(ids: Ids, start: Start) -> tuple[object, ...]:
    """The row of INSERT_STARTING of a run that is to begin.

    One with a priority whose time has not come is not among those that are due: they are in another order.
    """
    run, due_at, place = start.run, start.due_at, start.position
    lane, starting, score, shift = "", 0, due_at, 0
    if place is not None:
        lane, shift = place.lane.id, place.shift
        delayed = place.rules.priority is not None and due_at > run.created_at
        starting, score = (DELAYED, due_at) if delayed else (1, due_at - shift)
    return (ids.ulid(run.created_at), run.id, run.function_id, due_at, 0, lane, starting, score, shift)
