"""Gates: which starts become runs, which wait, and which are dropped; all in the transaction of their event (P1).

Debounce and batch collect events, and what comes out of them is asked the rest. `Gatekeeper` reads what is known of a
start's keys, `domain.gates` decides, and `Gatekeeper` writes what follows. A count of a gate is written only when all
have let the start through.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.gates import (
    Admission,
    BatchGate,
    BatchState,
    DebounceGate,
    DebounceState,
    GateFacts,
    Gates,
    RateGate,
    SingletonGate,
    batched,
    debounced,
    decide,
    skipped,
)
from inngest.engine.domain.index_keys import index_key
from inngest.engine.domain.model import Run
from inngest.engine.domain.starts import Start
from inngest.engine.domain.transitions import FINAL
from inngest.protocol import limits

from . import cancelling, locking, troubles
from .allowance import OF_CANCELLATION, Allowance
from .context import WriteContext
from .core import bindparam, delete, select, tables, tuple_
from .locks import Lock
from .statement import Statement, Transaction, constant
from .timers import BATCH, DEBOUNCE, FINISH_TIMEOUT, NEVER, START_TIMEOUT

_rates, _singletons, _runs, _keys = tables.rates, tables.singletons, tables.runs, tables.idempotency

"""Kinds of timers that collect events."""

UNREAD = "unread"
"""The kind of a timer of a start that is put off, since its function's configuration cannot be read."""

TAKE_KEY = Statement(
    "A gate takes an idempotency key that is free, or has expired.",
    lambda words: (
        (insertion := words.insert(_keys))
        .on_conflict_do_update(
            index_elements=["function_id", "key"],
            set_={"run_id": insertion.excluded.run_id, "expires_at": insertion.excluded.expires_at},
            where=(_keys.c.expires_at <= bindparam("now")) | (_keys.c.run_id == insertion.excluded.run_id),
        )
        .returning(_keys.c.run_id)
    ),
)

KEY_HOLDER = Statement(
    "A gate finds the run that has an idempotency key.",
    lambda _: select(_keys.c.run_id).where(
        _keys.c.function_id == bindparam("function"),
        _keys.c.key == bindparam("of_key"),
        _keys.c.expires_at > bindparam("now"),
    ),
)

NEWEST_BUT = Statement(
    "A rate limit reads when the run began that must be older than its period.",
    lambda _: (
        select(_rates.c.started_at)
        .where(_rates.c.function_id == bindparam("function"), _rates.c.key == bindparam("of_key"))
        .order_by(_rates.c.started_at.desc())
        .limit(1)
        .offset(bindparam("but"))
    ),
)

FORGET_STARTS = Statement(
    "A rate limit removes some starts that it counts no more.",
    lambda _: delete(_rates).where(
        _rates.c.function_id == bindparam("function"),
        _rates.c.key == bindparam("of_key"),
        tuple_(_rates.c.started_at, _rates.c.run_id).in_(
            select(_rates.c.started_at, _rates.c.run_id)
            .where(
                _rates.c.function_id == bindparam("function"),
                _rates.c.key == bindparam("of_key"),
                _rates.c.started_at <= bindparam("until"),
            )
            .order_by(_rates.c.started_at)
            .limit(bindparam("count"))
        ),
    ),
)

FORGOTTEN = 10
"""Starts that a rate limit counts no more and that are forgotten with one that it counts."""

COUNT_START = Statement("A rate limit counts a start.", lambda words: words.insert(_rates).on_conflict_do_nothing())

UNFINISHED_RUN = Statement(
    "A singleton finds the unfinished run of its key.",
    lambda _: (
        select(_runs.c.id)
        .join(_singletons, _singletons.c.run_id == _runs.c.id)
        .where(
            _singletons.c.function_id == bindparam("function"),
            _singletons.c.key == bindparam("of_key"),
            _runs.c.status.not_in([constant(status.value) for status in sorted(FINAL)]),
        )
    ),
)

BE_SINGLE = Statement(
    "A singleton notes the last run of its key.",
    lambda words: (insertion := words.insert(_singletons)).on_conflict_do_update(
        index_elements=["function_id", "key"], set_={"run_id": insertion.excluded.run_id}
    ),
)

COLLECT = Statement(
    "A debounce or batch notes an event that it holds.",
    lambda words: (insertion := words.insert(tables.batches)).on_conflict_do_update(
        index_elements=["batch_id", "position"], set_={"event_id": insertion.excluded.event_id}
    ),
)

LET_GO = Statement(
    "A gate removes the events that were held under a key.",
    lambda _: delete(tables.batches).where(tables.batches.c.batch_id == bindparam("batch")),
)


P = TypeVar("P", BatchState, DebounceState)


_TEXTS = {"function_id", "version", "batch_id", "event_id"}
"""Those of the values of what is collected that are no numbers."""


class _Unreadable(Exception):
    """A debounce or batch under way cannot be read, and nothing can be added to it."""


class Unread(NamedTuple):
    """A start that is put off, since its function's configuration, or what is collected, cannot be read: the payload of
    its timer.
    """

    function_id: str
    event_id: str
    direct: bool  # it starts whatever its triggers are
    keyed: bool  # its event's key counts already
    parent_id: str | None  # the run that invokes it
    parent_hash: str | None  # and its step


class Gatekeeper:
    """Judges starts, in one transaction.

    Args:
        context: the transaction.
        write: writes a start that may have to be found by the next.
    """

    def __init__(self, context: WriteContext, write: Callable[[Start], None]) -> None:
        self._tx = context
        self._ids = context.ids
        self._timers = context.timers
        self._write = write

    def judge(self, start: Start) -> list[Start]:
        """The runs to create now, which are to be given to `insert_starts`."""
        gates = start.gates
        self._tx.hold(_locks, start, start.gates)
        if gates is not None and gates.unread is not None:
            self._put_off(start, gates, gates.unread)
            return []
        if start.key and not self._take(start, index_key(start.key)):
            return []
        if gates is None:
            return [start]
        try:
            if gates.debounce is not None:
                self._debounce(start, gates, gates.debounce)
                return []
            if gates.batch is not None:
                return self._collect(start, gates, gates.batch)
        except _Unreadable as unreadable:
            self._put_off(start, gates, str(unreadable), keyed=bool(start.key))
            return []
        return self.admit(start, gates)

    def admit(self, start: Start, gates: Gates) -> list[Start]:
        """The run of a start that is not, or no more, collected; none if it is dropped."""
        self._tx.hold(_locks, start, gates)
        decision = decide(gates, self._facts(start.run, gates), start.run.created_at)
        if decision.admission is Admission.DROPPED:
            return []
        if decision.admission is Admission.SKIPPED:
            return [start.skip(skipped(decision.reason))]
        if decision.cancels is not None:
            self._cancel(decision.cancels, start.run)
        self._count(start, gates)
        self._limit_time(start, gates)
        admitted = start._replace(held=decision.admission is Admission.HELD)
        if gates.singleton is not None:
            row = {"function_id": start.run.function_id, "key": gates.singleton.key, "run_id": start.run.id}
            self._tx.execute(BE_SINGLE, row)
            self._write(admitted)
            admitted = admitted._replace(written=True)
        return [admitted]

    def _put_off(self, start: Start, gates: Gates, error: str, *, keyed: bool = False) -> None:
        """Something that a start needs cannot be read: it is tried again, until it can."""
        run = start.run
        troubles.note_once(self._tx, troubles.FUNCTION, run.function_id, error, run.created_at)
        unread = Unread(run.function_id, run.event_id, gates.direct, keyed, run.parent_id, run.parent_hash)
        self._timers.put(UNREAD, run.id, run.created_at + troubles.FIRST, unread)
        self._tx.execute(COLLECT, {"batch_id": run.id, "position": 0, "event_id": run.event_id})

    def readable(self, key: str) -> None:
        """A start that was put off can be read now."""
        self._tx.execute(LET_GO, {"batch": key})

    # -- what is known, and what counts

    def _facts(self, run: Run, gates: Gates) -> GateFacts:
        """Read what is known of a start's keys."""
        return GateFacts(
            None if gates.rate is None else self._rate_start(run.function_id, gates.rate),
            None
            if gates.idempotency is None
            else key_holder(self._tx, run.function_id, key_of_expression(gates.idempotency), run.created_at),
            None if gates.singleton is None else self._unfinished(run.function_id, gates.singleton),
        )

    def _rate_start(self, function_id: str, rate: RateGate) -> int | None:
        return rate_start(self._tx, function_id, rate)

    def _unfinished(self, function_id: str, singleton: SingletonGate) -> str | None:
        row = self._tx.execute(UNFINISHED_RUN, {"function": function_id, "of_key": singleton.key}).fetchone()
        return None if row is None else row[0]

    def _count(self, start: Start, gates: Gates) -> None:
        run = start.run
        if gates.idempotency is not None:
            self._take(start, key_of_expression(gates.idempotency))
        if gates.rate is not None:
            # Those that clocks a minute behind could still ask for stay.
            until = run.created_at - gates.rate.period - limits.MINUTE
            of = {"function": run.function_id, "of_key": gates.rate.key, "until": until, "count": FORGOTTEN}
            self._tx.execute(FORGET_STARTS, of)
            row = {
                "function_id": run.function_id,
                "key": gates.rate.key,
                "started_at": run.created_at,
                "run_id": run.id,
            }
            self._tx.execute(COUNT_START, row)

    def _take(self, start: Start, key: str) -> bool:
        run = start.run
        row = {
            "function_id": run.function_id,
            "key": key,
            "run_id": run.id,
            "expires_at": run.created_at + limits.IDEMPOTENCY_PERIOD,
            "now": run.created_at,
        }
        return self._tx.execute(TAKE_KEY, row).fetchone() is not None

    def _cancel(self, run_id: str, by: Run) -> None:
        """A run gives way to the next one of its singleton."""
        Allowance.of(self._tx).take(OF_CANCELLATION)
        cancelling.cancel(self._tx, [run_id], f"singleton: run {by.id} takes its place", by.created_at)

    def _limit_time(self, start: Start, gates: Gates) -> None:
        for kind, after in ((START_TIMEOUT, gates.start_timeout), (FINISH_TIMEOUT, gates.finish_timeout)):
            if after is not None:
                self._timers.put(kind, start.run.id, start.due_at + after, {"after": after})

    # -- what waits

    def _debounce(self, start: Start, gates: Gates, gate: DebounceGate) -> None:
        run, now = start.run, start.run.created_at
        key = _place(run.function_id, gate.key)
        new = DebounceState(run.function_id, run.function_version, run.retries, run.event_id, gates.ts, now)
        known = self._known(DEBOUNCE, key, DebounceState)
        state, due_at = debounced(gate, new, None if known is None else known[0], now)
        self._timers.put(DEBOUNCE, key, due_at, state)
        # Retention keeps the event for this row.
        self._tx.execute(COLLECT, {"batch_id": key, "position": 0, "event_id": state.event_id})

    def _collect(self, start: Start, gates: Gates, gate: BatchGate) -> list[Start]:
        run, now = start.run, start.run.created_at
        key = _place(run.function_id, gate.key)
        new = BatchState(run.function_id, run.function_version, run.retries, self._ids.ulid(now), run.event_id, 0, 0)
        state, due_at, full, before = batched(gate, gates.size, new, self._known(BATCH, key, BatchState), now)
        flushed: list[Start] = []
        if before is not None:
            flushed += self.flush(start._replace(run=run._replace(id=self._ids.ulid(now))), gates, before)
        row = {"batch_id": state.batch_id, "position": state.held - 1, "event_id": run.event_id}
        self._tx.execute(COLLECT, row)
        if not full:
            self._timers.put(BATCH, key, NEVER if due_at is None else due_at, state)
            return flushed
        self._timers.remove(BATCH, key)
        return [*flushed, *self.flush(start, gates, state)]

    def _known(self, kind: str, key: str, payload: type[P]) -> tuple[P, int] | None:
        """The debounce or batch under way, and when it is over; None if nothing is.

        Raises:
            _Unreadable: it is put off when it falls due, and what comes later waits for it.
        """
        try:
            known = self._timers.get(kind, key)
            if known is None:
                return None
            found = payload(*known.payload)
            for name, value in found._asdict().items():
                if not isinstance(value, str if name in _TEXTS else int):
                    raise TypeError(f"{name} is {value!r}")
        except Exception as error:
            self._tx.see_that_it_goes_on(error)
            raise _Unreadable(f"its {kind} cannot be read: {text_of(error)}") from None
        return found, known.due_at

    def debounced(self, start: Start, key: str) -> list[Start]:
        """The run of a debounce that is over."""
        self._tx.execute(LET_GO, {"batch": key})
        return [start] if start.gates is None else self.admit(start, start.gates)

    def flush(self, start: Start, gates: Gates, collected: BatchState) -> list[Start]:
        """The run of a batch that is over."""
        run = start.run._replace(event_id=collected.event_id, batch_id=collected.batch_id)
        admitted = self.admit(start._replace(run=run, due_at=run.created_at), gates)
        if not admitted:
            self._tx.execute(LET_GO, {"batch": collected.batch_id})
        return admitted


def _locks(start: Start, gates: Gates | None) -> list[Lock]:
    """Held while a start is judged by what others of the same keys have done."""
    function_id = start.run.function_id
    keyed = [locking.gate("key", _place(function_id, start.key))] if start.key else []
    if gates is None:
        return keyed
    asked = {DEBOUNCE: gates.debounce, BATCH: gates.batch, "rate": gates.rate, "singleton": gates.singleton}
    found = [locking.gate(kind, _place(function_id, gate.key)) for kind, gate in asked.items() if gate is not None]
    if gates.idempotency is not None:
        found.append(locking.gate("key", _place(function_id, key_of_expression(gates.idempotency))))
    return [*keyed, *found]


def rate_start(tx: Transaction, function_id: str, rate: RateGate) -> int | None:
    """When the `limit`-th newest run of a rate limit's key started; None if none did."""
    row = tx.execute(NEWEST_BUT, {"function": function_id, "of_key": rate.key, "but": rate.limit - 1}).fetchone()
    return None if row is None else row[0]


def key_holder(tx: Transaction, function_id: str, key: str, now: int) -> str | None:
    """The run that has an idempotency key at a time (unix ms), as the key stands in the index."""
    row = tx.execute(KEY_HOLDER, {"function": function_id, "of_key": key, "now": now}).fetchone()
    return None if row is None else str(row[0])


def _place(function_id: str, key: str) -> str:
    return index_key(json.dumps([function_id, key], ensure_ascii=False))


def key_of_expression(key: str) -> str:
    """A key of an expression; those of events are in the same table."""
    return index_key(f"\x1f{key}")
