"""The statements with which an erasure writes over what it is about (`erasing`)."""

from __future__ import annotations

from inngest.engine.domain.transitions import FINAL

from .core import Integer, Text, bindparam, case, delete, exists, literal_column, null, select, tables, update
from .statement import Statement, constant

_events, _runs, _steps, _batches = tables.events, tables.runs, tables.steps, tables.batches
_timers, _parcels, _outbox, _inbox = tables.timers, tables.parcels, tables.outbox, tables.inbox
_keys, _rates, _singletons = tables.idempotency, tables.rates, tables.singletons
_budgets, _throttles, _troubles = tables.budgets, tables.throttles, tables.troubles
_cancellations, _lanes, _jobs = tables.cancellations, tables.lanes, tables.jobs

_FINAL = [constant(status.value) for status in sorted(FINAL)]
_NOTHING = literal_column("''", Text)
_NONE, _ONE, _TWO = (literal_column(number, Integer) for number in ("0", "1", "2"))
_VALUES = {
    "data": case((_steps.c.data.is_not(None), bindparam("value"))),
    "error": case((_steps.c.error.is_not(None), bindparam("failure"))),
    "metadata": null(),
}

ENDED = Statement(
    "An erasure reads what has to be changed of runs that have ended.",
    lambda words: (
        select(
            _runs.c.id,
            _runs.c.function_id,
            _runs.c.event_id,
            _runs.c.lane,
            _runs.c.code,
            _runs.c.origin_id,
            _runs.c.origin_step,
        )
        .where(words.any_of(_runs.c.id, "runs"), _runs.c.status.in_(_FINAL))
        .order_by(_runs.c.id)
    ),
)

STEPS_AFTER = Statement(
    "An erasure finds the next steps of a run after a place.",
    lambda _: (
        select(_steps.c.hash, _steps.c.kind, _steps.c.seq, _steps.c.data)
        .where(_steps.c.run_id == bindparam("run"), _steps.c.hash > bindparam("after"))
        .order_by(_steps.c.hash)
        .limit(bindparam("count"))
    ),
)

ERASE_STEPS = Statement(
    "An erasure writes over what a page of the steps of a run has recorded.",
    lambda _: (
        update(_steps)
        .where(
            _steps.c.run_id == bindparam("run"), _steps.c.hash > bindparam("after"), _steps.c.hash <= bindparam("last")
        )
        .values(_VALUES)
    ),
)

ERASE_STEP = Statement(
    "An erasure writes over what a step has recorded.",
    lambda _: (
        update(_steps).where(_steps.c.run_id == bindparam("run"), _steps.c.hash == bindparam("step")).values(_VALUES)
    ),
)

ERASE_DEFER = Statement(
    "An erasure writes over the data of a function that a run deferred.",
    lambda _: (
        update(_steps)
        .where(_steps.c.run_id == bindparam("run"), _steps.c.hash == bindparam("step"))
        .values(data=bindparam("value"))
    ),
)

ERASE_RUN = Statement(
    "An erasure writes over what a run has given, and in which lane it was.",
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("run"))
        .values(
            output=case((_runs.c.output.is_not(None), bindparam("value"))),
            error=case((_runs.c.error.is_not(None), bindparam("failure"))),
            lane=null(),
            code=bindparam("of_code"),
            origin_step=bindparam("step"),
            erased_at=bindparam("at"),
        )
    ),
)

ERASE_EVENT = Statement(
    "An erasure writes over the data of an event, and the id that its sender gave it.",
    lambda _: (
        update(_events)
        .where(_events.c.id == bindparam("event"))
        .values(data=bindparam("value"), key=_NOTHING, extra=null(), erased_at=bindparam("at"))
    ),
)

FORGET_TROUBLES = Statement(
    "An erasure removes what is known of troubles with these rows.",
    lambda words: delete(_troubles).where(words.any_of(_troubles.c.key, "keys")),
)

MASK_CONDITION = Statement(
    "An erasure masks the condition of a cancellation of many runs, which ends nothing more.",
    lambda _: (
        update(_cancellations)
        .where(_cancellations.c.id == bindparam("cancellation"))
        .values(
            expression=bindparam("condition"),
            deleted_at=case(
                (_cancellations.c.deleted_at.is_(None), bindparam("now")), else_=_cancellations.c.deleted_at
            ),
        )
    ),
)

CONDITION = Statement(
    "An erasure reads the condition of a cancellation of many runs.",
    lambda _: select(_cancellations.c.expression).where(_cancellations.c.id == bindparam("cancellation")),
)

DROP_FROM_INBOX = Statement(
    "An erasure removes what has come for a step.",
    lambda _: delete(_inbox).where(_inbox.c.run_id == bindparam("run"), _inbox.c.hash == bindparam("step")),
)

FREE_TIMER = Statement(
    "An erasure takes hold of a timer that nobody fires.",
    lambda words: words.locking(
        select(_timers.c.due_at, _timers.c.payload).where(
            _timers.c.kind == bindparam("of_kind"), _timers.c.key == bindparam("of_key")
        ),
        skip=True,
    ),
)

UNCOLLECT = Statement(
    "An erasure takes an event out of the batch that it waits in.",
    lambda _: delete(_batches).where(
        _batches.c.batch_id == bindparam("batch"), _batches.c.event_id == bindparam("event")
    ),
)

FIRST_COLLECTED = Statement(
    "An erasure reads which event of a batch is the first now.",
    lambda _: (
        select(_batches.c.event_id)
        .where(_batches.c.batch_id == bindparam("batch"))
        .order_by(_batches.c.position)
        .limit(1)
    ),
)

WRITE_PART = Statement(
    "An erasure writes a part of a parcel anew.",
    lambda _: (
        update(_parcels)
        .where(_parcels.c.id == bindparam("parcel"), _parcels.c.part == bindparam("of_part"))
        .values(events=bindparam("left"))
    ),
)

OUTBOX_ROW = Statement(
    "An erasure takes hold of a row of the outbox that nobody accepts.",
    lambda words: words.locking(select(_outbox.c.events).where(_outbox.c.id == bindparam("row")), skip=True),
)

WRITE_OUTBOX = Statement(
    "An erasure writes a row of the outbox anew.",
    lambda _: update(_outbox).where(_outbox.c.id == bindparam("row")).values(events=bindparam("left")),
)

DROP_OUTBOX = Statement(
    "An erasure removes a row of the outbox.", lambda _: delete(_outbox).where(_outbox.c.id == bindparam("row"))
)

FREE_KEY = Statement(
    "An erasure takes hold of an idempotency key that nobody else has hold of.",
    lambda words: words.locking(
        select(_keys.c.run_id).where(
            _keys.c.function_id == bindparam("function"),
            _keys.c.key == bindparam("of_key"),
            _keys.c.run_id == bindparam("run"),
        ),
        skip=True,
    ),
)

FREE_START = Statement(
    "An erasure takes hold of a start that a rate limit counts and nobody else has hold of.",
    lambda words: words.locking(
        select(_rates.c.run_id).where(
            _rates.c.function_id == bindparam("function"),
            _rates.c.key == bindparam("of_key"),
            _rates.c.started_at == bindparam("at"),
            _rates.c.run_id == bindparam("run"),
        ),
        skip=True,
    ),
)

FREE_SINGLE = Statement(
    "An erasure takes hold of the key of a singleton that nobody else has hold of.",
    lambda words: words.locking(
        select(_singletons.c.run_id).where(
            _singletons.c.function_id == bindparam("function"),
            _singletons.c.key == bindparam("of_key"),
            _singletons.c.run_id == bindparam("run"),
        ),
        skip=True,
    ),
)

FORGET_KEY = Statement(
    "An erasure removes an idempotency key.",
    lambda _: delete(_keys).where(_keys.c.function_id == bindparam("function"), _keys.c.key == bindparam("of_key")),
)

FORGET_START = Statement(
    "An erasure removes a start that a rate limit counts.",
    lambda _: delete(_rates).where(
        _rates.c.function_id == bindparam("function"),
        _rates.c.key == bindparam("of_key"),
        _rates.c.started_at == bindparam("at"),
        _rates.c.run_id == bindparam("run"),
    ),
)

FORGET_SINGLE = Statement(
    "An erasure removes the key of a singleton.",
    lambda _: delete(_singletons).where(
        _singletons.c.function_id == bindparam("function"), _singletons.c.key == bindparam("of_key")
    ),
)

FORGET_BUDGETS = Statement(
    "An erasure removes those of these budgets of which nothing is used.",
    lambda words: delete(_budgets).where(words.any_of(_budgets.c.budget, "budgets"), _budgets.c.used <= _NONE),
)

FORGET_THROTTLES = Statement(
    "An erasure removes those of these throttles that hold back nothing.",
    lambda words: delete(_throttles).where(
        words.any_of(_throttles.c.id, "throttles"), _throttles.c.tat < bindparam("now")
    ),
)

FORGET_LANES = Statement(
    "An erasure removes those of these lanes in which nothing queues.",
    lambda words: delete(_lanes).where(
        words.any_of(_lanes.c.id, "lanes"),
        ~exists().where(
            _jobs.c.function_id == _lanes.c.function_id,
            _jobs.c.queue_class.in_([_NONE, _ONE, _TWO]),
            _jobs.c.lane == _lanes.c.id,
        ),
    ),
)

ERASED_BEFORE = Statement(
    "A rerun asks whether one of the memos that it takes over was erased.",
    lambda _: (
        select(_steps.c.step_id)
        .where(
            _steps.c.run_id == bindparam("run"),
            _steps.c.seq < bindparam("before"),
            _steps.c.data.like(bindparam("pattern")) | _steps.c.error.like(bindparam("failures")),
        )
        .limit(1)
    ),
)
