"""The statements by which an erasure finds what it is about (`affected`): each reads a page, or asks about some ids."""

from __future__ import annotations

from inngest.protocol.opcodes import Opcode

from .core import Integer, bindparam, case, literal_column, select, tables, tuple_
from .gates import UNREAD
from .records import EVENT_COLUMNS
from .statement import Statement, constant
from .timers import BATCH, DEBOUNCE, STARTS, TELL

_events, _runs, _steps, _batches = tables.events, tables.runs, tables.steps, tables.batches
_timers, _parcels, _outbox, _woken = tables.timers, tables.parcels, tables.outbox, tables.woken
_inbox, _keys, _rates, _singletons = tables.inbox, tables.idempotency, tables.rates, tables.singletons
_cancellations, _kept = tables.cancellations, tables.kept_slots

PAGE = 100
"""Events of a page: each may have 3 MB."""

LOOKS = 2_000
"""Rows of a page that are small."""

TOGETHER = 200
"""Ids that are asked about together."""

_EVENT = [*(_events.c[name] for name in EVENT_COLUMNS), _events.c.erased_at]
_RUN = [
    _runs.c[name]
    for name in ("id", "function_id", "status", "erased_at", "lane", "parent_id", "parent_hash", "event_id", "batch_id")
]
_NOT_WOKEN = literal_column("0", Integer)

EVENTS_AFTER = Statement(
    "An erasure reads the next events after a place.",
    lambda _: (
        select(*_EVENT)
        .where(tuple_(_events.c.received_at, _events.c.id) > tuple_(bindparam("after"), bindparam("after_id")))
        .order_by(_events.c.received_at, _events.c.id)
        .limit(bindparam("count"))
    ),
)

EVENTS_OF_NAME = Statement(
    "An erasure reads the next events of a name after a place.",
    lambda _: (
        select(*_EVENT)
        .where(
            _events.c.name == bindparam("of_name"),
            tuple_(_events.c.received_at, _events.c.id) > tuple_(bindparam("after"), bindparam("after_id")),
        )
        .order_by(_events.c.received_at, _events.c.id)
        .limit(bindparam("count"))
    ),
)

NAMES_OF_EVENTS = Statement(
    "An erasure reads the names of these events, and whether they were erased.",
    lambda words: select(_events.c.id, _events.c.name, _events.c.erased_at).where(words.any_of(_events.c.id, "events")),
)

RUNS_OF_EVENTS = Statement(
    "An erasure reads the runs that these events started.",
    lambda words: select(*_RUN).where(words.any_of(_runs.c.event_id, "events")),
)

RUNS_OF_BATCHES = Statement(
    "An erasure reads the runs of the batches that these events are in.",
    lambda words: select(*_RUN).where(
        _runs.c.batch_id.in_(select(_batches.c.batch_id).where(words.any_of(_batches.c.event_id, "events")))
    ),
)

INVOKED_RUNS = Statement(
    "An erasure reads the runs that these runs invoked.",
    lambda words: select(*_RUN).where(words.any_of(_runs.c.parent_id, "runs")),
)

RERUNS_OF = Statement(
    "An erasure reads the runs as which these runs were run again.",
    lambda words: select(*_RUN).where(words.any_of(_runs.c.origin_id, "runs")),
)

RUNS_OF_IDS = Statement(
    "An erasure reads these runs.", lambda words: select(*_RUN).where(words.any_of(_runs.c.id, "runs"))
)

COPIES_AFTER = Statement(
    "An erasure reads the events that steps have waited for, in the next steps after a place.",
    lambda _: (
        select(
            _steps.c.run_id,
            _steps.c.hash,
            case((_steps.c.kind == constant(Opcode.WAIT_FOR_EVENT.value), _steps.c.data)).label("copied"),
        )
        .where(tuple_(_steps.c.run_id, _steps.c.hash) > tuple_(bindparam("after"), bindparam("after_hash")))
        .order_by(_steps.c.run_id, _steps.c.hash)
        .limit(bindparam("count"))
    ),
)

WOKEN_BY = Statement(
    "An erasure reads which steps these events have woken.",
    lambda words: select(_woken.c.run_id, _woken.c.hash).where(
        words.any_of(_woken.c.event_id, "events"), _woken.c.cancelled == _NOT_WOKEN
    ),
)

IN_INBOXES = Statement(
    "An erasure reads for which steps these events lie in inboxes.",
    lambda words: select(_inbox.c.run_id, _inbox.c.hash).where(words.any_of(_inbox.c.event_id, "events")),
)

SIGNALS_SENT = Statement(
    "An erasure reads which runs the steps of these runs have woken by signals.",
    lambda words: select(_steps.c.data).where(
        words.any_of(_steps.c.run_id, "runs"),
        _steps.c.kind == constant(Opcode.SEND_SIGNAL.value),
        _steps.c.data.is_not(None),
    ),
)

SIGNALS_HEARD = Statement(
    "An erasure reads which steps of these runs wait for signals, or have got one, and whether it lies in an inbox.",
    lambda words: (
        select(_steps.c.run_id, _steps.c.hash, _inbox.c.hash.label("lies"))
        .select_from(_steps.outerjoin(_inbox, (_inbox.c.run_id == _steps.c.run_id) & (_inbox.c.hash == _steps.c.hash)))
        .where(words.any_of(_steps.c.run_id, "runs"), _steps.c.kind == constant(Opcode.WAIT_FOR_SIGNAL.value))
    ),
)

MEMO = Statement(
    "An erasure reads what a step has recorded.",
    lambda _: select(_steps.c.data, _steps.c.error).where(
        _steps.c.run_id == bindparam("run"), _steps.c.hash == bindparam("step")
    ),
)

HANDLERS_OF = Statement(
    "An erasure reads the steps of runs that may have sent events.",
    lambda words: select(_steps.c.run_id, _steps.c.hash).where(
        words.any_of(_steps.c.run_id, "runs"), _steps.c.kind == constant(Opcode.STEP_RUN.value)
    ),
)

COLLECTED_IN = Statement(
    "An erasure reads in which batches these events are.",
    lambda words: select(_batches.c.batch_id, _batches.c.event_id).where(words.any_of(_batches.c.event_id, "events")),
)

MARKERS_AFTER = Statement(
    "An erasure reads the next timers that keep events for later.",
    lambda _: (
        select(_timers.c.id, _timers.c.kind, _timers.c.key, _timers.c.payload)
        .where(
            _timers.c.id > bindparam("after"),
            _timers.c.kind.in_([constant(kind) for kind in (DEBOUNCE, BATCH, UNREAD, TELL, STARTS)]),
        )
        .order_by(_timers.c.id)
        .limit(bindparam("count"))
    ),
)

PARTS_AFTER = Statement(
    "An erasure reads the next part of a parcel after a place.",
    lambda _: (
        select(_parcels.c.id, _parcels.c.part, _parcels.c.events)
        .where(tuple_(_parcels.c.id, _parcels.c.part) > tuple_(bindparam("after"), bindparam("after_part")))
        .order_by(_parcels.c.id, _parcels.c.part)
        .limit(bindparam("count"))
    ),
)

OUTBOX_AFTER = Statement(
    "An erasure reads the next row of the outbox after a place.",
    lambda _: (
        select(_outbox.c.id, _outbox.c.events)
        .where(_outbox.c.id > bindparam("after"))
        .order_by(_outbox.c.id)
        .limit(bindparam("count"))
    ),
)

KEYS_AFTER = Statement(
    "An erasure reads the next idempotency keys after a place.",
    lambda _: (
        select(_keys.c.function_id, _keys.c.key, _keys.c.run_id)
        .where(tuple_(_keys.c.function_id, _keys.c.key) > tuple_(bindparam("after"), bindparam("after_key")))
        .order_by(_keys.c.function_id, _keys.c.key)
        .limit(bindparam("count"))
    ),
)

STARTS_AFTER = Statement(
    "An erasure reads the next starts that rate limits count after a place.",
    lambda _: (
        select(_rates.c.function_id, _rates.c.key, _rates.c.started_at, _rates.c.run_id)
        .where(
            tuple_(_rates.c.function_id, _rates.c.key, _rates.c.started_at, _rates.c.run_id)
            > tuple_(bindparam("after"), bindparam("after_key"), bindparam("after_at"), bindparam("after_run"))
        )
        .order_by(_rates.c.function_id, _rates.c.key, _rates.c.started_at, _rates.c.run_id)
        .limit(bindparam("count"))
    ),
)

SINGLES_OF = Statement(
    "An erasure reads of which keys of singletons these runs are the last.",
    lambda words: select(_singletons.c.function_id, _singletons.c.key, _singletons.c.run_id).where(
        words.any_of(_singletons.c.run_id, "runs")
    ),
)

KEPT_SLOTS = Statement(
    "An erasure reads for which of these runs slots are kept.",
    lambda words: select(_kept.c.run_id).where(words.any_of(_kept.c.run_id, "runs")),
)

CONDITIONS_AFTER = Statement(
    "An erasure reads the conditions of the next cancellations of many runs after a place.",
    lambda _: (
        select(
            _cancellations.c.id,
            _cancellations.c.expression,
            _cancellations.c.started_before,
            _cancellations.c.deleted_at,
        )
        .where(_cancellations.c.id > bindparam("after"), _cancellations.c.expression.is_not(None))
        .order_by(_cancellations.c.id)
        .limit(bindparam("count"))
    ),
)
