"""Exceptions of user code: whether one ends the task around it, and its text, whatever its class does.

An exception may raise when it is looked at: from `__getattr__`, `__str__`, `__notes__`, a property, or while its
traceback is formatted. And it need not derive from `Exception`. Neither may keep an attempt from being recorded.
"""

from __future__ import annotations

import asyncio
import threading
import traceback
import types
from collections.abc import Callable
from typing import NamedTuple, cast

from inngest.protocol.errors import Error


class Signal(BaseException):
    """A control signal of this package, which passes through user code: not an error, and nobody's failure."""


class EscapedError(Exception):
    """Carries an exception that does not derive from Exception, and ends nothing, to where it is recorded.

    As itself it would end the task or the loop that it passes through: `SystemExit` ends a loop, `CancelledError`
    looks like a cancellation, and `GeneratorExit` like the end of a coroutine.

    Attributes:
        original: the exception.
    """

    def __init__(self, original: BaseException) -> None:
        super().__init__(message_of(original))
        self.original = original


def original_of(error: BaseException) -> BaseException:
    """The exception that user code raised."""
    return error.original if type(error) is EscapedError else error


def contained(error: BaseException) -> BaseException:
    """The exception as it may pass through tasks. Call it where `ends_the_task` may be called."""
    if isinstance(error, Exception) or ends_the_task(error):
        return error
    return EscapedError(error)


def ends_the_task(error: BaseException) -> bool:
    """Whether the task or the process ends, and not only the code that raised this.

    Call it in the `except` clause of the frame that called, or awaited, the code. `KeyboardInterrupt` ends the process
    if it comes in the main thread, where the signal is raised. `CancelledError` ends the task if that is being
    cancelled. `GeneratorExit` ends the coroutine if nobody raised it: Python closes a coroutine at the place where it
    waits, and each coroutine around it at its own.
    """
    kind = type(error)  # `isinstance` may ask the exception itself, which may raise
    if issubclass(kind, Exception):
        return False
    if issubclass(kind, Signal):
        return True
    if issubclass(kind, KeyboardInterrupt):
        return threading.current_thread() is threading.main_thread()
    if issubclass(kind, asyncio.CancelledError):
        return is_being_cancelled()
    if issubclass(kind, GeneratorExit):
        frames = traceback_of(error)
        return frames is None or frames.tb_next is None
    return False


def traceback_of(error: BaseException) -> types.TracebackType | None:
    """An exception's traceback, also if its class has another idea of that."""
    return vars(BaseException)["__traceback__"].__get__(error)  # type: ignore[no-any-return]


def is_being_cancelled() -> bool:
    """Whether the task of the caller is being cancelled. In a thread without a loop there is none."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


def is_ours(error: BaseException) -> bool:
    """Whether the class derives from this package's `Error`."""
    return issubclass(type(error), Error)


def class_name_of(error: BaseException) -> str:
    """The name of an exception's class, or the one that our own errors have."""
    kind = type(original_of(error))
    name = _text_of(lambda: kind.__name__)
    return _text_of(lambda: cast("Error", original_of(error)).name, name) if is_ours(original_of(error)) else name


def message_of(error: BaseException) -> str:
    """An exception's text, or as much of it as can be had."""
    error = original_of(error)
    try:
        return _plain(cast("Error", error).message if is_ours(error) else str(error))
    except BaseException as broken:
        if ends_the_task(broken):
            raise
        reason = f"(its text cannot be had: {type(broken).__name__})"
    try:
        text = _plain(BaseException.__str__(error))
    except BaseException as broken:
        if ends_the_task(broken):
            raise
        return reason
    return f"{text} {reason}" if text else reason


class Stack(NamedTuple):
    """A traceback as text."""

    text: str
    whole: bool  # else the exception could not be formatted, and this is what could


def stack_of(error: BaseException, frames: types.TracebackType | None) -> Stack:
    """The traceback of an exception, with its causes and notes if they can be had."""
    error = original_of(error)
    try:
        return Stack(_plain("".join(traceback.format_exception(type(error), error, frames))), True)
    except BaseException as broken:
        if ends_the_task(broken):
            raise
        reason = f"(the traceback cannot be formatted: {type(broken).__name__})"
    places = _text_of(lambda: "".join(traceback.format_tb(frames)), "")
    told = f"{places}{class_name_of(error)}: {message_of(error)}"
    return Stack(f"Traceback (most recent call last):\n{told}\n{reason}\n", False)


def _text_of(get: Callable[[], object], otherwise: str = "an exception") -> str:
    try:
        return _plain(get())
    except BaseException as broken:
        if ends_the_task(broken):
            raise
        return otherwise


def _plain(value: object) -> str:
    """A text without methods of its own."""
    return str.__str__(value) if isinstance(value, str) else str.__str__(str(value))
