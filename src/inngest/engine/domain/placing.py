"""Which lane a run queues in, by what its function's expressions say about its event."""

from __future__ import annotations

from .asking import Seen
from .index_keys import index_key
from .lanes import PLAIN, Lane, Place, queueing_of
from .matching import EvaluationError, compiled
from .model import FunctionSpec

LARGEST_SHIFT = 600_000
"""Milliseconds by which a priority makes a run older or younger in its lane, at most."""


def place(function: FunctionSpec, seen: Seen) -> Place | None:
    """Where the run of a function for an event queues; None if the function is plain.

    A key that is null or false, or gives nothing, is no key: a limit that cannot be told must not stop a run.
    """
    rules = queueing_of(function.id, function.config)
    if rules is PLAIN:
        return None
    budgets = tuple(limit.budget(_key(limit.key, seen)) for limit in rules.limits)
    throttle = None if rules.throttle is None else index_key(f"{function.id}:{_key(rules.throttle.key, seen)}")
    return Place(Lane(function.id, budgets, throttle), rules, _shift(rules.priority, seen))


def _key(text: str | None, seen: Seen) -> str:
    """A key's value; empty if there is none."""
    if text is None:
        return ""
    try:
        return compiled(text).key(seen.activation) or ""
    except EvaluationError:
        return ""


def _shift(text: str | None, seen: Seen) -> int:
    """By how many ms the run counts as older."""
    if text is None:
        return 0
    try:
        seconds = compiled(text).number(seen.activation) or 0
    except EvaluationError:
        return 0
    return max(-LARGEST_SHIFT, min(LARGEST_SHIFT, seconds * 1_000))
