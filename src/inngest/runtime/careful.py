"""A logger that raises nothing: the handlers and filters of users must not decide about runs."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

from .raised import class_name_of, ends_the_task, message_of


class CarefulLogger:
    """Logs by another logger. An error that it raises goes to stderr, as `logging` does it with errors of handlers.

    A logger that is no `logging.Logger` is not given `extra`.

    Args:
        logger: the logger.
    """

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def hears(self, level: int) -> bool:
        """Whether records of a level may be wanted: to make none where each run would make some."""
        try:
            return self._logger.isEnabledFor(level)
        except BaseException as error:
            if ends_the_task(error):
                raise
            return True

    def debug(self, message: str, *args: object, **more: Any) -> None:
        """See `logging.Logger.debug`."""
        self._log("debug", message, args, more)

    def info(self, message: str, *args: object, **more: Any) -> None:
        """See `logging.Logger.info`."""
        self._log("info", message, args, more)

    def warning(self, message: str, *args: object, **more: Any) -> None:
        """See `logging.Logger.warning`."""
        self._log("warning", message, args, more)

    def error(self, message: str, *args: object, **more: Any) -> None:
        """See `logging.Logger.error`."""
        self._log("error", message, args, more)

    def exception(self, message: str, *args: object, **more: Any) -> None:
        """See `logging.Logger.exception`."""
        self._log("error", message, args, {"exc_info": True, **more})

    def _log(self, level: str, message: str, args: tuple[object, ...], more: dict[str, Any]) -> None:
        logger: object = self._logger
        if isinstance(logger, logging.Logger):
            more = {"stacklevel": 3, **more}  # the caller's place, and not this one
        else:  # one of another library has its own idea of what a record carries
            more.pop("extra", None)
        try:
            getattr(logger, level)(message, *args, **more)
        except BaseException as error:
            if ends_the_task(error):
                raise
            _complain(logger, error, message, args)


FACTS = ("run_id", "function_id", "step", "attempt", "trace_id")
"""The fields of a log record about a run."""


def about_run(
    run_id: str | None,
    function_id: str | None = None,
    step: str | None = None,
    attempt: int | None = None,
    trace_id: str | None = None,
) -> dict[str, object]:
    """The fields of each log record about a run, as `extra`; what is not known is None.

    `step` is None between steps, and `attempt` is then the body's, from 0.
    """
    return dict(zip(FACTS, (run_id, function_id, step, attempt, trace_id), strict=True))


def _complain(logger: object, error: BaseException, message: str, args: tuple[object, ...]) -> None:
    if not logging.raiseExceptions or sys.stderr is None:
        return
    name = logger.name if isinstance(logger, logging.Logger) else type(logger).__name__
    with contextlib.suppress(Exception):
        message %= args
    with contextlib.suppress(Exception):
        told = f"the logger {name!r} raised {class_name_of(error)}: {message_of(error)}"
        sys.stderr.write(f"inngest: {told}, so this was not logged: {message}\n")
