"""Turns exceptions into their recorded form."""

from __future__ import annotations

import logging
import os
import traceback

from inngest.protocol.calls import Failed
from inngest.protocol.errors import Error, ErrorCode, ErrorInfo, NonRetriableError
from inngest.protocol.opcodes import Op, Opcode
from inngest.protocol.steps import StepName

from .errors import RetryAfterError

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


def stack_of(error: BaseException) -> str:
    """The traceback as text, without the frames of this package at its top."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))


def info_of(error: BaseException) -> ErrorInfo:
    """The recorded form of an exception."""
    if isinstance(error, Error):
        return ErrorInfo(error.name, error.message, error.stack or stack_of(error), error.code.value)
    return ErrorInfo(type(error).__name__, str(error), stack_of(error), ErrorCode.UNKNOWN.value)


def is_retriable(error: BaseException) -> bool:
    """Whether another attempt may help."""
    return error.is_retriable if isinstance(error, Error) else True


def delay_of(error: BaseException) -> int | None:
    """Milliseconds until the next attempt, if the error says so."""
    return error.delay if isinstance(error, RetryAfterError) else None


def step_failure(step: StepName, attempt: int, started_at: int, error: BaseException) -> Op:
    """The report of a handler that raised."""
    return Op(
        Opcode.STEP_ERROR if is_retriable(error) else Opcode.STEP_FAILED,
        step,
        attempt=attempt,
        started_at=started_at,
        error=info_of(error),
        retry_after=delay_of(error),
    )


def body_failure(error: BaseException) -> Failed:
    """The outcome of a function that raised."""
    return Failed(info_of(error), is_retriable(error), delay_of(error))


def log(logger: logging.Logger, where: str, error: BaseException) -> None:
    """Log an error of user code, unless it asked to be quiet."""
    if isinstance(error, NonRetriableError | RetryAfterError) and error.quiet:
        return
    logger.error("%s raised %s: %s", where, type(error).__name__, error, exc_info=error)
