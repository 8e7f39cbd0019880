"""Runs of endpoints in their requests: begun, and gone on with, by apps. Load, decide, write, in one transaction.

Nobody owns such a run. Its job is due when its app has been silent for too long, so that a worker takes it then as it
takes any other run; each report puts that off. Once a worker has claimed it, reports come too late.
"""

from __future__ import annotations

from inngest.engine.domain import endpoints, subscriptions
from inngest.engine.domain.advance import Moment
from inngest.engine.domain.effects import effects_of
from inngest.engine.domain.endpoints import TooManyEndpointsError
from inngest.engine.domain.event_view import data_of
from inngest.engine.domain.model import (
    App,
    Changes,
    FunctionSpec,
    Released,
    RunState,
    Transport,
)
from inngest.engine.domain.starts import Start
from inngest.engine.records import Beginning, Claimed, Commit, InRequest, Owner, Requested
from inngest.protocol.wire.endpoints import Begun

from . import apps, committing, entering, events
from .context import WriteContext
from .core import Integer, bindparam, delete, exists, literal_column, null, select, tables, update
from .records import RUN_COLUMNS, run_of
from .registry import NEXT_GENERATION
from .starting import insert_starts
from .statement import Statement, constant

_apps, _functions, _runs, _jobs = tables.apps, tables.functions, tables.runs, tables.jobs

NOBODY = "endpoint"
"""Instead of a session, while a transaction writes a run that nobody owns. Ids of sessions are random, and longer."""

IN_REQUEST = Statement(
    "A report of an endpoint reads its run, and its owner.",
    lambda words: words.locking(
        select(*(_runs.c[name] for name in RUN_COLUMNS), _runs.c.session_id).where(_runs.c.id == bindparam("run")),
        skip=False,
    ),
)

DELETE_JOB = Statement(
    "A report of an endpoint removes the job of its run: it is due at another time now.",
    lambda _: delete(_jobs).where(_jobs.c.run_id == bindparam("run")),
)

USED = Statement(
    "A request tells that its endpoint is used.",
    lambda _: update(_functions).where(_functions.c.id == bindparam("function")).values(updated_at=bindparam("now")),
)

RESTING = Statement(
    "A new endpoint looks for one that gives it its place: not used for the longest time, and without runs under way.",
    lambda _: (
        select(_functions.c.id)
        .where(
            _functions.c.transport == constant(Transport.API.value),
            _functions.c.archived_at.is_(null()),
            _functions.c.updated_at <= bindparam("until"),
            ~exists(select(_jobs.c.id).where(_jobs.c.function_id == _functions.c.id)),
            ~exists(
                select(_runs.c.id).where(_runs.c.session_id.is_not(null()), _runs.c.function_id == _functions.c.id)
            ),
            ~exists(select(tables.pauses.c.function_id).where(tables.pauses.c.function_id == _functions.c.id)),
        )
        .order_by(_functions.c.updated_at, _functions.c.id)
        .limit(literal_column("1", Integer))
    ),
)

FORGET = Statement(
    "A new endpoint takes the place of another one, which is forgotten.",
    lambda _: delete(_functions).where(_functions.c.id == bindparam("function")),
)

FORGET_HOST = Statement(
    "A host is forgotten with the last of its endpoints.",
    lambda _: delete(_apps).where(
        _apps.c.name == bindparam("host"),
        _apps.c.method == constant("api"),
        ~exists(select(_functions.c.id).where(_functions.c.app_id == bindparam("its_host"))),
    ),
)


def add(context: WriteContext, app: App, begun: Begun, now: int) -> FunctionSpec | TooManyEndpointsError | None:
    """Make the function of an endpoint known, with its app; None if something else has its id."""
    try:
        function = endpoints.function_of(begun, context.registry.functions)
    except TooManyEndpointsError as error:
        if not _make_room(context, now):
            return error
        function = endpoints.function_of(begun, context.registry.functions)
    there = context.registry.known(function.id)
    if there is not None and (there.transport is not Transport.API or there.app_id != function.app_id):
        return None
    before = apps.find(context, app.name)
    known_as = None if before is None else (before.url, before.sdk, before.archived_at)
    if before is None or (before.method == app.method and known_as != (app.url, app.sdk, None)):
        apps.write(context, app._replace(created_at=now if before is None else before.created_at, synced_at=now))
    if there != function:
        apps.write_functions(context, [function], (), now)
    else:
        context.execute(USED, {"function": function.id, "now": now})
    return function


def _make_room(context: WriteContext, now: int) -> bool:
    """Forget the endpoint that rests for the longest time; False if none rests."""
    row = context.execute(RESTING, {"until": now - endpoints.RESTS}).fetchone()
    if row is None:
        return False
    host = context.registry.functions[row[0]].app_id
    context.execute(FORGET, {"function": row[0]})
    context.execute(FORGET_HOST, {"host": host, "its_host": host})
    context.execute(NEXT_GENERATION)
    context.registry_changed()
    return True


def request(context: WriteContext, asked: Requested) -> InRequest | None:
    """Record what an app tells of a run; None if it is not in its request, or another run has its id."""
    context.keep_time(asked.now)
    owner = Owner(NOBODY, context.ids.token(), asked.run_id)
    row = context.execute(IN_REQUEST, {"run": asked.run_id}).fetchone()
    if row is None:
        return None if asked.begins is None else _begin(context, asked, asked.begins, owner)
    run = run_of(row[:-1])
    claimed, state = entering.reported(context, run, owner, asked.ops, asked.now)
    if asked.begins is not None and not _is_same(claimed, asked.begins):
        return None
    if row[-1] is not None or not endpoints.in_request(run, state.open):
        return InRequest(run, Changes(run.attempt)) if endpoints.repeats(run, state, asked.ops) else None
    return _record(context, asked, claimed, state)


def _is_same(claimed: Claimed, begins: Beginning) -> bool:
    """Whether the run that is there is the one that is to begin: its answer was lost."""
    run, event = begins
    same = [one.data == event.data and one.name == event.name for one in claimed.events]
    return run.function_id == claimed.run.function_id and same == [True]


def _begin(context: WriteContext, asked: Requested, begins: Beginning, owner: Owner) -> InRequest | None:
    run, event = begins
    if event.id not in events.insert(context, [event]):
        return None
    insert_starts(context, [(Start(run, run.created_at, ""), owner)])
    claimed = Claimed(owner, run, [data_of(event)], (), (), at=asked.now)
    written = _record(context, asked, claimed, endpoints.first_state(run))
    return written._replace(new=True)


def _record(context: WriteContext, asked: Requested, claimed: Claimed, state: RunState) -> InRequest:
    """Write what follows, and when the run is to be claimed."""
    run, moment = claimed.run, Moment(asked.now, asked.chance)
    changes = endpoints.reported(state, asked.ops, run.created_at, context.policy, moment)
    if asked.begins is not None and changes.discovery is None:
        changes = changes._replace(discovery=state.discovery)
    state.apply(changes)
    context.execute(DELETE_JOB, {"run": run.id})
    one = _commit(context, claimed, changes, asked.now)
    committing.write(context, [one])
    if changes.transition is not None:
        return InRequest(run, changes)
    due_at = endpoints.due_at(state, asked.ops, asked.now)
    release = Changes(state.attempt, transition=Released(due_at))
    committing.write(context, [Commit(one.owner, run.function_id, release, asked.now, waiting=one.waiting)])
    return InRequest(run, changes, due_at)


def _commit(context: WriteContext, claimed: Claimed, changes: Changes, now: int) -> Commit:
    run = claimed.run
    return Commit(
        claimed.owner,
        run.function_id,
        changes,
        now,
        effects_of(run, claimed.events, changes, now, context.ids.ulid),
        subscriptions=subscriptions.of_waits(run.id, changes.waits, claimed.events),
        waiting=bool(changes.waits),
        requests=subscriptions.requests_of(run.id, changes.waits, run.retries),
    )
