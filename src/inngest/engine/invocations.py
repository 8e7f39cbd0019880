"""One invocation of a run that this worker owns: it is read, entered, and its outcome is written, whatever happens."""

from __future__ import annotations

import asyncio
import logging

from inngest.protocol.calls import Call, Failed, Outcome, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Clock
from inngest.runtime.raised import Signal, class_name_of, ends_the_task, message_of

from .domain.model import Ended, Released
from .errors import StoreError
from .observers import Tracing
from .owned_run import OwnedRun
from .worker_context import WorkerContext

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

UNWRITTEN, UNWRITTEN_MAX = 1_000, 60_000
"""Milliseconds until an outcome that cannot be written is tried again: at first, and at most."""


async def call(worker: WorkerContext, owned_run: OwnedRun) -> Call | Failed | None:
    """The call with which the function is entered; None if the run is lost.

    Raises:
        Exception: what is recorded of it is not what it should be.
    """
    if owned_run.claimed.unread and not await _read(worker, owned_run):
        return None
    if not owned_run.claimed.events:
        raise LookupError("its event is not there")
    return owned_run.call()


async def _read(worker: WorkerContext, owned_run: OwnedRun) -> bool:
    """Read what its claim did not; whether the run can be entered."""
    claimed = await worker.store.read(owned_run.claimed)
    if claimed is None:
        owned_run.lose()
    if claimed is None or owned_run.is_lost:
        return False
    owned_run.load(claimed)
    if worker.observer is not None:
        worker.observer.entered(claimed)
    return True


async def outcome(worker: WorkerContext, owned_run: OwnedRun, call: Call | Failed | None) -> Outcome:
    """Enter the function; how that ended. An error of the engine's own code is a failed attempt.

    Raises:
        StoreError: it cannot go on here.
    """
    if lost := owned_run.lost_cause():
        return lost
    try:
        if call is None:
            return Yielded()
        if isinstance(call, Failed):
            return call
        tracing = worker.observers.tracing
        return await (owned_run.enter(call) if tracing is None else _traced(tracing, owned_run, call))
    except StoreError:
        raise
    except BaseException as error:
        if ends_the_task(error) and not isinstance(error, Signal):
            raise
        LOGGER.exception("run %s of %s: the invocation broke", *owned_run.named, extra=owned_run.facts)
        return _broken(error)


async def _traced(tracing: Tracing, owned_run: OwnedRun, call: Call) -> Outcome:
    """Enter the function, within a span."""
    with tracing.invocation(owned_run.claimed, call) as entrance:
        owned_run.trace = entrance.trace
        outcome = await owned_run.enter(entrance.call)
        entrance.over(outcome)
    return outcome


async def conclude(clock: Clock, owned_run: OwnedRun, outcome: Outcome) -> Ended | Released | None:
    """Write how it ended; None if the run was lost.

    An outcome that cannot be written is a failed attempt; that is tried until it can be written, or the run would stay
    here for ever.

    Raises:
        StoreError: the store has refused it.
    """
    delay = 0
    while True:
        try:
            return await owned_run.conclude(outcome)
        except StoreError:
            raise
        except Exception as error:
            told = "run %s of %s: its outcome cannot be written"
            LOGGER.exception(told, *owned_run.named, extra=owned_run.facts)
            outcome = _broken(error)
        await _pause(clock, delay)
        delay = min(max(2 * delay, UNWRITTEN), UNWRITTEN_MAX)


async def _pause(clock: Clock, ms: int) -> None:
    over = asyncio.Event()
    timer = clock.call_after(ms, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


def _broken(error: BaseException) -> Failed:
    """The failure that is recorded where the engine's own code raised."""
    return Failed(ErrorInfo(class_name_of(error), message_of(error)), retriable=True)
