"""A run's status, and the table of its legal changes. Pure."""

from __future__ import annotations

import enum


class RunStatus(enum.StrEnum):
    """Where a run is in its life."""

    QUEUED = "QUEUED"  # created, its function not entered yet
    RUNNING = "RUNNING"  # entered; executing, waiting or sleeping
    COMPLETED = "COMPLETED"  # its function returned
    FAILED = "FAILED"  # out of attempts, or not to be retried
    CANCELLED = "CANCELLED"  # ended from outside
    SKIPPED = "SKIPPED"  # never begun: its function was paused, another run was there first, or a key could not be told


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
