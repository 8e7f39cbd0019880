"""How long a writer's transactions took.

A file of its own: nothing else is measured there.
"""

from __future__ import annotations

import pytest

from inngest.engine.store import spent


def test_what_transactions_took_is_told_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1_000.0, 1_250.0, 4_000.0])  # milliseconds, as the stopwatch has them
    monkeypatch.setattr(spent, "stopwatch", lambda: next(times))
    found = spent.Spent()
    assert found.timed(lambda one: one + 1, 1) == 2
    assert (found.transactions, found.seconds) == (1, 0.25)
    found.add(2_500.0)
    assert (found.transactions, found.seconds) == (2, 1.75)
