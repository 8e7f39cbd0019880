"""A run on which workers died is tried alone, by one worker at a time, and stops nobody else for long."""

from __future__ import annotations

TRIAL = 30_000
"""Milliseconds for which a worker claims nothing else at most: before such a run, until nothing else is in flight, and
while it executes."""

PATIENCE = 10_000
"""Milliseconds for which a worker goes on, and waits for a moment in which nothing is in flight by itself."""

LONGEST = 600_000
"""Milliseconds between two times that a worker holds back in vain, at most; each time it is twice as long."""

TRIES = 3
"""Times in vain after which such a run is tried beside what still executes, so that it goes on in the end."""


class Quarantine:
    """One worker's part in runs that must be tried alone. Times are ms of the monotonic clock."""

    def __init__(self) -> None:
        self._since: int | None = None  # such a run has been due since then, as far as is known
        self._kept_until: int | None = None  # nothing else is claimed, and the run is kept for this worker
        self._due_at = 0  # unix ms: the run's job is due then, so that others do not see it before
        self._trial_until: int | None = None  # it executes here, alone
        self._again_at = 0  # this worker does not hold back before
        self._in_vain = 0  # times that it held back

    @property
    def waiting(self) -> bool:
        """Whether such a run is due, and waits until nothing else is in flight."""
        return self._since is not None

    @property
    def desperate(self) -> bool:
        """Whether such a run has waited so often that it is tried beside others."""
        return self._in_vain >= TRIES

    @property
    def executing(self) -> bool:
        """Whether such a run executes here, and has recorded nothing yet."""
        return self._trial_until is not None

    def closed(self, now: int, *, idle: bool) -> bool:
        """Whether nothing else is claimed now."""
        if self._trial_until is not None and now < self._trial_until:
            return True
        return not idle and self._kept_until is not None and now < self._kept_until

    def keep(self, now: int, time: int) -> int | None:
        """Until when this worker keeps the run that is due for itself, and holds back; None if it does not.

        Args:
            now: of the monotonic clock.
            time: the same moment as unix ms of the engine's clock, and so is the result.
        """
        if self._kept_until is not None and now >= self._kept_until:
            self._in_vain += 1
            self._again_at = now + min(TRIAL << self._in_vain, LONGEST)
            self._kept_until = None
        if self._kept_until is None and self._since is not None and now >= max(self._since + PATIENCE, self._again_at):
            self._kept_until, self._due_at = now + TRIAL, time + TRIAL
        return None if self._kept_until is None else self._due_at

    def seen(self, now: int, *, due: bool) -> None:
        """Takes note of what a claim saw: whether such a run is due, or kept here. If it is gone, nothing is held
        back.
        """
        if not due:
            self._since = self._kept_until = None
            self._in_vain = self._again_at = 0
        elif self._since is None:
            self._since = now

    def begin(self, now: int) -> None:
        """Such a run begins here."""
        self._trial_until = now + TRIAL
        self.seen(now, due=False)

    def end(self) -> None:
        """The run that is tried alone has recorded a step, or is over here."""
        self._trial_until = None

    def changes_at(self, now: int) -> int | None:
        """When to look again, whatever happens, by the monotonic clock; None if there is no such time."""
        times = [self._kept_until, self._trial_until]
        if self._since is not None and self._kept_until is None:
            times.append(max(self._since + PATIENCE, self._again_at))
        return min((time for time in times if time is not None and time > now), default=None)
