"""A function is started by a request, which may wait for the end of its run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from inngest.embedded import results
from inngest.embedded.errors import RunNotFoundError
from inngest.embedded.host import EngineHost
from inngest.engine.domain.model import Run, RunStatus
from inngest.engine.intake import NotStartedError
from inngest.engine.records import RunView
from inngest.protocol import durations
from inngest.protocol.errors import ErrorInfo
from inngest.server.answers import result_of

from .parameters import ParameterError

MAX_WAIT: Final = 300.0
"""Seconds that a request may wait for a run."""


class NotInvokedError(Exception):
    """No run was started, or one that is skipped.

    Attributes:
        status: of the answer.
        code: of the error, as version 2 names it.
    """

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


async def start(host: EngineHost, function_id: str, data: str, key: str) -> Run:
    """Start a function; the run, which may have been skipped.

    Args:
        host: the engine.
        function_id: `app-function`.
        data: JSON text of an object.
        key: for 24 h, nothing else with it starts this function; "" for none.

    Raises:
        NotInvokedError: nothing was started.
    """
    try:
        return await host.invoke(function_id, data, key)
    except NotStartedError as error:
        kept = await host.on_its_loop().store.kept_back(error.event_id)
    first = next((one for one in kept if one.function_id == function_id), None)
    if first is None:
        raise NotInvokedError(404, "not_found", f"no function {function_id!r} is known")
    if first.rule == "id":
        raise NotInvokedError(409, "idempotency_conflict", first.text)
    raise NotInvokedError(422, "function_skipped", first.text)


def skipped(run: Run) -> NotInvokedError | None:
    """Why a run was skipped; None if it was not."""
    if run.status is not RunStatus.SKIPPED:
        return None
    why = ErrorInfo.from_json(run.error or "{}").message
    code = "rate_limited" if why.startswith("rate_limit:") else "function_skipped"
    return NotInvokedError(422, code, f"run {run.id} of {run.function_id} was skipped: {why}")


def wait_of(query: Mapping[str, str]) -> float | None:
    """Seconds for which a request waits; None: it does not.

    Raises:
        ParameterError: `wait` is no length of time, or over 5 minutes.
    """
    text = query.get("wait", "")
    if not text:
        return None
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else durations.parse(text) / 1_000
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_WAIT:
        raise ParameterError("wait", f"a length of time up to {MAX_WAIT:.0f}s, such as 30s", text)
    return seconds


async def ended(host: EngineHost, request: Request, run: Run, seconds: float) -> RunView | None:
    """Wait until a run has ended; everything about it as it is then, None if it was removed meanwhile.

    The wait is over before, and the run goes on, if its time is over, its client has left, or the server is about to
    stop.

    Args:
        host: the engine.
        request: whose body was read.
        run: started by it.
        seconds: how long to wait.
    """
    running, new = host.on_its_loop(), run.status is RunStatus.QUEUED
    with contextlib.suppress(RunNotFoundError, TimeoutError):
        await result_of(host, request, results.end_of(running.service, running.store, run.id, seconds, new=new))
    try:
        return await running.service.queries.run(run.id)
    except KeyError:
        return None
