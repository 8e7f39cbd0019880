"""Starting a run, waiting for it, wherever it runs, and what it gave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from inngest.engine.domain import erasing, holding
from inngest.engine.domain.model import Ended, Run, RunStatus
from inngest.engine.errors import StoreClosedError
from inngest.engine.ports import Store
from inngest.engine.service import Service
from inngest.protocol import codec
from inngest.protocol.errors import ErrorInfo
from inngest.sdk.function import Function
from inngest.sdk.serializers import Unset

from .arguments import Rerun
from .errors import (
    EngineConfigError,
    EngineStateError,
    RunCancelledError,
    RunFailedError,
    RunNotFoundError,
    RunSkippedError,
)

T = TypeVar("T")


async def start(service: Service, function_id: str, data: str) -> Run:
    """Start a run of any function that the database knows; `data` is JSON text.

    Raises:
        EngineStateError: the function is not known.
    """
    return await known_function(function_id, service.intake.start(function_id, data))


async def known_function(function_id: str, work: Awaitable[T]) -> T:
    """Await what is done to a function.

    Raises:
        EngineStateError: the function is not known.
    """
    try:
        return await work
    except KeyError:
        raise EngineStateError(
            f"{function_id!r} is not known to this database: ids are app-function, given to an Engine"
        ) from None


async def known(run_id: str, work: Awaitable[T]) -> T:
    """Await what is done to a run.

    Raises:
        RunNotFoundError: there is no such run.
    """
    try:
        return await work
    except KeyError:
        raise RunNotFoundError(run_id) from None


async def rerun(service: Service, run_id: str, how: Rerun) -> Run:
    """Run a run again; the new run.

    Raises:
        RunNotFoundError: there is no such run.
        EngineStateError: its function is not known any more, or it cannot be read.
        EngineConfigError: it has no such step, or the step, or the run, takes no input.
    """
    forked = await known(run_id, service.control.rerun(run_id, how.step, how.given))
    if forked.run is not None:
        return forked.run
    assert forked.refusal is not None
    argument, text = forked.refusal
    if argument:
        raise EngineConfigError(f"{argument}: {text}")
    raise EngineStateError(text)


async def end_of(service: Service, store: Store, run_id: str, seconds: float | None, *, new: bool = False) -> Ended:
    """Wait until a run has ended, wherever it runs.

    Args:
        service: the worker that is told of ends.
        store: where the run is.
        run_id: the run.
        seconds: how long to wait; None: for ever.
        new: the run was created here, and nobody has waited for it since.

    Raises:
        RunNotFoundError: there is no such run.
        EngineStateError: the engine was stopped meanwhile.
        TimeoutError: the run has not ended in time; it goes on.
    """
    if seconds is None:
        return await _end_of(service, run_id, new)
    waiting = asyncio.ensure_future(_end_of(service, run_id, new))
    waiting.add_done_callback(lambda one: one.cancelled() or one.exception())  # nobody asks it once this is cancelled
    try:
        await asyncio.wait([waiting], timeout=seconds)
    finally:
        if not waiting.done():
            waiting.cancel()
    if waiting.cancelled() or not waiting.done():
        hold = None if (view := await store.run(run_id)) is None else view.run.code.hold
        goes_on = "it goes on" if hold is None else f"it is on hold: {holding.what_changed(hold)}"
        raise TimeoutError(f"run {run_id} has not ended after {seconds} s; {goes_on}")
    return waiting.result()


async def _end_of(service: Service, run_id: str, new: bool) -> Ended:
    try:
        return await service.ends.wait(run_id, new=new)
    except KeyError:
        raise RunNotFoundError(run_id) from None
    except StoreClosedError:
        raise EngineStateError(
            f"the engine was stopped before run {run_id} had ended; it goes on when an engine starts again"
        ) from None


def result_of(run_id: str, ended: Ended, fn: Function[Any] | None) -> Any:
    """The result of a run that has ended; of the type that the function's client has kept, if the function is given.

    Raises:
        RunFailedError: the run failed.
        RunCancelledError: the run was cancelled.
        RunSkippedError: the run was not begun.
        EngineStateError: what it returned was erased.
    """
    if ended.status is RunStatus.CANCELLED:
        raise RunCancelledError(run_id, "" if ended.error is None else ended.error.message)
    if ended.status is RunStatus.SKIPPED:
        raise RunSkippedError(run_id, ended.error or ErrorInfo("RunSkippedError", "no reason was recorded"))
    if ended.status is not RunStatus.COMPLETED:
        raise RunFailedError(run_id, ended.error or ErrorInfo("Error", "no error was recorded"))
    if erasing.is_erased(ended.output):
        raise EngineStateError(f"run {run_id} has completed, and what it returned was erased since")
    value = codec.loads(ended.output or "null")
    if fn is None or fn.client.serializer is None or (kept_as := fn.result_type(fn.id)) is Unset:
        return value
    return fn.client.serializer.deserialize(value, kept_as)
