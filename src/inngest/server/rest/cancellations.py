"""Many runs are cancelled with one request: those of a function that were queued within a time, by a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from inngest.engine.domain.event_view import data_of, value_of
from inngest.engine.domain.matching import Activation, Expression, ExpressionError, compiled
from inngest.engine.domain.model import Registry, Run, RunStatus
from inngest.engine.records import Place, RunQuery
from inngest.engine.service import Service

from . import parameters, shapes

PAGE = 100
"""Runs that are looked at, and cancelled, at a time."""

REASON = "cancelled with others by a request"


class Cancellation(NamedTuple):
    """Which runs are cancelled."""

    function_id: str  # "{app}-{fn}"
    since: int | None  # unix ms: queued then or later
    until: int  # unix ms: queued before
    condition: Expression | None  # on the event that started the run


AHEAD = 1_000
"""Milliseconds by which the clock of a client may be ahead: its own *now* is in the past."""


class CancellationError(ValueError):
    """A cancellation cannot be made; says what was expected."""


def read(wire: Mapping[str, Any], registry: Registry, now: int) -> Cancellation:
    """The cancellation of a request.

    Raises:
        CancellationError: a member is wrong.
        LookupError: there is no such function.
    """
    app, function = wire.get("app_id"), wire.get("function_id")
    if not isinstance(function, str) or not isinstance(app, str | None):
        raise CancellationError("app_id and function_id: expected the names of an app and of its function")
    known = [*registry.functions.values(), *registry.archived.values()]
    found = [
        one.id
        for one in known
        if function in (one.id, shapes.local_id(one.id, one.app_id), one.uuid) and app in (None, "", one.app_id)
    ]
    if not found:
        raise LookupError(f"there is no function {function!r}" + (f" in the app {app!r}" if app else ""))
    if len(found) > 1:
        raise CancellationError(f"function_id: several apps have {function!r}: name one by app_id")
    texts = {name: value for name in ("started_after", "started_before") if isinstance(value := wire.get(name), str)}
    try:
        since, until = (parameters.time(texts, name) for name in ("started_after", "started_before"))
    except parameters.ParameterError as error:
        raise CancellationError(str(error)) from None
    if until is None:
        raise CancellationError("started_before: expected a time such as 2026-01-02T03:04:05Z")
    if until > now + AHEAD:
        raise CancellationError("started_before must be in the past")
    return Cancellation(found[0], since, until, _condition(wire.get("if")))


def _condition(text: object) -> Expression | None:
    if text in (None, ""):
        return None
    if not isinstance(text, str):
        raise CancellationError(f"if: expected an expression, got {text!r}"[:200])
    try:
        return compiled(text)
    except ExpressionError as error:
        raise CancellationError(f"if: {error}") from None


async def cancel(service: Service, asked: Cancellation, now: int) -> int:
    """Cancel these runs, page by page; how many."""
    query = RunQuery(
        PAGE,
        functions=[asked.function_id],
        statuses=[RunStatus.QUEUED, RunStatus.RUNNING],
        since=asked.since,
        until=asked.until,
        descending=False,
    )
    count = 0
    while page := await service.queries.runs(query):
        wanted = [run.id for run in page if await _is_wanted(service, run, asked.condition, now)]
        count += len(await service.control.cancel_all(wanted, REASON))
        query = query._replace(after=Place(page[-1].created_at, page[-1].id))
    return count


async def _is_wanted(service: Service, run: Run, condition: Expression | None, now: int) -> bool:
    if condition is None:
        return True
    event = await service.queries.event(run.event_id)
    if event is None:
        return False
    return condition.matches(Activation(value_of(data_of(event)), now=now)).matched
