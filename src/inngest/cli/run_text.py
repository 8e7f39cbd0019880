"""Parts of a run as people read them: its status, its times and its errors."""

from __future__ import annotations

import datetime

from inngest.embedded.views import Run, RunStatus
from inngest.protocol.errors import ErrorInfo

from . import output

STYLES = {
    RunStatus.QUEUED: "dim",
    RunStatus.RUNNING: "cyan",
    RunStatus.COMPLETED: "green",
    RunStatus.FAILED: "red",
    RunStatus.CANCELLED: "yellow",
    RunStatus.SKIPPED: "yellow",
}


def created(run: Run) -> str:
    """When a run was created, in local time."""
    return local(run.created_at).strftime("%Y-%m-%d %H:%M:%S")


def shortened(text: str, width: int) -> str:
    """A text of at most so many letters: its middle is left out, since its begin and its end tell it from others."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def one_line(error: ErrorInfo) -> str:
    """The name of an error, and the first line of its message."""
    return f"{error.name}: {error.message}".partition("\n")[0]


def at(time: datetime.datetime, now: int) -> str:
    """A time, and how long until then by the time of the engines (`now`, unix ms)."""
    remaining = output.span(max(0, left_until(time, now)))
    return f"{local(time).strftime('%Y-%m-%d %H:%M:%S')} (in {remaining})"


def left_until(time: datetime.datetime, now: int) -> float:
    """Milliseconds until a time, by the time of the engines."""
    return 1000 * time.timestamp() - now


def milliseconds(span: datetime.timedelta) -> float:
    """Milliseconds."""
    return span / datetime.timedelta(milliseconds=1)


def local(time: datetime.datetime) -> datetime.datetime:
    """A time in the zone of this machine."""
    return time.astimezone()


def clock(time: datetime.datetime) -> str:
    """The time of day, in the zone of this machine."""
    return local(time).strftime("%H:%M:%S")
