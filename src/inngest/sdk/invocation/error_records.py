"""How code ended: exceptions in their recorded form."""

from __future__ import annotations

import asyncio
import logging
import os
import types
from collections.abc import Mapping
from typing import TypeVar

from inngest.protocol.calls import Failed
from inngest.protocol.errors import ErrorCode, ErrorInfo, NonRetriableError
from inngest.protocol.opcodes import Op, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.raised import (
    class_name_of,
    ends_the_task,
    is_ours,
    message_of,
    original_of,
    stack_of,
    traceback_of,
)
from inngest.sdk.errors import RetryAfterError, SignalSwallowedError
from inngest.sdk.steps.options import DEFAULT, StepOptions

R = TypeVar("R")

MAX_MESSAGE = 64 * 1024
MAX_STACK = 256 * 1024
"""Characters that are kept of an error: it is stored with each attempt, and is not a way to store data."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep


def frames_of(error: BaseException) -> types.TracebackType | None:
    """The traceback without the frames of this package at its two ends; whole if there are no others."""
    frames: list[types.TracebackType] = []
    whole = frame = traceback_of(error)
    while frame is not None:
        frames.append(frame)
        frame = frame.tb_next
    theirs = [index for index, one in enumerate(frames) if not _is_ours(one)]
    if not theirs:
        return whole
    kept: types.TracebackType | None = None
    for one in reversed(frames[theirs[0] : theirs[-1] + 1]):
        kept = types.TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return kept


def _is_ours(frame: types.TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def info_of(error: BaseException) -> ErrorInfo:
    """The recorded form of an exception, whatever its class does."""
    error = original_of(error)
    stack = _asked(error, "stack") if is_ours(error) else None
    text = stack if isinstance(stack, str) and stack else stack_of(error, frames_of(error)).text
    code = _asked(error, "code") if is_ours(error) else ErrorCode.UNKNOWN
    return ErrorInfo(
        class_name_of(error),
        shortened(message_of(error), MAX_MESSAGE),
        shortened(text, MAX_STACK),
        code.value if isinstance(code, ErrorCode) else _code_of(error).value,
    )


def _asked(error: BaseException, name: str) -> object:
    """An attribute of our own errors, of which user code derives its own; None if that raises."""
    try:
        return getattr(error, name)
    except BaseException as broken:
        if ends_the_task(broken):
            raise
        return None


def _code_of(error: BaseException) -> ErrorCode:
    """The code of the class of ours from which a class is derived that has another kind of code."""
    codes = (vars(one).get("code") for one in type(error).__mro__)
    return next(code for code in (*codes, ErrorCode.UNKNOWN) if isinstance(code, ErrorCode))


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters: its beginning and its end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def is_retriable(error: BaseException) -> bool:
    """Whether another attempt may help."""
    if not is_ours(error):
        return True
    said = _asked(error, "is_retriable")
    return bool(said) if isinstance(said, int) else not issubclass(type(error), NonRetriableError)


def delay_of(error: BaseException) -> int | None:
    """Milliseconds until the next attempt, if the error says so."""
    delay = _asked(error, "delay") if issubclass(type(error), RetryAfterError) else None
    return delay if isinstance(delay, int) else None


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


def interrupted(logger: logging.Logger, facts: Mapping[str, object], open_step: OpenStep) -> Op:
    """The report of an attempt that was begun, must not be repeated, and of which nobody knows how it went."""
    message = (
        f'step "{open_step.step.text}" was cut while its handler ran: its worker died, or was stopped. '
        'What the handler has done is not known, and with on_crash="fail" it is not run again'
    )
    CarefulLogger(logger).warning("function %s: %s", facts["function_id"], message, extra=facts)
    info = ErrorInfo("StepInterruptedError", message, code=ErrorCode.STEP_INTERRUPTED.value)
    return Op(
        Opcode.STEP_FAILED, open_step.step, attempt=open_step.attempt, started_at=open_step.created_at, error=info
    )


def body_failure(error: BaseException) -> Failed:
    """The outcome of a function that raised."""
    return Failed(info_of(error), is_retriable(error), delay_of(error))


def log(logger: logging.Logger, where: str, error: BaseException, facts: Mapping[str, object]) -> None:
    """Log an error of user code, unless it asked to be quiet. An error of the logger decides nothing.

    Args:
        logger: of the client.
        where: what raised it.
        error: the error.
        facts: what the record carries besides: run, function, step and attempt.
    """
    error = original_of(error)
    if issubclass(type(error), NonRetriableError | RetryAfterError) and _asked(error, "quiet"):
        return
    careful, frames = CarefulLogger(logger), frames_of(error)
    told = (where, class_name_of(error), message_of(error))
    stack = stack_of(error, frames)
    if stack.whole:
        careful.error("%s raised %s: %s", *told, exc_info=(type(error), error, frames), extra=facts)
    else:
        careful.error("%s raised %s: %s\n%s", *told, stack.text, extra=facts)


def swallowed(logger: logging.Logger, function_id: str, facts: Mapping[str, object]) -> Failed:
    """Code that is to wait has caught the signal which says so, and returned."""
    error = SignalSwallowedError(function_id)
    log(logger, f"function {function_id}", error, facts)
    return body_failure(error)


def quietly(task: asyncio.Task[R]) -> R | None:
    """A task's result if it has one; its exception counts as seen."""
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()
