"""Log records of a server in production, on the error output: as lines for people, or as JSON for programs."""

from __future__ import annotations

import datetime
import json
import logging
import traceback

_FIELDS = ("run_id", "function_id", "step", "attempt")


class _Line(logging.Formatter):
    """A line for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it."""
        text = f"{_time(record)} {record.levelname:<7} {record.name}: {record.getMessage()}"
        return f"{text}\n{_report(record)}" if record.exc_info else text


class _JsonLine(logging.Formatter):
    """An object of JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it."""
        shown: dict[str, object] = {
            "at": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        shown |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            shown["report"] = _report(record)
        return json.dumps(shown, default=str)


def set_up(*, as_json: bool, beside: bool = False) -> None:
    """Write warnings of everybody, and what the engine and the server log from INFO on.

    Args:
        as_json: lines are JSON.
        beside: code of users runs here; if that has set up its own log, that is where lines go.
    """
    logging.getLogger("inngest").setLevel(logging.INFO)
    if beside and logging.getLogger().handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLine() if as_json else _Line())
    logging.getLogger().addHandler(handler)


def _time(record: logging.LogRecord) -> str:
    time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _report(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return "" if error is None else "".join(traceback.format_exception(error)).rstrip()
