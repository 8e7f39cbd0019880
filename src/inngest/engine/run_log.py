"""Where runs begin and end, in the log: for people who have no other view of an engine."""

from __future__ import annotations

import logging

from inngest.runtime.careful import CarefulLogger

from .domain.model import RunStatus
from .ports import Claimed

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))


def facts(run_id: str, function_id: str | None = None) -> dict[str, object]:
    """What each record about a run carries, as `extra`; what is not known is None."""
    return {"run_id": run_id, "function_id": function_id, "step": None, "attempt": None}


def entered(claimed: Claimed) -> None:
    """A run begins here; one that goes on is not told."""
    run = claimed.run
    if not (claimed.unread or claimed.memos or claimed.open or run.attempt or run.takeovers):
        LOGGER.info("run %s of %s began", run.id, run.function_id, extra=facts(run.id, run.function_id))


def ended(run_id: str, function_id: str | None, status: RunStatus) -> None:
    """A run has ended, here or by a cancellation."""
    name = run_id if function_id is None else f"{run_id} of {function_id}"
    LOGGER.info("run %s ended: %s", name, status.value.lower(), extra=facts(run_id, function_id))
