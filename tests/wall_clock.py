"""The wall clock, as the process of the tests sees it: what waits for a later time waits for no real one.

A file of its own: several suites set it.
"""

from __future__ import annotations

import time

import pytest

from inngest.engine.store.dialects.postgres.leases import Leases
from inngest.runtime import clock


class WallClock:
    """The wall clock of this machine, which a test can set forward, and have go faster. Servers of the tests run on the
    same machine: it is their clock, too, as engines of this process read it.

    Args:
        monkeypatch: of the test.
        speed: so many seconds pass in one.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, speed: int = 1) -> None:
        self._ahead = 0  # ns
        real = time.time_ns
        began = real()
        monkeypatch.setattr(time, "time_ns", lambda: began + (real() - began) * speed + self._ahead)
        monkeypatch.setattr(Leases, "wall_ns", lambda _: time.time_ns())
        monkeypatch.setattr(clock, "LONGEST_SLEEP", 0.02)  # timers see soon that the clock was set

    def to(self, when: int) -> None:
        """Set it to a time (unix ms), if that is to come."""
        self._ahead += max(0, when * 1_000_000 - time.time_ns())

    def forward(self, ms: int) -> None:
        """Set it forward by so many milliseconds."""
        self._ahead += ms * 1_000_000
