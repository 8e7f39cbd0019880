"""Errors of the embedded engine's door. The whole tree is drawn in `inngest.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from inngest.engine.domain.transitions import RunStatus
from inngest.protocol.errors import Error, ErrorInfo

NAMED = 10
"""Runs and events that an error names."""


class RunNotCompletedError(Error):
    """A run that was waited for is over, and has no result: it failed, was cancelled, or was not begun.

    Attributes:
        run_id: the run.
        status: FAILED, CANCELLED or SKIPPED.
        reason: why, in words.
    """

    is_retriable = False

    def __init__(self, run_id: str, status: RunStatus, reason: str) -> None:
        super().__init__(f"run {run_id} {_HOW[status]}{reason and ': '}{reason}")
        self.run_id = run_id
        self.status = status
        self.reason = reason


_HOW = {RunStatus.FAILED: "failed", RunStatus.CANCELLED: "was cancelled", RunStatus.SKIPPED: "was skipped"}


class RunFailedError(RunNotCompletedError):
    """A run that was waited for failed.

    Attributes:
        run_id: the run.
        status: FAILED.
        reason: the name of the error and its message.
        error: why: name, message, stack and code.
    """

    def __init__(self, run_id: str, error: ErrorInfo) -> None:
        what = f"{error.name}: {error.message}" if error.message else error.name
        super().__init__(run_id, RunStatus.FAILED, what)
        self.error = error


class RunCancelledError(RunNotCompletedError):
    """A run that was waited for was cancelled.

    Attributes:
        run_id: the run.
        status: CANCELLED.
        reason: by whom or what: an event, a time-out, a newer run, `Engine.cancel`.
    """

    def __init__(self, run_id: str, reason: str = "") -> None:
        super().__init__(run_id, RunStatus.CANCELLED, reason)


class RunSkippedError(RunNotCompletedError):
    """A run that was waited for was not begun.

    Attributes:
        run_id: the run.
        status: SKIPPED.
        reason: why: its function is paused, a limit is reached, or another run was there first.
    """

    def __init__(self, run_id: str, error: ErrorInfo) -> None:
        super().__init__(run_id, RunStatus.SKIPPED, error.message)


class RunNotFoundError(Error):
    """There is no run of that id.

    Attributes:
        run_id: what was asked for.
    """

    is_retriable = False

    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is no run {run_id!r} in this database")
        self.run_id = run_id


class RunsUnderWayError(Error):
    """Something is to be erased while runs of it go on; nothing was changed.

    Attributes:
        under_way: what goes on, a sentence for each run or event.
        run_ids: the runs among that.
    """

    is_retriable = False

    def __init__(self, under_way: Sequence[str], run_ids: Sequence[str]) -> None:
        some = "; ".join(under_way[:NAMED]) + (f"; and {len(under_way) - NAMED:,} more" if under_way[NAMED:] else "")
        super().__init__(f"nothing was erased, since some of it goes on: {some}")
        self.under_way = tuple(under_way)
        self.run_ids = tuple(run_ids)


class EngineStateError(Error):
    """The engine cannot do this now: it is not started, stopped, or in another process; or the thread must not wait."""

    is_retriable = False


class EngineConfigError(Error):
    """An argument of `Engine`, or of its methods, is wrong; the text says which, and what was expected and given."""

    is_retriable = False
