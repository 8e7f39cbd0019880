"""Many runs are cancelled with one request: those of a function that were queued within a time, by a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inngest.engine.domain.matching import ExpressionError, compiled
from inngest.engine.domain.model import Registry
from inngest.engine.records import Cancellation
from inngest.server import run_json

from . import parameters, shapes

MEMBERS = ("app_id", "function_id", "started_after", "started_before", "if")
"""The members of a request."""

AHEAD = 1_000
"""Milliseconds by which the clock of a client may be ahead: its own *now* is in the past."""


class CancellationError(ValueError):
    """A cancellation cannot be made; says what was expected."""


def read(wire: Mapping[str, Any], registry: Registry, now: int) -> Cancellation:
    """The cancellation of a request, which has no id yet.

    Raises:
        CancellationError: a member is wrong.
        LookupError: there is no such function.
    """
    app, function = wire.get("app_id"), wire.get("function_id")
    if not isinstance(function, str) or not isinstance(app, str | None):
        raise CancellationError("app_id and function_id: expected the names of an app and of its function")
    known = [*registry.functions.values(), *registry.archived.values()]
    found = [
        one
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
    return Cancellation("", found[0].app_id, found[0].id, since, until, _condition(wire.get("if")), now)


def _condition(text: object) -> str | None:
    if text in (None, ""):
        return None
    if not isinstance(text, str):
        raise CancellationError(f"if: expected an expression, got {text!r}"[:200])
    try:
        compiled(text)
    except ExpressionError as error:
        raise CancellationError(f"if: {error}") from None
    return text


def shown(one: Cancellation) -> dict[str, object]:
    """A cancellation as JSON."""
    return {
        "id": one.id,
        "environment_id": run_json.ENVIRONMENT_ID,
        "app_id": one.app_id,
        "function_id": one.function_id,
        "started_after": shapes.time_of(one.started_after),
        "started_before": shapes.time_of(one.started_before),
        "if": one.expression,
        "created_at": shapes.time_of(one.created_at),
    }
