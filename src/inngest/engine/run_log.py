"""Where runs begin and end, in the log: for people who have no other view of an engine."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from inngest.protocol import traces
from inngest.protocol.calls import EventData
from inngest.protocol.errors import ErrorInfo
from inngest.runtime.careful import CarefulLogger, about_run

from .domain import holding
from .domain.model import Hold, RunStatus
from .domain.starts import Start
from .records import Claimed

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))


def entered(claimed: Claimed) -> None:
    """A run begins here; one that goes on is not told."""
    run = claimed.run
    if LOGGER.hears(logging.INFO) and claimed.begins:
        extra = about_run(run.id, run.function_id, trace_id=trace_of(run.id, claimed.events))
        LOGGER.info("run %s of %s began", run.id, run.function_id, extra=extra)


def skipped(starts: Iterable[Start]) -> None:
    """Runs that are over before they could begin, each with why."""
    for start in starts:
        run = start.run
        if run.status is not RunStatus.SKIPPED:
            continue
        why = "" if run.error is None else f": {ErrorInfo.from_json(run.error).message}"
        extra = about_run(run.id, run.function_id)
        LOGGER.info("run %s of %s ended: skipped%s", run.id, run.function_id, why, extra=extra)


def unknown(run_id: str, function_id: str) -> None:
    """A run has deferred a function that nobody knows."""
    text = "run %s has deferred %s, which no app has registered: it does not start"
    LOGGER.warning(text, run_id, function_id, extra=about_run(run_id))


def held(run_id: str, function_id: str, hold: Hold, facts: Mapping[str, object]) -> None:
    """A run is put on hold."""
    LOGGER.warning(
        "run %s of %s is on hold, since its code has changed: %s. %s.",
        run_id,
        function_id,
        holding.what_changed(hold),
        holding.advice(run_id),
        extra=facts,
    )


def stopping(executing: Sequence[tuple[str, str]], timeout: int) -> None:
    """The engine stops, and waits for handlers: each by its function and step."""
    if executing and LOGGER.hears(logging.INFO):
        waited_for = ", ".join(f"step {step} of {function_id}" for function_id, step in executing)
        LOGGER.info("the engine stops, and waits at most %d ms for %s", timeout, waited_for)


def trace_of(run_id: str, causes: Sequence[EventData]) -> str | None:
    """The id of the trace of a run; None if its events are not at hand, which may tell another than its id."""
    return traces.of_run(run_id, causes[0].extra).trace if causes else None


def ended(run_id: str, function_id: str | None, status: RunStatus, causes: Sequence[EventData] = ()) -> None:
    """A run has ended, here or by a cancellation; `causes` are its events, if they are at hand."""
    if not LOGGER.hears(logging.INFO):
        return
    name = run_id if function_id is None else f"{run_id} of {function_id}"
    extra = about_run(run_id, function_id, trace_id=trace_of(run_id, causes))
    LOGGER.info("run %s ended: %s", name, status.value.lower(), extra=extra)
