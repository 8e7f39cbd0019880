"""Log lines as JSON: a formatter for the handlers of your own program.

```python
handler = logging.StreamHandler()
handler.setFormatter(inngest.logs.JsonFormatter())
logging.basicConfig(handlers=[handler], level=logging.INFO)
```
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
import traceback
from typing import Any

from inngest.runtime.careful import FACTS
from inngest.sdk.context import facts_here

__all__ = ["JsonFormatter"]


class JsonFormatter(logging.Formatter):
    """An object of JSON for each record, on one line: `at`, `level`, `logger`, `message`.

    Records about a run have `run_id`, `function_id`, `step`, `attempt` and `trace_id`: those of the engine, of
    `ctx.logger`, and of any logger in the code of a function or of a step's handler. Elsewhere `trace_id` is that of
    the span of OpenTelemetry that is current, if one is. An error has its traceback as `report`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write it."""
        shown: dict[str, object] = {
            "at": time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **facts_of(record),
        }
        if record.exc_info:
            shown["report"] = report_of(record)
        return json.dumps(shown, default=str)


def facts_of(record: logging.LogRecord) -> dict[str, object]:
    """The fields of a record about a run, by what it carries, and else by where it is logged."""
    if hasattr(record, FACTS[0]):
        return {name: getattr(record, name) for name in FACTS if hasattr(record, name)}
    found = dict(facts_here())
    if not found and (trace_id := _current_trace()) is not None:
        found["trace_id"] = trace_id
    return {**found, **{name: getattr(record, name) for name in FACTS if hasattr(record, name)}}


def _current_trace() -> str | None:
    """The trace of the span that is current, if the process has loaded OpenTelemetry at all."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def time_of(record: logging.LogRecord) -> str:
    """When it was logged: "2026-08-01T09:30:00.250Z"."""
    time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def report_of(record: logging.LogRecord) -> str:
    """The traceback of its error; "" if it has none."""
    error = record.exc_info[1] if record.exc_info else None
    return "" if error is None else "".join(traceback.format_exception(error)).rstrip()
