"""A run is run again: another run of its function, for the same events, that keeps what is recorded before a step."""

from __future__ import annotations

from inngest.engine.domain import rerun, triggers
from inngest.engine.domain.erasing import refusal
from inngest.engine.domain.explaining import text_of
from inngest.engine.domain.model import Code, Event, FunctionSpec, Origin, Run, Transport
from inngest.engine.domain.rerun import RecordedStep, Refusal
from inngest.engine.records import Fork, Forked, Notifications
from inngest.protocol import texts
from inngest.protocol.opcodes import Opcode
from inngest.protocol.steps import StepName

from . import apps, audit, erasing, events, reading, starting
from .context import WriteContext
from .core import Text, bindparam, select, tables, update
from .records import run_of
from .statement import Statement, constant

_runs, _steps, _batches = tables.runs, tables.steps, tables.batches

RECORDED = Statement(
    "A rerun reads which steps of the run are recorded, without what they gave.",
    lambda _: select(_steps.c.hash, _steps.c.step_id, _steps.c.repeat, _steps.c.kind, _steps.c.seq).where(
        _steps.c.run_id == bindparam("run"), _steps.c.kind != constant(Opcode.DEFER_ADD.value)
    ),
)

_KEPT = (
    "hash",
    "step_id",
    "repeat",
    "kind",
    "seq",
    "attempt",
    "started_at",
    "ended_at",
    "data",
    "error",
    "cancelled",
    "metadata",
)

KEEP_MEMOS = Statement(
    "A rerun takes over the memos that were recorded before a place in the order of commits.",
    lambda words: words.insert(_steps).from_select(
        ["run_id", *_KEPT],
        select(bindparam("new_run", type_=Text), *(_steps.c[name] for name in _KEPT))
        .where(_steps.c.run_id == bindparam("run"), _steps.c.seq < bindparam("before"))
        .order_by(_steps.c.seq),
    ),
)

KEEP_BATCH = Statement(
    "A rerun of a batch has a batch of its own, of the same events: that of the run goes with the run.",
    lambda words: words.insert(_batches).from_select(
        ["batch_id", "position", "event_id"],
        select(bindparam("new_batch", type_=Text), _batches.c.position, _batches.c.event_id).where(
            _batches.c.batch_id == bindparam("batch")
        ),
    ),
)

NOTE_ORIGIN = Statement(
    "A rerun notes of which run it is, from which step on, and how that run's code was.",
    lambda _: (
        update(_runs)
        .where(_runs.c.id == bindparam("new_run"))
        .values(
            origin_id=bindparam("origin"),
            origin_step=bindparam("step"),
            follows=bindparam("is_following"),
            code=bindparam("of_code"),
        )
    ),
)


def fork(context: WriteContext, asked: Fork) -> Forked:
    """Create the new run; or find it, if this very command has created it already."""
    context.keep_time(asked.now)
    if (row := context.execute(reading.RUN, {"run": asked.new_id}).fetchone()) is not None:
        return Forked(run_of(row[:-1]))
    row = context.execute(reading.RUN, {"run": texts.stored(asked.run_id)}).fetchone()
    if row is None:
        return Forked(None)
    try:
        run = run_of(row[:-1])
    except Exception as error:
        return _refused(f"run {asked.run_id} cannot be read: {text_of(error)}")
    if run.erased_at is not None:
        return _refused(refusal(run.id, run.erased_at, audit.eraser(context, run.erased_at)))
    function = context.registry.functions.get(run.function_id)
    if function is None:
        return _refused(f"function {run.function_id} of run {run.id} is not known any more, or archived")
    event = _event(context, run, asked)
    if not isinstance(event, Event):
        return Forked(None, event)
    known = _steps_of(context, run.id) if asked.step is not None else []
    origin = _origin(context, run, function, known, asked)
    if isinstance(origin, Refusal):
        return Forked(None, origin)
    before = rerun.before(origin, known)
    if asked.step is not None and (erased := erasing.erased_step(context, run.id, before)) is not None:
        return _refused(
            f"what step {erased!r} of run {run.id} has recorded was erased: rerun from there, or from the start"
        )
    return _create(context, run, function, event, origin, before, asked)


def _refused(text: str) -> Forked:
    return Forked(None, Refusal("", text))


def _steps_of(context: WriteContext, run_id: str) -> list[RecordedStep]:
    rows = context.execute(RECORDED, {"run": run_id}).fetchall()
    return [RecordedStep(StepName(step_id, repeat, hashed), kind, seq) for hashed, step_id, repeat, kind, seq in rows]


def _event(context: WriteContext, run: Run, asked: Fork) -> Event | Refusal:
    """The event that starts the new run."""
    event = events.event(context, run.event_id)
    if event is None:
        return Refusal("", f"the event {run.event_id} of run {run.id} is not there")
    if asked.step is not None or asked.input is None:
        return event
    if run.batch_id is not None:
        return Refusal("input", f"run {run.id} was started by a batch of events, whose data cannot be replaced")
    try:
        return rerun.event_with(event, asked.input, asked.event_id, asked.now)
    except Exception as error:
        return Refusal("", f"the event {run.event_id} of run {run.id} cannot be read: {text_of(error)}")


def _origin(
    context: WriteContext, run: Run, function: FunctionSpec, known: list[RecordedStep], asked: Fork
) -> Origin | Refusal:
    if asked.step is None:
        return Origin(run.id)
    if asked.input is not None and function.transport is not Transport.LOCAL:
        app = apps.find(context, function.app_id)
        if app is not None and not rerun.takes_inputs(app):
            text = f"the SDK {app.sdk} of app {app.name} would take replaced arguments for the result of the step"
            return Refusal("input", f"{text}: rerun without them, or from the start with other data of the event")
    return rerun.origin_of(run.id, known, asked.step, asked.input)


def _create(
    context: WriteContext,
    run: Run,
    function: FunctionSpec,
    event: Event,
    origin: Origin,
    before: int,
    asked: Fork,
) -> Forked:
    paused = function.id in context.registry.paused
    try:
        start = triggers.rerun(function, event, asked.now, asked.new_id, paused=paused)
    except Exception as error:
        return _refused(f"the configuration of function {function.id} cannot be read: {text_of(error)}")
    if event.id == asked.event_id:
        events.insert(context, [event])
    batch_id = None if run.batch_id is None else context.ids.ulid(asked.now)
    start = start._replace(run=start.run._replace(batch_id=batch_id))
    (admitted,) = starting.gatekeeper(context).judge(start)
    starting.insert_starts(context, [(admitted, None)])
    if batch_id is not None:
        context.execute(KEEP_BATCH, {"new_batch": batch_id, "batch": run.batch_id})
    follows, code = False, Code()
    if origin.kept:
        follows, code = run.follows, Code(patches=run.code.patches, threaded=run.code.threaded)
        context.execute(KEEP_MEMOS, {"new_run": asked.new_id, "run": run.id, "before": before})
    noted = {"origin": run.id, "step": origin.step_json(), "is_following": int(follows), "of_code": code.to_json()}
    context.execute(NOTE_ORIGIN, {"new_run": asked.new_id, **noted})
    context.notify(Notifications(queued=True))
    return Forked(admitted.run._replace(origin=origin, follows=follows, code=code))
