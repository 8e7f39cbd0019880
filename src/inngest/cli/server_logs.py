"""Log records of a server in production, on the error output: as lines for people, or as JSON for programs.

A file of its own: `inngest start`, `inngest dev` and `inngest worker` set up the same log.
"""

from __future__ import annotations

import logging

from inngest.logs import JsonFormatter, report_of, time_of


class _Line(logging.Formatter):
    """A line for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it."""
        text = f"{time_of(record)} {record.levelname:<7} {record.name}: {record.getMessage()}"
        return f"{text}\n{report_of(record)}" if record.exc_info else text


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
    handler.setFormatter(JsonFormatter() if as_json else _Line())
    logging.getLogger().addHandler(handler)
