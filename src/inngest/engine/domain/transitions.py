"""The legal changes of a run's status. The diagram in the documentation is drawn from this table."""

from __future__ import annotations

from .model import RunStatus

LEGAL: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset((RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED)),
    RunStatus.RUNNING: frozenset((RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)),
    RunStatus.COMPLETED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
    RunStatus.SKIPPED: frozenset(),
}

INITIAL = (RunStatus.QUEUED, RunStatus.SKIPPED)
"""The statuses in which a run is created."""

FINAL = frozenset(status for status, followers in LEGAL.items() if not followers)


def sources(target: RunStatus) -> tuple[RunStatus, ...]:
    """The statuses from which a run may come to `target`."""
    return tuple(status for status, followers in LEGAL.items() if target in followers)
