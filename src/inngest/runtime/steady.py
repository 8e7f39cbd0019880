"""The engine's time, out of a wall clock that people set and a monotonic one that they cannot. Pure arithmetic.

Timers must go on when the wall clock is set back, and what is due must not wait when it is set forward, or when the
machine was suspended, which a monotonic clock may not count. So time moves forward at once, and comes back by going
slower (decision 0035).
"""

from __future__ import annotations

SLOWER = 10
"""While it is ahead of the wall clock, time goes slower by one part in so many."""

TRUSTED = 24 * 3_600_000
"""Milliseconds by which a time that was kept may be ahead of the wall clock, and is still believed."""


class Steady:
    """Times in any one unit; the monotonic clock never goes back."""

    __slots__ = ("_offset", "_then")

    def __init__(self) -> None:
        self._offset: int | None = None  # from the monotonic clock to the engine's time
        self._then = 0  # when it was asked last, by the monotonic clock; or until when it was told what to add

    def at(self, wall: int, monotonic: int) -> int:
        """The time now. Read the wall clock first: what comes between the readings then makes it only slower."""
        measured, offset = wall - monotonic, self._offset
        if offset is None or measured >= offset:
            offset = measured
        else:
            offset = max(measured, offset - max(0, monotonic - self._then) // SLOWER)
        self._offset, self._then = offset, max(monotonic, self._then)
        return monotonic + offset

    def lasting(self, wall: int, monotonic: int, span: int) -> tuple[int, int]:
        """The offset to add to the monotonic clock instead of asking, and until when: for a `span`, or not at all.

        Time that is ahead by more than that goes slower, which is asked for each time.
        """
        offset = self.at(wall, monotonic) - monotonic
        if offset - (wall - monotonic) > span:
            return offset, monotonic
        self._then = max(self._then, monotonic + span)
        return offset, self._then

    def move_to(self, time: int, wall: int, monotonic: int) -> None:
        """Go on from a time, if that is ahead."""
        ahead = time - self.at(wall, monotonic)
        if ahead > 0:
            assert self._offset is not None
            self._offset += ahead
