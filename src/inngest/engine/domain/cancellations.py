"""Events that cancel runs, as a function's configuration says. Pure."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import NamedTuple

from inngest.protocol import durations, limits

from . import watches
from .model import Event, FunctionSpec, Watch, Watching


class Cancellation(NamedTuple):
    """One member of `cancel`."""

    event: str
    expression: str | None
    timeout: int  # ms: how long after the start of the run events count


def of(function: FunctionSpec) -> Sequence[Cancellation]:
    """What cancels a function's runs."""
    return _of(function.config) if '"cancel"' in function.config else ()


@functools.lru_cache(maxsize=1_024)
def _of(config: str) -> tuple[Cancellation, ...]:
    return tuple(
        Cancellation(one["event"], one.get("if"), _timeout(one.get("timeout")))
        for one in json.loads(config).get("cancel", ())
    )


def _timeout(text: str | None) -> int:
    return limits.MAX_CANCEL_TIMEOUT if text is None else durations.parse(text)


def watches_of(run_id: str, cancellations: Sequence[Cancellation], event: Event, now: int) -> tuple[Watch, ...]:
    """What is looked for while a run lives. What can never match is left out."""
    seen = watches.seen(watches.as_data(event))
    found = [
        watches.bound(run_id, f"cancel:{index}", Watching.CANCEL, one.event, one.expression, seen, now + one.timeout)
        for index, one in enumerate(cancellations)
    ]
    return tuple(watch for watch in found if watch is not None)
