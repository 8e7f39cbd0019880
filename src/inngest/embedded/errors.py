"""Errors of the embedded engine's door. The whole tree is drawn in `inngest.errors`."""

from __future__ import annotations

from inngest.protocol.errors import Error, ErrorInfo


class RunFailedError(Error):
    """A run that was waited for failed.

    Attributes:
        run_id: the run.
        error: why: name, message, stack and code.
    """

    is_retriable = False

    def __init__(self, run_id: str, error: ErrorInfo) -> None:
        what = f"{error.name}: {error.message}" if error.message else error.name
        super().__init__(f"run {run_id} failed: {what}")
        self.run_id = run_id
        self.error = error


class RunCancelledError(Error):
    """A run that was waited for was cancelled.

    Attributes:
        run_id: the run.
    """

    is_retriable = False

    def __init__(self, run_id: str) -> None:
        super().__init__(f"run {run_id} was cancelled")
        self.run_id = run_id


class RunSkippedError(Error):
    """A run that was waited for was not begun.

    Attributes:
        run_id: the run.
        reason: why: its function is paused, a limit is reached, or another run was there first.
    """

    is_retriable = False

    def __init__(self, run_id: str, error: ErrorInfo) -> None:
        super().__init__(f"run {run_id} was skipped: {error.message}")
        self.run_id = run_id
        self.reason = error.message


class RunNotFoundError(Error):
    """There is no run of that id.

    Attributes:
        run_id: what was asked for.
    """

    is_retriable = False

    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is no run {run_id!r} in this database")
        self.run_id = run_id


class EngineStateError(Error):
    """The engine cannot do this now: it is not started, stopped, or in another process; or the thread must not wait."""

    is_retriable = False


class EngineConfigError(Error):
    """An argument of `Engine`, or of its methods, is wrong; the text says which, and what was expected and given."""

    is_retriable = False
