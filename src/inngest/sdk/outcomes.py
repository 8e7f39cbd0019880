"""How code ended: exceptions in their recorded form."""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
import types
from typing import TypeVar

from inngest.protocol.calls import Failed
from inngest.protocol.errors import Error, ErrorCode, ErrorInfo, NonRetriableError
from inngest.protocol.opcodes import Op, Opcode
from inngest.protocol.steps import StepName

from .errors import RetryAfterError, SignalSwallowedError
from .step_options import DEFAULT, StepOptions

R = TypeVar("R")

MAX_MESSAGE = 64 * 1024
MAX_STACK = 256 * 1024
"""Characters that are kept of an error: it is stored with each attempt, and is not a way to store data."""

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


def frames_of(error: BaseException) -> types.TracebackType | None:
    """The traceback without the frames of this package at its two ends; whole if there are no others."""
    frames: list[types.TracebackType] = []
    frame = error.__traceback__
    while frame is not None:
        frames.append(frame)
        frame = frame.tb_next
    theirs = [index for index, one in enumerate(frames) if not _is_ours(one)]
    if not theirs:
        return error.__traceback__
    kept: types.TracebackType | None = None
    for one in reversed(frames[theirs[0] : theirs[-1] + 1]):
        kept = types.TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return kept


def _is_ours(frame: types.TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def stack_of(error: BaseException) -> str:
    """The traceback as text, as `frames_of` has it."""
    return "".join(traceback.format_exception(type(error), error, frames_of(error)))


def info_of(error: BaseException) -> ErrorInfo:
    """The recorded form of an exception."""
    name = error.name if isinstance(error, Error) else type(error).__name__
    stack = error.stack if isinstance(error, Error) and error.stack else stack_of(error)
    code = error.code if isinstance(error, Error) else ErrorCode.UNKNOWN
    return ErrorInfo(name, shortened(message_of(error), MAX_MESSAGE), shortened(stack, MAX_STACK), code.value)


def message_of(error: BaseException) -> str:
    """An exception's text, whatever its class makes of it."""
    try:
        return error.message if isinstance(error, Error) else str(error)
    except Exception as broken:
        return f"(its text cannot be had: {type(broken).__name__})"


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters: its beginning and its end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def is_retriable(error: BaseException) -> bool:
    """Whether another attempt may help."""
    return error.is_retriable if isinstance(error, Error) else True


def delay_of(error: BaseException) -> int | None:
    """Milliseconds until the next attempt, if the error says so."""
    return error.delay if isinstance(error, RetryAfterError) else None


def step_failure(
    step: StepName, attempt: int, started_at: int, error: BaseException, options: StepOptions = DEFAULT
) -> Op:
    """The report of a handler that raised."""
    delay = delay_of(error)
    return Op(
        Opcode.STEP_ERROR if is_retriable(error) and options.may_retry(error, attempt) else Opcode.STEP_FAILED,
        step,
        attempt=attempt,
        started_at=started_at,
        error=info_of(error),
        retry_after=options.delay(attempt) if delay is None else delay,
        max_attempts=options.max_attempts,
    )


def body_failure(error: BaseException) -> Failed:
    """The outcome of a function that raised."""
    return Failed(info_of(error), is_retriable(error), delay_of(error))


def log(logger: logging.Logger, where: str, error: BaseException) -> None:
    """Log an error of user code, unless it asked to be quiet."""
    if isinstance(error, NonRetriableError | RetryAfterError) and error.quiet:
        return
    told = (type(error), error, frames_of(error))
    logger.error("%s raised %s: %s", where, type(error).__name__, message_of(error), exc_info=told)


def swallowed(logger: logging.Logger, function_id: str) -> Failed:
    """Code that is to wait has caught the signal which says so, and returned."""
    error = SignalSwallowedError(function_id)
    log(logger, f"function {function_id}", error)
    return body_failure(error)


def quietly(task: asyncio.Task[R]) -> R | None:
    """A task's result if it has one; its exception counts as seen."""
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()
