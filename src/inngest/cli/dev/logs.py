"""Log records are told like everything else, unless the user's code has set up logging itself."""

from __future__ import annotations

import logging
import traceback

from inngest.engine import run_log
from inngest.logs import facts_of
from inngest.sdk.invocation import error_records

from .event_log import Emit

_TOLD_OTHERWISE = {error_records.log.__code__.co_filename, run_log.ended.__code__.co_filename}


class EmittingHandler(logging.Handler):
    """Tells log records; not how functions and steps fail, and runs begin and end: that is told when it is recorded."""

    def __init__(self, emit: Emit) -> None:
        super().__init__()
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Write it."""
        if record.pathname in _TOLD_OTHERWISE:
            return
        try:
            error = record.exc_info[1] if record.exc_info else None
            report = None if error is None else "".join(traceback.format_exception(error)).rstrip()
            self._emit(
                {
                    "type": "log",
                    "level": record.levelname.lower(),
                    "logger": record.name,
                    "message": record.getMessage(),
                    **facts_of(record),
                    "report": report,
                }
            )
        except Exception:
            self.handleError(record)


def set_up(emit: Emit) -> None:
    """Show warnings of everybody, and what functions and the engine log from INFO on."""
    root, own = logging.getLogger(), logging.getLogger("inngest")
    if root.handlers or own.handlers:
        return
    root.addHandler(EmittingHandler(emit))
    if own.level == logging.NOTSET:
        own.setLevel(logging.INFO)
